"""The telephones of the demo's citizens and emergency lines: whatever number the service dials rings here.

A SIP telephone of our own stack in the demo's own process, reached by the service's address alone. What becomes of a call follows from
the number's last digit, so that whoever tries the demo can choose: `MANNERS`, and docs/demo.md. Nothing in the service knows about it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from hotline.settings import Settings
from telephony.leg import HungUp, Leg, LegGone
from telephony.media.endpoints import EndPointer
from telephony.phone import Phone
from telephony.speech.voice import EspeakVoice, Voice

RING_S = 2.0
"""Nobody picks up before the second ring."""
_MACHINE_S = 12.0
"""Who speaks for so long without a pause is the callback robot: a person asks and waits."""
_FIRST_TURN_S, _TURN_S = 2.0, 0.8
"""After so much silence the other side is taken to have finished: a machine that takes breath must not pass for a person."""
_AGAIN_S = 1.0
_EMERGENCY = ("110", "119", "120", "122")
_ANNOUNCEMENT = "这里是演示环境，您拨的{number}是模拟的号码，不会有人出警。遇到真的危险，请用自己的电话直接拨打{number}。"
_OTHER = "这里是演示环境，您拨的号码是模拟的，没有人接听。"


@dataclass(frozen=True)
class Manner:
    """How somebody behaves on the telephone. Each time the other side has finished, the next word is said or the next key pressed."""

    words: tuple[str, ...] = ()
    """To a person. After the last one the citizen hangs up."""
    keys: str = ""
    """To the callback robot, which asks: yours? contacted? solved? attitude? satisfied? 0 asks for a person, who then hears the words."""
    keys_again: str = ""
    """Who has these hangs up on the robot after `keys`, and presses these when it calls again."""
    spoken: tuple[str, ...] = ()
    """To the callback robot, instead of keys. The small synthetic speech model knows these words."""
    answers: bool = True
    refuses: bool = False
    """Busy: the call is turned away at once."""


_PLEASED = ("喂，您好，是我反映的。", "已经有人来看过了，现在好多了，谢谢你们。", "没有别的事了，再见。")
SATISFIED = Manner(_PLEASED, keys="11112")
UNHAPPY = Manner(("喂，您好，是我反映的。", "到现在还没有解决，请你们再催一催。", "好的，我等你们的消息，再见。"), keys="11223")
MANNERS = {
    "3": Manner(("喂，您好，我想和人说一说。", "路灯修好了，就是慢了一点，我还算满意。", "没有别的事了，谢谢，再见。"), keys="110"),
    "4": Manner(_PLEASED, keys="111", keys_again="112"),
    "5": UNHAPPY,
    "6": Manner(_PLEASED, spoken=("是的", "是的", "已经解决了", "处理得很好", "满意")),
    "7": Manner(refuses=True),
    "8": Manner(answers=False),
    "9": Manner(("我现在不方便，再见。",)),
}
"""By the last digit of the number; every other one is `SATISFIED`. 9 hangs up on person and robot alike."""


@contextlib.asynccontextmanager
async def citizens(settings: Settings, voice: Voice | None = None) -> AsyncIterator[str]:
    """Answer while the block runs; gives what HOTLINE_OUTBOUND_URI has to be. Any free port is taken."""
    speaking = voice or EspeakVoice(timeout_s=settings.tts_timeout_s, voice="cmn+m3")
    telephones = Telephones(speaking)
    host = "127.0.0.1" if settings.sip_host == "0.0.0.0" else settings.sip_host  # noqa: S104 - compared, not bound
    phone = Phone(telephones.ring, host=host, port=0, peers=(host,), rtp_ports=(0, 0), user="citizen")
    await phone.start()
    try:
        yield f"sip:{{number}}@{host}:{phone.port}"
    finally:
        await phone.stop()
        await speaking.close()


class Telephones:
    """Everybody's telephone."""

    def __init__(self, voice: Voice) -> None:
        """`voice`: of the citizens."""
        self._voice = voice
        self._sounds: dict[str, bytes] = {}
        self._broke_off: set[str] = set()
        """Numbers that hung up on the robot half-way."""

    async def ring(self, leg: Leg) -> None:
        """One call, from its ring to its end."""
        manner = MANNERS.get(leg.called[-1:], SATISFIED)
        if len(leg.called) >= 7 and manner.refuses:
            await leg.hang_up("busy")
            return
        async with asyncio.TaskGroup() as call:
            behaving = call.create_task(self._behave(leg, manner))
            while not isinstance(await leg.events.get(), HungUp):
                continue
            behaving.cancel()

    async def _behave(self, leg: Leg, manner: Manner) -> None:
        if len(leg.called) < 7:
            text = _ANNOUNCEMENT if leg.called in _EMERGENCY else _OTHER
            await self._announce(leg, text.format(number=leg.called))
            return
        if not manner.answers:
            return  # it rings until the caller gives up
        await asyncio.sleep(RING_S)
        with contextlib.suppress(LegGone):  # who rang gave up in this very moment: the call ends by itself
            await leg.answer()
        if await Hearing(leg, _FIRST_TURN_S).machine():
            await self._to_machine(leg, manner)
        else:
            await self._to_person(leg, manner)

    async def _to_person(self, leg: Leg, manner: Manner) -> None:
        """The first turn has been heard."""
        hearing = Hearing(leg, _TURN_S)
        for number, sentence in enumerate(manner.words):
            if number:
                await hearing.turn()
            await self._say(leg, sentence)
        await leg.hang_up()

    async def _to_machine(self, leg: Leg, manner: Manner) -> None:
        """It is heard out before each answer, and hangs up by itself."""
        hearing = Hearing(leg, _TURN_S)
        breaks_off = bool(manner.keys_again) and leg.called not in self._broke_off
        for key in manner.keys if breaks_off or not manner.keys_again else manner.keys_again:
            await hearing.turn()
            leg.press(key)
        if breaks_off:
            self._broke_off.add(leg.called)
            await hearing.turn()
            await leg.hang_up()
        elif manner.keys.endswith("0"):
            await hearing.turn()  # that somebody is looked for
            await self._to_person(leg, manner)
        for words in manner.spoken:
            await hearing.turn()
            await self._say(leg, words)
        if not (manner.keys or manner.spoken):
            await leg.hang_up()

    async def _announce(self, leg: Leg, text: str) -> None:
        """Twice, then it hangs up."""
        sound = await self._sound(text)
        with contextlib.suppress(LegGone):
            await leg.answer()
        await leg.play(sound).wait()
        await asyncio.sleep(_AGAIN_S)
        await leg.play(sound).wait()
        await leg.hang_up()

    async def _say(self, leg: Leg, text: str) -> None:
        await leg.play(await self._sound(text)).wait()

    async def _sound(self, text: str) -> bytes:
        if text not in self._sounds:
            self._sounds[text] = await self._voice.say(text)
        return self._sounds[text]


class Hearing:
    """What the other side says, as far as somebody notices who does not understand it: that it speaks, and that it has finished."""

    def __init__(self, leg: Leg, silence_s: float) -> None:
        """Listens from now on, in place of whoever listened before. `silence_s`: who is silent for so long has finished."""
        self._pointer = EndPointer(silence_s)
        self._began_s = 0.0
        self._finished = False
        self._changed = asyncio.Event()
        leg.listen(self._push)

    def _push(self, frame: bytes) -> None:
        was_speaking = self._pointer.speaking
        if self._pointer.push(frame) is not None:
            self._finished = True
        elif self._pointer.speaking and not was_speaking:
            self._began_s = self._pointer.seconds
        self._changed.set()

    async def machine(self) -> bool:
        """Whether a machine speaks: known as soon as the first turn is over, or has become too long for a person."""
        while not self._finished:
            if self._pointer.speaking and self._pointer.seconds - self._began_s > _MACHINE_S:
                return True
            await self._news()
        return False

    async def turn(self) -> None:
        """Until the other side has finished what it says now, or says next."""
        self._finished = False
        while not self._finished:
            await self._news()

    async def _news(self) -> None:
        self._changed.clear()
        await self._changed.wait()
