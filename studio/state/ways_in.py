"""The part of the Profile page about ways to sign in: what is linked, what can be, and the proof it needs."""

from __future__ import annotations

from datetime import UTC, datetime

from studio.errors import StudioError
from studio.services import sessions
from studio.services.identity import linked
from studio.services.sessions import ReauthNeeded
from studio.state import guard
from studio.state.guard import action
from studio.state.reauth import ReauthMixin
from studio.state.settings_views import WayInView
from studio.state.toasts import ToastMixin
from studio.state.views import ProviderView

HERE = "/settings/profile"
PART = "ways"


class WaysInMixin(ReauthMixin, ToastMixin, mixin=True):
    """The list of linked providers of one tab."""

    ways: list[WayInView] = []
    linkable: list[ProviderView] = []
    by_link: bool = False  # people come in by one-time links here
    fresh: bool = False  # proved who they are a few minutes ago
    asked_link: str = ""  # where what was asked for begins, when that is linking
    way_problem: str = ""

    async def _read_ways(self) -> None:
        who = guard.identity()
        async with guard.work() as session:
            found = await linked.listed(session, actor=who.actor)
            self.fresh = await sessions.is_fresh(session, session_id=who.session_id)
        now = datetime.now(UTC)
        self.ways = [WayInView(id=str(each.id), name=each.name, since=who.dates.day(each.since, now)) for each in found]
        self.linkable = [
            ProviderView(name=each.name, href=f"/auth/{each.key}/start?link=1&next={HERE}", mark=each.key)
            for each in linked.linkable(found)
        ]
        self.by_link = linked.signs_in_by_link()

    async def _bring_way_back(self) -> bool:
        """Offer once more what was to be linked or unlinked. Whether the address named something."""
        key, identity_id = self._brought_back("link"), self._brought_back("unlink")
        if not (key or identity_id):
            return False
        link = next((each for each in self.linkable if each.mark == key), None)
        gone = next((each for each in self.ways if each.id == identity_id), None)
        self.asked_link = link.href if link else ""
        if link:
            await self._offer(f"Link {link.name}", key)
        elif gone:
            await self._offer(f"Unlink {gone.name}", identity_id)
        return True

    @action
    async def ask_link(self, key: str):
        """Linking was asked for without a fresh proof: offer to sign in again, unless that was done meanwhile."""
        await self._read_ways()
        self.way_problem, self.reauth_href = "", ""
        if not self.fresh:
            self._sign_in_again(HERE, PART, link=key)

    @action
    async def unlink(self, identity_id: str):
        """Unlink a provider, with a fresh proof only."""
        self.reauth_href, self.way_problem, self.asked = "", "", ""
        try:
            async with guard.work() as session:
                name = await linked.unlink(session, actor=guard.actor(), identity_id=guard.uuid(identity_id))
        except ReauthNeeded:
            self._sign_in_again(HERE, PART, unlink=identity_id)
            return
        except StudioError as error:
            self.way_problem = error.message
            return
        finally:
            await self._read_ways()
        self._say("success", f"{name} is unlinked", "It opens your account no more.")
