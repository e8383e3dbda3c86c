"""Recordings: both sides of a call, written while the call goes on.

The media thread hands over half a second at a time; one writer thread for all calls writes it at once. A phone of the
hotline seals every piece (`hotline.sealed_file`), so that the file never lies in clear; the test client writes plain WAV,
whose header is made true with each piece. Either way a crash costs less than a second.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from pathlib import Path
from typing import Protocol

from hotline import logs
from hotline.sealed_file import SealedWriter
from hotline.security import Vault
from telephony.media.codec import interleave
from telephony.media.inbox import LoopInbox
from ticketing.conversation.recordings import BYTES_PER_SECOND, PIECE_BYTES, wav_header

_log = logs.get(__name__)

_MAX_BACKLOG_BYTES = 30 * BYTES_PER_SECOND
"""What may wait for a slow disk, for each call; beyond it sound is dropped rather than memory filled."""


class SoundFile(Protocol):
    """Where the sound of one call goes. Used by the writer thread only."""

    def append(self, piece: bytes) -> None:
        """Half a second. Raises OSError."""
        ...

    def finish(self, rest: bytes) -> None:
        """What is left, less than half a second. Raises OSError."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class WavFile:
    """A plain WAV file, valid at every moment."""

    def __init__(self, path: Path) -> None:
        """Creates the file, readable by this user only; raises `OSError`, `FileExistsError` when it is already there."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._written = 0
        os.write(self._descriptor, wav_header(0))

    def append(self, piece: bytes) -> None:
        """Append and make the header true."""
        offset = len(wav_header(0)) + self._written
        view = memoryview(piece)
        while view:
            count = os.pwrite(self._descriptor, view, offset)
            offset += count
            view = view[count:]
        self._written += len(piece)
        os.pwrite(self._descriptor, wav_header(self._written), 0)

    def finish(self, rest: bytes) -> None:
        """Append the rest."""
        self.append(rest)

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class Recording:
    """One recording. `add` is the media thread's, `write` and `shut` are the writer's; the lock keeps `close` out of an `add`."""

    def __init__(self, file: SoundFile, writer: RecordingWriter, finished: asyncio.Future[float]) -> None:
        """`finished` is told the length at the end."""
        self._file = file
        self._writer = writer
        self._finished = finished
        self._pending = bytearray()
        self._written = 0
        self._failed = False
        self._lock = threading.Lock()
        self.backlog = 0
        self.closed = False

    @property
    def seconds(self) -> float:
        """How much is in the file."""
        return self._written / BYTES_PER_SECOND

    async def length(self) -> float:
        """Seconds in the file, once it is closed."""
        return await asyncio.shield(self._finished)

    def add(self, caller: bytes, us: bytes) -> None:
        """20 ms of both sides (media thread)."""
        frame = interleave(caller, us)
        with self._lock:
            if self.closed:
                return
            self._pending += frame
            if len(self._pending) >= PIECE_BYTES:
                if self.backlog < _MAX_BACKLOG_BYTES:
                    self.backlog += PIECE_BYTES
                    self._writer.put(self, bytes(self._pending[:PIECE_BYTES]), last=False)
                del self._pending[:PIECE_BYTES]

    def close(self) -> None:
        """No more will come. Twice is harmless."""
        with self._lock:
            if not self.closed:
                self.closed = True
                self.backlog += len(self._pending)
                self._writer.put(self, bytes(self._pending), last=True)
                self._pending.clear()

    def write(self, piece: bytes, *, last: bool) -> None:
        """Append it (writer thread). A full disk ends the recording, not the call."""
        self.backlog -= len(piece)
        if self._failed:
            return
        try:
            if last:
                self._file.finish(piece)
            else:
                self._file.append(piece)
            self._written += len(piece)
        except OSError as error:
            self._failed = True
            _log.error("telephony.recording.write_failed", error=error.strerror, seconds=round(self.seconds, 1))

    def shut(self, inbox: LoopInbox) -> None:
        """Close the file and tell whoever waits (writer thread)."""
        self._file.close()
        inbox.post(self._tell)

    def _tell(self) -> None:
        if not self._finished.done():
            self._finished.set_result(self.seconds)


class RecordingWriter:
    """The thread that writes every recording of a phone. A slow disk delays it, never the media clock."""

    def __init__(self, inbox: LoopInbox, vault: Vault | None = None) -> None:
        """`inbox`: where the end of a recording is reported. `vault` seals the recordings; None: plain WAV files."""
        self._inbox = inbox
        self._vault = vault
        self._queue: queue.SimpleQueue[tuple[Recording, bytes, bool] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recording-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def open(self, path: Path, loop: asyncio.AbstractEventLoop) -> Recording:
        """A new recording; raises `OSError`, `FileExistsError` when there is one."""
        file = SealedWriter(path, self._vault, PIECE_BYTES) if self._vault else WavFile(path)
        return Recording(file, self, loop.create_future())

    def put(self, recording: Recording, piece: bytes, *, last: bool) -> None:
        """Queue a piece; the last one closes the file."""
        self._queue.put((recording, piece, last))

    def stop(self) -> None:
        """Write what is queued and end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            recording, piece, last = item
            recording.write(piece, last=last)
            if last:
                recording.shut(self._inbox)
