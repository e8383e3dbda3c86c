"""A `Transcriber` for calls: the recognisers live in worker processes, so that neither the media clock nor the event loop waits.

A worker that dies costs nothing that was said: each stream keeps its sound since the last sentence that was complete, and gives it
to the next worker.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.logs import get
from telephony.speech.child import Child, RecogniserFailed, WorkerGone, threads_for
from telephony.speech.engine import ModelError
from telephony.speech.transcriber import Heard, Samples, check_rate
from telephony.speech.worker import AUDIO, FINISH, OPEN

log = get(__name__)
_MOST_KEPT_S: Final = 30
_PIECE_S: Final = 1
"""Sound of one request at most: when the machine is overloaded, many streams still have their turns."""
_DEATHS: Final = 5
_DEATHS_WITHIN_S: Final = 60.0
"""A model that kills its workers faster than this is broken: calls go on without it."""
_ATTEMPTS: Final = 3


class ProcessTranscriber:
    """Implements `Transcriber`."""

    def __init__(self, folder: Path, name: str, *, workers: int = 1, max_sessions: int = 60, words: Sequence[str] = ()) -> None:
        """Starts nothing yet. `max_sessions`: streams at once; `words`: see `engine.load_engine`."""
        self.name = name
        self.limit = max_sessions
        self._folder = folder
        self._words = tuple(words)
        self._workers = workers
        self._children: list[Child] = []
        self._starting = asyncio.Lock()
        self._deaths: deque[float] = deque(maxlen=_DEATHS)
        self._closed = False
        self.sessions = 0
        """Streams that are open now."""
        self.restarts = 0
        """Workers that had to be replaced."""

    async def start(self) -> None:
        """Load the model in every worker. Raises ModelError."""
        while len(self._children) < self._workers:
            self._children.append(await self._new())

    def open(self, rate_hz: int) -> ProcessSession:
        """Start a transcript. Raises Unavailable when as many as allowed are open, ValueError for a senseless rate."""
        check_rate(rate_hz)
        if self.sessions >= self.limit or self._closed:
            raise Unavailable(_("语音识别忙，请稍后再试"))
        self.sessions += 1
        return ProcessSession(self, rate_hz)

    def open_spare(self, rate_hz: int) -> ProcessSession:
        """For what can wait: does not count against the limit, so that it never keeps a caller out. Raises like `open`."""
        check_rate(rate_hz)
        if self._closed:
            raise Unavailable(_("语音识别暂时不可用"))
        return ProcessSession(self, rate_hz, spare=True)

    def busy(self) -> bool:
        """Whether callers need every recogniser."""
        return self.sessions >= self.limit

    async def child(self) -> Child:
        """The worker with the least to do, a new one in place of one that died. Raises Unavailable."""
        async with self._starting:
            for dead in [child for child in self._children if not child.alive]:
                await self._replace(dead)
            if not self._children or self._closed:
                raise Unavailable(_("语音识别暂时不可用"))
            return min(self._children, key=lambda child: child.streams)

    async def _replace(self, dead: Child) -> None:
        loop = asyncio.get_running_loop()
        if len(self._deaths) == _DEATHS and loop.time() - self._deaths[0] < _DEATHS_WITHIN_S:
            raise Unavailable(_("语音识别暂时不可用"))
        self._deaths.append(loop.time())
        self.restarts += 1
        await dead.close()
        try:
            self._children[self._children.index(dead)] = await self._new()
        except ModelError as error:
            raise Unavailable(_("语音识别暂时不可用")) from error

    async def _new(self) -> Child:
        return await Child.start(self._folder, self.name, self._words, threads_for(self._workers))

    def state(self) -> dict[str, int]:
        """Figures for the heartbeat."""
        return {"live": self.sessions, "limit": self.limit, "restarts": self.restarts}

    @property
    def pids(self) -> list[int]:
        """The worker processes."""
        return [child.pid for child in self._children]

    async def close(self) -> None:
        """End the workers."""
        self._closed = True
        async with self._starting:
            for child in self._children:
                await child.close()
            self._children.clear()


class ProcessSession:
    """One stream. See `TranscriptSession`."""

    def __init__(self, transcriber: ProcessTranscriber, rate_hz: int, *, spare: bool = False) -> None:
        """Made by `ProcessTranscriber.open` and `open_spare`."""
        self._spare = spare
        self._transcriber = transcriber
        self._rate = rate_hz
        self._child: Child | None = None
        self._stream = 0
        self._turn = asyncio.Lock()
        self._samples = Samples()
        self._kept = bytearray()
        """Sound since the last sentence that is complete."""
        self._kept_from = 0.0
        self._base = 0.0
        """Seconds of the stream before the recogniser in use."""
        self._seconds = 0.0
        self._over = False
        self._closed = False

    async def accept(self, pcm16: bytes) -> list[Heard]:
        """Have the next audio decoded. Raises ValueError after `finish` or `close`, Unavailable when no worker can do it."""
        async with self._turn:
            self._check()
            audio, step = self._samples.whole(pcm16), _PIECE_S * self._rate * 2
            found = []
            for start in range(0, len(audio), step):
                piece = audio[start : start + step]
                heard = await self._ask(AUDIO, piece)
                self._seconds += len(piece) / 2 / self._rate
                self._keep(piece, heard)
                found += heard
            return found

    async def finish(self) -> list[Heard]:
        """The rest of the transcript. Raises like `accept`."""
        async with self._turn:
            self._check()
            self._over = True
            return await self._ask(FINISH, b"")

    def close(self) -> None:
        """Give the recogniser back. Harmless when it is closed already."""
        if not self._closed:
            self._closed = True
            self._transcriber.sessions -= not self._spare
            self._leave()

    def _check(self) -> None:
        if self._over or self._closed:
            raise ValueError("the transcript is finished")

    async def _ask(self, kind: int, body: bytes) -> list[Heard]:
        """Ask the worker; after its death the next one, which first hears what was not complete."""
        for _attempt in range(_ATTEMPTS):
            try:
                missed = await self._enter() if self._child is None else []
                assert self._child is not None  # noqa: S101 - just entered
                return missed + self._in_time(await self._child.ask(self._stream, kind, body))
            except asyncio.CancelledError:
                self._leave()  # its answer would be taken for that of the next request
                raise
            except WorkerGone:
                self._leave()
            except RecogniserFailed as error:
                log.warning("recogniser_failed", reason=str(error))
                self._leave()
        raise Unavailable(_("语音识别暂时不可用"))

    async def _enter(self) -> list[Heard]:
        """Open the stream on a worker and let it hear what no sentence was made of yet."""
        child = await self._transcriber.child()
        self._child, self._stream = child, child.number()
        child.streams += 1
        self._base = self._kept_from
        await child.ask(self._stream, OPEN, self._rate.to_bytes(4, "big"))
        if not self._kept:
            return []
        heard = self._in_time(await child.ask(self._stream, AUDIO, bytes(self._kept)))
        return [one for one in heard if one.kind == "final"]

    def _leave(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.streams -= 1
            child.drop(self._stream)

    def _in_time(self, heard: list[Heard]) -> list[Heard]:
        if not self._base:
            return heard
        return [replace(one, start_s=round(one.start_s + self._base, 2), end_s=round(one.end_s + self._base, 2)) for one in heard]

    def _keep(self, audio: bytes, heard: list[Heard]) -> None:
        """What follows the last sentence, and no more than half a minute."""
        self._kept += audio
        finals = [one.end_s for one in heard if one.kind == "final"]
        oldest = max(finals[-1] if finals else 0.0, self._seconds - _MOST_KEPT_S)
        surplus = int((oldest - self._kept_from) * self._rate) * 2
        if surplus > 0:
            del self._kept[:surplus]
            self._kept_from += surplus / 2 / self._rate
