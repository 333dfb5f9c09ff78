"""The part of the Privacy page about archives: asked for, how far they are, where to fetch them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from studio.errors import StudioError
from studio.services.dates import Dates
from studio.services.exports import archives
from studio.services.exports.archives import Archive
from studio.services.sessions import ReauthNeeded
from studio.state import guard
from studio.state.guard import action
from studio.state.leaving import HERE
from studio.state.reauth import ReauthMixin
from studio.state.settings_views import ArchiveView, BuildingView, PartView, files_words, size_words
from studio.state.toasts import ToastMixin

ASK = "Download my data"


def time_left(archive: Archive, now: datetime) -> str:
    """ ", about 3 min left", from how fast it went so far; empty while that says nothing yet."""
    if not (archive.started_at and archive.bytes_done and archive.bytes_total):
        return ""
    seconds = (now - archive.started_at).total_seconds()
    left = seconds * (archive.bytes_total - archive.bytes_done) / archive.bytes_done
    if left < 60:
        return ", less than a minute left"
    minutes = round(left / 60)
    return f", about {minutes} min left" if minutes < 90 else f", about {round(minutes / 60)} h left"


def building_view(archive: Archive, now: datetime) -> BuildingView:
    """An archive that is on its way."""
    share = archive.bytes_done / archive.bytes_total if archive.bytes_total else 0
    if archive.state == "queued":
        words = "Waiting for its turn"
    elif not archive.bytes_total:
        words = "Listing everything that is yours"
    else:
        words = f"{archive.files_done:,} of {archive.files_total:,} files{time_left(archive, now)}"
    return BuildingView(id=str(archive.id), percent=int(share * 100), words=words)


def expires_words(until: datetime | None, now: datetime) -> str:
    """ "Link expires in 5 days 21 h"."""
    left = max((until or now) - now, timedelta(0))
    hours, minutes = divmod(int(left.total_seconds()) // 60, 60)
    if hours < 1:
        return f"Link expires in {minutes} min"
    days, hours = divmod(hours, 24)
    spelled = {0: "", 1: "1 day "}.get(days, f"{days} days ")
    return f"Link expires in {spelled}{hours} h"


def archive_view(archive: Archive, dates: Dates, now: datetime) -> ArchiveView:
    """An archive that is ready."""
    several = len(archive.parts) > 1
    missed = {0: "", 1: "1 file could not be read. missing.jsonl in it names it."}.get(
        archive.missing, f"{archive.missing:,} files could not be read. missing.jsonl in it names them."
    )
    return ArchiveView(
        id=str(archive.id),
        title=f"{dates.full(archive.created_at)}, {size_words(sum(size for _, size in archive.parts))}",
        note=f"{expires_words(archive.expires_at, now)}, {files_words(archive.files_total)}",
        missing=missed,
        parts=[
            PartView(
                href=f"/exports/{archive.id}/{n}",
                name=f"Part {n} of {len(archive.parts)}, {size_words(size)}" if several else "Download ZIP",
            )
            for n, (_, size) in enumerate(archive.parts, 1)
        ],
    )


class ArchivesMixin(ReauthMixin, ToastMixin, mixin=True):
    """The archives of one account, as one tab shows them."""

    building: BuildingView = BuildingView()  # without an id while none is on its way
    ready: list[ArchiveView] = []
    archive_error: str = ""

    async def _read_archives(self) -> None:
        async with guard.work() as session:
            found = await archives.listed(session, actor=guard.actor())
        now, dates = datetime.now(UTC), guard.identity().dates
        going = [each for each in found if each.state in ("queued", "building")]
        self.building = building_view(going[0], now) if going else BuildingView()
        self.ready = [
            archive_view(each, dates, now)
            for each in found
            if each.state == "ready" and (each.expires_at is None or each.expires_at > now)
        ]
        if any(each.state == "failed" for each in found):
            self.archive_error = "The last archive could not be made. Ask again; if that fails too, tell the operator."

    @action
    async def ask_archive(self):
        """Ask for an archive of everything; it is built while this page may be closed."""
        self.archive_error, self.reauth_href, self.asked = "", "", ""
        try:
            await guard.limit("export")
            async with guard.work() as session:
                await archives.request(session, actor=guard.actor())
        except ReauthNeeded:
            self._sign_in_again(HERE, archive="1")
            return
        except StudioError as error:
            self.archive_error = error.message
            return
        await self._read_archives()

    @action
    async def take_back(self, archive_id: str):
        """Stop an archive that is being built, or make a ready one unreachable."""
        try:
            async with guard.work() as session:
                await archives.take_back(session, actor=guard.actor(), export_id=guard.uuid(archive_id))
        finally:
            await self._read_archives()

    async def _bring_archive_back(self) -> bool:
        """Back from signing in again: offered once more, not done yet. Whether the address named it."""
        if not self._brought_back("archive"):
            return False
        if not self.building.id:
            await self._offer(ASK, "archive")
        return True
