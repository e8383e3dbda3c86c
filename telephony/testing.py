"""A leg without a network, for tests of the call flow."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from uuid import UUID, uuid4

from telephony.leg import FRAME_BYTES, RATE_HZ, CallFailed, CallHeaders, Digit, HungUp, LegEvent, LegGone


class FakePlayback:
    """Over at once, or when the test says so (`FakeLeg(instant=False)`)."""

    def __init__(self, pcm16: bytes) -> None:
        """`pcm16` is what would be heard."""
        self.pcm16 = pcm16
        self._over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    @property
    def over(self) -> bool:
        """Whether it was finished or stopped."""
        return self._over.done()

    def finish(self) -> None:
        """Pretend that it was played to the end."""
        if not self._over.done():
            self._over.set_result(True)

    async def wait(self) -> bool:
        """True: to the end; False: stopped."""
        return await asyncio.shield(self._over)

    def stop(self) -> None:
        """Cut it off."""
        if not self._over.done():
            self._over.set_result(False)


class FakeLeg:
    """Implements `telephony.leg.Leg`. The test speaks, presses keys and hangs up; what was played is kept in `played`."""

    def __init__(
        self,
        *,
        caller: str | None = "13800000000",
        called: str = "12345",
        codec: str = "PCMA",
        instant: bool = True,
        headers: CallHeaders | None = None,
    ) -> None:
        """`instant`: playbacks are over as soon as they begin; otherwise call `finish_playback` or let the flow stop them."""
        self.id: UUID = uuid4()
        self.sip_call_id = f"fake-{self.id.hex}"
        self.caller = caller
        self.called = called
        self.codec = codec
        self.headers = headers or CallHeaders(claimed=caller)
        self.on_held: Callable[[bool], None] = lambda _held: None
        self.on_transfer: Callable[[str], Awaitable[None]] | None = None
        self.held = False
        self.holding = False
        self.early = False
        self.referred: list[str] = []
        self.refusal: CallFailed | None = None
        """What `hold` and `refer` raise; None: the other side agrees."""
        self.events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self.answered = False
        self.hung_up: HungUp | None = None
        self.playbacks: list[FakePlayback] = []
        self.pressed: list[str] = []
        self.forwarded: list[bytes] = []
        self.recording: Path | None = None
        self._instant = instant
        self._sink: Callable[[bytes], None] | None = None
        self._relay: Callable[[bytes], None] | None = None
        self._feed: Callable[[], bytes | None] | None = None
        self._heard = bytearray()

    # what the flow uses

    @property
    def live(self) -> bool:
        """False once either side hung up."""
        return self.hung_up is None

    async def answer(self) -> None:
        """Pick up; raises `LegGone` when the caller is gone."""
        if self.hung_up is not None:
            raise LegGone("the caller hung up before the call was answered")
        self.answered = True

    async def early_media(self) -> bool:
        """Remember it; raises `LegGone` when the caller is gone."""
        self._need_live()
        self.early = True
        return True

    async def hold(self) -> None:
        """Put the other side on hold."""
        self._agree()
        self.holding = True

    async def resume(self) -> None:
        """Take it back."""
        self._agree()
        self.holding = False

    async def refer(self, target: str, *, timeout_s: float = 60.0) -> None:
        """Keep whom it was sent to."""
        self._agree()
        self.referred.append(target)

    def _agree(self) -> None:
        self._need_live()
        if self.refusal is not None:
            raise self.refusal

    def _need_live(self) -> None:
        if self.hung_up is not None:
            raise LegGone("the call is over")

    async def hang_up(self, reason: str = "normal") -> None:
        """End it from our side."""
        self._end(HungUp("us", reason))

    def play(self, pcm16: bytes) -> FakePlayback:
        """Keep what would be heard."""
        playback = FakePlayback(pcm16)
        if not self.live:
            playback.stop()
        else:
            self.playbacks.append(playback)
            if self._instant:
                playback.finish()
        return playback

    def press(self, digits: str) -> None:
        """Keep what was pressed."""
        self.pressed.extend(digits)

    def listen(self, sink: Callable[[bytes], None] | None) -> None:
        """Where `speak` goes."""
        self._sink = sink

    def relay(self, sink: Callable[[bytes], None] | None) -> None:
        """Where `speak` goes at once."""
        self._relay = sink

    def feed(self, source: Callable[[], bytes | None] | None) -> None:
        """Asked by `hear`."""
        self._feed = source

    def forward(self, pcm16: bytes) -> None:
        """Keep what would be heard."""
        self.forwarded.append(pcm16)

    def record(self, path: Path) -> None:
        """Remember the path; the file is written by `stop_recording`."""
        self.recording = path
        self._heard.clear()

    def quality(self) -> dict[str, float]:
        """Nothing goes over a network here."""
        return {"received": len(self._heard) / FRAME_BYTES, "lost": 0, "late": 0, "gaps": 0}

    async def stop_recording(self) -> float:
        """Write what the caller said as a WAV file; its length in seconds."""
        if self.recording is None:
            return 0.0
        with wave.open(str(self.recording), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            silence = bytes(2)
            file.writeframes(b"".join(bytes(self._heard[i : i + 2]) + silence for i in range(0, len(self._heard), 2)))
        self.recording = None
        return len(self._heard) / 2 / RATE_HZ

    # what the test does

    @property
    def played(self) -> list[bytes]:
        """All audio that was queued so far, in order."""
        return [playback.pcm16 for playback in self.playbacks]

    def speak(self, pcm16: bytes) -> None:
        """The caller says this: delivered frame by frame, at once; the last frame is filled up with silence."""
        for start in range(0, len(pcm16), FRAME_BYTES):
            frame = pcm16[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            self._heard += frame
            if self._relay is not None:
                self._relay(frame)
            if self._sink is not None:
                self._sink(frame)

    def hear(self) -> bytes | None:
        """20 ms of what the other side of a bridge says; None: silence."""
        return self._feed() if self._feed is not None else None

    def silence(self, seconds: float) -> None:
        """The caller says nothing for so long."""
        self.speak(bytes(int(seconds * RATE_HZ) * 2))

    def press_keys(self, digits: Iterable[str]) -> None:
        """The caller presses keys."""
        for digit in digits:
            self.events.put_nowait(Digit(digit))

    def caller_hangs_up(self) -> None:
        """The caller ends the call."""
        self._end(HungUp("caller"))

    def finish_playback(self) -> None:
        """Let everything that is still playing come to its end."""
        for playback in self.playbacks:
            playback.finish()

    def _end(self, event: HungUp) -> None:
        if self.hung_up is None:
            self.hung_up = event
            for playback in self.playbacks:
                playback.stop()
            self.events.put_nowait(event)
