"""What it would cost otherwise: as a draft, at the flex tier, on a cheaper model, each with what is left then."""

from __future__ import annotations

from types import MethodType
from typing import Any

from studio.errors import StudioError
from studio.services.byteplus import catalog
from studio.services.byteplus.catalog_data import Model
from studio.services.byteplus.params import ImageParams, Params, VideoParams
from studio.services.ledger import dollars
from studio.state.composer import ComposerMixin
from studio.state.guard import action
from studio.state.tiles import length_words
from studio.state.views import CostOption

MOST_MODELS = 3
DRAFT, FLEX = "draft", "flex"


class _Trial:
    """The composer's values by themselves, to see what a switch makes of them. What the page shows stays as it is."""

    def __init__(self, page: ComposerMixin) -> None:
        vars(self).update({name: getattr(page, name) for name in ComposerMixin.__annotations__})

    def __getattr__(self, name: str) -> Any:
        return MethodType(getattr(ComposerMixin, name), self)


def _switch(composer: Any, ident: str) -> None:
    """Turn the composer, or a trial of it, to one of what is shown: draft, flex or the id of a model."""
    if ident == DRAFT:
        composer.draft = True
    elif ident == FLEX:
        composer.delivery = "flex"
    else:
        composer._choose_model(ident)


def without(now: Params, then: Params) -> str:
    """What is lost or changed on the way from one request to the other, in a few words; nothing: an empty text."""
    lost = []
    if then.reference_count < now.reference_count:
        fewer = f"{then.reference_count} of {now.reference_count} references"
        lost.append(fewer if then.reference_count else "no references")
    if isinstance(now, ImageParams) and isinstance(then, ImageParams):
        lost += [f"in {then.size}"] if then.size != now.size else []
        lost += ["no series"] if now.series and not then.series else []
        lost += ["not transparent"] if now.background != then.background else []
        lost += [then.output_format.upper()] if now.output_format != then.output_format else []
    elif isinstance(now, VideoParams) and isinstance(then, VideoParams):
        lost += [f"in {then.resolution}"] if then.resolution != now.resolution else []
        lost += [length_words(then)] if then.duration != now.duration else []
        lost += ["no last frame"] if now.has_last_frame and not then.has_last_frame else []
        lost += ["silent"] if now.generate_audio and not then.generate_audio else []
        lost += ["camera not fixed"] if now.camera_fixed and not then.camera_fixed else []
        lost += ["not as a draft"] if now.draft and not then.draft else []
    return ", ".join(lost)


def _quote(params: Params) -> catalog.Quote | None:
    try:
        return catalog.quote(params)
    except StudioError:
        return None


class CostsMixin(ComposerMixin, mixin=True):
    """The popover beside the price. Only arithmetic, and only while it is open."""

    costs_open: bool = False
    costs: list[CostOption] = []

    @action
    async def set_costs_open(self, value: bool):
        """Open or close it."""
        self.costs_open = value
        self._show_costs()

    @action
    async def choose_cost(self, ident: str):
        """Switch to one of what is shown."""
        if not any(option.id == ident for option in self.costs):
            return
        _switch(self, ident)
        self.costs_open = False
        self._reprice()

    def _show_costs(self) -> None:
        if not self.costs_open:
            self.costs = []
            return
        now = self._params(self.prompt.strip() or "a prompt")
        quote = _quote(now)
        if quote is None:
            self.costs = []
            return
        found = [self._option("", "As it is now", self.model_name, quote)]
        if self.supports_draft and not self.draft:
            found += self._way(DRAFT, "As a draft", "480p, to look at first")
        if self.supports_flex and self.delivery != FLEX:
            # Flex may be delivered as standard, so its whole price is held; what it usually costs is what is said.
            found += self._way(FLEX, "At the flex tier", "Overnight; {held} is held until it is done", usual=True)
        cheaper: list[tuple[catalog.Quote, Model, Params]] = []
        for model in catalog.models(now.kind):
            then = self._tried(model.id)
            other = _quote(then) if model.id != self.model else None
            if other is not None and other.worst_micros < quote.worst_micros:
                cheaper.append((other, model, then))
        for other, model, then in sorted(cheaper, key=lambda row: -row[0].worst_micros)[-MOST_MODELS:]:
            changes = without(now, then)
            note = f"{changes[0].upper()}{changes[1:]}" if changes else model.tagline
            found.append(self._option(model.id, f"On {model.name}", note, other))
        self.costs = found

    def _tried(self, ident: str) -> Params:
        """What would be sent after a switch, by the composer's own rules."""
        trial: Any = _Trial(self)
        _switch(trial, ident)
        return trial._params(self.prompt.strip() or "a prompt")

    def _way(self, ident: str, title: str, note: str, *, usual: bool = False) -> list[CostOption]:
        quote = _quote(self._tried(ident))
        if quote is None:
            return []
        return [self._option(ident, title, note.format(held=dollars(quote.worst_micros)), quote, usual=usual)]

    def _option(self, ident: str, title: str, note: str, quote: catalog.Quote, *, usual: bool = False) -> CostOption:
        """`usual`: what it costs as a rule is said; whether it fits is decided by what is held, here as elsewhere."""
        price = dollars(quote.expected_micros if usual else quote.worst_micros)
        left = self._left_micros - quote.worst_micros
        words = f"{dollars(left, down=True)} left after" if left >= 0 else f"{dollars(-left)} above your cap"
        said = f"{title}: {price}, {words}"
        return CostOption(id=ident, title=title, note=note, price=price, left=words, fits=left >= 0, name=said)
