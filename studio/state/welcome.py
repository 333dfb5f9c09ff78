"""The signed-out page: which providers one can sign in with. It knows nobody."""

from __future__ import annotations

import reflex as rx

from studio.config import settings
from studio.state.guard import public
from studio.state.views import ProviderView


class WelcomeState(rx.State):
    """What the page of whoever is not signed in shows."""

    providers: list[ProviderView] = []
    loaded: bool = False

    @public
    async def load(self):
        """The ways in that this studio has."""
        self.providers = [
            ProviderView(name=each.name, href=f"/auth/{each.key}/start", mark=each.key) for each in settings().oidc
        ]
        self.loaded = True
