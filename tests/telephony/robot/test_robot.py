"""The callback robot: from the planned task to the closed ticket, with a scripted citizen, and once with two real phones."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict
from telephony.leg import CallFailed, HungUp, Leg
from telephony.media.ports import NoFreePort
from telephony.robot import work
from telephony.robot.work import CallbackRobot, Pace
from tests.telephony.conftest import MakePhone
from tests.telephony.flow.conftest import Line, heard, said, until
from tests.telephony.robot.world import BY_KEYS, IN_WORDS, Citizen, by_robot, line, spoken_and_quiet
from tests.ticketing.callback.test_visit import rows, ticket_of, to_callback
from tests.ticketing.conftest import City
from ticketing.callback.models import CallbackAnswer, CallbackAttempt, CallbackTask, Plan
from ticketing.context import Core
from ticketing.conversation.models import Call, Message

__all__ = ["by_robot", "line"]


@pytest.mark.parametrize("steps", [(*BY_KEYS, ("结果满意吗", "2")), (*IN_WORDS, ("结果满意吗", "满意"))], ids=["keys", "words"])
async def test_an_answered_callback_closes_the_ticket(city: City, line: Line, steps: tuple[tuple[str, str], ...]) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    await asyncio.gather(citizen.robot().one(), citizen.answers(*steps))
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction) == ("closed", "satisfied")
    assert citizen.dialled == ["sip:13900002716@127.0.0.1:5060"]
    assert citizen.leg.hung_up == HungUp("us", "normal")
    # before somebody has said that the matter is theirs, nobody hears what it is about
    assert ticket.title not in said(citizen.leg)[0]
    assert "机器" in said(citizen.leg)[0], "who is called is told that no person speaks"
    assert "录音" in said(citizen.leg)[0]
    assert ticket.title[:10] in said(citizen.leg)[1]
    async with city.database.transaction() as session:
        (call,) = await session.scalars(select(Call))
        assert (call.direction, call.state, call.end_reason, call.data["purpose"]) == ("out", "ended", "finished", "callback")
        assert bool(call.recording_path) == (steps[0][1] != "1")  # the scripted citizen makes a sound only by speaking
        lines = list(await session.scalars(select(Message).order_by(Message.id)))
    assert [one.author for one in lines][:2] == ["bot", "citizen"]
    assert lines[-1].text.startswith("您的评价已经记下")


async def test_who_is_dissatisfied_gets_a_second_visit_and_an_apology(city: City, line: Line) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    await asyncio.gather(
        citizen.robot().one(), citizen.answers(*BY_KEYS[:2], ("解决了吗", "没有解决"), ("态度", "3"), ("结果满意吗", "不满意"))
    )
    assert (await ticket_of(city, number)).state == "callback"
    assert "说明情况" in said(citizen.leg)[-1]


@pytest.mark.parametrize(("answer", "line_of"), [("0", "工作人员会给您打电话"), ("转人工", "工作人员会给您打电话")])
async def test_a_person_on_request_at_any_moment(city: City, line: Line, answer: str, line_of: str) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    await asyncio.gather(citizen.robot().one(), citizen.answers(("本人反映", "1"), ("联系过您吗", answer)))
    assert line_of in said(citizen.leg)[-1]
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.attempts, task.claim) == (Plan.CLERK.value, 0, None)


async def test_somebody_else_hears_nothing_of_the_matter(city: City, line: Line) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    await asyncio.gather(citizen.robot().one(), citizen.answers(("本人反映", "你打错了")))
    ticket = await ticket_of(city, number)
    assert not any(ticket.title[:6] in one for one in said(citizen.leg))
    (attempt,) = await rows(city, CallbackAttempt, number)
    assert attempt.outcome == "wrong_number"


async def test_silence_and_unclear_words_end_it_after_asking_twice(city: City, line: Line) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    await citizen.robot().one()  # never says a word
    assert sum("本人反映" in one for one in said(citizen.leg)) == 2
    assert "改天再联系" in said(citizen.leg)[-1]
    (attempt,) = await rows(city, CallbackAttempt, number)
    assert attempt.outcome == "no_answer"


async def test_who_hangs_up_half_way_has_not_answered(city: City, line: Line) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    working = asyncio.create_task(citizen.robot().one())
    await citizen.answers(*BY_KEYS[:2])
    await heard(citizen.leg, "解决了吗")
    citizen.leg.caller_hangs_up()
    await working
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction) == ("callback", None)
    (attempt,) = await rows(city, CallbackAttempt, number)
    assert attempt.outcome == "no_answer"
    kept = {answer.question: answer.value for answer in await rows(city, CallbackAnswer, number)}
    assert kept == {"contacted": "yes"}, "a clerk who calls later asks only the rest"


async def test_the_next_call_goes_on_where_the_answers_ended(city: City, line: Line) -> None:
    number = await to_callback(city)
    first = Citizen(line)
    working = asyncio.create_task(first.robot().one())
    await first.answers(*BY_KEYS[:3])
    await heard(first.leg, "态度")
    first.leg.caller_hangs_up()
    await working
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.attempts) == (Plan.ROBOT.value, 1), "the citizen does talk to it: it is not left to the clerks yet"
    city.clock.advance(hours=2, minutes=1)
    second = Citizen(line)
    await asyncio.gather(second.robot().one(), second.answers(("本人反映", "1"), ("态度", "1"), ("结果满意吗", "2")))
    assert "上次通话中断了，我们接着说" in said(second.leg)[0]
    assert not any("联系过您吗" in one or "解决了吗" in one for one in said(second.leg)), "nobody is asked twice"
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction) == ("closed", "satisfied")
    answers = {answer.question: answer.value for answer in await rows(city, CallbackAnswer, number)}
    assert answers == {"contacted": "yes", "solved": "yes", "attitude": "good", "satisfaction": "satisfied"}


async def test_who_breaks_off_again_without_a_further_answer_is_left_to_a_clerk_with_the_draft(city: City, line: Line) -> None:
    number = await to_callback(city)
    for steps in (BY_KEYS[:2], BY_KEYS[:1]):
        citizen = Citizen(line)
        working = asyncio.create_task(citizen.robot().one())
        await citizen.answers(*steps)
        await heard(citizen.leg, "解决了吗")
        citizen.leg.caller_hangs_up()
        await working
        city.clock.advance(hours=2, minutes=1)
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.attempts) == (Plan.CLERK.value, 2)
    kept = {answer.question: answer.value for answer in await rows(city, CallbackAnswer, number)}
    assert kept == {"contacted": "yes"}


async def test_a_process_that_ends_in_a_call_keeps_what_was_answered(city: City, line: Line) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    working = asyncio.create_task(citizen.robot().one())
    await citizen.answers(*BY_KEYS[:2])
    await heard(citizen.leg, "解决了吗")
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.attempts, task.claim) == (Plan.ROBOT.value, 0, None)
    assert [answer.question for answer in await rows(city, CallbackAnswer, number)] == ["contacted"]


async def test_who_hangs_up_into_the_goodbye_is_not_called_again(city: City, line: Line) -> None:
    number = await to_callback(city)
    citizen = Citizen(line, instant=False)
    working = asyncio.create_task(citizen.robot().one())
    await citizen.answers(*BY_KEYS, ("结果满意吗", "2"))
    await heard(citizen.leg, "评价已经记下")
    citizen.leg.caller_hangs_up()
    await working
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction) == ("closed", "satisfied")


@pytest.mark.parametrize(
    ("status", "outcome", "counts"), [(486, "busy", 1), (404, "wrong_number", 1), (408, "no_answer", 1), (503, "failed", 0)]
)
async def test_what_a_refusal_means(city: City, line: Line, status: int, outcome: str, counts: int) -> None:
    number = await to_callback(city)
    await Citizen(line, refuses=status).robot().one()
    (attempt,) = await rows(city, CallbackAttempt, number)
    (task,) = await rows(city, CallbackTask, number)
    assert (attempt.outcome, task.attempts) == (outcome, counts)


@pytest.mark.parametrize(
    "fault", [NoFreePort("no free RTP port"), ValueError("no such host"), CallFailed(408, "no answer from the network", silent=True)]
)
async def test_a_line_of_ours_that_cannot_dial_does_not_count_against_the_citizen(city: City, line: Line, fault: Exception) -> None:
    number = await to_callback(city)

    async def dial(_uri: str) -> Leg:
        raise fault

    assert await CallbackRobot(line.parts, dial, at_once=1, per_minute=100).one()
    (attempt,) = await rows(city, CallbackAttempt, number)
    (task,) = await rows(city, CallbackTask, number)
    assert (attempt.outcome, task.attempts, task.claim) == ("failed", 0, None)


@pytest.mark.parametrize("fault", [OperationalError("SELECT", {}, Exception("deadlock detected")), Conflict("late"), RuntimeError("ours")])
async def test_a_claim_that_fails_does_not_end_the_robot(city: City, line: Line, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    number = await to_callback(city)
    start, faults = work.tasks.start_attempt, [fault]

    async def start_attempt(core: Core, session: AsyncSession, lease: UUID) -> int:
        if faults:
            raise faults.pop()
        return await start(core, session, lease)

    monkeypatch.setattr(work.tasks, "start_attempt", start_attempt)
    monkeypatch.setattr(work, "_LOOK_S", 0.01)
    citizen = Citizen(line, refuses=486)
    running = asyncio.create_task(citizen.robot().run())
    try:
        await until(lambda: bool(citizen.dialled) or running.done())
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(citizen.dialled) == 1
    assert len(await rows(city, CallbackAttempt, number)) == 1


async def test_a_process_that_drains_calls_nobody(city: City, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await to_callback(city)
    monkeypatch.setattr(work, "_LOOK_S", 0.01)
    asked: list[bool] = []

    def takes_calls() -> bool:
        asked.append(True)
        return False

    citizen = Citizen(line, refuses=486)
    running = asyncio.create_task(CallbackRobot(line.parts, citizen.dial, at_once=1, per_minute=100, takes_calls=takes_calls).run())
    await until(lambda: len(asked) > 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert citizen.dialled == []
    assert await rows(city, CallbackAttempt, number) == []


async def test_a_number_that_may_not_be_dialled_goes_to_a_person(city: City, line: Line) -> None:
    number = await to_callback(city)
    citizen = Citizen(line)
    line.set(citizen_prefixes=("0571",))
    await citizen.robot().one()
    assert citizen.dialled == []
    (task,) = await rows(city, CallbackTask, number)
    assert task.plan == Plan.CLERK.value


async def test_outside_the_allowed_hours_nobody_is_called(city: City, line: Line) -> None:
    await to_callback(city)
    city.clock.advance(hours=12)
    assert not await Citizen(line).robot().one()


def test_never_more_in_a_minute_than_the_city_wants() -> None:
    pace = Pace(2)
    begun = []
    for second in range(0, 130, 10):
        if pace.allows(float(second)):
            pace.begin(float(second))
            begun.append(second)
    assert begun == [0, 10, 60, 70, 120]


@pytest.mark.realtime
async def test_the_robot_calls_a_real_phone_and_keys_are_heard(city: City, line: Line, make_phone: MakePhone) -> None:
    """Real SIP and RFC 4733 on loopback; the citizen presses a key whenever the robot has finished a question."""
    number = await to_callback(city)
    line.set(silence_s=3.0)

    async def pick_up(leg: Leg) -> None:
        await leg.answer()
        frames: list[bytes] = []
        leg.listen(frames.append)
        for key in "11111":
            await until(spoken_and_quiet(frames), 30)
            frames.clear()
            leg.press(key)
        while not isinstance(await leg.events.get(), HungUp):
            pass

    citizens = await make_phone(pick_up)
    robots = await make_phone(None)
    line.set(outbound_uri=f"sip:{{number}}@127.0.0.1:{citizens.port}")
    await CallbackRobot(line.parts, robots.dial, at_once=1, per_minute=10).one()
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction) == ("closed", "very_satisfied")
