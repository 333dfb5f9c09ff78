"""From a batch's rows to what its tiles say: the microcopy of every state, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from studio.errors import StudioError
from studio.services import feed
from studio.services.byteplus import catalog
from studio.services.byteplus.params import ImageParams, Params, VideoParams
from studio.services.dates import Dates
from studio.services.ledger import dollars
from studio.state.views import BatchView, DetailsView, Fact, InputView, TileView

PICTURE_WORDS = {"image": "Image", "video": "Video"}
ROLE_WORDS = {"reference": "Reference", "first_frame": "First frame", "last_frame": "Last frame", "draft": "Draft"}


def length_words(params: VideoParams) -> str:
    """ "5 s"."""
    return "length by the model" if params.duration == catalog.AUTO_DURATION else f"{params.duration} s"


def media_url(asset_id: object, variant: str | int) -> str:
    """Where a file is served."""
    return f"/media/{asset_id}/{variant}"


def clock(milliseconds: int | None) -> str:
    """ "0:05"."""
    seconds = round((milliseconds or 0) / 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"


def ordinal(number: int) -> str:
    """ "3rd"."""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def when(moment: datetime, now: datetime, dates: Dates) -> str:
    """ "just now", "14:06" today, "22 Nov" before, with the year when it was another one."""
    if (now - moment).total_seconds() < 60:
        return "just now"
    return dates.time(moment) if dates.day_of(moment) == dates.day_of(now) else dates.day(moment, now)


def _epoch_ms(moment: datetime | None) -> int:
    return round(moment.timestamp() * 1000) if moment else 0


def _money(batch: feed.BatchRow) -> str:
    charged = sum(o.charged_micros or 0 for o in batch.outputs)
    held = sum(o.reserved_micros for o in batch.outputs if o.ended_at is None)
    parts = [f"{dollars(charged)} charged"] if charged and held else [dollars(charged)] if charged else []
    parts += [f"{dollars(held)} held"] if held else []
    return ", ".join(parts) or "not charged"


def _meta(batch: feed.BatchRow, now: datetime, dates: Dates) -> list[str]:
    params = batch.params
    shape = [] if params.ratio == "adaptive" else [params.ratio]
    if isinstance(params, ImageParams):
        shape = [*shape, params.size] if params.size else [f"{params.width} × {params.height}"]
        shape += ["series"] if params.series else []
    else:
        shape.append(f"{'draft' if params.draft else params.resolution}, {length_words(params)}")
    references = sum(i.role == "reference" for i in batch.inputs)
    if references:
        shape.append("1 reference" if references == 1 else f"{references} references")
    shape += [ROLE_WORDS[i.role].lower() for i in batch.inputs if i.role not in ("reference", "draft")]
    shape += ["from a draft"] if isinstance(batch.params, VideoParams) and batch.params.from_draft else []
    return [catalog.label(batch.model), *shape, when(batch.created_at, now, dates), _money(batch)]


def batch_view(batch: feed.BatchRow, now: datetime, usual: Mapping[str, int], dates: Dates) -> BatchView:
    """A row of the feed. `usual`: seconds that models took lately, which say more than the catalogue's estimate."""
    try:
        price = dollars(catalog.quote(batch.params).unit_worst_micros)  # which a retry holds
        usually = f"usually {usual.get(batch.model) or catalog.typical_seconds(batch.params)} s"
        width, height = catalog.resolve_pixels(batch.params)
    except StudioError:  # its model, price or limits have left the catalogue: its outputs stay, no retry is offered
        price, usually, width, height = "", "", 1, 1
    tiles = [_tile(o, batch, len(batch.outputs), price, usually, width, height) for o in batch.outputs]
    return BatchView(
        id=str(batch.id),
        kind=batch.kind,
        prompt=batch.prompt,
        name=f"Batch: {batch.prompt[:60]}",
        meta=_meta(batch, now, dates),
        tiles=tiles,
        inputs=[
            InputView(asset_id=str(i.asset_id), thumb=media_url(i.asset_id, 256), number=n, alt=ROLE_WORDS[i.role])
            for n, i in enumerate(batch.inputs, 1)
        ],
    )


