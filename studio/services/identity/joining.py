"""Who comes in: a proven identity becomes a session, after one page of questions the first time.

Until the person has answered, everything known of them is in their anonymous session's row and goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.errors import Conflict, StudioError, ValidationError
from studio.services import (
    accounts,
    consent,
    mail,
    mail_events,
    operators,
    pictures,
    policies,
    policy_notices,
    sessions,
)
from studio.services.identity import linked

JOIN = "/join"
CONFIRMING = "confirming"


class AttemptGone(StudioError):
    """This sign-in was begun in another browser, was finished already or took too long. Start again."""

    code = "attempt_gone"
    status = 410


class EmailTaken(Conflict):
    """This address has a studio here already. Sign in the way you did first, then link this one in Settings."""

    code = "email_taken"


class IdentityTaken(Conflict):
    """This sign-in belongs to another account here. Sign in with it there, or use another one."""

    code = "identity_taken"


class AnotherPerson(StudioError):
    """That was another sign-in than this account's. Use one that is linked to it."""

    code = "another_person"
    status = 403


@dataclass(frozen=True)
class Arrival:
    """Somebody who proved an address: at a provider (issuer and subject), or by a one-time link (neither)."""

    email: str
    name: str = ""
    issuer: str | None = None
    subject: str | None = None
    picture: str = ""


@dataclass(frozen=True)
class Entered:
    """Where the browser goes now, and the cookie's token there."""

    token: str
    path: str


async def arrive(session: AsyncSession, *, arrival: Arrival, old_token: str, path: str = "/") -> Entered:
    """Sign in whoever has an account and has answered before; ask everybody else first.

    Raises:
        EmailTaken: a provider names an address whose account knows it not.
        SignupClosed: new here, and not let in.
    """
    account_id = await _account_of(session, arrival)
    if account_id is None and arrival.issuer is not None:
        await _check_signup(session, arrival)
    if account_id is not None and await _has_agreed(session, account_id):
        return await _enter(session, account_id, arrival, old_token, path)
    await leave_behind(session, token=old_token)
    token = await sessions.keep_anonymous(
        session, old_token=old_token, state={"join": asdict(arrival), "next": path, "intent": "join"}
    )
    await consent.carry(session, old_token=old_token, token=token)
    return Entered(token=token, path=JOIN)


async def waiting(session: AsyncSession, *, token: str) -> Arrival | None:
    """Who is asked behind this cookie, or None."""
    state = await sessions.peek_attempt(session, token=token)
    return _arrival(state) if state else None


async def accept(
    session: AsyncSession, *, token: str, adult: bool, terms: bool, marketing: bool, shown: str | None = None
) -> Entered:
    """The answer: makes the account if it is new, keeps what was agreed to, and signs in.

    `shown` names the versions on the page that was answered (`stamp`): nobody agrees to a text they were not shown.

    Raises:
        ValidationError: not both were ticked, or a text was published meanwhile; the question stays open.
        AttemptGone: nobody is asked behind this cookie.
    """
    if not (adult and terms):
        raise ValidationError("Tick both to continue.")
    if shown is not None and shown != stamp(await policies.shown_at_joining(session)):
        raise ValidationError("A new version was published a moment ago. Read it, then continue.")
    taken = await sessions.take_attempt(session, token=token, intent="join")
    if taken is None:
        raise AttemptGone
    arrival = _arrival(taken.state)
    assert arrival is not None, "the intent says so"
    account_id = await _account_of(session, arrival)
    if account_id is None:
        account_id = await _create(session, arrival)
    await _agree(session, account_id, marketing=marketing)
    return await _enter(session, account_id, arrival, token, str(taken.state["next"]))


def stamp(shown: Mapping[str, Sequence[policies.Version]]) -> str:
    """The versions of a page of questions, in one word for its form."""
    return ",".join(f"{kind}-{each.number}" for kind, versions in shown.items() for each in versions)


async def leave(session: AsyncSession, *, token: str) -> bool:
    """The other answer: nothing stays but what was answered about cookies. Returns whether there is such an answer."""
    await sessions.forget_anonymous(session, token=token)
    return await consent.seconds_left(session, token=token) > 0


async def link(session: AsyncSession, *, account_id: UUID, arrival: Arrival) -> None:
    """Add a provider to an account that is signed in and has just re-authenticated. Raises IdentityTaken."""
    assert arrival.issuer is not None, "only a provider is linked"
    owner = await _owner(session, arrival)
    if owner is None:
        owner = await _tie(session, account_id, arrival)
        if owner is not None:
            await mail_events.on_provider_linked(
                session, account_id=account_id, provider=linked.provider_name(arrival.issuer)
            )
            await pictures.name(session, account_id=account_id, url=arrival.picture)
        else:
            owner = await _owner(session, arrival)
    if owner != account_id:
        raise IdentityTaken
    await _note_proof(session, account_id, arrival)


async def confirm(session: AsyncSession, *, session_id: UUID, account_id: UUID, arrival: Arrival) -> str:
    """Re-authentication: the same account's identity came back. Returns the cookie's new token.

    Raises:
        AnotherPerson: somebody else's did.
    """
    if await _owner(session, arrival) != account_id:
        raise AnotherPerson
    await _note_proof(session, account_id, arrival)
    return await sessions.confirm(session, session_id=session_id)


