"""From the robot to a person on the same call; and what is said aloud on a real one, through the recogniser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from telephony.bridge.agent_leg import OnEarly
from telephony.leg import HungUp, Leg
from telephony.queue.switchboard import Switchboard
from telephony.robot import live
from telephony.robot.work import CallbackRobot
from telephony.speech.in_process import InProcessTranscriber
from telephony.speech.models import SYNTHETIC
from telephony.speech.transcriber import Heard
from telephony.speech.voice import EspeakVoice
from telephony.speech.vosk_engine import VoskEngine
from tests.telephony.conftest import MakePhone
from tests.telephony.flow.conftest import LOUD, Line, said, until
from tests.telephony.flow.with_agent import FROM_AGENT, FROM_CITIZEN, hears_only
from tests.telephony.robot.world import Citizen, by_robot, line, spoken_and_quiet
from tests.telephony.sounds import best_stretch, loud_part, tone
from tests.ticketing.callback.test_visit import rows, ticket_of, to_callback
from tests.ticketing.conftest import City
from ticketing.callback.models import CallbackAnswer, CallbackAttempt, CallbackTask, Plan
from ticketing.conversation.models import Call, Message
from ticketing.duty.models import DutyState
from ticketing.duty.service import change, duty_of
from ticketing.people.actor import Actor

__all__ = ["by_robot", "line"]
TOLD = ("喂，您好", "路灯修好了", "就是慢了一点")
ASKED = (("本人反映", "1"), ("联系过您吗", "1"), ("解决了吗", "转人工"))


@pytest.fixture
async def exchange(line: Line) -> AsyncIterator[Line]:
    """The same process, with its switchboard at work."""
    assert line.board is not None
    running = asyncio.create_task(line.board.run())
    yield line
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def on_duty(line: Line, actor: Actor, phone: str) -> None:
    """This person answers, on that telephone."""
    assert actor.user_id is not None
    async with line.database.transaction() as session:
        duty = await duty_of(line.core, session, actor.user_id)
        duty.phone = phone
        await change(line.core, session, duty, DutyState.READY)


async def test_an_agent_takes_the_call_over_and_sees_what_was_answered(city: City, exchange: Line) -> None:
    number = await to_callback(city)
    await on_duty(exchange, city.agent, "sip:lin@127.0.0.1:5070")
    citizen = Citizen(exchange)
    calling = asyncio.create_task(citizen.robot().one())
    await citizen.answers(*ASKED)
    phone = await exchange.phones.answers("lin")
    await until(lambda: phone._relay is not None)
    async with exchange.database.transaction() as session:
        words = list(await session.scalars(select(Message.text).order_by(Message.id)))
    assert "转人工" in words, "while they talk, the agent reads what the robot asked and was told"
    assert sum("解决了吗" in one for one in words) == 1
    await hears_only(citizen.leg, phone, FROM_AGENT)
    await hears_only(phone, citizen.leg, FROM_CITIZEN)
    assert exchange.transcriber is not None
    exchange.transcriber.sessions[0].script += [Heard("final", sentence, 1.0, 2.0, 0.9) for sentence in TOLD]
    citizen.leg.speak(LOUD * 6)
    phone.caller_hangs_up()
    await calling
    async with exchange.database.transaction() as session:
        by_citizen = list(await session.scalars(select(Message.text).where(Message.author == "citizen").order_by(Message.id)))
    assert by_citizen == ["1", "1", "转人工", *TOLD], (
        "what the robot was told, then what the agent was told; no sentence takes another's place"
    )
    assert not any("给您打电话" in one for one in said(citizen.leg)), "nobody is promised what happens already"
    (task,) = await rows(city, CallbackTask, number)
    assert (task.state, task.plan, task.attempts) == ("open", Plan.CLERK.value, 0)
    assert task.claimed_by_id == city.agent.user_id, "who took the call records what the citizen says"
    (attempt,) = await rows(city, CallbackAttempt, number)
    assert attempt.note.startswith("市民要求人工；已回答：")
    assert "是" in attempt.note
    draft = {answer.question: answer.value for answer in await rows(city, CallbackAnswer, number)}
    assert draft == {"contacted": "yes"}, "who goes on asks only the rest"
    async with exchange.database.transaction() as session:
        (call,) = await session.scalars(select(Call))
    assert (call.end_reason, call.data["agent_id"], call.data["ticket"]) == ("agent_hung_up", city.agent.user_id, number)
    assert call.recording_path is not None


async def test_who_may_call_back_has_the_task_in_hand(city: City, exchange: Line) -> None:
    number = await to_callback(city)
    await on_duty(exchange, city.supervisor, "sip:head@127.0.0.1:5070")
    citizen = Citizen(exchange)
    calling = asyncio.create_task(citizen.robot().one())
    await citizen.answers(("本人反映", "0"))
    phone = await exchange.phones.answers("head")
    await until(lambda: phone._relay is not None)
    citizen.leg.caller_hangs_up()
    await calling
    (task,) = await rows(city, CallbackTask, number)
    assert (task.claimed_by_id, task.plan) == (city.supervisor.user_id, Plan.CLERK.value)
    assert phone.hung_up is not None


async def test_nobody_in_time_and_the_clerks_list_has_it(city: City, exchange: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONGEST_WAIT_S", 1)
    number = await to_callback(city)
    await on_duty(exchange, city.agent, "sip:lin@127.0.0.1:5070")
    citizen = Citizen(exchange)
    await asyncio.gather(citizen.robot().one(), citizen.answers(("本人反映", "0")))
    assert "工作人员会给您打电话" in said(citizen.leg)[-1]
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.claim) == (Plan.CLERK.value, None)
    assert exchange.phones.stopped == exchange.phones.rung


async def test_who_hangs_up_while_waiting_is_on_the_list(city: City, exchange: Line) -> None:
    number = await to_callback(city)
    await on_duty(exchange, city.agent, "sip:lin@127.0.0.1:5070")
    citizen = Citizen(exchange)
    calling = asyncio.create_task(citizen.robot().one())
    await citizen.answers(("本人反映", "0"))
    await exchange.phones.rings("lin")
    citizen.leg.caller_hangs_up()
    await calling
    await until(lambda: exchange.phones.stopped != [])
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.claim) == (Plan.CLERK.value, None)


# real telephones, real speech


class Speaker:
    """A citizen's telephone: says the next thing whenever the robot has asked."""

    def __init__(self, voice: EspeakVoice, *words: str, then_tone: bool = False) -> None:
        self._voice, self._words, self._tone = voice, words, then_tone
        self.heard = bytearray()

    async def __call__(self, leg: Leg) -> None:
        await leg.answer()
        frames: list[bytes] = []
        leg.listen(frames.append)
        for words in self._words:
            await until(spoken_and_quiet(frames), 30)
            await leg.play(await self._voice.say(words)).wait()
            frames.clear()
        leg.listen(self.heard.extend)
        while self._tone and leg.live:
            await leg.play(tone(440, 1.0)).wait()
        while not isinstance(await leg.events.get(), HungUp):
            pass


