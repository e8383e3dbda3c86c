"""The Mandarin voice. `EspeakVoice` runs espeak-ng in a child process with a deadline and restarts it when it dies."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Protocol

from hotline.errors import Unavailable
from hotline.logs import get
from telephony.speech.espeak_worker import HEADER
from telephony.speech.reading import readable, sentences

log = get(__name__)
RATE_HZ = 8000
_PAUSE = bytes(RATE_HZ // 5 * 2)
"""0.2 s between pieces, about what the voice itself makes at a comma."""
_MAX_FRAME = 16 << 20
_START_S = 10.0


class Voice(Protocol):
    """Turns text into sound."""

    name: str
    """Voice and version: a cached prompt of another name is made again."""

    async def say(self, text: str) -> bytes:
        """`text` as 8 kHz mono PCM16, read aloud as a person would. Raises `hotline.errors.Unavailable`."""
        ...

    def pieces(self, text: str) -> AsyncIterator[bytes]:
        """The same sound sentence by sentence, each as soon as it is there: nobody waits for the end of a long answer.

        Raises like `say`, also in the middle.
        """
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...


class EspeakVoice:
    """espeak-ng behind `Voice`: works everywhere, sounds like a machine. One request at a time."""

    def __init__(self, *, timeout_s: float = 8.0, voice: str = "cmn+f1", rate: int = 205, pitch: int = 50) -> None:
        """Starts nothing yet.

        Args:
            timeout_s: the longest that one piece (a sentence or so) may take.
            voice: an espeak-ng voice, optionally with a variant; variants that crash or never repeat are named in docs/speech.md.
            rate: espeak's words per minute; 205 is about four and a half syllables per second.
            pitch: 0 to 100.
        """
        self.name = f"espeak-ng-1.52/{voice}/{rate}/{pitch}"
        self._timeout = timeout_s
        self._voice, self._rate, self._pitch = voice, rate, pitch
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def say(self, text: str) -> bytes:
        """Read `text` aloud (see `telephony.speech.reading`). Empty for a text in which nothing can be said.

        Raises Unavailable when the engine does not answer in time or dies twice on the same piece.
        """
        return b"".join([piece async for piece in self.pieces(text)])

    async def pieces(self, text: str) -> AsyncIterator[bytes]:
        """Sentence by sentence; the pause before a later one belongs to it."""
        pause = b""
        for piece in sentences(readable(text)):
            async with self._turn:
                sound = await self._piece(piece)
            yield pause + sound
            pause = _PAUSE

    async def _piece(self, piece: str) -> bytes:
        for last in (False, True):
            try:
                child = await self._running()
                async with asyncio.timeout(self._timeout):
                    return await self._ask(child, piece)
            except (TimeoutError, OSError, EOFError, asyncio.IncompleteReadError) as error:
                await self._kill()
                log.warning("voice_failed", error=type(error).__name__, length=len(piece), again=not last)
            except asyncio.CancelledError:
                await self._kill()  # its answer would be taken for that of the next request
                raise
        raise Unavailable("语音合成暂时不可用")

    async def _ask(self, child: asyncio.subprocess.Process, piece: str) -> bytes:
        request = {"text": piece, "voice": self._voice, "rate": self._rate, "pitch": self._pitch}
        body = json.dumps(request).encode()
        assert child.stdin is not None  # noqa: S101 - opened with a pipe
        child.stdin.write(HEADER.pack(len(body)) + body)
        await child.stdin.drain()
        head, audio = await _answer(child)
        if not head.get("ok"):
            raise Unavailable(f"语音合成出错：{head.get('error')}")
        return audio

    async def _running(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "telephony.speech.espeak_worker", stdin=pipe, stdout=pipe)
        self._child = child
        async with asyncio.timeout(_START_S):
            head, _audio = await _answer(child)
        log.info("voice_started", version=head.get("version"), pid=child.pid)
        return child

    async def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()

    async def close(self) -> None:
        """End the child process."""
        async with self._turn:
            await self._kill()


async def _answer(child: asyncio.subprocess.Process) -> tuple[dict[str, Any], bytes]:
    head: dict[str, Any] = json.loads(await _frame(child))
    return head, await _frame(child)


async def _frame(child: asyncio.subprocess.Process) -> bytes:
    assert child.stdout is not None  # noqa: S101 - opened with a pipe
    (length,) = HEADER.unpack(await child.stdout.readexactly(HEADER.size))
    if length > _MAX_FRAME:
        raise EOFError(f"the voice sent a frame of {length} bytes")
    return await child.stdout.readexactly(length)
