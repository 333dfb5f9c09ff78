"""What a person does with generations: submit, cancel, retry."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio import queue
from studio.db import Actor
from studio.errors import Conflict, NotFound, ValidationError
from studio.services import ledger
from studio.services.byteplus import catalog
from studio.services.byteplus.catalog_data import AUTO_DURATION
from studio.services.byteplus.params import ImageParams, Params, VideoParams, params_from_json

Role = Literal["reference", "first_frame", "last_frame", "draft"]
ROLES: tuple[Role, ...] = ("reference", "first_frame", "last_frame")  # of pictures
DRAFT: Role = "draft"
DRAFT_DAYS = 7  # how long the provider keeps the task that is rendered again
RUN = "generations.run"


class QueueFull(ValidationError):
    """You have 500 outputs waiting already. Send more when some of them are done."""

    code = "queue_full"


MOST_WAITING = 500


@dataclass(frozen=True)
class Input:
    """A file that goes along: one of the account's own assets in a role, in order."""

    role: Role
    asset_id: UUID


@dataclass(frozen=True)
class Submitted:
    """A batch that is on its way."""

    batch_id: UUID
    generation_ids: tuple[UUID, ...]
    held_micros: int


async def submit(session: AsyncSession, *, actor: Actor, params: Params, inputs: Sequence[Input] = ()) -> Submitted:
    """Reserve the worst case, write the batch and enqueue it: all of it or none.

    Raises:
        ValidationError: one sentence about what does not fit.
        NotFound: a picture is not the account's.
        CapReached: nothing is written.
    """
    params = await _with_inputs(session, actor=actor, params=params, inputs=inputs)
    quote = catalog.quote(params)
    await _room_in_queue(session, actor=actor, more=quote.units)
    batch_id, ids = uuid4(), [uuid4() for _ in range(quote.units)]
    month = await ledger.reserve(
        session, account_id=actor.account_id, kind=params.kind, amount=quote.unit_worst_micros, reservations=ids
    )
    await session.execute(
        text(
            "INSERT INTO batches (id, account_id, workspace_id, kind, model, prompt, params) "
            "VALUES (:id, :account, :workspace, :kind, :model, :prompt, CAST(:params AS jsonb))"
        ),
        {
            "id": batch_id,
            "account": actor.account_id,
            "workspace": actor.workspace_id,
            "kind": params.kind,
            "model": catalog.get(params.model).id,
            "prompt": params.prompt,
            "params": json.dumps(params.to_json()),
        },
    )
    if inputs:
        await session.execute(
            text(
                "INSERT INTO batch_inputs (batch_id, role, position, account_id, asset_id) "
                "VALUES (:batch, :role, :position, :account, :asset)"
            ),
            [
                {"batch": batch_id, "role": i.role, "position": n, "account": actor.account_id, "asset": i.asset_id}
                for n, i in enumerate(inputs, 1)
            ],
        )
    await session.execute(
        text(
            "INSERT INTO generations (id, account_id, batch_id, position, kind, model, month, reserved_micros) "
            "VALUES (:id, :account, :batch, :position, :kind, :model, :month, :reserved)"
        ),
        [
            {
                "id": id_,
                "account": actor.account_id,
                "batch": batch_id,
                "position": n,
                "kind": params.kind,
                "model": catalog.get(params.model).id,
                "month": month,
                "reserved": quote.unit_worst_micros,
            }
            for n, id_ in enumerate(ids, 1)
        ],
    )
    await queue.defer(session, RUN, times=len(ids))
    await queue.notify(session, actor.account_id, "batch", batch=batch_id)
    return Submitted(batch_id=batch_id, generation_ids=tuple(ids), held_micros=quote.worst_micros)


async def _room_in_queue(session: AsyncSession, *, actor: Actor, more: int) -> None:
    waiting = await session.scalar(
        text("SELECT count(*) FROM generations WHERE account_id = :account AND state = 'queued'"),
        {"account": actor.account_id},
    )
    if waiting + more > MOST_WAITING:
        raise QueueFull


