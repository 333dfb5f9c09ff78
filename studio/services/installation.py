"""What is true of this installation now, in the words that the public texts use. These names are part of the texts:
one may be added, none may be taken away, or an older version could no longer be shown.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from studio.config import Settings
from studio.models.base import LEDGER, Held
from studio.models.operations import LOGGED
from studio.services import consent, cookies, erasure, mail_outbox, processors, sessions
from studio.services.accounts import INVITATION_DAYS
from studio.services.exports import archives
from studio.services.ledger import dollars

GIVE_UP_HOURS = 24
ARCHIVE_DAYS, DELETION_HOURS, PURGE_DAYS = archives.DAYS, erasure.HOURS, erasure.OVERDUE_DAYS


def _days(kind: dict[str, Any]) -> int:
    held: Held = kind["info"]["held"]
    assert held.days is not None, "these are kept for a fixed time"
    return held.days


LEDGER_YEARS = _days(LEDGER) // 365


def _line(value: str) -> str:
    """A setting as part of a line: no line break, and nothing that a table would take for its own."""
    return " ".join(value.replace("|", "/").split())


def _backups(ours: Settings) -> str:
    """How often backups are made and how long they are kept; empty where none are."""
    if ours.backup is None:
        return ""
    often = "hour" if ours.backup_hours == 1 else f"{ours.backup_hours} hours"
    days = "1 day" if ours.backup_days == 1 else f"{ours.backup_days} days"
    return (
        f"A backup of database and files is made every {often}, encrypted before it leaves the machine, and removed "
        f"after {days}. A restore erases again whoever was erased after the backup, before it opens."
    )


def facts(ours: Settings) -> dict[str, Any]:
    """Everything a text may mention."""
    https = ours.secure
    return {
        "operator": _line(ours.operator_name),
        "privacy_contact": ours.privacy_contact,
        "legal_contact": ours.legal_contact,
        "region": _line(ours.region),
        "address": ours.public_url,
        "simulated": ours.simulated,
        "https": https,
        "mail_server": ours.smtp_url is not None,
        "sign_in": [_line(each.name) for each in ours.oidc],
        "session_idle_days": ours.session_idle_days,
        "session_days": ours.session_absolute_days,
        "fresh_minutes": sessions.FRESH_MINUTES,
        "default_cap": dollars(ours.default_cap_micros),
        "most_cap": dollars(ours.max_cap_micros),
        "log_days": _days(LOGGED),
        "ledger_years": LEDGER_YEARS,
        "mail_address_days": mail_outbox.EMPTY_DAYS,
        "mail_row_days": mail_outbox.DELETE_DAYS,
        "invitation_days": INVITATION_DAYS,
        "archive_days": ARCHIVE_DAYS,
        "deletion_hours": DELETION_HOURS,
        "purge_days": PURGE_DAYS,
        "unknown_hours": GIVE_UP_HOURS,
        "backups": _backups(ours),
        "cookies": [
            {"name": each.name, "category": each.category, "purpose": _line(each.purpose), "life": _line(each.life)}
            for each in cookies.cookies(ours)
        ],
        "storage": [vars(each) for each in cookies.STORAGE],
        "consent_months": consent.MONTHS,
        "processors": [
            {name: _line(value) if isinstance(value, str) else value for name, value in vars(each).items()}
            for each in processors.listed(ours)
        ],
    }


def reviewed(ours: Settings, *, updated: date) -> bool:
    """Whether counsel saw a text of that date: a review that has a date says nothing of what was written after it."""
    if ours.counsel_reviewed in ("", "1"):
        return ours.counsel_reviewed == "1"
    return updated <= date.fromisoformat(ours.counsel_reviewed)
