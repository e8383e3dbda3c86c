"""Calls that could not be written to the database: one sealed file each, picked up when the database is back.

A file is made the moment the database is missed and rewritten with every sentence, so that whatever the caller was
promised survives also the end of this process. It holds personal data and is therefore sealed like everything at rest.
Several telephony processes share the folder: a file says whose it is, and a process that lives is left its own.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from hotline.logs import get
from hotline.security import InvalidToken, Vault

log = get(__name__)
_SUFFIX = ".call"
_WRITER = ".writer"


@dataclass
class Said:
    """One final piece of transcript that is not in the database yet."""

    external_id: str
    text: str
    data: dict[str, Any]


@dataclass
class PendingCall:
    """What must be written later."""

    call_id: UUID
    sip_call_id: str
    caller: str | None
    called: str
    codec: str
    transcriber: str | None
    started_at: datetime
    said: list[Said] = field(default_factory=list)
    owed: str | None = None
    """Reason of the return call that the caller was promised, if one was."""
    ended_at: datetime | None = None
    end_reason: str = "process_died"
    recording_path: str | None = None
    recording_seconds: float | None = None
    writer: str = ""
    """The process that wrote it; set by `PendingCalls.write`."""


class Writer:
    """One process as a writer of waiting calls: a lock on a file, which ends with the process however it ends."""

    def __init__(self, folder: Path) -> None:
        """Under a name that nobody had before. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = uuid4().hex
        self._file = (folder / f"{self.name}{_WRITER}").open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @staticmethod
    @lru_cache(maxsize=8)
    def of(folder: Path) -> Writer:
        """This process's own."""
        return Writer(folder)

    def close(self) -> None:
        """As if the process had ended."""
        self._file.close()


class PendingCalls:
    """The folder of such files."""

    def __init__(self, folder: Path, vault: Vault, writer: Writer | None = None) -> None:
        """`folder` is made when the first file is written. `writer`: this process, when left out."""
        self._folder = folder
        self._vault = vault
        self._writer = writer

    def anothers(self, call: PendingCall) -> bool:
        """Whether another process, which lives, has this call: it writes it itself. Of a dead one the lock's file is removed."""
        if not call.writer or call.writer == (self._writer or Writer.of(self._folder)).name:
            return False
        path = self._folder / f"{call.writer}{_WRITER}"
        try:
            with path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False

    def write(self, call: PendingCall) -> None:
        """Make or replace the file of this call; whole or not at all. Raises OSError.

        Any text is kept: what the database could not store (half characters, NUL) becomes a question mark.
        """
        call.writer = (self._writer or Writer.of(self._folder)).name
        path = self._path(call.call_id)
        part = path.with_suffix(".part")
        text = json.dumps(_storable(asdict(call)), default=str, ensure_ascii=False)
        part.write_bytes(self._vault.seal(text))
        part.replace(path)

    def count(self) -> int:
        """How many files wait, readable or not."""
        return sum(1 for _file in self._folder.glob(f"*{_SUFFIX}")) if self._folder.is_dir() else 0

    def remove(self, call_id: UUID) -> None:
        """It is in the database now. Harmless when it is gone."""
        self._path(call_id).unlink(missing_ok=True)

    def all(self) -> list[PendingCall]:
        """Every call that waits, oldest file first. A file that can't be read is left for a person, and logged."""
        calls = []
        for path in sorted(self._folder.glob(f"*{_SUFFIX}"), key=lambda p: p.stat().st_mtime) if self._folder.is_dir() else ():
            try:
                calls.append(_read(json.loads(self._vault.open(path.read_bytes()))))
            except (OSError, InvalidToken, ValueError, KeyError, TypeError) as error:
                log.warning("pending_call_unreadable", file=path.name, reason=type(error).__name__)
        return calls

    def _path(self, call_id: UUID) -> Path:
        return self._folder / f"{call_id}{_SUFFIX}"


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "?")
    if isinstance(value, dict):
        return {key: _storable(one) for key, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value


def _read(data: dict[str, Any]) -> PendingCall:
    moments = {name: datetime.fromisoformat(data[name]) if data[name] else None for name in ("started_at", "ended_at")}
    said = [Said(**one) for one in data["said"]]
    return PendingCall(**{**data, **moments, "call_id": UUID(data["call_id"]), "said": said})
