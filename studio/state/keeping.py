"""What is done to the selected outputs of the Library."""

from __future__ import annotations

from studio.state.guard import action
from studio.state.selection import SelectionMixin


class KeepingMixin(SelectionMixin, mixin=True):
    """Acts on what is selected, or on the output the keyboard is on when nothing is."""

    @action
    async def rate_selected(self, value: int):
        """1 to 5 stars; 0 takes them away."""

    @action
    async def label_selected(self, label_id: str, on: bool):
        """Put a label on, or take it off."""

    @action
    async def move_selected(self, workspace_id: str):
        """Into another workspace."""

    @action
    async def trash_selected(self):
        """Into the trash."""

    @action
    async def restore_selected(self):
        """Out of the trash."""

    @action
    async def erase_selected_asked(self):
        """Ask whether they are to go for good."""

    @action
    async def download_selected(self):
        """One ZIP of the originals."""
