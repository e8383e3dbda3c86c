"""The demo's citizens: what becomes of a call follows from the number's last digit, and from who calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from hotline.demo import telephones
from hotline.demo.telephones import MANNERS, SATISFIED, Telephones
from hotline.settings import Settings
from telephony.leg import CallFailed, HungUp
from telephony.phone import Phone
from telephony.testing import FakeLeg
from tests.telephony.sounds import tone

SPEECH_S = 3.0


class Words:
    """A voice whose sound is the text."""

    name = "words"

    async def say(self, text: str) -> bytes:
        return text.encode()

    async def pieces(self, text: str) -> AsyncIterator[bytes]:
        yield await self.say(text)

    async def close(self) -> None:
        return


@pytest.fixture(autouse=True)
def _no_ringing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephones, "RING_S", 0.0)
    monkeypatch.setattr(telephones, "_AGAIN_S", 0.0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def settled(steps: int = 50) -> None:
    """Whatever can be done now is done: nothing here waits for a clock."""
    for _ in range(steps):
        await asyncio.sleep(0)


def speak(leg: FakeLeg, seconds: float = SPEECH_S) -> None:
    """A sentence, and the silence in which an answer is expected."""
    leg.speak(tone(300, seconds))
    leg.silence(2.5)


def said(leg: FakeLeg) -> list[str]:
    return [pcm16.decode() for pcm16 in leg.played]


@pytest.mark.parametrize("last", ["1", "5", "6"])
async def test_the_robot_gets_one_answer_to_each_question(last: str) -> None:
    leg = FakeLeg(called=f"1390000111{last}")
    call = asyncio.create_task(Telephones(Words()).ring(leg))
    await until(lambda: leg.answered)
    await settled()
    leg.speak(tone(300, 14))  # it goes on: known as a machine before it has finished
    await settled()
    manner = MANNERS.get(last, SATISFIED)
    wanted = list(manner.keys or manner.spoken)
    for number in range(1, len(wanted) + 1):
        leg.speak(tone(300, SPEECH_S))
        await settled()
        assert [*leg.pressed, *said(leg)] == wanted[: number - 1], "nobody answers before the question is over"
        leg.silence(1)
        await settled()
        assert [*leg.pressed, *said(leg)] == wanted[:number]
    assert leg.live, "the robot says good-bye"
    leg.caller_hangs_up()
    await asyncio.wait_for(call, 5)


async def test_a_person_is_spoken_with_and_the_citizen_says_good_bye() -> None:
    leg = FakeLeg(called="13900001111")
    call = asyncio.create_task(Telephones(Words()).ring(leg))
    await until(lambda: leg.answered)
    await settled()
    for number in range(len(SATISFIED.words)):
        assert said(leg) == list(SATISFIED.words[:number])
        speak(leg)
        await settled()
    await asyncio.wait_for(call, 5)
    assert said(leg) == list(SATISFIED.words)
    assert leg.pressed == []
    assert leg.hung_up == HungUp("us")


async def test_busy_not_answered_and_hung_up_on() -> None:
    citizens = Telephones(Words())
    busy, absent, short = FakeLeg(called="13900001117"), FakeLeg(called="13900001118"), FakeLeg(called="13900001119")
    await asyncio.wait_for(citizens.ring(busy), 5)
    assert busy.hung_up == HungUp("us", "busy")
    waiting = asyncio.create_task(citizens.ring(absent))
    await settled()
    assert absent.live
    assert not absent.answered
    absent.caller_hangs_up()
    await asyncio.wait_for(waiting, 5)
    call = asyncio.create_task(citizens.ring(short))
    await until(lambda: short.answered)
    await settled()
    short.speak(tone(300, 14))
    await asyncio.wait_for(call, 5)
    assert short.hung_up == HungUp("us")


async def picked_up_by_the_robot(citizens: Telephones, number: str) -> tuple[FakeLeg, asyncio.Task[None]]:
    """The robot has said its opening and waits for an answer."""
    leg = FakeLeg(called=number)
    call = asyncio.create_task(citizens.ring(leg))
    await until(lambda: leg.answered)
    await settled()
    leg.speak(tone(300, 14))
    await settled()
    return leg, call


async def robot_asks(leg: FakeLeg) -> None:
    leg.speak(tone(300, SPEECH_S))
    leg.silence(1)
    await settled()


async def test_who_breaks_off_answers_the_rest_when_called_again() -> None:
    citizens = Telephones(Words())
    for keys, by in (("111", "us"), ("112", "caller")):
        leg, call = await picked_up_by_the_robot(citizens, "13900001114")
        for _ in keys:
            await robot_asks(leg)
        assert "".join(leg.pressed) == keys
        await robot_asks(leg)
        if by == "caller":  # the robot says good-bye and hangs up
            assert leg.live
            leg.caller_hangs_up()
        await asyncio.wait_for(call, 5)
        assert leg.hung_up == HungUp(by)  # type: ignore[arg-type]


async def test_who_wants_a_person_tells_the_person() -> None:
    leg, call = await picked_up_by_the_robot(Telephones(Words()), "13900001113")
    for _ in "110":
        await robot_asks(leg)
    assert "".join(leg.pressed) == "110"
    for _ in MANNERS["3"].words:
        await robot_asks(leg)
    await asyncio.wait_for(call, 5)
    assert said(leg) == list(MANNERS["3"].words)
    assert leg.hung_up == HungUp("us")


async def test_an_emergency_line_says_that_it_is_none() -> None:
    leg = FakeLeg(called="119")
    await asyncio.wait_for(Telephones(Words()).ring(leg), 5)
    assert leg.answered
    assert len(said(leg)) == 2
    assert all("演示" in text and "119" in text for text in said(leg))
    assert leg.hung_up == HungUp("us")


async def test_a_caller_who_gives_up_while_it_rings_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephones, "RING_S", 3600.0)
    leg = FakeLeg(called="13900001111")
    call = asyncio.create_task(Telephones(Words()).ring(leg))
    await settled()
    leg.caller_hangs_up()
    await asyncio.wait_for(call, 5)
    assert not leg.answered


async def test_a_service_on_every_address_finds_them_on_loopback(settings: Settings) -> None:
    everywhere = settings.model_copy(update={"sip_host": "0.0.0.0"})  # noqa: S104 - nothing is bound to it
    async with telephones.citizens(everywhere, Words()) as address:
        assert address.startswith("sip:{number}@127.0.0.1:")


async def test_they_are_real_telephones_at_the_address_that_is_given(settings: Settings) -> None:
    service = Phone(None, port=0, rtp_ports=(0, 0))
    await service.start()
    try:
        async with telephones.citizens(settings, Words()) as address:
            assert settings.model_copy(update={"outbound_uri": address}).outbound_uri.startswith("sip:{number}@127.0.0.1:")
            leg = await service.dial(address.replace("{number}", "13900001111"), ring_s=5)
            await leg.hang_up()
            with pytest.raises(CallFailed, match="486"):
                await service.dial(address.replace("{number}", "13900001117"), ring_s=5)
    finally:
        await service.stop()
