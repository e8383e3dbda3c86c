"""Listening on a call: audio to the transcriber, and everything that happens in one queue.

The flow waits at one place only, `Ear.next`: for words, keys, silence, the end of our own speech, or the hang-up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hotline.errors import Unavailable
from hotline.logs import get
from telephony.flow.parts import CallerGone
from telephony.leg import FRAME_MS, RATE_HZ, Digit, HungUp, Leg
from telephony.media.codec import loudness
from telephony.speech.transcriber import Heard, TranscriptSession

log = get(__name__)

_CHUNK_BYTES = RATE_HZ // 10 * 2
"""100 ms: what the recogniser is given at least."""
_MOST_BYTES = RATE_HZ * 2 * 120
"""Audio that may wait for a slow recogniser; what is beyond is only in the recording."""
_LOUD = 250
"""Root mean square above which a frame counts as sound (of 32,767; a quiet line has less than 50)."""


@dataclass(frozen=True)
class Key:
    """A key was pressed."""

    digit: str


@dataclass(frozen=True)
class Quiet:
    """What we had to say is over (or was cut off)."""


@dataclass(frozen=True)
class Silence:
    """Nothing came for as long as was asked."""


class Told:
    """Base of what other parts of the flow put into the queue: an agent answered, somebody left a bridge."""


Event = Heard | Key | Quiet | Silence | Told
_VOICE = 500
"""Root mean square from which a frame counts as the caller's voice for interrupting us: above what a line echoes of ourselves."""
_ABOVE_NOISE = 4
"""And so many times the noise of this line."""
_PAUSE_MS = 100
"""So long below it and the voice has stopped: shorter gaps lie between syllables."""
T = TypeVar("T")


class Ear:
    """Everything that reaches us on one call."""

    def __init__(self, leg: Leg, session: TranscriptSession | None) -> None:
        """`session` transcribes; None: only keys, loudness and the hang-up are noticed."""
        self._leg = leg
        self._session = session
        self._events: asyncio.Queue[Event | HungUp] = asyncio.Queue()
        self._audio = bytearray()
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._over: HungUp | None = None
        self.seconds = 0.0
        """Of the caller's audio so far: where we are in the recording."""
        self.loud_seconds = 0.0
        self._loud_at = 0.0
        self.on_voice: Callable[[], None] | None = None
        """Called once when the caller's voice has lasted `voice_ms`: barge-in, without waiting for a word to be understood."""
        self.on_heard: Callable[[Heard], None] | None = None
        """Told of every partial and final result at once, for who shows what is being said."""
        self.voice_ms = 160
        self.voiced_seconds = 0.0
        """Of what is loud enough to be the caller's voice."""
        self._voiced_ms = 0
        self._unvoiced_ms = 0
        self._voice_told = False
        self._noise = 100.0

    def start(self) -> None:
        """From now on nothing is missed."""
        self._leg.listen(self._frame)
        self._tasks.append(asyncio.create_task(self._pump()))
        if self._session is not None:
            decoder = asyncio.create_task(self._decode(self._session))
            decoder.add_done_callback(self._decoded)
            self._tasks.append(decoder)

    @property
    def quiet_for(self) -> float:
        """Seconds of audio since the caller's line was last loud."""
        return self.seconds - self._loud_at

    def put(self, event: Event) -> None:
        """For what our own side has to tell the flow."""
        self._events.put_nowait(event)

    async def next(self, patience_s: float | None) -> Event:
        """The next event; `Silence` after `patience_s` without one (None: wait as long as it takes). Raises CallerGone."""
        try:
            async with asyncio.timeout(patience_s):
                event = await self._events.get()
        except TimeoutError:
            return Silence()
        if isinstance(event, HungUp):
            self._over = event
            raise CallerGone("shutdown" if event.reason == "shutdown" else _REASONS[event.by])
        return event

    async def finish(self) -> list[Heard]:
        """Stop listening; all finals that nobody has taken yet, the very last words among them."""
        self._leg.listen(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        left: list[Heard] = []
        while not self._events.empty():
            event = self._events.get_nowait()
            if isinstance(event, Heard):
                left.append(event)
        if self._session is not None:
            try:
                left += await self._session.accept(self._take())
                left += await self._session.finish()
            except (ValueError, Unavailable) as error:
                log.warning("transcript_incomplete", call=str(self._leg.id), reason=str(error))
            finally:
                self._session.close()
        return [heard for heard in left if heard.kind == "final"]

    def _frame(self, pcm16: bytes) -> None:
        self.seconds += FRAME_MS / 1000
        level = loudness(pcm16)
        if level > _LOUD:
            self._loud_at = self.seconds
            self.loud_seconds += FRAME_MS / 1000
        self._notice_voice(level)
        if self._session is not None and len(self._audio) < _MOST_BYTES:
            self._audio += pcm16
            if len(self._audio) >= _CHUNK_BYTES:
                self._more.set()

    def _notice_voice(self, level: int) -> None:
        if level > max(_VOICE, _ABOVE_NOISE * self._noise):
            self.voiced_seconds += FRAME_MS / 1000
            self._voiced_ms += FRAME_MS
            self._unvoiced_ms = 0
            if self.on_voice is not None and not self._voice_told and self._voiced_ms >= self.voice_ms:
                self._voice_told = True
                self.on_voice()
            return
        self._noise += (level - self._noise) * 0.02  # follows a street in a second, not a syllable
        self._unvoiced_ms += FRAME_MS
        if self._unvoiced_ms >= _PAUSE_MS:
            self._voiced_ms, self._voice_told = 0, False

    def leftovers(self, kind: type[T]) -> list[T]:
        """What of this kind nobody has taken yet; the rest stays in its order."""
        events = [self._events.get_nowait() for _ in range(self._events.qsize())]
        for event in events:
            if not isinstance(event, kind):
                self._events.put_nowait(event)
        return [event for event in events if isinstance(event, kind)]

    def _take(self) -> bytes:
        audio = bytes(self._audio)
        self._audio.clear()
        self._more.clear()
        return audio

    async def _pump(self) -> None:
        while True:
            event = await self._leg.events.get()
            self._events.put_nowait(Key(event.digit) if isinstance(event, Digit) else event)

    async def _decode(self, session: TranscriptSession) -> None:
        """As much as has come since the last time: a busy machine makes pieces longer, not the queue."""
        while True:
            await self._more.wait()
            # shielded: a cancelled decoding would lose the words that it was about to find
            accepted = asyncio.ensure_future(session.accept(self._take()))
            try:
                heard = await asyncio.shield(accepted)
            except asyncio.CancelledError:
                for late in await accepted:
                    self._events.put_nowait(late)
                raise
            for found in heard:
                self._events.put_nowait(found)
                if self.on_heard is not None:
                    self.on_heard(found)

    def _decoded(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("transcript_broken", call=str(self._leg.id), exc_info=error)


_REASONS = {"caller": "caller_hung_up", "us": "finished", "timeout": "rtp_timeout"}