def _tile(
    o: feed.Output, batch: feed.BatchRow, total: int, price: str, usually: str, width: int, height: int
) -> TileView:
    word = PICTURE_WORDS[batch.kind]
    state, title, note, icon, said = _words(o)
    width, height = o.width or width, o.height or height
    retry = f"{'Run again' if o.state == 'cancelled' else 'Retry'} · {price}"
    since = o.unknown_at if state == "unknown" else o.submitted_at if state == "running" else o.created_at
    return TileView(
        id=str(o.id),
        index=o.position,
        total=total,
        kind=batch.kind,
        state=state,
        title=title,
        note=note,
        since_ms=_epoch_ms(since) if state in ("waiting", "running", "unknown") else 0,
        usually=usually if state == "running" else "",
        place=f"{ordinal(o.place)} in line" if state == "waiting" else "",
        retry_label=retry if price and o.state in ("failed", "expired", "cancelled") else "",
        can_cancel=o.state == "queued",
        can_ask=o.state in ("submitting", "running") and o.cancel_at is None,
        cancel_name=f"Cancel {word.lower()} {o.position}",
        width=width,
        height=height,
        ratio=round(width / height, 4),
        asset_id=str(o.asset_id or ""),
        thumb=media_url(o.asset_id, 512) if o.asset_id else "",
        original=media_url(o.asset_id, "original") if o.asset_id else "",
        duration=clock(o.duration_ms) if batch.kind == "video" and o.duration_ms else "",
        name=f"{word} {o.position} of {total}{said}" + (f", {o.rating} of 5 stars" if o.rating else ""),
        icon=icon,
        detail=o.error_message or "",
        rating=o.rating or 0,
    )


def _words(o: feed.Output) -> tuple[str, str, str, str, str]:
    """(state, title, note, icon, what the accessible name adds) of one output."""
    match o.state:
        case "queued":
            note = "The provider is busy. Waiting to try again." if o.tries else ""
            return "waiting", "Waiting", note, "clock", ", waiting"
        case "submitting" | "running":
            note = "Asking the provider to give it up" if o.cancel_at else _runs_on(o)
            return "running", "Rendering", note, "loader", ", in progress"
        case "storing":
            return "saving", "Saving to your library", "", "download", ", saving"
        case "succeeded":
            return "done", "", "", "image", ""
        case "cancelled":
            return "cancelled", "Cancelled", "Before it started. Not charged", "ban", ", cancelled"
        case "unknown":
            held = dollars(o.reserved_micros)
            note = (
                f"The connection dropped after sending. We are looking it up and will not send it twice. {held} held."
            )
            return "unknown", "Reconciling with the provider", note, "circle-help", ", outcome unknown"
        case "settled":
            return "failed", o.error_title or "Lost", f"{dollars(o.charged_micros or 0)} charged", "unplug", ", lost"
        case _:
            icon = "shield-alert" if "content" in (o.error_title or "").lower() else "server-off"
            return "failed", o.error_title or "It did not work", _failure(o), icon, ", failed"


def _runs_on(o: feed.Output) -> str:
    return "It had begun, so it runs on and is billed" if o.error_code == "runs_on" else ""


def _failure(o: feed.Output) -> str:
    again = o.error_code in ("provider_busy", "provider_unreachable") and o.tries  # else `tries` counts other looks
    return f"Tried {o.tries + 1} times. Not charged" if again else "Not charged"


def _switch(value: bool) -> str:
    return "On" if value else "Off"


def _facts(batch: feed.BatchRow, o: feed.Output, params: Params, dates: Dates) -> list[Fact]:
    rows = [("Model", catalog.label(batch.model))]
    if o.width and o.height:
        ratio = "" if params.ratio == "adaptive" else f" · {params.ratio}"
        rows.append(("Size", f"{o.width} × {o.height}{ratio}"))
    if isinstance(params, ImageParams):
        rows += [("Seed", "Not supported"), ("Format", params.output_format.upper())]
        rows += [("Background", "Transparent")] if params.background == "transparent" else []
    else:
        rows += [
            ("Duration", length_words(params)),
            ("Seed", str(params.seed) if params.seed is not None else "Chosen by the model"),
            ("Sound", _switch(params.generate_audio)),
            ("Fixed camera", _switch(params.camera_fixed)),
            ("Delivery", "Flex" if params.service_tier == "flex" else "Standard"),
        ]
    made = dates.moment(o.ended_at or o.created_at, datetime.now(UTC))
    rows += [("Watermark", _switch(params.watermark)), ("Made", made)]
    return [Fact(term=term, value=value) for term, value in rows]


def details_view(batch: feed.BatchRow, generation_id: str, dates: Dates) -> DetailsView | None:
    """The details of one finished output; None when it is not finished."""
    o = next((o for o in batch.outputs if o.asset_id and str(o.id) == generation_id), None)
    if o is None:
        return None
    took = f" · {round((o.ended_at - o.submitted_at).total_seconds())} s" if o.ended_at and o.submitted_at else ""
    return DetailsView(
        generation_id=str(o.id),
        batch_id=str(batch.id),
        asset_id=str(o.asset_id),
        kind=batch.kind,
        prompt=batch.prompt,
        preview=media_url(o.asset_id, 1024),
        original=media_url(o.asset_id, "original"),
        download=f"/download/{o.asset_id}",
        draft=isinstance(batch.params, VideoParams) and batch.params.draft,
        cost=f"{dollars(o.charged_micros or 0)}{took}",
        width=o.width or 1,
        height=o.height or 1,
        task_id=o.task_id or "",
        facts=_facts(batch, o, batch.params, dates),
    )
