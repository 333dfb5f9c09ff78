"""The workspaces as every page offers them, and whether single keys act."""

from __future__ import annotations

import reflex as rx

from studio.services import profile, workspaces
from studio.state import guard
from studio.state.guard import action
from studio.state.keeping_views import PlaceView


class PlacesMixin(rx.State, mixin=True):
    """For the switcher, the command palette and the keyboard's settings."""

    places: list[PlaceView] = []
    single_keys: bool = True

    async def _read_places(self) -> None:
        async with guard.work() as session:
            found = await workspaces.listed(session, actor=guard.actor())
        self.places = [PlaceView(id=str(each.id), name=each.name, active=each.active) for each in found]

    @action
    async def set_single_keys(self, value: bool):
        """Whether single keys act while the grid has the focus."""
        async with guard.work() as session:
            await profile.set_single_keys(session, actor=guard.actor(), on=value)
        self.single_keys = value
