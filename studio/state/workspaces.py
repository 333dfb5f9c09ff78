"""Settings, Workspaces: workspaces with their defaults, and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import reflex as rx
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.errors import StudioError
from studio.services import labels, purge, trash, workspaces
from studio.services.byteplus import catalog
from studio.services.dates import Dates
from studio.state import guard
from studio.state.erasing import LAST, ErasingMixin
from studio.state.guard import action
from studio.state.keeping import label_view
from studio.state.keeping_views import LabelView, PlaceView
from studio.state.settings_views import count_words, files_words
from studio.state.studio import StudioState
from studio.state.undo import UndoMixin
from studio.state.views import ErasingView

HERE = "/settings/workspaces"
WORKSPACE = "workspace"


def starts_words(params: Mapping[str, Any] | None) -> str:
    """ "Seedream 4.5, 3:4, 2K": how a new request begins; empty for the model's own defaults."""
    if not params:
        return ""
    shape = "" if params.get("ratio") == "adaptive" else params.get("ratio")
    size = params.get("size") or params.get("resolution")
    length = f"{params['duration']} s" if params.get("kind") == "video" and params.get("duration", 0) > 0 else ""
    return ", ".join(str(each) for each in (catalog.label(str(params.get("model"))), shape, size, length) if each)


def place_view(row: workspaces.Kept, dates: Dates) -> PlaceView:
    """A line of the page."""
    facts = count_words(row.outputs, "output")
    state = "trashed" if row.trashed_at else "archived" if row.archived_at else "open"
    if row.trashed_at:
        facts = f"{facts} · deleted {dates.full(row.trashed_at)}"
    elif row.archived_at:
        facts = f"{facts} · archived {dates.full(row.archived_at)}"
    return PlaceView(
        id=str(row.id), name=row.name, active=row.active, state=state, facts=facts, starts=starts_words(row.defaults)
    )


