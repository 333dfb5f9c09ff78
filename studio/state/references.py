"""Pictures that go in: their order, the frames, and what the prompt calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from studio.services import assets
from studio.services.byteplus.requests import MENTION
from studio.services.generations import ROLES
from studio.state import guard
from studio.state.composer import NO_INPUT, ComposerMixin
from studio.state.guard import action
from studio.state.tiles import media_url
from studio.state.views import InputView

GONE = "@?"  # what stands where a mention lost its picture


def renumbered(prompt: str, places: Mapping[int, int]) -> str:
    """A prompt whose mentions follow their pictures: `places` maps an old number to the new one, 0: gone."""

    def follow(found: re.Match[str]) -> str:
        to = places.get(int(found[1]))
        return found[0] if to is None else f"@{to}" if to else GONE

    return MENTION.sub(follow, prompt)


class ReferencesMixin(ComposerMixin, mixin=True):
    """What was dropped, pasted or picked; order and absence of references; first and last frame."""

    uploading: str = ""  # "Uploading 2 pictures", empty when idle

    def _put_asset(self, role: str, asset_id: str) -> None:
        if role in ROLES:
            picture = InputView(asset_id=asset_id, thumb=media_url(asset_id, 256), number=1, alt="")
            self._place(role, picture)

    @action
    async def upload_started(self, number: int):
        """The browser began to send pictures."""
        self.uploading = "Uploading 1 picture" if number == 1 else f"Uploading {min(max(number, 1), 99)} pictures"

    @action
    async def add_uploads(self, result: dict):
        """Uploads that ended: {"role": "reference" or a frame, "ids": [asset ids], "errors": [sentences]}."""
        self.uploading = ""
        role, ids, errors = (result.get(key) for key in ("role", "ids", "errors"))
        wanted = [guard.uuid(each) for each in ids if isinstance(each, str)] if isinstance(ids, list) else []
        async with guard.work() as session:
            found = await assets.many(session, actor=guard.actor(), asset_ids=wanted[:30])
        for asset in found:
            self._put_asset(str(role), str(asset.id))
        for sentence in errors if isinstance(errors, list) else []:
            if isinstance(sentence, str):
                self._say("error", sentence[:300])
        self._reprice()

    @action
    async def remove_reference(self, asset_id: str):
        """Take a reference out; the rest move up."""
        before = [r.asset_id for r in self.references]
        self.references = [r for r in self.references if r.asset_id != asset_id]
        self._follow(before)
        self._reprice()

    @action
    async def move_reference(self, asset_id: str, to: int):
        """Give a reference another place, counted from 1. What the prompt says about each follows it."""
        before = [r.asset_id for r in self.references]
        moved = next((r for r in self.references if r.asset_id == asset_id), None)
        if moved is None:
            return
        rest = [r for r in self.references if r.asset_id != asset_id]
        at = min(max(to, 1), len(before)) - 1
        self.references = [*rest[:at], moved, *rest[at:]]
        self._follow(before)
        self.announcement = f"Reference moved to place {at + 1} of {len(before)}"
        self._reprice()

    def _follow(self, before: list[str]) -> None:
        """Number the references anew and let "@2" in the prompt go on meaning the same picture."""
        now = {r.asset_id: n for n, r in enumerate(self.references, 1)}
        places = {n: now.get(asset_id, 0) for n, asset_id in enumerate(before, 1)}
        self.prompt = renumbered(self.prompt, places)
        self._number_references()
        if GONE in self.prompt and GONE not in self.notices:
            self.notices = [*self.notices, f"{GONE} in the prompt named a reference that was taken out."]

    @action
    async def clear_frame(self, role: str):
        """Empty the first_frame or last_frame well."""
        if role == "first_frame":
            self._place("first_frame", NO_INPUT)
        elif role == "last_frame":
            self._place("last_frame", NO_INPUT)
        self._reprice()

    @action
    async def swap_frames(self):
        """First becomes last and last becomes first."""
        first, last = self.first_frame, self.last_frame
        if last.asset_id:
            self._place("last_frame", first)
            self._place("first_frame", last)
            self._reprice()
