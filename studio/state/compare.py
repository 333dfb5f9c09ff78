"""The Compare page: two to four outputs side by side, and a table of what differs in how they were made."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

import reflex as rx

from studio.errors import NotFound
from studio.services import assets, feed, pairing, ratings
from studio.services.byteplus import catalog
from studio.state import guard
from studio.state.guard import action
from studio.state.keeping_views import Cell, Difference, PickView, Word
from studio.state.settings_views import count_words
from studio.state.tiles import details_view, media_url
from studio.state.undo import UndoMixin
from studio.state.views import DetailsView

HERE = "/compare"
LETTERS = "ABCD"
MODES = ("side", "slider")


def _cells(values: Sequence[str]) -> list[Cell]:
    """One row's values; two texts show which words differ, more are shown whole."""
    same = len(set(values)) == 1
    two = len(values) == 2 and not same
    pieces = pairing.words(*values) if two else tuple([(value, False)] for value in values)
    return [
        Cell(key=LETTERS[at], words=[Word(text=text, changed=changed) for text, changed in each])
        for at, each in enumerate(pieces)
    ]


def differences(views: Sequence[DetailsView], references: Sequence[int]) -> list[Difference]:
    """Every parameter of the compared outputs, in the order of the first that has it."""
    facts = [{fact.term: fact.value for fact in view.facts} for view in views]
    terms = [term for term in dict.fromkeys(term for each in facts for term in each) if term != "Made"]
    rows = [("Prompt", [view.prompt for view in views])]
    rows += [(term, [each.get(term, "Not there") for each in facts]) for term in terms]
    rows.append(("References", [count_words(count, "image") if count else "None" for count in references]))
    rows.append(("Cost", [view.cost.partition(" · ")[0] for view in views]))
    return [Difference(term=term, cells=_cells(values), same=len(set(values)) == 1) for term, values in rows]


class CompareState(UndoMixin, rx.State):
    """One tab of the page; which outputs is in its address."""

    loaded: bool = False
    picks: list[PickView] = []
    rows: list[Difference] = []
    changed: str = ""  # "5 of 11"
    unchanged: bool = False  # whether rows without a difference are shown
    together: bool = True
    mode: str = "side"

    @action
    async def load(self):
        """The outputs that the address names, two to four of one's own."""
        self.mode = "side"
        await self._changed()
        self.loaded = True

    async def _follow(self) -> None:
        """Something in the library changed, here or elsewhere."""
        if self.loaded and self.router.url.path.rstrip("/") == HERE:
            await self._changed()

    async def _changed(self) -> None:
        named = parse_qs(self.router.url.query or "").get("ids", [""])[0].split(",")[: len(LETTERS)]
        picks, views, references = [], [], []
        async with guard.work() as session:
            for each in dict.fromkeys(named):
                try:
                    asset = await assets.get(session, actor=guard.actor(), asset_id=guard.uuid(each))
                    row = await feed.batch_of(
                        session, actor=guard.actor(), generation_id=asset.generation_id or asset.id
                    )
                except NotFound:
                    continue
                view = details_view(row, str(asset.generation_id), guard.identity().dates)
                if view is None:
                    continue
                stars, _ = await ratings.of(session, actor=guard.actor(), asset_id=asset.id)
                views.append(view)
                references.append(sum(picture.role == "reference" for picture in row.inputs))
                picks.append(
                    PickView(
                        letter=LETTERS[len(picks)],
                        asset_id=str(asset.id),
                        batch_id=str(row.id),
                        kind=asset.kind,
                        src=media_url(asset.id, "original" if asset.kind == "image" else 1024),
                        original=view.original,
                        alt=view.prompt,
                        model=catalog.label(row.model),
                        made=next((fact.value for fact in view.facts if fact.term == "Made"), ""),
                        rating=stars or 0,
                        width=asset.width,
                        height=asset.height,
                    )
                )
        self.picks = picks
        self.rows = differences(views, references) if len(views) > 1 else []
        different = sum(not row.same for row in self.rows)
        self.changed = f"{different} of {len(self.rows)}"
        if len(picks) != 2:
            self.mode = "side"

    def _pick(self, letter: str) -> PickView:
        found = next((pick for pick in self.picks if pick.letter == letter), None)
        if found is None:
            raise NotFound("This is gone already.")
        return found

    @action
    async def set_mode(self, value: str):
        """Side by side, or with a slider where there are two."""
        if value in MODES and (value == "side" or len(self.picks) == 2):
            self.mode = value

    @action
    async def set_together(self, value: bool):
        """Whether all zoom and move with one."""
        self.together = value

    @action
    async def set_unchanged(self, value: bool):
        """Whether what does not differ is shown too."""
        self.unchanged = value

    @action
    async def rate(self, letter: str, value: int):
        """1 to 5 stars on one of them; the same again takes them away."""
        await guard.limit("keep")
        pick = self._pick(letter)
        stars = 0 if value == pick.rating else value
        async with guard.work() as session:
            await ratings.rate(session, actor=guard.actor(), asset_ids=[guard.uuid(pick.asset_id)], stars=stars)
        await self._changed()

    @action
    async def keep_one(self, letter: str):
        """Keep one: the others go to the trash, with the way back."""
        await guard.limit("keep")
        kept = self._pick(letter)
        others = [guard.uuid(pick.asset_id) for pick in self.picks if pick.asset_id != kept.asset_id]
        if others:
            await self._throw(others)
            await self._changed()
