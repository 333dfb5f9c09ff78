"""The Library's filter bar. Filters live in the address: every choice is a step that the browser can take back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import reflex as rx

from studio.services.library import filters, views, windows
from studio.services.library.filters import Filters
from studio.services.library.windows import Facets
from studio.state import guard
from studio.state.guard import action
from studio.state.library_views import FilterOptions, FilterWords, ViewOption, options_of, outputs, words_of
from studio.state.toasts import ToastMixin

HERE = "/library"
NAMES = ("media", "model", "rating", "label", "workspace", "date", "cost", "batch", "q")
SPANS = ("today", "week", "month", "year")


def address(wanted: Filters) -> str:
    """Where these filters are."""
    query = wanted.query()
    return f"{HERE}?{query}" if query else HERE


def span(name: str, today: date) -> date:
    """The first day of a named span that ends today."""
    back = {"today": 0, "week": 6, "month": 29}
    return today - timedelta(days=back[name]) if name in back else today.replace(month=1, day=1)


class FiltersMixin(ToastMixin, mixin=True):
    """What the filter bar shows and does."""

    text: str = ""
    sort: str = "newest"
    trash: bool = False
    words: FilterWords = FilterWords()
    options: FilterOptions = FilterOptions()
    active: int = 0  # how many filters hide something
    since: str = ""
    until: str = ""
    total: str = ""  # "214 of 12,418 outputs"
    hidden: str = ""  # "12,418 outputs are hidden by 3 filters."
    saved: list[ViewOption] = []
    view_open: bool = False

    address: str = HERE  # of what is shown now: the way back from another page

    _query: str = ""

    def _wanted(self) -> Filters:
        return filters.parse(self._query)

    def _show_filters(self, facets: Facets | None) -> None:
        """The bar for the filters of the address."""
        wanted = self._wanted()
        self.address = address(wanted)
        self.text, self.sort, self.trash, self.active = wanted.text, wanted.sort, wanted.trash, wanted.active
        self.since = wanted.since.isoformat() if wanted.since else ""
        self.until = wanted.until.isoformat() if wanted.until else ""
        self.words = words_of(wanted, facets, guard.identity().dates)
        if facets is not None:
            self.options = options_of(wanted, facets)

    def _show_total(self, count: int, facets: Facets | None) -> None:
        """How many are shown, of how many there are."""
        everything = count if facets is None else facets.trashed if self.trash else facets.total
        part = self.active > 0 and facets is not None
        self.total = f"{count:,} of {outputs(everything)}" if part else outputs(count)
        hidden = "1 filter" if self.active == 1 else f"{self.active} filters"
        verb = "is" if everything == 1 else "are"
        self.hidden = f"{outputs(everything)} {verb} hidden by {hidden}." if self.active and everything else ""

    def _go(self, wanted: Filters, *, replace: bool = False) -> Any:
        return rx.redirect(address(wanted), replace=replace)

    @action
    async def set_filter(self, name: str, value: str):
        """One choice more or less: `name` as in the address; `date` takes the name of a span."""
        if name not in NAMES:
            return None
        wanted = self._wanted()
        if name == "date":
            if value not in SPANS:
                return None
            today = guard.identity().dates.day_of(datetime.now(UTC))
            return self._go(filters.spanned(wanted, span(value, today), None))
        if name == "cost":
            low, _, high = value.partition("-")
            return self._go(filters.costing(wanted, low, high))
        return self._go(filters.toggled(wanted, name, value))

    @action
    async def set_text(self, value: str):
        """Search. What is typed replaces the address, so that Back leads to before the search."""
        wanted = filters.toggled(filters.without(self._wanted(), "q"), "q", filters.clean(value))
        return None if wanted == self._wanted() else self._go(wanted, replace=bool(self.text))

    @action
    async def set_days(self, form: dict):
        """Outputs made between two days, both included; either may be empty."""
        asked = filters.of({name: str(form.get(name, "")) for name in ("since", "until")})
        return self._go(filters.spanned(self._wanted(), asked.since, asked.until))

    @action
    async def drop_filter(self, name: str):
        """Take one filter away."""
        return self._go(filters.without(self._wanted(), name)) if name in NAMES else None

    @action
    async def clear_filters(self):
        """Show everything of this place."""
        return self._go(self._wanted().cleared())

    @action
    async def set_sort(self, value: str):
        """Another order."""
        return self._go(filters.toggled(filters.without(self._wanted(), "sort"), "sort", value))

    @action
    async def set_trash(self, value: bool):
        """What is in the trash, or what is kept."""
        return self._go(Filters(trash=value, sort=self.sort))

    # Saved views

    async def _read_views(self) -> None:
        async with guard.work() as session:
            found = await views.listed(session, actor=guard.actor())
        self.saved = [ViewOption(str(each.id), each.name, address(filters.parse(each.query))) for each in found]

    @action
    async def set_view_open(self, value: bool):
        """Open or close the list of saved views."""
        if value:
            await self._read_views()
        self.view_open = value

    @action
    async def save_view(self, form: dict):
        """Keep the filters of the address under a name."""
        name = form.get("name", "")
        async with guard.work() as session:
            made = await views.save(
                session, actor=guard.actor(), name=name if isinstance(name, str) else "", query=self._query
            )
        await self._read_views()
        self._say("success", f"Saved as “{made.name}”")

    @action
    async def remove_view(self, view_id: str):
        """Forget a saved view."""
        async with guard.work() as session:
            await views.remove(session, actor=guard.actor(), view_id=guard.uuid(view_id))
        await self._read_views()

    async def _facets(self) -> Facets:
        async with guard.work() as session:
            return await windows.facets(session, actor=guard.actor())
