"""The part of the Profile page about ways to sign in: what is linked, what can be, and the proof it needs."""

from __future__ import annotations

from datetime import UTC, datetime

from studio.errors import StudioError
from studio.services import sessions
from studio.services.identity import linked
from studio.services.sessions import ReauthNeeded
from studio.state import guard
from studio.state.guard import action
from studio.state.settings_views import WayInView
from studio.state.toasts import ToastMixin
from studio.state.views import ProviderView

HERE = "/settings/profile"


class WaysInMixin(ToastMixin, mixin=True):
    """The list of linked providers of one tab."""

    ways: list[WayInView] = []
    linkable: list[ProviderView] = []
    by_link: bool = False  # people come in by one-time links here
    fresh: bool = False  # proved who they are a few minutes ago
    asking: bool = False  # what was asked for needs that proof
    way_problem: str = ""

    async def _read_ways(self) -> None:
        who = guard.identity()
        async with guard.work() as session:
            found = await linked.listed(session, actor=who.actor)
            self.fresh = await sessions.is_fresh(session, session_id=who.session_id)
        now = datetime.now(UTC)
        self.ways = [
            WayInView(
                id=str(each.id),
                name=each.name,
                since=who.dates.day(each.since, now),
                again=f"/auth/{each.key}/start?reauth=1&next={HERE}" if each.key else "",
            )
            for each in found
        ]
        self.linkable = [
            ProviderView(name=each.name, href=f"/auth/{each.key}/start?link=1&next={HERE}", mark=each.key)
            for each in linked.linkable(found)
        ]
        self.by_link = linked.signs_in_by_link()

    @action
    async def ask_link(self):
        """Linking was asked for without a fresh proof: say what is needed."""
        await self._read_ways()
        self.asking, self.way_problem = not self.fresh, ""

    @action
    async def unlink(self, identity_id: str):
        """Unlink a provider, with a fresh proof only."""
        self.asking, self.way_problem = False, ""
        try:
            async with guard.work() as session:
                name = await linked.unlink(session, actor=guard.actor(), identity_id=guard.uuid(identity_id))
        except ReauthNeeded:
            self.asking = True
            return
        except StudioError as error:
            self.way_problem = error.message
            return
        finally:
            await self._read_ways()
        self._say("success", f"{name} is unlinked", "It opens your account no more.")