class WorkspacesState(UndoMixin, ErasingMixin, rx.State):
    """One tab of the page."""

    loaded: bool = False
    places: list[PlaceView] = []
    labels: list[LabelView] = []
    problem: str = ""
    label_problem: str = ""
    doomed: PlaceView = PlaceView()  # the workspace that is to be deleted; without an id nothing is asked
    typed_problem: str = ""
    days: int = 30

    @action
    async def load(self):
        """Everything on the page."""
        await self._changed()
        self.problem, self.label_problem, self.doomed = "", "", PlaceView()
        self.days = settings().trash_days
        self.loaded = True

    async def _changed(self) -> None:
        async with guard.work() as session:
            places = await workspaces.kept(session, actor=guard.actor())
            found = await labels.listed(session, actor=guard.actor())
        self.places = [place_view(each, guard.identity().dates) for each in places]
        self.labels = [label_view(each) for each in found]

    async def _follow(self) -> None:
        """Nothing is read while the tab shows another page."""
        if self.loaded and self.router.url.path.rstrip("/") == HERE:
            await self._changed()

    @action
    async def create(self, form: dict):
        """A new workspace of the name that was typed. `form`: {"workspace": its name}."""
        await guard.limit("keep")
        try:
            async with guard.work() as session:
                await workspaces.create(session, actor=guard.actor(), name=_typed(form, "workspace"))
        except StudioError as error:
            self.problem = error.message
            return None
        self.problem = ""
        self._say("success", "Workspace made")
        return await self._shown()

    async def _shown(self) -> Any:
        """Here, and in the frame around every page."""
        await self._changed()
        return StudioState.identify

    @action
    async def rename(self, form: dict):
        """Another name. `form`: {"id": the workspace, "name": its name}."""
        await guard.limit("keep")
        async with guard.work() as session:
            known = guard.uuid(_typed(form, "id"))
            await workspaces.rename(session, actor=guard.actor(), workspace_id=known, name=_typed(form, "name"))
        self._say("success", "Workspace renamed")
        return await self._shown()

    @action
    async def archive(self, workspace_id: str, on: bool):
        """Put a workspace away, or work in it again."""
        await guard.limit("keep")
        known = guard.uuid(workspace_id)
        async with guard.work() as session:
            act = workspaces.archive if on else workspaces.unarchive
            await act(session, actor=guard.actor(), workspace_id=known)
        return await self._shown()

    @action
    async def keep_defaults(self, workspace_id: str, on: bool):
        """New requests start as the newest one was made; or, not `on`, with the model's own defaults again."""
        await guard.limit("keep")
        known = guard.uuid(workspace_id)
        async with guard.work() as session:
            act = workspaces.keep_defaults if on else workspaces.drop_defaults
            await act(session, actor=guard.actor(), workspace_id=known)
        await self._changed()

    @action
    async def ask_delete(self, workspace_id: str):
        """Ask for the name before a workspace goes with everything in it."""
        found = next((each for each in self.places if each.id == workspace_id and each.state != "trashed"), None)
        self.doomed, self.typed_problem = found or PlaceView(), ""

    @action
    async def keep_workspace(self):
        """Close the question; nothing goes."""
        self.doomed, self.typed_problem = PlaceView(), ""

    @action
    async def delete(self, form: dict):
        """Put the workspace that was asked about into the trash. `form`: {"typed": its name}."""
        await guard.limit("keep")
        if not self.doomed.id:
            return None
        known = guard.uuid(self.doomed.id)
        try:
            async with guard.work() as session:
                gone = await workspaces.delete(
                    session, actor=guard.actor(), workspace_id=known, typed=_typed(form, "typed")
                )
        except StudioError as error:
            self.typed_problem = error.message
            return None
        self._offer_undo(gone.at, f"{self.doomed.name} and {count_words(gone.count, 'output')} moved to the trash")
        self.doomed = PlaceView()
        return await self._shown()

    @action
    async def restore(self, workspace_id: str):
        """Bring a workspace back from the trash with what went with it."""
        await guard.limit("keep")
        async with guard.work() as session:
            at = await workspaces.trashed_at(session, actor=guard.actor(), workspace_id=guard.uuid(workspace_id))
            await trash.undo(session, actor=guard.actor(), at=at)
        self._say("success", "Restored")
        return await self._shown()

    @action
    async def ask_erase_workspace(self, workspace_id: str):
        """Ask whether a workspace in the trash is to go for good."""
        await guard.limit("keep")
        async with guard.work() as session:
            ids = await self._meant(session, WORKSPACE, workspace_id)
        name = next((each.name for each in self.places if each.id == workspace_id), "this workspace")
        words = f"The workspace, {files_words(len(ids))} in it and their prompts are deleted now. {LAST}"
        self.erasing = ErasingView(id=workspace_id, what=WORKSPACE, title=f"Delete {name} for good?", words=words)

    async def _meant(self, session: AsyncSession, what: str, ident: str) -> Sequence[UUID]:
        if what != WORKSPACE:
            return await super()._meant(session, what, ident)
        known = guard.uuid(ident)
        await workspaces.trashed_at(session, actor=guard.actor(), workspace_id=known)
        return await purge.chosen(session, actor=guard.actor(), workspace_id=known)

    async def _out_of_reach(self, asked: ErasingView, ids: Sequence[UUID]) -> None:
        if asked.what != WORKSPACE:
            await super()._out_of_reach(asked, ids)
            return
        async with guard.system_work() as session:
            await trash.workspace_for_good(session, actor=guard.actor(), workspace_id=guard.uuid(asked.id))

    async def _erased(self, asked: ErasingView) -> None:
        await self._changed()

    # Labels

    @action
    async def create_label(self, form: dict):
        """A label of the name that was typed. `form`: {"label": its name}."""
        await guard.limit("keep")
        try:
            async with guard.work() as session:
                await labels.create(session, actor=guard.actor(), name=_typed(form, "label"))
        except StudioError as error:
            self.label_problem = error.message
            return
        self.label_problem = ""
        await self._changed()

    @action
    async def rename_label(self, form: dict):
        """Another name. `form`: {"id": the label, "name": its name}."""
        await guard.limit("keep")
        known = guard.uuid(_typed(form, "id"))
        async with guard.work() as session:
            await labels.change(session, actor=guard.actor(), label_id=known, name=_typed(form, "name"))
        self._say("success", "Label renamed")
        await self._changed()

    @action
    async def color_label(self, label_id: str, color: str):
        """Another colour."""
        await guard.limit("keep")
        known = guard.uuid(label_id)
        async with guard.work() as session:
            await labels.change(session, actor=guard.actor(), label_id=known, color=color)
        await self._changed()

    @action
    async def merge_label(self, label_id: str, into: str):
        """Everything with the one carries the other from now on."""
        await guard.limit("keep")
        known, other = guard.uuid(label_id), guard.uuid(into)
        async with guard.work() as session:
            await labels.merge(session, actor=guard.actor(), label_id=known, into=other)
        self._say("success", "Labels merged")
        await self._changed()

    @action
    async def delete_label(self, label_id: str):
        """Take a label away; the outputs stay."""
        await guard.limit("keep")
        async with guard.work() as session:
            await labels.delete(session, actor=guard.actor(), label_id=guard.uuid(label_id))
        self._say("success", "Label deleted", "The outputs that had it stay.")
        await self._changed()


def _typed(form: dict, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
