"""What every service function needs besides the session: the clock, the keys, the line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hotline.clock import Clock
from hotline.security import Vault
from ticketing.attachment.store import DiskStore, FileStore


@dataclass(frozen=True)
class Core:
    """Context of the core. Built once per process by `hotline.assembly`, handed down, never global."""

    clock: Clock
    vault: Vault
    secret: str
    """Key for query-code hashes."""
    line: str
    """The hotline's number, first part of ticket numbers."""
    data_dir: Path
    """Root of attachments and recordings."""
    literal_days: bool = False
    """Working days of new limits are counted as days of the calendar (setting `HOTLINE_LITERAL_DAYS`)."""
    staff_quiet_hours: str = "21:00-08:00"
    """When notices to the staff wait (setting `HOTLINE_STAFF_QUIET_HOURS`); empty: never."""
    file_store: FileStore | None = None
    """Where attachments lie when not in the data folder (an S3-compatible store)."""

    @property
    def files(self) -> FileStore:
        """Where attachments lie."""
        return self.file_store or DiskStore(self.data_dir)
