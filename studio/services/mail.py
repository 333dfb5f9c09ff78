"""The outbox: a mail is one row, written in the transaction of its cause, with one Message-ID for good.

`enqueue` is what the rest of the product calls. A worker sends the rows (`mail_outbox`, `jobs/mailing.py`); what a
mail says is rendered at that moment (`mail_render`), so a row holds only the few facts its template names.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from studio.config import settings
from studio.errors import NotFound, StudioError, ValidationError

Category = Literal["account", "billing", "security", "marketing"]
# What a field of a mail may be. A path is one of ours ("/settings/privacy"), never an address elsewhere.
Kind = Literal["text", "path", "email", "micros", "count", "instant", "date"]
LONGEST_TEXT = 2_000
_PART = r"[^\s@,;:<>()\[\]\\\".]+"
_ADDRESS = re.compile(rf"{_PART}(?:\.{_PART})*@{_PART}(?:\.{_PART})*")


class NotOptedIn(StudioError):
    """Product news go only to people who asked for them, and this account did not."""

    code = "not_opted_in"
    status = 409


class UnknownMail(StudioError):
    """There is no mail like this: its template or the facts for it are not what they should be."""

    code = "unknown_mail"
    status = 500


@dataclass(frozen=True)
class Template:
    """A kind of mail. `subject` may use its fields; `waits` lets what somebody is waiting for go first."""

    category: Category
    subject: str
    fields: Mapping[str, Kind]
    waits: bool = False


TEMPLATES: Mapping[str, Template] = {
    "welcome": Template("account", "Welcome to Studio", {}),
    "signin": Template("security", "New sign-in to Studio", {"at": "instant"}),
    "sessions_revoked": Template("security", "You were signed out everywhere", {"at": "instant"}),
    "provider_linked": Template("security", "{{ provider }} was linked", {"provider": "text", "at": "instant"}),
    "provider_unlinked": Template("security", "{{ provider }} was unlinked", {"provider": "text", "at": "instant"}),
    "restricted": Template("account", "Your account is restricted", {"request": "text"}),
    "unrestricted": Template("account", "Your account is no longer restricted", {}),
    "email_confirm": Template("security", "Confirm your new email address", {"link": "path"}),
    "email_asked": Template("security", "Your email address is to be changed", {"new_email": "email", "link": "path"}),
    "email_changed": Template(
        "security", "Your email address was changed", {"new_email": "email", "link": "path", "until": "date"}
    ),
    "email_undone": Template("security", "Your address is no longer used for Studio", {}),
    "cap_reached": Template(
        "billing",
        "{{ percent }} % of your monthly cap is used",
        {"percent": "count", "used": "micros", "cap": "micros", "resets": "date"},
    ),
    "receipt": Template(
        "billing",
        "Your receipt for {{ month }}",
        {"month": "text", "charged": "micros", "images": "count", "videos": "count"},
        waits=True,
    ),
    "export_ready": Template("account", "Your archive is ready", {"link": "path", "until": "date", "missing": "count"}),
    "deletion_started": Template("account", "Your account will be deleted", {"due": "instant"}),
    "deletion_cancelled": Template("account", "Your account stays", {}),
    "deletion_done": Template(
        "account", "Your account was deleted", {"receipt": "text", "removed": "text", "signature": "text"}
    ),
    "policy_change": Template(
        "account",
        "{{ document }} changes on {{ effective }}",
        {"document": "text", "summary": "text", "effective": "date", "link": "path"},
        waits=True,
    ),
    "operator_alarm": Template("security", "{{ title }}", {"title": "text", "what": "text", "link": "path"}),
    "news": Template("marketing", "{{ title }}", {"title": "text", "body": "text", "link": "path"}, waits=True),
}


def clean_recipient(address: str) -> str:
    """The address as it is kept: exactly one, without a name, a comma or a line break. Raises ValidationError."""
    address = address.strip(" ")
    if len(address) > 254 or not address.isprintable() or not _ADDRESS.fullmatch(address):
        raise ValidationError("This is not an e-mail address.")
    return address


def _fits(kind: Kind, value: Any) -> bool:
    if kind in ("micros", "count"):
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return False
    if kind == "path":
        return re.fullmatch(r"/(?!/)[\w\-./~%?=&#]*", value, re.ASCII) is not None
    if kind == "text":
        return bool(value.strip()) and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", value)
    try:
        if kind == "date":
            date.fromisoformat(value)
        elif kind == "instant":
            return datetime.fromisoformat(value).tzinfo is not None
        else:
            clean_recipient(value)
    except (ValueError, ValidationError):
        return False
    return True


def check_data(template: str, data: Mapping[str, Any]) -> Template:
    """The template of that name, if `data` is exactly what it needs. Raises UnknownMail naming what is wrong."""
    known = TEMPLATES.get(template)
    if known is None:
        raise UnknownMail(f"There is no mail called {template!r}.")
    if set(data) != set(known.fields):
        raise UnknownMail(f"The mail {template!r} needs exactly {sorted(known.fields)}, got {sorted(data)}.")
    wrong = [name for name, kind in known.fields.items() if not _fits(kind, data[name])]
    if wrong:
        raise UnknownMail(f"In the mail {template!r} these are not what they should be: {wrong}.")
    return known


async def enqueue(
    session: AsyncSession,
    *,
    account_id: UUID | None,
    to: str,
    template: str,
    data: Mapping[str, Any],
    category: Category | None = None,
    dedupe_key: str | None = None,
) -> UUID | None:
    """Write one mail in the caller's transaction; it goes out after the commit, and not at all after a rollback.

    `category`, when given, must be the template's own: a caller cannot pass news off as something else. With a
    `dedupe_key` an account gets one such mail; None is returned when it has it already.

    Raises:
        NotOptedIn: it is marketing, and the account has not asked for it.
        UnknownMail: no such template, other fields than its own, or another category.
        ValidationError: `to` is not one plain address.
    """
    known = check_data(template, data)
    if category not in (None, known.category):
        raise UnknownMail(f"The mail {template!r} belongs to {known.category}, not to {category}.")
    recipient = clean_recipient(to)
    if known.category == "marketing" and (account_id is None or not await opted_in(session, account_id=account_id)):
        raise NotOptedIn
    mail_id = uuid4()
    return await session.scalar(
        text(
            "INSERT INTO mails (id, account_id, recipient, template, category, rank, data, dedupe_key, message_id) "
            "VALUES (:id, :account, :recipient, :template, :category, :rank, CAST(:data AS jsonb), :key, :message) "
            "ON CONFLICT DO NOTHING RETURNING id"
        ),
        {
            "id": mail_id,
            "account": account_id,
            "recipient": recipient,
            "template": template,
            "category": known.category,
            "rank": int(known.waits),
            "data": json.dumps(dict(data)),
            "key": dedupe_key,
            "message": f"<{mail_id}@{settings().smtp_from.rpartition('@')[2]}>",
        },
    )


# Product news: asked for, proved, and taken back with one click


async def opt_in(session: AsyncSession, *, account_id: UUID, text_version: str) -> None:
    """Note that somebody asked for product news, and the version of the words they agreed to. Twice is once."""
    await session.execute(
        text(
            "INSERT INTO mail_optins (id, account_id, text_version) VALUES (:id, :account, :version) "
            "ON CONFLICT DO NOTHING"
        ),
        {"id": uuid4(), "account": account_id, "version": text_version},
    )


async def opt_out(session: AsyncSession, *, account_id: UUID) -> bool:
    """Take it back; what waits is not sent either. False: there was nothing to take back."""
    ended = await session.scalar(
        text(
            "UPDATE mail_optins SET withdrawn_at = studio_now() "
            "WHERE account_id = :account AND withdrawn_at IS NULL RETURNING true"
        ),
        {"account": account_id},
    )
    return bool(ended)


async def opted_in(session: AsyncSession, *, account_id: UUID) -> bool:
    """Whether the account asked for product news and has not taken it back."""
    return await standing_opt_in(session, account_id=account_id) is not None


async def standing_opt_in(session: AsyncSession, *, account_id: UUID) -> UUID | None:
    """The row of the opt-in that holds. The journal names it before it is taken back."""
    return await session.scalar(
        text("SELECT id FROM mail_optins WHERE account_id = :account AND withdrawn_at IS NULL"),
        {"account": account_id},
    )


@dataclass(frozen=True)
class NewsAnswer:
    """An opt-in, or the end of one. `wording` is the version of the words it was given to."""

    id: UUID
    on: bool
    at: datetime
    wording: str


async def news_history(session: AsyncSession, *, account_id: UUID) -> Sequence[NewsAnswer]:
    """What an account said to product news, newest first, of its last fifty opt-ins."""
    rows = await session.execute(
        text(
            "SELECT id, given_at, withdrawn_at, text_version FROM mail_optins WHERE account_id = :account "
            "ORDER BY given_at DESC LIMIT 50"
        ),
        {"account": account_id},
    )
    found = []
    for row in rows:
        found.append(NewsAnswer(row.id, True, row.given_at, row.text_version))
        if row.withdrawn_at is not None:
            found.append(NewsAnswer(row.id, False, row.withdrawn_at, row.text_version))
    return sorted(found, key=lambda each: each.at, reverse=True)


def _signature(account_id: UUID) -> bytes:
    return hmac(settings().secret_key.encode(), b"mail unsubscribe " + account_id.bytes, sha256).digest()[:16]


def unsubscribe_path(account_id: UUID) -> str:
    """The path that ends product news for an account, without signing in. It does nothing else, so it never expires."""
    token = urlsafe_b64encode(account_id.bytes + _signature(account_id)).rstrip(b"=")
    return f"/mail/unsubscribe/{token.decode()}"


def account_of_token(token: str) -> UUID:
    """Whose unsubscribe link this is. Raises NotFound when it is not one of ours."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4)) if re.fullmatch(r"[\w-]{43}", token, re.ASCII) else b""
    except ValueError:
        raw = b""
    if len(raw) != 32 or not compare_digest(raw[16:], _signature(UUID(bytes=raw[:16]))):
        raise NotFound
    return UUID(bytes=raw[:16])
