"""Messages shown once. Reflex's own toasts need `eval`, which the page does not allow."""

from __future__ import annotations

from uuid import uuid4

import reflex as rx

from studio.state.guard import action
from studio.state.views import Toast

MOST = 4


class ToastMixin(rx.State, mixin=True):
    """A short list of messages, newest last."""

    toasts: list[Toast] = []
    announcement: str = ""  # polite live region of every page

    def _say(self, kind: str, title: str, text: str = "", *, undo: bool = False) -> None:
        """Show a message: kind is info, success or error. `undo`: with a button that takes the act back."""
        self.toasts = [*self.toasts, Toast(id=uuid4().hex, kind=kind, title=title, text=text, undo=undo)][-MOST:]

    @action
    async def dismiss_toast(self, toast_id: str):
        """Take a message away."""
        self.toasts = [t for t in self.toasts if t.id != toast_id]
