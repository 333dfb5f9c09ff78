"""Backups and the erasure journal: there, recent, and their private key away from the running service."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from studio.config import S3Settings, Settings
from studio.doctor.findings import Finding, failed, ok, warning
from studio.errors import StudioError


async def check(ours: Settings) -> list[Finding]:
    """The place of backups, the newest one in it, the private key, and the journal."""
    return [*await _backups(ours), *_key(ours), await _journal(ours)]


async def _backups(ours: Settings) -> list[Finding]:
    from studio import runtime
    from studio.services.backups import shelf

    part = "backups"
    if ours.backup is None:
        return [warning(part, "none are made.", "Set STUDIO_BACKUP_URL and STUDIO_BACKUP_RECIPIENT.")]
    if ours.backup_recipient is None:
        return [failed(part, "there is a place, and no key to seal them with.", "Set STUDIO_BACKUP_RECIPIENT.")]
    place = runtime.open_place(ours.backup)
    try:
        await place.check()
        there = await shelf.snapshots(place)
    except StudioError as error:
        return [failed(part, f"the place cannot be used. {error.message}", "Correct STUDIO_BACKUP_URL.")]
    finally:
        await place.close()
    kept = f"every {ours.backup_hours} h, kept {ours.backup_days} days"
    if not there:
        return [warning(part, f"{kept}; none is there yet", "Run studio backup, or wait for the worker.")]
    now = datetime.now(UTC)
    hours = (now - there[-1].at).total_seconds() / 3600
    found = f"{kept}; {len(there)} {'is' if len(there) == 1 else 'are'} there, the newest {hours:.0f} h old"
    if hours > 2 * ours.backup_hours:
        return [failed(part, found, "Start studio worker, and look at what studio backup says.")]
    if any(each.expires < now and (now - each.expires).total_seconds() > 86_400 for each in there):
        return [failed(part, f"{found}; expired ones are still there", "Run studio backup prune.")]
    return [ok(part, found)]


def _key(ours: Settings) -> list[Finding]:
    """The running service needs the public key only; whoever takes it over must not be able to read old backups."""
    part = "backup key"
    if ours.backup is None:
        return []
    file = ours.backup_identity_file
    if file is None:
        return [ok(part, "only the public key is here")]
    there = False
    with suppress(OSError):
        there = file.is_file()
    if there:
        mend = "Keep it away from the service; set STUDIO_BACKUP_IDENTITY_FILE only to restore or verify."
        return [warning(part, "the private key is on this machine.", mend)]
    return [warning(part, "STUDIO_BACKUP_IDENTITY_FILE names no file.", "Leave it unset but to restore or verify.")]


async def _journal(ours: Settings) -> Finding:
    from studio import runtime

    part = "erasure journal"
    store = runtime.open_place(ours.journal)
    try:
        await store.check()
    except StudioError as error:
        return failed(part, f"cannot be written. {error.message}", "Correct STUDIO_JOURNAL_URL.")
    finally:
        await store.close()
    if isinstance(ours.journal, S3Settings):
        return ok(part, f"bucket {ours.journal.bucket}")
    inside = Path(ours.journal).is_relative_to(ours.data_dir)
    if ours.s3 is not None and inside:
        return failed(part, "is a folder of this machine alone.", "Let STUDIO_JOURNAL_URL name a bucket.")
    if ours.backup is not None and inside:
        return warning(
            part, "would be lost with the data folder.", "Set STUDIO_JOURNAL_URL to another disk or a bucket."
        )
    return ok(part, "a folder inside the data folder" if inside else "a folder outside of the data folder")