async def _with_inputs(session: AsyncSession, *, actor: Actor, params: Params, inputs: Sequence[Input]) -> Params:
    """The parameters with what the pictures say: how many, and the first frame's shape. Checks whose they are."""
    if any(i.role == DRAFT for i in inputs):
        return await _with_draft(session, actor=actor, params=params, inputs=inputs)
    if isinstance(params, VideoParams) and params.from_draft:
        raise ValidationError("Choose the draft that is to be made final.")
    ids = [i.asset_id for i in inputs]
    found = (
        await session.execute(
            text(
                "SELECT id, kind, width, height FROM assets WHERE account_id = :account AND id = ANY(:ids) "
                "AND erase_asked_at IS NULL"
            ),
            {"account": actor.account_id, "ids": ids},
        )
    ).all()
    shapes = {row.id: row for row in found}
    if set(ids) - shapes.keys():
        raise NotFound("One of the pictures is gone. It was deleted, or it is not yours to use.")
    if any(row.kind == "video" for row in found):
        raise ValidationError("A clip cannot be a reference or a frame. Choose a picture.")
    counts = {role: sum(i.role == role for i in inputs) for role in ROLES}
    if isinstance(params, ImageParams):
        if counts["first_frame"] or counts["last_frame"]:
            raise ValidationError("Pictures take references; first and last frames belong to video.")
        return replace(params, reference_count=counts["reference"])
    if counts["first_frame"] > 1 or counts["last_frame"] > 1:
        raise ValidationError("A clip has one first frame and one last frame at most.")
    first = next((shapes[i.asset_id] for i in inputs if i.role == "first_frame"), None)
    return replace(
        params,
        reference_count=counts["reference"],
        has_first_frame=bool(counts["first_frame"]),
        has_last_frame=bool(counts["last_frame"]),
        frame_aspect=first.width / first.height if first else None,
    )


@dataclass(frozen=True)
class Draft:
    """A finished draft and the final clip that the provider can make of it."""

    asset_id: UUID
    params: VideoParams  # of the final clip
    kept: bool  # whether the provider still knows the draft


