"""Finished outputs as rows, for tests of the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text

from studio.db import SYSTEM, transaction
from tests.factories import IMAGE_MODEL, VIDEO_MODEL, Person

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """What an output is."""

    prompt: str = "a lake"
    size: tuple[int, int] = (1024, 1024)
    days_ago: float = 0
    kind: str = "image"
    model: str = ""
    rating: int | None = None
    cost: int = 40_000
    trashed: bool = False


async def fill(who: Person, outputs: Sequence[Made]) -> list[UUID]:
    """Outputs of a person, each in a batch of its own; ids in the order given. Bytes are not stored."""
    ids = []
    async with transaction(SYSTEM) as session:
        for made in outputs:
            at = NOON - timedelta(days=made.days_ago)
            asset, batch, generation = uuid4(), uuid4(), uuid4()
            values = {
                "account": who.account_id,
                "workspace": who.actor.workspace_id,
                "batch": batch,
                "generation": generation,
                "asset": asset,
                "attempt": uuid4(),
                "kind": made.kind,
                "model": made.model or (VIDEO_MODEL if made.kind == "video" else IMAGE_MODEL),
                "prompt": made.prompt,
                "at": at,
                "width": made.size[0],
                "height": made.size[1],
                "key": f"o/{asset.hex[:2]}/{asset.hex}",
                "rating": made.rating,
                "cost": made.cost,
                "trashed": datetime.now(UTC) if made.trashed else None,  # the trash empties after thirty days
                "duration": 5000 if made.kind == "video" else None,
            }
            for statement in (
                (
                    "INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params, created_at) "
                    "VALUES (:batch, :account, :workspace, :kind, :model, :prompt, '{}', :at)"
                ),
                (
                    "INSERT INTO generations (id, account_id, batch_id, position, kind, model, state, month, "
                    "reserved_micros, charged_micros, attempt_id, created_at, submitted_at, ended_at) VALUES "
                    "(:generation, :account, :batch, 0, :kind, :model, 'succeeded', date_trunc('month', "
                    "CAST(:at AS timestamptz)), :cost, :cost, :attempt, :at, :at, :at)"
                ),
                (
                    "INSERT INTO assets (id, account_id, workspace_id, generation_id, kind, mime, object_key, "
                    "size_bytes, sha256, crc32, width, height, duration_ms, thumbnails, created_at, batch_id, model, "
                    "cost_micros, rating, trashed_at) VALUES (:asset, :account, :workspace, :generation, :kind, "
                    "'image/png', :key, 1, repeat('a', 64), 1, :width, :height, :duration, '{}', :at, :batch, :model, "
                    ":cost, :rating, :trashed)"
                ),
            ):
                await session.execute(text(statement), values)
            ids.append(asset)
    return ids


async def label(who: Person, name: str, ids: Sequence[UUID]) -> UUID:
    """A label on outputs."""
    label_id = uuid4()
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("INSERT INTO labels (id, account_id, name, color) VALUES (:id, :account, :name, 'teal')"),
            {"id": label_id, "account": who.account_id, "name": name},
        )
        for asset_id in ids:
            await session.execute(
                text("INSERT INTO asset_labels (asset_id, label_id, account_id) VALUES (:asset, :label, :account)"),
                {"asset": asset_id, "label": label_id, "account": who.account_id},
            )
    return label_id
