"""From a month's rows to what the Spend page says."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import date

from studio.services import spend
from studio.services.byteplus import catalog
from studio.services.dates import ENGLISH, Dates
from studio.services.ledger import dollars
from studio.state.settings_views import AlertView, Bar, DayRow, EntryView, ModelTotal, Segment, Tick
from studio.state.tiles import PICTURE_WORDS, media_url

COLOURS = ("iris", "teal", "amber", "plum")
REST = "gray"
ENTRY_WORDS = {"reserve": "Held", "settle": "Charged", "release": "Released", "reverse": "Given back"}
REASONS = {"failed": "failed", "expired": "took too long", "cancelled": "cancelled", "settled": "lost"}
GONE = {"image": "Image, since deleted", "video": "Video, since deleted"}


def _series(found: spend.Month) -> tuple[list[str], dict[str, int], dict[str, int]]:
    """Names of the models by what they cost, most first; cost and outputs of each."""
    cost: dict[str, int] = defaultdict(int)
    outputs: dict[str, int] = defaultdict(int)
    for row in found.days:
        cost[_name(row)] += row.micros
        outputs[_name(row)] += row.outputs
    return sorted(cost, key=lambda name: (-cost[name], name)), cost, outputs


def _name(row: spend.DayModel) -> str:
    return catalog.label(row.model) if row.model else f"Deleted {'images' if row.kind == 'image' else 'videos'}"


def colour(rank: int) -> str:
    """A series' colour; the fifth and later ones share one."""
    return COLOURS[rank] if rank < len(COLOURS) else REST


def model_totals(found: spend.Month) -> list[ModelTotal]:
    """Every model's month, the dearest first."""
    names, cost, outputs = _series(found)
    most = max(cost.values(), default=0) or 1
    return [
        ModelTotal(
            name=name,
            colour=colour(rank),
            amount=dollars(cost[name]),
            outputs="1 output" if outputs[name] == 1 else f"{outputs[name]:,} outputs",
            share=f"{max(2, round(100 * cost[name] / most))}%",
        )
        for rank, name in enumerate(names)
    ]