async def draft(session: AsyncSession, *, actor: Actor, asset_id: UUID) -> Draft:
    """What a draft can become. Raises NotFound, and ValidationError for what is no draft."""
    row = (
        await session.execute(
            text(
                "SELECT a.width, a.height, a.duration_ms, b.params, g.task_id IS NOT NULL "
                "AND g.created_at > studio_now() - make_interval(days => :days) AS kept "
                "FROM assets a JOIN generations g ON g.id = a.generation_id JOIN batches b ON b.id = g.batch_id "
                "WHERE a.id = :id AND a.account_id = :account AND a.erase_asked_at IS NULL"
            ),
            {"id": asset_id, "account": actor.account_id, "days": DRAFT_DAYS},
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    asked = params_from_json(row.params)
    if not isinstance(asked, VideoParams) or not asked.draft:
        raise ValidationError("Only a draft can be made final.")
    model = catalog.get(asked.model)
    final = replace(
        asked,
        draft=False,
        from_draft=True,
        resolution=getattr(model, "final_resolution", ""),
        duration=_length(asked, row.duration_ms),
        reference_count=0,
        has_first_frame=False,
        has_last_frame=False,
        frame_aspect=row.width / row.height,
    )
    return Draft(asset_id=asset_id, params=final, kept=row.kept)


def _length(asked: VideoParams, made_ms: int | None) -> int:
    """Seconds of a draft: where the model chose them, those that it made, which the final clip repeats."""
    return math.ceil(made_ms / 1000) if asked.duration == AUTO_DURATION and made_ms else asked.duration


async def _with_draft(session: AsyncSession, *, actor: Actor, params: Params, inputs: Sequence[Input]) -> Params:
    """A draft goes alone, and everything that counts is its own."""
    if len(inputs) != 1 or not isinstance(params, VideoParams):
        raise ValidationError("A draft brings its own pictures. Remove the others.")
    found = await draft(session, actor=actor, asset_id=inputs[0].asset_id)
    _still_kept(found)
    return found.params


def _still_kept(found: Draft) -> None:
    if not found.kept:
        raise ValidationError(f"The provider keeps a draft for {DRAFT_DAYS} days. Send its prompt as a new request.")


async def _draft_of(session: AsyncSession, *, actor: Actor, batch_id: UUID) -> None:
    """Check that a final clip can be asked for again. Raises ValidationError: its draft is gone here or there."""
    asset_id = await session.scalar(
        text("SELECT asset_id FROM batch_inputs WHERE batch_id = :id AND role = 'draft'"), {"id": batch_id}
    )
    if asset_id is None:
        raise ValidationError("The draft is gone, so it cannot be made final. Send its prompt as a new request.")
    _still_kept(await draft(session, actor=actor, asset_id=asset_id))


async def cancel(session: AsyncSession, *, actor: Actor, generation_id: UUID) -> bool:
    """Cancel what has not been sent yet and give its hold back. The conditional update decides against the sender.

    A clip that was sent is asked back from the provider, which says yes only while the clip waits in its own queue:
    the worker asks and records the answer. Returns whether it was cancelled here and now.

    Raises:
        NotFound: not this account's.
        Conflict: it was sent already and runs on.
    """
    row = (
        await session.execute(
            text(
                "UPDATE generations SET state = 'cancelled', ended_at = studio_now(), charged_micros = 0 "
                "WHERE id = :id AND account_id = :account AND state = 'queued' "
                "RETURNING id, batch_id, account_id, month, kind, reserved_micros"
            ),
            {"id": generation_id, "account": actor.account_id},
        )
    ).one_or_none()
    if row is None:
        await _ask_back(session, actor=actor, generation_id=generation_id)
        return False
    await ledger.release(session, ledger.Reservation(row.id, row.account_id, row.month, row.kind, row.reserved_micros))
    await queue.notify(session, actor.account_id, "batch", batch=row.batch_id)
    return True


async def _ask_back(session: AsyncSession, *, actor: Actor, generation_id: UUID) -> None:
    row = (
        await session.execute(
            text(
                "UPDATE generations SET cancel_at = studio_now(), due_at = studio_now() WHERE id = :id "
                "AND account_id = :account AND state = 'running' AND kind = 'video' AND error_code IS NULL "
                "RETURNING batch_id"
            ),
            {"id": generation_id, "account": actor.account_id},
        )
    ).one_or_none()
    if row is None:
        await _exists(session, actor=actor, generation_id=generation_id)
        raise Conflict("It was sent already, so it runs on and is billed. Its result is kept for you.")
    await queue.notify(session, actor.account_id, "batch", batch=row.batch_id)


async def _exists(session: AsyncSession, *, actor: Actor, generation_id: UUID) -> None:
    found = await session.scalar(
        text("SELECT true FROM generations WHERE id = :id AND account_id = :account"),
        {"id": generation_id, "account": actor.account_id},
    )
    if not found:
        raise NotFound


async def retry(session: AsyncSession, *, actor: Actor, generation_id: UUID) -> UUID:
    """Ask again, at today's price, for an output that failed, expired or was cancelled. It takes the old one's place.

    Raises:
        NotFound, Conflict, CapReached, ValidationError: nothing changes.
    """
    old = (
        await session.execute(
            text(
                "SELECT g.id, g.batch_id, g.position, g.kind, g.model, g.state, g.superseded_by, b.params "
                "FROM generations g JOIN batches b ON b.id = g.batch_id "
                "WHERE g.id = :id AND g.account_id = :account FOR UPDATE OF g"
            ),
            {"id": generation_id, "account": actor.account_id},
        )
    ).one_or_none()
    if old is None:
        raise NotFound
    if old.state not in ("failed", "expired", "cancelled") or old.superseded_by is not None:
        raise Conflict("This one needs no retry: it is on its way or done.")
    params = params_from_json(old.params)
    if isinstance(params, VideoParams) and params.from_draft:
        await _draft_of(session, actor=actor, batch_id=old.batch_id)
    quote = catalog.quote(params)
    await _room_in_queue(session, actor=actor, more=1)
    new_id = uuid4()
    month = await ledger.reserve(
        session,
        account_id=actor.account_id,
        kind=old.kind,
        amount=quote.unit_worst_micros,
        reservations=[new_id],
    )
    await session.execute(
        text(
            "INSERT INTO generations (id, account_id, batch_id, position, kind, model, month, reserved_micros) "
            "VALUES (:id, :account, :batch, :position, :kind, :model, :month, :reserved)"
        ),
        {
            "id": new_id,
            "account": actor.account_id,
            "batch": old.batch_id,
            "position": old.position,
            "kind": old.kind,
            "model": old.model,
            "month": month,
            "reserved": quote.unit_worst_micros,
        },
    )
    await session.execute(
        text("UPDATE generations SET superseded_by = :new WHERE id = :old"), {"new": new_id, "old": old.id}
    )
    await queue.defer(session, RUN)
    await queue.notify(session, actor.account_id, "batch", batch=old.batch_id)
    return new_id
