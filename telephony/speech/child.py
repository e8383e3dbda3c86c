"""The parent's side of one worker process: starting it, one answer for each request, and noticing that it died or hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hotline.children import die_with_parent
from hotline.logs import get
from telephony.speech.engine import ModelError
from telephony.speech.transcriber import Heard
from telephony.speech.worker import CLOSE, FAILED, HEADER, READY, decode, pack_words

log = get(__name__)
_LOADING_S: Final = 120.0
_ANSWER_S: Final = 20.0
"""A worker that owes answers and has given none to anybody for so long hangs. One that is merely overloaded answers now and then."""
_MAX_ANSWER: Final = 4 << 20


class WorkerGone(Exception):
    """The worker process died, or was ended because it hung. Its streams can be opened anew on another one."""


class RecogniserFailed(Exception):
    """The engine raised an error on this stream; the process itself is well."""


class Child:
    """A worker process that has loaded its model."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Made by `start`."""
        self._process = process
        self._waiting: dict[int, asyncio.Future[list[Heard]]] = {}
        self._reader = asyncio.create_task(self._read(), name="speech-worker-answers")
        self._numbers = 0
        self._heard_from = 0.0
        """When it last answered anybody, by the loop's clock; or when it was asked after it had owed nothing."""
        self.streams = 0
        """Open streams, counted by who opens and closes them."""

    @classmethod
    async def start(cls, folder: Path, name: str, words: Sequence[str], threads: int) -> Child:
        """Start one and wait until the model is loaded. Raises ModelError."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "telephony.speech.worker", str(folder), name, str(threads),
            stdin=pipe, stdout=pipe, preexec_fn=die_with_parent(signal.SIGKILL), limit=1 << 20,
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101 - opened with a pipe
        try:
            async with asyncio.timeout(_LOADING_S):
                process.stdin.write(pack_words(words))
                await process.stdin.drain()
                _stream, kind, body = await _frame(process)
        except (TimeoutError, EOFError, ConnectionError, asyncio.IncompleteReadError) as error:
            await _end(process)
            raise ModelError(f"the speech worker did not start ({type(error).__name__})") from error
        except asyncio.CancelledError:
            await _end(process)
            raise
        if kind != READY:
            await process.wait()
            raise ModelError(body.decode(errors="replace"))
        log.info("speech_worker_started", pid=process.pid, model=name)
        return cls(process)

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.returncode is None and not self._reader.done()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def number(self) -> int:
        """A number for a new stream."""
        self._numbers += 1
        return self._numbers

    async def ask(self, stream: int, kind: int, body: bytes = b"") -> list[Heard]:
        """Send one request and wait for its answer. Raises WorkerGone, RecogniserFailed."""
        if not self.alive:
            raise WorkerGone
        answer: asyncio.Future[list[Heard]] = asyncio.get_running_loop().create_future()
        self._waiting[stream] = answer
        loop = asyncio.get_running_loop()
        self._heard_from = max(self._heard_from, loop.time() if len(self._waiting) == 1 else 0.0)
        try:
            await self._send(stream, kind, body)
            while not answer.done():
                await asyncio.wait([answer], timeout=max(0.0, self._heard_from + _ANSWER_S - loop.time()))
                if not answer.done() and loop.time() - self._heard_from >= _ANSWER_S:
                    log.warning("speech_worker_hangs", pid=self.pid)
                    self._process.kill()
                    raise WorkerGone
            return answer.result()
        finally:
            self._waiting.pop(stream, None)

    def drop(self, stream: int) -> None:
        """The stream is over; nothing is answered."""
        if self.alive and self._process.stdin is not None:
            self._process.stdin.write(HEADER.pack(stream, CLOSE, 0))

    async def _send(self, stream: int, kind: int, body: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened with a pipe
        try:
            self._process.stdin.write(HEADER.pack(stream, kind, len(body)) + body)
            await self._process.stdin.drain()
        except OSError as error:
            raise WorkerGone from error

    async def _read(self) -> None:
        try:
            while True:
                stream, kind, body = await _frame(self._process)
                self._heard_from = asyncio.get_running_loop().time()
                answer = self._waiting.get(stream)
                if answer is None or answer.done():
                    continue  # whoever asked has gone
                if kind == FAILED:
                    answer.set_exception(RecogniserFailed(body.decode(errors="replace")))
                else:
                    answer.set_result(decode(body))
        except (EOFError, asyncio.IncompleteReadError, OSError, ValueError) as error:
            log.warning("speech_worker_ended", pid=self.pid, reason=type(error).__name__)
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(WorkerGone())

    async def close(self) -> None:
        """End the process."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await _end(self._process)


async def _frame(process: asyncio.subprocess.Process) -> tuple[int, int, bytes]:
    assert process.stdout is not None  # noqa: S101 - opened with a pipe
    stream, kind, length = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
    if length > _MAX_ANSWER:
        raise EOFError(f"the worker sent a frame of {length} bytes")
    return stream, kind, await process.stdout.readexactly(length)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def threads_for(workers: int) -> int:
    """Decoding threads of each of so many workers: together one per processor."""
    return max(1, -(-(os.cpu_count() or 1) // workers))
