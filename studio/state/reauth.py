"""What needs a recent sign-in: the way to one, and back to where the person was with what they had typed."""

from __future__ import annotations

from urllib.parse import urlencode

import reflex as rx

LONGEST_WAY_BACK = 300  # what the sign-in keeps of it: studio/http/oidc.py, same_site


class ReauthMixin(rx.State, mixin=True):
    """For a page with an act behind `sessions.require_fresh`; studio/components/reauth.py shows it.

    An action that lets ReauthNeeded pass gets the way back by itself. One that keeps what was typed catches it,
    calls `_sign_in_again` with the fields, and reads them from `_brought_back` when the page loads.
    """

    reauth_href: str = ""  # where to sign in again; empty while nothing waits for that

    def _sign_in_again(self, path: str, **typed: str) -> None:
        """Offer to sign in again and to come back to `path`, a page of ours, with what was typed."""
        there = f"{path}?{urlencode(typed)}" if typed else path
        if len(there) > LONGEST_WAY_BACK:
            there = path
        self.reauth_href = f"/reauth?{urlencode({'next': there})}"

    def _brought_back(self, name: str) -> str:
        """What `_sign_in_again` took along under this name, or ''. Anybody can write a link, so it is only offered."""
        return self.router.url.query_parameters.get(name, "")[:LONGEST_WAY_BACK]
