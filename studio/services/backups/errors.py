"""What can go wrong with a backup. Each says what whoever runs the machine can do."""

from __future__ import annotations

from studio.errors import StudioError


class BackupError(StudioError):
    """The backup could not be made or read."""

    code = "backup"
    status = 500


class NotConfigured(BackupError):
    """No place for backups is set: STUDIO_BACKUP_URL names a folder or a bucket."""

    code = "backup_not_configured"


class AlreadyRunning(BackupError):
    """Another backup, removal or check of backups is running. Try again when it is done."""

    code = "backup_running"


class NoSnapshot(BackupError):
    """There is no such backup in this place. `studio backup list` shows what is there."""

    code = "backup_missing"


class WrongKey(BackupError):
    """This backup cannot be opened with this key. STUDIO_BACKUP_IDENTITY_FILE names the file with the private key."""

    code = "backup_key"


class Damaged(BackupError):
    """This backup was changed or cut off: what was read is not what was written."""

    code = "backup_damaged"


class ToolMissing(BackupError):
    """The database's own backup tool is not here. Install the client programs of this Postgres, or newer ones."""

    code = "backup_tool"


class ToolFailed(BackupError):
    """The database's own backup tool stopped."""

    code = "backup_tool_failed"


class WallIncomplete(BackupError):
    """A table hides rows from the backup, so it would not be whole. `studio doctor` names it."""

    code = "backup_policies"


class NotEmpty(BackupError):
    """A restore goes into an empty place only, and something is there already. Nothing was changed."""

    code = "restore_not_empty"


class WrongJournal(BackupError):
    """The erasure journal here is not the one of this backup, so erased people would come back. Nothing was changed.

    STUDIO_JOURNAL_URL names the right one; --journal-lost restores without it.
    """

    code = "restore_journal"


class NewerRelease(BackupError):
    """This backup was made by a later release of Studio. Restore it with that one."""

    code = "restore_release"
