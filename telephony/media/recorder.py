"""Recordings: stereo WAV files, written while the call goes on.

The media thread hands over half a second at a time; one writer thread for all calls writes it and puts the new length
into the header at once, so that after a crash the file is a valid WAV that lacks less than a second.
"""

from __future__ import annotations

import asyncio
import os
import queue
import struct
import threading
from pathlib import Path

from hotline import logs
from telephony.leg import RATE_HZ
from telephony.media.codec import interleave
from telephony.media.inbox import LoopInbox

_log = logs.get(__name__)

CHANNELS = 2
_BYTES_PER_SECOND = RATE_HZ * 2 * CHANNELS
_CHUNK_BYTES = _BYTES_PER_SECOND // 2
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MAX_BACKLOG_BYTES = 30 * _BYTES_PER_SECOND
"""What may wait for a slow disk, for each call; beyond it sound is dropped rather than memory filled."""


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes in front of so much 8 kHz stereo PCM16."""
    return _HEADER.pack(
        b"RIFF",
        _HEADER.size - 8 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        CHANNELS,
        RATE_HZ,
        _BYTES_PER_SECOND,
        2 * CHANNELS,
        16,
        b"data",
        data_bytes,
    )


class Recording:
    """One file. `add` is the media thread's, `write` and `shut` are the writer's; the lock keeps `close` out of an `add`."""

    def __init__(self, path: Path, writer: RecordingWriter, finished: asyncio.Future[float]) -> None:
        """Creates the file, readable by this user only; raises `OSError`, `FileExistsError` when it is already there."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(self._descriptor, wav_header(0))
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
        return self._written / _BYTES_PER_SECOND

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
            if len(self._pending) >= _CHUNK_BYTES:
                self._hand_over()

    def close(self) -> None:
        """No more will come. Twice is harmless."""
        with self._lock:
            if not self.closed:
                self.closed = True
                self._hand_over()
                self._writer.put(self, None)

    def _hand_over(self) -> None:
        if self.backlog < _MAX_BACKLOG_BYTES:
            self.backlog += len(self._pending)
            self._writer.put(self, bytes(self._pending))
        self._pending.clear()

    def write(self, chunk: bytes) -> None:
        """Append and make the header true (writer thread). A full disk ends the recording, not the call."""
        self.backlog -= len(chunk)
        if self._failed or not chunk:
            return
        try:
            offset = _HEADER.size + self._written
            view = memoryview(chunk)
            while view:
                count = os.pwrite(self._descriptor, view, offset)
                offset += count
                view = view[count:]
            self._written += len(chunk)
            os.pwrite(self._descriptor, wav_header(self._written), 0)
        except OSError as error:
            self._failed = True
            _log.error("telephony.recording.write_failed", error=error.strerror, seconds=round(self.seconds, 1))

    def shut(self, inbox: LoopInbox) -> None:
        """Close the file and tell whoever waits (writer thread)."""
        os.close(self._descriptor)
        inbox.post(self._tell)

    def _tell(self) -> None:
        if not self._finished.done():
            self._finished.set_result(self.seconds)


class RecordingWriter:
    """The thread that writes every recording of a phone. A slow disk delays it, never the media clock."""

    def __init__(self, inbox: LoopInbox) -> None:
        """`inbox`: where the end of a recording is reported."""
        self._inbox = inbox
        self._queue: queue.SimpleQueue[tuple[Recording, bytes | None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recording-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def open(self, path: Path, loop: asyncio.AbstractEventLoop) -> Recording:
        """A new recording; raises `OSError`."""
        return Recording(path, self, loop.create_future())

    def put(self, recording: Recording, chunk: bytes | None) -> None:
        """Queue a piece; None closes the file."""
        self._queue.put((recording, chunk))

    def stop(self) -> None:
        """Write what is queued and end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            recording, chunk = item
            if chunk is None:
                recording.shut(self._inbox)
            else:
                recording.write(chunk)
