"""An engine in the threads of this process: for voice messages, the test client and tools. Calls use `telephony.speech.processes`."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hotline.errors import Unavailable
from hotline.i18n import _
from telephony.speech.engine import Engine, Recogniser
from telephony.speech.transcriber import Heard, Samples, check_rate


class InProcessTranscriber:
    """Implements `Transcriber`. Make one per model and process."""

    def __init__(self, engine: Engine, *, max_sessions: int = 60, threads: int | None = None) -> None:
        """`max_sessions`: streams at once; `threads`: decoding threads, default one per processor."""
        self.name = engine.name
        self._engine = engine
        self._max = max_sessions
        self._open = 0
        self._count = threading.Lock()
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="speech")

    @property
    def sessions(self) -> int:
        """Streams that are open now."""
        return self._open

    def open(self, rate_hz: int) -> InProcessSession:
        """Start a transcript. Raises Unavailable when `max_sessions` are open, ValueError for a senseless rate."""
        check_rate(rate_hz)
        with self._count:
            if self._open >= self._max:
                raise Unavailable(_("语音识别忙，请稍后再试"))
            self._open += 1
        try:
            return InProcessSession(self._engine.recogniser(rate_hz), self._pool, self._release)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        with self._count:
            self._open -= 1

    def close(self) -> None:
        """Stop the worker threads after what they are doing."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class InProcessSession:
    """One stream. See `TranscriptSession`."""

    def __init__(self, recogniser: Recogniser, pool: ThreadPoolExecutor, release: Callable[[], None]) -> None:
        """Made by `InProcessTranscriber.open`."""
        self._recogniser: Recogniser | None = recogniser
        self._pool = pool
        self._release = release
        self._turn = asyncio.Lock()
        self._samples = Samples()
        self._finished = False

    async def accept(self, pcm16: bytes) -> list[Heard]:
        """Decode the next audio in a worker thread. Raises ValueError after `finish` or `close`."""
        async with self._turn:
            recogniser = self._usable()
            audio = self._samples.whole(pcm16)
            return await self._run(recogniser.accept, audio) if audio else []

    async def finish(self) -> list[Heard]:
        """The rest of the transcript. Raises ValueError when it was finished or closed before."""
        async with self._turn:
            recogniser = self._usable()
            self._finished = True
            return await self._run(recogniser.finish)

    def close(self) -> None:
        """Free the recogniser; one that is decoding is freed when its thread is through."""
        if self._recogniser is not None:
            self._recogniser = None
            self._release()

    async def _run(self, function: Callable[..., list[Heard]], *arguments: bytes) -> list[Heard]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    def _usable(self) -> Recogniser:
        if self._recogniser is None or self._finished:
            raise ValueError("the transcript is finished")
        return self._recogniser
