"""What a mail says: one template a mail, rendered as text and as HTML from the facts in its row.

The HTML is escaped by Jinja2; a header can only ever hold one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from studio.config import settings
from studio.services.ledger import dollars
from studio.services.mail import TEMPLATES, Category, Kind, unsubscribe_path
from studio.services.mail_outbox import Mail

FOLDER = Path(__file__).parent / "mail_templates"
LONGEST_SUBJECT = 150
REASONS: Mapping[Category, str] = {
    "account": "You get this because it concerns your Studio account.",
    "billing": "You get this because it concerns what you spend in Studio.",
    "security": "You get this because it concerns the safety of your Studio account.",
    "marketing": "You get this because you asked for product news.",
}


@dataclass(frozen=True)
class Letter:
    """A mail as its reader sees it."""

    subject: str
    text: str
    html: str
    unsubscribe: str | None


class _Policy(EmailPolicy):
    """Leaves List-Unsubscribe in one piece: folded as text, its long address would turn into an encoded word."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() == "list-unsubscribe":
            return f"{name}: {value}{self.linesep}"
        return super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() == "list-unsubscribe":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


POLICY = _Policy(linesep=SMTP.linesep, max_line_length=SMTP.max_line_length)


@cache
def _environment(kind: Literal["html", "text"]) -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=kind == "html",  # noqa: S701  # plain text has nothing to escape
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def _shown(kind: Kind, value: Any) -> Any:
    """A fact in the words of a mail."""
    if kind == "micros":
        return dollars(value)
    if kind == "path":
        return f"{settings().public_url}{value}"
    if kind == "date":
        return _day(date.fromisoformat(value))
    if kind == "instant":
        at = datetime.fromisoformat(value).astimezone(UTC)
        return f"{_day(at)}, {at:%H:%M} UTC"
    return value


def one_line(text: str) -> str:
    """Text for a header: printable, on one line, and not endless."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1].rstrip()}…"


def letter(*, template: str, data: Mapping[str, Any], account_id: UUID | None) -> Letter:
    """Render a mail. Raises jinja2.TemplateError or KeyError when its facts are not those of its template."""
    known = TEMPLATES[template]
    ours = settings()
    facts = {name: _shown(kind, data[name]) for name, kind in known.fields.items()}
    marketing = known.category == "marketing" and account_id is not None
    unsubscribe = f"{ours.public_url}{unsubscribe_path(account_id)}" if marketing and account_id else None
    frame = {
        "home": ours.public_url,
        "operator": ours.operator_name,
        "contact": ours.privacy_contact,
        "reason": REASONS[known.category],
        "unsubscribe": unsubscribe,
    }
    subject = one_line(_environment("text").from_string(known.subject).render(facts))
    bodies: dict[str, str] = {}
    for kind, layout in (("text", "layout.txt"), ("html", "layout.html")):
        env = _environment("html" if kind == "html" else "text")
        inner = env.get_template(f"{template}.jinja").render({**facts, **frame, "parts": f"{kind}.jinja"})
        content = Markup(inner) if kind == "html" else _tight(inner)  # noqa: S704  # rendered with escaping just now
        bodies[kind] = env.get_template(layout).render({**frame, "subject": subject, "content": content})
    return Letter(subject=subject, text=bodies["text"], html=bodies["html"], unsubscribe=unsubscribe)


def _tight(text: str) -> str:
    """Plain text with at most one empty line between two paragraphs."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines)


def wire_address(address: str) -> str:
    """The address for SMTP: its domain in ASCII. A local part beyond ASCII stays, and needs a server with SMTPUTF8.

    Raises UnicodeError when the domain is none.
    """
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"


def message(mail: Mail) -> EmailMessage:
    """The whole message of a row; the same every time, its Message-ID included."""
    ours = settings()
    said = letter(template=mail.template, data=mail.data, account_id=mail.account_id)
    made = EmailMessage(policy=POLICY)
    made["From"] = Address(display_name=one_line(ours.operator_name), addr_spec=ours.smtp_from)
    made["To"] = wire_address(mail.recipient)  # checked when it was written: one address and nothing else
    made["Subject"] = said.subject
    made["Date"] = format_datetime(mail.created_at.astimezone(UTC))
    made["Message-ID"] = mail.message_id
    made["Auto-Submitted"] = "auto-generated"
    if said.unsubscribe is not None:
        made["List-Unsubscribe"] = f"<{said.unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made.set_content(said.text, cte="quoted-printable")
    made.add_alternative(said.html, subtype="html", cte="quoted-printable")
    return made