@pytest.fixture
async def voice() -> AsyncIterator[EspeakVoice]:
    made = EspeakVoice(timeout_s=20)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def transcriber() -> InProcessTranscriber:
    return InProcessTranscriber(VoskEngine(SYNTHETIC, "synthetic"), max_sessions=4)


@pytest.mark.realtime
async def test_spoken_answers_on_a_real_call_are_understood(
    city: City, line: Line, make_phone: MakePhone, voice: EspeakVoice, transcriber: InProcessTranscriber
) -> None:
    number = await to_callback(city)
    citizens = await make_phone(Speaker(voice, "是的", "有联系", "没有解决", "态度很好", "不满意"))
    robots = await make_phone(None)
    line.set(silence_s=6.0, outbound_uri=f"sip:{{number}}@127.0.0.1:{citizens.port}")
    await CallbackRobot(replace(line.parts, transcriber=transcriber), robots.dial, at_once=1, per_minute=10).one()
    (task,) = await rows(city, CallbackTask, number)
    assert (task.state, task.satisfaction, task.solved, task.contacted, task.attitude) == ("reached", "dissatisfied", False, True, "good")
    async with line.database.transaction() as session:
        by_citizen = list(await session.scalars(select(Message.text).where(Message.author == "citizen").order_by(Message.id)))
    assert by_citizen == ["是的", "有联系", "没有解决", "态度很好", "不满意"]


@pytest.mark.realtime
async def test_a_person_asked_for_aloud_is_put_through_on_real_telephones(
    city: City, line: Line, make_phone: MakePhone, voice: EspeakVoice, transcriber: InProcessTranscriber
) -> None:
    number = await to_callback(city)
    citizen, agent = Speaker(voice, "是的", "转人工", then_tone=True), bytearray()

    async def pick_up(leg: Leg) -> None:
        await leg.answer()
        leg.listen(agent.extend)
        await leg.play(tone(700, 3.0)).wait()
        async with asyncio.timeout(20):
            while best_stretch(loud_part(bytes(agent)) or bytes(3200), 440) < 30:
                await asyncio.sleep(0.1)
        await leg.hang_up()

    citizens, desk, robots = await make_phone(citizen), await make_phone(pick_up), await make_phone(None)
    line.set(silence_s=6.0, outbound_uri=f"sip:{{number}}@127.0.0.1:{citizens.port}")

    async def dial(uri: str, ring_s: float, codec: str, *, on_early: OnEarly | None = None) -> Leg:
        return await robots.dial(uri, codecs=(codec,), ring_s=ring_s, on_early=on_early)

    board = Switchboard(line.core, line.database, "telephony-test", dial)
    running = asyncio.create_task(board.run())
    await on_duty(line, city.agent, f"sip:lin@127.0.0.1:{desk.port}")
    parts = replace(line.parts, transcriber=transcriber, switchboard=board)
    await CallbackRobot(parts, robots.dial, at_once=1, per_minute=10).one()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert best_stretch(loud_part(bytes(citizen.heard)), 700) > 30, "the citizen hears the agent"
    assert (await ticket_of(city, number)).state == "callback"
    (task,) = await rows(city, CallbackTask, number)
    assert task.plan == Plan.CLERK.value
