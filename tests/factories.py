"""Rows for tests, made through the services that make them in life."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from studio.db import SYSTEM, Actor, transaction
from studio.services import accounts, assets, attempts, generations, operators, restriction, sessions
from studio.services.byteplus.params import ImageParams, Params, VideoParams
from studio.services.storage import key_for

IMAGE_MODEL = "seedream-4-5-251128"
VIDEO_MODEL = "dreamina-seedance-2-0-fast-260128"
OPERATOR = "operator@example.org"  # the settings of the tests name this address


@dataclass(frozen=True)
class Person:
    """An account that is signed in."""

    account_id: UUID
    email: str
    token: str
    identity: sessions.Identity

    @property
    def actor(self) -> Actor:
        return self.identity.actor


async def person(*, cap_micros: int | None = None, email: str | None = None) -> Person:
    """A new account, its first workspace and a session; with an address that has an account, one more session."""
    email = email or f"{uuid4().hex}@example.org"
    async with transaction(SYSTEM) as session:
        account_id = await accounts.ensure(session, email=email)
        if cap_micros is not None:
            await session.execute(
                text("UPDATE accounts SET cap_micros = :cap WHERE id = :id"), {"cap": cap_micros, "id": account_id}
            )
        token = await sessions.start(session, account_id=account_id)
        identity = await sessions.identify(session, token=token)
    assert identity is not None
    return Person(account_id=account_id, email=email, token=token, identity=identity)


async def fresh(who: Person) -> None:
    """They have just proved who they are."""
    async with transaction(SYSTEM) as session:
        await session.execute(
            text("UPDATE sessions SET reauth_at = studio_now() WHERE id = :id"), {"id": who.actor.session_id}
        )


async def operator() -> Person:
    """Whoever came with a link to the operator's address."""
    who = await person(email=OPERATOR)
    async with transaction(SYSTEM) as session:
        await operators.note_proof(session, account_id=who.account_id, email=OPERATOR)
        identity = await sessions.identify(session, token=who.token)
    assert identity is not None
    return replace(who, identity=identity)


async def restricted() -> Person:
    """Somebody whose account is restricted, with a batch that was cancelled by it."""
    who = await person()
    await submitted(who)
    async with transaction(SYSTEM) as session:
        await restriction.restrict(session, by=None, account_id=who.account_id, reason="person")
    return who


def image(prompt: str = "a lake", *, count: int = 1, model: str = IMAGE_MODEL, references: int = 0) -> ImageParams:
    """Parameters of a picture: 4 cents each."""
    return ImageParams(model=model, prompt=prompt, count=count, reference_count=references)


def video(prompt: str = "a slow push across the lake", *, model: str = VIDEO_MODEL) -> VideoParams:
    """Parameters of a 480p clip of five seconds."""
    return VideoParams(model=model, prompt=prompt, resolution="480p", ratio="16:9", duration=5)


async def submitted(
    who: Person, params: Params | None = None, inputs: tuple[generations.Input, ...] = ()
) -> generations.Submitted:
    """A batch in the queue."""
    async with transaction(who.actor) as session:
        return await generations.submit(session, actor=who.actor, params=params or image(), inputs=inputs)


async def upload(who: Person, *, width: int = 1000, height: int = 800) -> UUID:
    """An uploaded picture's row; its bytes are not stored."""
    asset_id = uuid4()
    objects = {
        "key": key_for("o", asset_id),
        "mime": "image/jpeg",
        "size": 10,
        "sha256": hashlib.sha256(asset_id.bytes).hexdigest(),
        "crc32": 1,
        "thumbnails": {str(side): key_for("t", asset_id, suffix=f"w{side}") for side in assets.THUMBNAILS},
    }
    async with transaction(who.actor) as session:
        await assets.add_upload(
            session, actor=who.actor, asset_id=asset_id, objects=objects, width=width, height=height
        )
    return asset_id


async def state_of(generation_id: UUID) -> str:
    """The state a generation is in."""
    async with transaction(SYSTEM) as session:
        return await session.scalar(text("SELECT state FROM generations WHERE id = :id"), {"id": generation_id})


async def finished(
    who: Person, params: Params | None = None, inputs: tuple[generations.Input, ...] = (), *, charged: int = 40_000
) -> tuple[UUID, list[UUID]]:
    """A batch whose outputs are all there, without their bytes: its id and the files', by position."""
    sent = await submitted(who, params or image(), inputs)
    async with transaction(SYSTEM) as session:
        for each in sent.generation_ids:
            await session.execute(
                text(
                    "UPDATE generations SET state = 'storing', submitted_at = studio_now(), attempt_id = :attempt "
                    "WHERE id = :id"
                ),
                {"attempt": uuid4(), "id": each},
            )
            work = await attempts.load(session, generation_id=each)
            assert work is not None
            await attempts.stored(session, work=work, asset=stored_asset(work.id), charged=charged)
        rows = await session.scalars(
            text(
                "SELECT a.id FROM assets a JOIN generations g ON g.id = a.generation_id "
                "WHERE g.batch_id = :id ORDER BY g.position"
            ),
            {"id": sent.batch_id},
        )
        return sent.batch_id, list(rows)


def stored_asset(generation_id: UUID) -> dict[str, Any]:
    """What a worker says about an output's picture that it stored."""
    return {
        "key": f"o/{generation_id.hex[:2]}/{generation_id.hex}",
        "mime": "image/png",
        "size": 1,
        "sha256": "b" * 64,
        "crc32": 1,
        "width": 8,
        "height": 8,
        "duration": None,
        "thumbnails": {"256": f"t/{generation_id.hex[:2]}/{generation_id.hex}.w256"},
    }


async def ready_archive(who: Person) -> None:
    """An archive that can be downloaded, as a row alone."""
    async with transaction(SYSTEM) as session:
        await session.execute(
            text(
                "INSERT INTO exports (id, account_id, state, ended_at, expires_at) VALUES (:id, :account, 'ready', "
                "studio_now(), studio_now() + interval '7 days')"
            ),
            {"id": uuid4(), "account": who.account_id},
        )
