"""A caller: places a real call through the same SIP stack, listens, speaks, presses keys. `hotline call` is telephony.calling."""

from __future__ import annotations

import asyncio
import audioop
import contextlib
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from hotline.errors import InvalidInput
from telephony.leg import RATE_HZ, Digit, HungUp, LegGone
from telephony.media.codec import CODECS
from telephony.media.endpoints import EndPointer, Utterance
from telephony.phone import CallLeg, Phone
from telephony.sip.headers import parse_uri
from telephony.sip.transaction import Timers
from telephony.speech.resample import to_telephone
from telephony.speech.transcriber import Transcriber

_FIRST_WORD_S = 30.0
"""How long the other side may take to begin."""
_CONVERT = "其他格式可以先转换：ffmpeg -i 原文件 -ac 1 -ar 16000 -c:a pcm_s16le 新文件.wav"


@dataclass
class Happening:
    """Something in the call, for the printed dialogue. `at_s` counts from the answer."""

    at_s: float
    kind: str
    """heard, said, pressed, digit, ended."""
    text: str | None = None
    seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without what is not known."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass
class _Ear:
    """What was heard and not yet asked for."""

    pointer: EndPointer
    ended: list[Utterance] = field(default_factory=list)
    began_at: float = 0.0
    """When the first of them began, by the clock: the frames' own time runs ahead when a busy machine delivers in bursts."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, frame: bytes) -> None:
        """20 ms of the other side."""
        was_speaking = self.pointer.speaking
        utterance = self.pointer.push(frame)
        if utterance is not None:
            self.ended.append(utterance)
        if self.pointer.speaking and not was_speaking and not self.ended:
            self.began_at = time.monotonic()
        if was_speaking != self.pointer.speaking:
            self.changed.set()


class Caller:
    """One call: `async with Caller("sip:12345@127.0.0.1:5060") as caller: await caller.hear(); await caller.press("0")`."""

    def __init__(
        self,
        to: str,
        *,
        codec: str = "PCMA",
        number: str = "13800000000",
        silence_s: float = 1.2,
        save: Path | None = None,
        transcriber: Transcriber | None = None,
        on_happening: Callable[[Happening], None] = lambda _happening: None,
    ) -> None:
        """`number`: what we call ourselves. `silence_s`: pause after which the other side has finished speaking.

        `save`: stereo WAV of the call (left: the other side). `transcriber`: writes down what is heard. `on_happening`: told
        of everything at once. Raises ValueError for an address that is none, InvalidInput for a codec we don't have.
        """
        if codec not in CODECS:
            raise InvalidInput("没有这种编码：{codec}，可以用 PCMA 或 PCMU", codec=codec)
        self._to = to
        self._host = parse_uri(to).host
        self._codec = codec
        self._number = number
        self._save = save
        self._transcriber = transcriber
        self._on_happening = on_happening
        self._ear = _Ear(EndPointer(silence_s))
        self._phone: Phone | None = None
        self._leg: CallLeg | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._answered_at = 0.0
        self.happenings: list[Happening] = []
        self.ended: HungUp | None = None
        self.digits = ""
        """Keys that the other side pressed."""

    @property
    def leg(self) -> CallLeg:
        """The call underneath; raises RuntimeError before it is placed."""
        if self._leg is None:
            raise RuntimeError("use `async with Caller(...)`")
        return self._leg

    async def __aenter__(self) -> Caller:
        """Place the call; raises `CallFailed`."""
        loopback = self._host.startswith("127.") or self._host == "localhost"
        phone = Phone(
            None,
            host="127.0.0.1" if loopback else "0.0.0.0",  # noqa: S104 - a caller for tests; only the peer is listened to
            port=0,
            peers=await _networks(self._host),
            rtp_ports=(0, 0),
            user=self._number,
            timers=Timers(t1=0.05) if loopback else None,  # on this machine "nobody there" is known after three seconds
        )
        await phone.start()
        self._phone = phone
        try:
            self._leg = await phone.dial(self._to, codecs=(self._codec,))
        except BaseException:
            await phone.stop()
            raise
        self._answered_at = time.monotonic()
        if self._save is not None:
            self._leg.record(self._save)
        self._leg.listen(self._ear.push)
        self._watcher = asyncio.get_running_loop().create_task(self._watch(self._leg))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Hang up, finish the recording, close the phone."""
        if self._leg is not None:
            await self._leg.hang_up()
            if self._watcher is not None:
                await self._watcher
            await self._leg.stop_recording()
        if self._phone is not None:
            await self._phone.stop()

    async def _watch(self, leg: CallLeg) -> None:
        while self.ended is None:
            event = await leg.events.get()
            if isinstance(event, Digit):
                self.digits += event.digit
                self._note("digit", event.digit)
            else:
                self.ended = event
                self._note("ended", {"caller": "they hung up", "us": "we hung up", "timeout": "timeout"}[event.by])
        self._ear.changed.set()

    def _note(self, kind: str, text: str | None = None, seconds: float | None = None, at: float | None = None) -> None:
        happening = Happening(round(time.monotonic() - self._answered_at if at is None else at, 2), kind, text, seconds)
        self.happenings.append(happening)
        self._on_happening(happening)

    async def hear(self, timeout: float = _FIRST_WORD_S, *, longest: float | None = None) -> Utterance:
        """Until the other side has spoken and stopped: all that was said since the last time, as one.

        Args:
            timeout: seconds in which it has to have spoken to the end.
            longest: when given, `timeout` only bounds the silence before: who speaks by then is heard out, or so many
                seconds long (music on hold), and what was heard so far is returned.

        Raises TimeoutError when nothing was said in time, `LegGone` when the call ended before.
        """
        try:
            await self._until_said(timeout)
        except TimeoutError:
            if longest is None:
                raise
            with contextlib.suppress(TimeoutError):
                if self._ear.pointer.speaking:
                    await self._until_said(longest - timeout)
            if (heard := await self.hear_rest()) is None:
                raise
            return heard
        if (heard := await self.hear_rest() if self.ended is not None else await self._take()) is None:
            raise LegGone("the other side hung up")
        return heard

    async def hear_rest(self) -> Utterance | None:
        """What was said and not yet asked for, also in the middle of a sentence; None when there is nothing."""
        last = self._ear.pointer.finish()
        if last is not None:
            self._ear.ended.append(last)
        return await self._take()

    async def _until_said(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while self.ended is None and (not self._ear.ended or self._ear.pointer.speaking):
                self._ear.changed.clear()
                await self._ear.changed.wait()

    async def _take(self) -> Utterance | None:
        pieces, self._ear.ended = self._ear.ended, []
        if not pieces:
            return None
        began_at = self._ear.began_at
        heard = Utterance(b"".join(piece.pcm16 for piece in pieces), pieces[0].start_s, pieces[-1].end_s)
        try:
            heard.text = await self._transcribe(heard.pcm16)
        except asyncio.CancelledError:
            self._ear.ended[:0] = pieces  # for `hear_rest`
            raise
        self._note("heard", heard.text, round(heard.end_s - heard.start_s, 2), at=began_at - self._answered_at)
        return heard

    async def _transcribe(self, pcm16: bytes) -> str | None:
        if self._transcriber is None:
            return None
        session = self._transcriber.open(RATE_HZ)
        try:
            found = [*await session.accept(pcm16 + bytes(RATE_HZ)), *await session.finish()]
        finally:
            session.close()
        return "，".join(piece.text for piece in found if piece.kind == "final" and piece.text)

    async def say(self, pcm16: bytes, text: str | None = None) -> bool:
        """Play 8 kHz PCM16 to its end; False when the call ended meanwhile. `text` is for the printed dialogue."""
        self._note("said", text, round(len(pcm16) / 2 / RATE_HZ, 2))
        return await self.leg.play(pcm16).wait()

    async def say_wav(self, path: Path) -> bool:
        """Play a WAV file; raises InvalidInput when it is none that can be played."""
        return await self.say(await asyncio.to_thread(read_wav, path), path.name)

    async def press(self, keys: str) -> None:
        """Press keys; raises ValueError for what is no key."""
        self.leg.press(keys)
        self._note("pressed", keys)

    async def hang_up(self) -> None:
        """End the call."""
        await self.leg.hang_up()


async def _networks(host: str) -> tuple[str, ...]:
    """The addresses behind a name: only they may talk to us."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 5060)
    except OSError:
        found = []
    networks = tuple(sorted({str(entry[4][0]) for entry in found if ":" not in str(entry[4][0])}))
    if not networks:
        raise InvalidInput("找不到主机：{host}", host=host)
    return networks


def read_wav(path: Path) -> bytes:
    """A WAV file as 8 kHz mono PCM16; raises InvalidInput when it is no 16-bit mono or stereo file of at least 8 kHz."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise InvalidInput("读不了 WAV 文件 {path}：{why}。{hint}", path=str(path), why=str(error) or "文件是空的", hint=_CONVERT) from None
    if width != 2 or channels not in (1, 2) or rate < RATE_HZ:
        raise InvalidInput("WAV 文件 {path} 必须是 16 位、单声道或双声道、采样率至少 8000 Hz。{hint}", path=str(path), hint=_CONVERT)
    if channels == 2:
        pcm = audioop.tomono(pcm, 2, 0.5, 0.5)
    return pcm if rate == RATE_HZ else to_telephone(pcm, rate)