def _top(most: int) -> tuple[int, int]:
    """The scale's step and top, in micro-USD: three or four round steps that hold `most`."""
    step = 1_000
    while True:
        for factor in (1, 2, 5):
            if step * factor * 4 >= most:
                each = step * factor
                return each, each * max(2, -(-most // each))
        step *= 10


def _pace(found: spend.Month) -> int:
    """What may be spent every day so that the cap lasts the month, in micro-USD."""
    return found.budget.cap // monthrange(found.budget.month.year, found.budget.month.month)[1]


def chart(found: spend.Month, dates: Dates = ENGLISH) -> tuple[list[Bar], list[Tick], list[DayRow], Tick]:
    """Stacked bars by day, their scale, the same figures as rows, and the cap's daily pace where the scale has it."""
    names, _, _ = _series(found)
    by_day: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in found.days:
        by_day[row.day][_name(row)] += row.micros
    most = max((sum(day.values()) for day in by_day.values()), default=0)
    pace = _pace(found)
    step, top = _top(max(most, pace if pace <= 3 * most else 0))
    month = found.budget.month
    bars: list[Bar] = []
    rows: list[DayRow] = []
    for number in range(1, monthrange(month.year, month.month)[1] + 1):
        day = month.replace(day=number)
        parts = by_day.get(day, {})
        total = sum(parts.values())
        said = ", ".join(f"{name} {dollars(parts[name])}" for name in names if parts.get(name))
        bars.append(
            Bar(
                day=str(number),
                label=str(number) if number % 3 == 1 else "",
                title=f"{dates.named(day)}: {dollars(total)}" + (f" ({said})" if total else ""),
                to_come=day > found.today,
                segments=[
                    Segment(colour=colour(rank), height=f"{100 * parts[name] / top:.2f}%")
                    for rank, name in enumerate(names)
                    if parts.get(name)
                ],
            )
        )
        if total:
            amounts = [dollars(parts[name]) if parts.get(name) else "–" for name in names]
            rows.append(DayRow(day=dates.day(day), amounts=amounts, total=dollars(total)))
    ticks = [Tick(label=dollars(n), at=f"{100 * n / top:.2f}%") for n in range(0, top + 1, step)]
    fits = 0 < pace <= top
    line = Tick(label=f"daily pace of the cap, {dollars(pace, down=True)}", at=f"{100 * pace / top:.2f}%")
    return bars, ticks, rows, line if fits else Tick()


def chart_said(found: spend.Month, dates: Dates = ENGLISH) -> str:
    """The chart in one sentence, for whoever does not see it."""
    names, _, _ = _series(found)
    month = dates.month(found.budget.month)
    if not names:
        return f"No charges in {month}."
    by_day: dict[date, int] = defaultdict(int)
    for row in found.days:
        by_day[row.day] += row.micros
    day = max(by_day, key=lambda each: by_day[each])
    models = "1 model" if len(names) == 1 else f"{len(names)} models"
    return (
        f"Stacked bars of charges per day in {month}, {models}. "
        f"The dearest day was {dates.named(day)} with {dollars(by_day[day])}."
    )


def forecast(found: spend.Month, dates: Dates = ENGLISH) -> tuple[str, str, str]:
    """(label, amount, sentence): where the month is heading, or what a finished one cost a day."""
    month, spent = found.budget.month, found.budget.spent
    days = monthrange(month.year, month.month)[1]
    if (found.today.year, found.today.month) != (month.year, month.month):
        return "Per day", dollars(spent // days), f"On average over {days} days."
    ahead = spent * days // found.today.day
    end = f"At this pace, by {dates.named(month.replace(day=days))}."
    if not found.budget.cap:
        return "Forecast", dollars(ahead), end
    if ahead > found.budget.cap:
        return "Forecast", dollars(ahead), f"{end} Above the cap, which stops it."
    return (
        "Forecast",
        dollars(ahead),
        f"{end} {'Well under' if ahead < found.budget.cap * 0.8 else 'Close to'} the cap.",
    )


def released(found: spend.Month) -> str:
    """ "Released after 9 failed and 4 cancelled requests."."""
    parts = [f"{n:,} {word}" for n, word in ((found.failed, "failed"), (found.cancelled, "cancelled")) if n]
    if not parts:
        return "Nothing failed, nothing was cancelled."
    return f"Released after {' and '.join(parts)} {'output' if found.failed + found.cancelled == 1 else 'outputs'}."


def alert_views(percents: tuple[int, ...], on: list[int], cap: int) -> list[AlertView]:
    """The switches with what each percentage is in dollars."""
    return [
        AlertView(
            percent=percent,
            label=f"{percent}%",
            name=f"Alert at {percent}%",
            amount=dollars(cap * percent // 100),
            on=percent in on,
        )
        for percent in percents
    ]


def _signed(micros: int) -> str:
    return "–" if not micros else f"{'+' if micros > 0 else '−'}{dollars(abs(micros))}"


def _what(entry: spend.Entry) -> str:
    if entry.prompt is None:
        return GONE[entry.generation_kind]
    word = PICTURE_WORDS[entry.generation_kind]
    place = f"{word} {entry.position} of {entry.total}" if (entry.total or 1) > 1 else word
    reason = REASONS.get(entry.state or "") if entry.kind in ("release", "reverse") else None
    return f"{place}{f' ({reason})' if reason else ''}, {' '.join(entry.prompt.split())[:120]}"


def entry_view(entry: spend.Entry, dates: Dates) -> EntryView:
    """A row of the ledger. What is held for an unknown outcome says so."""
    unknown = entry.kind == "reserve" and entry.state == "unknown"
    return EntryView(
        seq=str(entry.seq),
        when=dates.moment(entry.at),
        kind="unknown" if unknown else entry.kind,
        entry=ENTRY_WORDS[entry.kind],
        what=_what(entry),
        href=media_url(entry.asset_id, "original") if entry.asset_id else "",
        model=catalog.label(entry.model) if entry.model else "–",
        amount={"settle": dollars(entry.amount_micros), "release": dollars(0)}.get(
            entry.kind, f"−{dollars(entry.amount_micros)}" if entry.kind == "reverse" else "–"
        ),
        held=_signed(entry.held_micros),
    )
