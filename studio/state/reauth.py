"""What needs a recent sign-in: the way to one, and back to where the person was with what they had asked for."""

from __future__ import annotations

from urllib.parse import urlencode

import reflex as rx

from studio.services import sessions
from studio.state import guard

LONGEST_WAY_BACK = 300  # what the sign-in keeps of it: studio/http/oidc.py, same_site


class ReauthMixin(rx.State, mixin=True):
    """For a page with an act behind `sessions.require_fresh`; studio/components/reauth.py shows it.

    An action that lets ReauthNeeded pass gets the way back by itself. One that keeps what was typed or asked for
    catches it and calls `_sign_in_again` with that; when the page loads it reads it from `_brought_back`. What was
    typed goes back into its field; an act without a field is offered once more as `asked`.
    """

    reauth_href: str = ""  # where to sign in again; empty while nothing waits for that
    reauth_part: str = ""  # which of the page's panels offers it; empty: the only or first one
    asked: str = ""  # the act that was asked for before signing in again, as its button says it; empty: none
    asked_for: str = ""  # what it was asked for: an id or a word
    _just_back: bool = False

    def _sign_in_again(self, path: str, part: str = "", **typed: str) -> None:
        """Offer to sign in again and to come back to `path`, a page of ours, with what was typed or asked for."""
        there = f"{path}?{urlencode(typed)}" if typed else path
        if len(there) > LONGEST_WAY_BACK:
            there = path
        self.reauth_href, self.reauth_part = f"/reauth?{urlencode({'next': there})}", part
        self.asked = self.asked_for = ""

    def _brought_back(self, name: str) -> str:
        """What `_sign_in_again` took along under this name, or ''. Anybody can write a link, so it is only offered."""
        return self.router.url.query_parameters.get(name, "")[:LONGEST_WAY_BACK]

    def _begin_anew(self) -> None:
        """The page loads: nothing waits for a sign-in, and an offer stays for the load that coming back makes."""
        self.reauth_href = ""
        if not self._just_back:
            self.asked = self.asked_for = ""
        self._just_back = False

    async def _offer(self, act: str, what: str) -> bool:
        """Offer an act once more to whoever did sign in again. False: they did not, and nothing is offered."""
        async with guard.work() as session:
            fresh = await sessions.is_fresh(session, session_id=guard.identity().session_id)
        if fresh:
            self.asked, self.asked_for, self._just_back = act, what, True
        return fresh
