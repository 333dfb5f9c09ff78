"""What the composer keeps in the database: drafts over reloads and devices, presets, and the way back to old prompts.

Nothing of it is in the browser's storage. A draft holds everything; a preset holds the parameters alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from studio.errors import StudioError
from studio.services import assets, presets, prompts, workspaces
from studio.services.byteplus import catalog
from studio.state import guard
from studio.state.composer import AUTO, NO_INPUT, ComposerMixin
from studio.state.guard import action
from studio.state.tiles import media_url
from studio.state.views import InputView, PresetView

# What a preset holds, and of which type each value is.
PARAMETERS: Mapping[str, type] = {
    "media": str,
    "model": str,
    "ratio": str,
    "size": str,
    "exact": bool,
    "width": str,
    "height": str,
    "count": int,
    "series": bool,
    "resolution": str,
    "duration": int,
    "auto_duration": bool,
    "delivery": str,
    "draft": bool,
    "seed": str,
    "audio": bool,
    "camera_fixed": bool,
    "watermark": bool,
    "output_format": str,
    "transparent": bool,
}
DURATION = 5  # seconds, where none was chosen
UNSENT = "unsent"  # the place of `_unsent` among earlier prompts
MOST_KEPT = 30  # references of a draft


class KeptMixin(ComposerMixin, mixin=True):
    """Drafts, presets and earlier prompts of the active workspace."""

    presets: list[PresetView] = []
    presets_open: bool = False
    preset_error: str = ""  # beside the name that does not fit

    _kept: dict[str, Any] = {}  # as it was saved last
    _kept_at: str = ""  # when, so that a draft of another device is told from our own
    _kept_in: str = ""  # which workspace it is of
    _before_recall: str = ""  # what was being written, to which ↓ leads back
    _unsent: str = ""  # what an edit put aside, which comes before what was sent

    # Drafts

    def _parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in PARAMETERS}

    def _content(self) -> dict[str, Any]:
        return {
            **self._parameters(),
            "prompt": presets.storable(self.prompt[: guard.LONGEST_TEXT]),
            "references": [r.asset_id for r in self.references[:MOST_KEPT]],
            "first_frame": self.first_frame.asset_id,
            "last_frame": self.last_frame.asset_id,
        }

    def _touch(self) -> None:
        """Let the browser ask for the draft to be saved, a moment after the last change."""
        if self._kept_in and self._content() != self._kept:
            self.draft_stamp += 1

    @action
    async def save_draft(self):
        """Keep what the composer holds now; called when typing and turning have paused, and when the page is left."""
        await self._save_draft()

    async def _save_draft(self) -> None:
        """In the workspace it was written in, which the session may have left since."""
        content = self._content()
        if content == self._kept or not self._kept_in or guard.identity().restricted:
            return
        async with guard.work() as session:
            written_in = replace(guard.actor(), workspace_id=UUID(self._kept_in))
            saved_at = await presets.save_draft(session, actor=written_in, content=content)
        if saved_at is not None:
            self._kept, self._kept_at = content, str(saved_at)

    async def _load_kept(self) -> None:
        """Presets, and the draft where this tab does not hold it already. A restricted account reads both."""
        workspace = str(guard.actor().workspace_id)
        if workspace != self._kept_in:
            await self._save_draft()
        async with guard.work() as session:
            draft = await presets.draft(session, actor=guard.actor())
            ids = _ids(draft.content) if draft else []
            there = {str(a.id): a.kind for a in await assets.many(session, actor=guard.actor(), asset_ids=ids)}
        await self._show_presets()
        moved, self._kept_in = workspace != self._kept_in, workspace
        if draft is not None and (moved or str(draft.saved_at) != self._kept_at):
            self._restore(draft.content)
            self._restore_pictures(draft.content, {each for each, kind in there.items() if kind != "video"})
            self.notices = []
            self._kept, self._kept_at = self._content(), str(draft.saved_at)
        elif moved:
            await self._begin_as_kept()
            # What came along from elsewhere is nowhere kept yet; an empty composer is nothing to keep.
            self._kept, self._kept_at = {} if self._written() else self._content(), ""
        if moved:
            self._recalled = self._unsent = ""
        self._reprice()

    def _left(self) -> bool:
        """Whether the session works in another workspace than the one that is shown."""
        return self._kept_in not in ("", str(guard.actor().workspace_id))

    async def _refused_here(self) -> bool:
        """After a change of workspace on another page nothing is done in one that the person does not see."""
        if not self._left():
            return False
        await self._follow_workspace()
        self._say(
            "error",
            f"This session works in {guard.identity().workspace} now, and so does this page.",
            "Nothing was done. What you wrote is kept in the workspace you wrote it in.",
        )
        return True

    async def _follow_workspace(self) -> None:
        """Show the workspace that the session works in now. Abstract: the page that shows one knows how."""
        raise NotImplementedError

    def _written(self) -> bool:
        """Whether the composer holds more than parameters."""
        content = self._content()
        return any(content[name] for name in ("prompt", "references", "first_frame", "last_frame"))

    async def _begin_as_kept(self) -> None:
        """A workspace without a draft starts with its own defaults, where it has some."""
        async with guard.work() as session:
            params = await workspaces.defaults(session, actor=guard.actor())
        if not params:
            return
        names = {"kind": "media", "generate_audio": "audio"}
        content: dict[str, Any] = {names.get(name) or name: value for name, value in params.items()}
        if content.get("ratio") == "adaptive":
            content["ratio"] = AUTO
        content["delivery"] = "flex" if params.get("service_tier") == "flex" else "standard"
        self._restore(content)
        self.notices = []

    def _put_aside(self, other: str) -> None:
        """What was being written is one ↑ away when another prompt takes its place."""
        own = self._before_recall if self._recalled else self.prompt
        if own.strip() and own != other:
            self._unsent = own

    def _restore(self, content: Mapping[str, Any]) -> None:
        """Parameters as they were written; what a model of today does not take is moved and named."""
        model_id = content.get("model")
        try:
            model = catalog.get(str(model_id))
        except StudioError:
            kind = "video" if content.get("media") == "video" else "image"
            model = catalog.models(kind)[0]
        self.price = ""
        self._choose_model(model.id)
        for name, kind in PARAMETERS.items():
            value = content.get(name)
            if name not in ("media", "model") and type(value) is kind:
                setattr(self, name, value)
        if type(content.get("duration")) is int and "auto_duration" not in content:
            self.auto_duration = content["duration"] == catalog.AUTO_DURATION  # as the parameters say it
        if self.duration == catalog.AUTO_DURATION:
            self.duration = DURATION
        self.price = "$"  # something was chosen, so what moves is named
        self._choose_model(model.id)
        self.count = min(max(self.count, 1), self.max_count)
        prompt = content.get("prompt")
        if isinstance(prompt, str):
            self._write(prompt)

    def _restore_pictures(self, content: Mapping[str, Any], there: set[str]) -> None:
        def view(asset_id: object) -> InputView:
            if not isinstance(asset_id, str) or asset_id not in there:
                return NO_INPUT
            return InputView(asset_id=asset_id, thumb=media_url(asset_id, 256), number=1)

        references = content.get("references")
        found = [view(each) for each in references] if isinstance(references, list) else []
        self.references = [picture for picture in found if picture.asset_id]
        self._number_references()
        ratio = self.ratio
        self._place("first_frame", view(content.get("first_frame")))
        self._place("last_frame", view(content.get("last_frame")))
        if any(option.name == ratio for option in self.ratios):
            self.ratio = ratio

    # Earlier prompts

    @action
    async def recall(self, way: str):
        """The prompt before the one that is shown, or the one after it; at the end, what was being written."""
        if way not in ("older", "newer") or (way == "newer" and not self._recalled):
            return
        at, found = await (self._step_older() if way == "older" else self._step_newer())
        if found is None:
            self.announcement = "There is no earlier prompt in this workspace."
            return
        if not self._recalled:
            self._before_recall = self.prompt
        self._recalled, self.prompt = at, found
        self._reprice()

    async def _step_older(self) -> tuple[str, str | None]:
        """Where the step leads and what stands there: what an edit put aside, then what was sent."""
        if not self._recalled and self._unsent not in ("", self.prompt):
            return UNSENT, self._unsent
        at = UUID(self._recalled) if self._recalled not in ("", UNSENT) else None
        async with guard.work() as session:
            shown = presets.storable(self.prompt)
            found = await prompts.older(session, actor=guard.actor(), at=at, shown=shown)
        return (str(found.batch_id), found.prompt) if found else (self._recalled, None)

    async def _step_newer(self) -> tuple[str, str | None]:
        if self._recalled != UNSENT:
            async with guard.work() as session:
                shown = presets.storable(self.prompt)
                found = await prompts.newer(session, actor=guard.actor(), at=UUID(self._recalled), shown=shown)
            if found:
                return str(found.batch_id), found.prompt
            if self._unsent not in ("", self._before_recall):
                return UNSENT, self._unsent
        return "", self._before_recall

    # Presets

    async def _show_presets(self) -> None:
        async with guard.work() as session:
            rows = await presets.listed(session, actor=guard.actor())
        self.presets = [PresetView(id=str(row.id), name=row.name, words=_words(row.settings)) for row in rows]

    @action
    async def set_presets_open(self, value: bool):
        """Open or close the list."""
        self.presets_open, self.preset_error = value, ""
        if value:
            await self._show_presets()

    @action
    async def save_preset(self, form: dict):
        """Keep the parameters under the name that was typed; the same name replaces what it held."""
        await guard.limit("preset")
        if await self._refused_here():
            return
        try:
            async with guard.work() as session:
                await presets.save(
                    session, actor=guard.actor(), name=str(form.get("name", "")), settings=self._parameters()
                )
        except StudioError as error:
            self.preset_error = error.message
            return
        self.preset_error = ""
        await self._show_presets()
        self.announcement = "Preset saved"

    @action
    async def apply_preset(self, preset_id: str):
        """Parameters of a preset; prompt and pictures stay."""
        async with guard.work() as session:
            found = await presets.get(session, actor=guard.actor(), preset_id=guard.uuid(preset_id))
        self._restore({**found.settings, "prompt": self.prompt})
        self.presets_open = False
        self.announcement = f"Preset {found.name} applied"
        self._reprice()

    @action
    async def rename_preset(self, preset_id: str, name: str):
        """Another name for a preset."""
        self.preset_error = ""
        try:
            async with guard.work() as session:
                await presets.rename(session, actor=guard.actor(), preset_id=guard.uuid(preset_id), name=name)
        except StudioError as error:
            self.preset_error = error.message
        await self._show_presets()

    @action
    async def delete_preset(self, preset_id: str):
        """Take a preset away."""
        async with guard.work() as session:
            await presets.delete(session, actor=guard.actor(), preset_id=guard.uuid(preset_id))
        await self._show_presets()


def _ids(content: Mapping[str, Any]) -> list[UUID]:
    """The pictures a draft names; what is no id names none."""
    references = content.get("references")
    named = [
        *(references if isinstance(references, list) else []),
        content.get("first_frame"),
        content.get("last_frame"),
    ]
    found = []
    for each in named[: MOST_KEPT + 2]:
        try:
            found.append(UUID(str(each)))
        except ValueError:
            continue
    return found


def _length(settings: Mapping[str, Any]) -> str:
    return "length by the model" if settings.get("auto_duration") is True else f"{settings.get('duration')} s"


def _words(settings: Mapping[str, Any]) -> str:
    """ "Seedream 4.5 · 3:4 · 2K · 4"."""
    label = catalog.label(str(settings.get("model", "")))
    if settings.get("media") == "video":
        shape = [settings.get("ratio"), settings.get("resolution"), _length(settings)]
    elif settings.get("exact"):
        shape = [f"{settings.get('width')} × {settings.get('height')}", settings.get("count")]
    else:
        shape = [settings.get("ratio"), settings.get("size"), settings.get("count")]
    return " · ".join(str(part) for part in (label, *shape))