async def issuers(session: AsyncSession, *, account_id: UUID) -> frozenset[str]:
    """The providers that know this account."""
    found = await session.scalars(
        text("SELECT issuer FROM identities WHERE account_id = :account"), {"account": account_id}
    )
    return frozenset(found)


async def come_back_to(session: AsyncSession, *, session_id: UUID, path: str) -> None:
    """Where a one-time link that confirms this session leads, instead of the studio."""
    await sessions.keep_attempt(session, session_id=session_id, state={"intent": CONFIRMING, "next": path})


def _arrival(state: Mapping[str, Any]) -> Arrival | None:
    return Arrival(**state["join"]) if "join" in state else None


async def _account_of(session: AsyncSession, arrival: Arrival) -> UUID | None:
    """The account behind an arrival. An address alone opens an account only to who holds a link sent to it."""
    by_address = await accounts.find(session, email=arrival.email)
    if arrival.issuer is None:
        return by_address
    owner = await _owner(session, arrival)
    if owner is None and by_address is not None:
        raise EmailTaken
    return owner


async def _owner(session: AsyncSession, arrival: Arrival) -> UUID | None:
    return await session.scalar(
        text("SELECT account_id FROM identities WHERE issuer = :issuer AND subject = :subject"),
        {"issuer": arrival.issuer, "subject": arrival.subject},
    )


async def _tie(session: AsyncSession, account_id: UUID, arrival: Arrival) -> UUID | None:
    return await session.scalar(
        text(
            "INSERT INTO identities (id, account_id, issuer, subject) VALUES (:id, :account, :issuer, :subject) "
            "ON CONFLICT (issuer, subject) DO NOTHING RETURNING account_id"
        ),
        {"id": uuid4(), "account": account_id, "issuer": arrival.issuer, "subject": arrival.subject},
    )


async def _create(session: AsyncSession, arrival: Arrival) -> UUID:
    if arrival.issuer is None:
        return await accounts.ensure(session, email=arrival.email)
    await _check_signup(session, arrival)
    made = await accounts.create(session, email=arrival.email, name=arrival.name)
    if made is None or await _tie(session, made, arrival) is None:
        raise EmailTaken
    await pictures.name(session, account_id=made, url=arrival.picture)
    return made


async def _check_signup(session: AsyncSession, arrival: Arrival) -> None:
    """An identity that the settings name as an operator's is always let in."""
    if not operators.listed(issuer=arrival.issuer, subject=arrival.subject):
        await accounts.check_signup(session, email=arrival.email)


async def _note_proof(session: AsyncSession, account_id: UUID, arrival: Arrival) -> None:
    await operators.note_proof(
        session, account_id=account_id, email=arrival.email, issuer=arrival.issuer, subject=arrival.subject
    )


async def _has_agreed(session: AsyncSession, account_id: UUID) -> bool:
    return bool(
        await session.scalar(
            text(
                "SELECT attested_at IS NOT NULL AND EXISTS (SELECT 1 FROM agreements WHERE account_id = :id "
                "AND kind = 'privacy') AND EXISTS (SELECT 1 FROM agreements WHERE account_id = :id AND kind = 'terms') "
                "FROM accounts WHERE id = :id"
            ),
            {"id": account_id},
        )
    )


async def _agree(session: AsyncSession, account_id: UUID, *, marketing: bool) -> None:
    await session.execute(
        text("UPDATE accounts SET attested_at = coalesce(attested_at, studio_now()) WHERE id = :id"),
        {"id": account_id},
    )
    shown = await policies.shown_at_joining(session)
    for kind, versions in shown.items():
        for each in versions:
            await policy_notices.agree(session, account_id=account_id, kind=kind, version=str(each.number))
    await policy_notices.joined(session, account_id=account_id)
    if marketing:
        await mail.opt_in(session, account_id=account_id, text_version=policies.NEWS_WORDING)


async def _enter(session: AsyncSession, account_id: UUID, arrival: Arrival, old_token: str, path: str) -> Entered:
    """A new session in place of whatever was behind the old cookie; the same one when its own person holds a link."""
    before = await sessions.identify(session, token=old_token)
    if arrival.issuer is None and before is not None and before.account_id == account_id:
        kept = await sessions.take_attempt(session, token=old_token, intent=CONFIRMING)
        token = await sessions.confirm(session, session_id=before.session_id)
        return Entered(token=token, path=str(kept.state["next"]) if kept else path)
    await _note_proof(session, account_id, arrival)
    # Who holds a link has proved who they are this minute; a provider may have remembered somebody for weeks.
    token = await sessions.start(session, account_id=account_id, fresh=arrival.issuer is None)
    await consent.carry(session, old_token=old_token, token=token)
    await leave_behind(session, token=old_token)
    await mail_events.on_signed_in(session, account_id=account_id)
    return Entered(token=token, path=path)


async def leave_behind(session: AsyncSession, *, token: str) -> None:
    """End the session behind a cookie, whoever's it was."""
    before = await sessions.identify(session, token=token)
    if before is not None:
        await sessions.revoke(session, account_id=before.account_id, session_id=before.session_id)
    await sessions.forget_anonymous(session, token=token)
