"""Recordings of calls as files: sealed at rest, seen by readers as stereo WAV (left: the caller, right: the service)."""

from __future__ import annotations

import struct
import wave
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.events import record
from hotline.i18n import _
from hotline.sealed_file import SealedFile, is_sealed
from hotline.security import InvalidToken, Vault
from ticketing.context import Core
from ticketing.people.actor import Actor

RATE_HZ: Final = 8000
CHANNELS: Final = 2
SUFFIX: Final = ".rec"
BYTES_PER_SECOND: Final = RATE_HZ * 2 * CHANNELS
PIECE_BYTES: Final = BYTES_PER_SECOND // 2
"""Half a second: what a crash can take away, beside the half second that is being collected."""
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes in front of so much 8 kHz stereo PCM16."""
    return _HEADER.pack(
        b"RIFF", _HEADER.size - 8 + data_bytes, b"WAVE", b"fmt ", 16, 1, CHANNELS, RATE_HZ, BYTES_PER_SECOND, 2 * CHANNELS, 16,
        b"data", data_bytes,
    )  # fmt: skip


class Recorded(Protocol):
    """A recording as a WAV file that can be read from any place."""

    length: int
    """Bytes of the WAV file, header included."""
    complete: bool
    """False: the process died while it recorded; up to a second is missing at the end."""

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` bytes from `start`. Raises OSError, `InvalidToken` for a file that was tampered with."""
        ...


class _Sealed:
    def __init__(self, path: Path, vault: Vault) -> None:
        self._file = SealedFile(path, vault)
        sound = self._file.length // (2 * CHANNELS) * (2 * CHANNELS)
        self._header = wav_header(sound)
        self.length = len(self._header) + sound
        self.complete = self._file.complete

    def read(self, start: int, count: int) -> bytes:
        stop = min(start + count, self.length)
        head = self._header[start:stop]
        size = len(self._header)
        return head + self._file.read(max(0, start - size), max(0, stop - max(start, size)))


class _Plain:
    complete = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.length = path.stat().st_size

    def read(self, start: int, count: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(count)


def open_recording(data_dir: Path, relative: str, vault: Vault) -> Recorded:
    """The recording of `Call.recording_path`; a plain WAV file (brought from elsewhere) is read as well.

    Raises NotFound when the file is gone or lies outside the data folder, or its key is not in the ring.
    """
    root = data_dir.resolve()
    path = (root / relative).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise NotFound(_("文件已不在服务器上，请联系管理员"))
    try:
        return _Sealed(path, vault) if is_sealed(path) else _Plain(path)
    except InvalidToken:
        raise NotFound(_("录音的密钥不在密钥环里，请联系管理员")) from None


def seconds_of(recorded: Recorded) -> float | None:
    """Length in seconds, None when it is no WAV file."""
    try:
        with wave.open(BytesIO(recorded.read(0, _HEADER.size + 1024)), "rb") as file:
            bytes_per_second = file.getframerate() * file.getnchannels() * file.getsampwidth()
    except (wave.Error, EOFError):
        return None
    return round(max(0, recorded.length - _HEADER.size) / bytes_per_second, 2)


async def note_listening(core: Core, session: AsyncSession, actor: Actor, call_id: UUID, **why: object) -> None:
    """Somebody plays the recording: kept in the event log of the call (谁听过), with why when there is more to say."""
    await record(session, at=core.clock.now(), name="view.recording", subject="call", subject_id=call_id, who=actor.who, data=why)
