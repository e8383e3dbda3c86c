"""From `0` to a person: the queue, the ring, and what follows when nobody comes. Telephones are fakes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy import select

from telephony.flow.call import CallFlow
from telephony.leg import HungUp
from telephony.queue.switchboard import Switchboard
from telephony.speech.transcriber import Heard
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import LOUD, Line, a_turn, heard, said
from tests.telephony.flow.with_agent import (
    FROM_AGENT,
    FROM_CITIZEN,
    FROM_OTHER,
    call_row,
    duty_is,
    hears_music,
    hears_only,
    state_is,
    to_agent,
)
from ticketing.call_flow import nuisance
from ticketing.callback.models import ReturnCall
from ticketing.citizen.service import by_caller
from ticketing.conversation.models import Author, CallState, Conversation, Message, Owner
from ticketing.duty.models import DutyState, Skill
from ticketing.duty.service import change, duty_of
from ticketing.people.actor import staff_actor
from ticketing.people.models import Role
from ticketing.queue.models import Offer, Waiting


async def test_zero_rings_an_agent_both_hear_each_other_and_the_agent_wraps_up(line: Line) -> None:
    agent = await line.agent()
    leg, phone = await to_agent(line)
    await hears_only(leg, phone, FROM_AGENT)
    await hears_only(phone, leg, FROM_CITIZEN)
    async with line.database.transaction() as session:
        conversation = (await session.scalars(select(Conversation))).one()
        assert (conversation.owner, conversation.agent_id) == (Owner.HUMAN.value, agent.id)
    phone.caller_hangs_up()
    await line.over()
    call = await call_row(line, leg.id)
    assert call.end_reason == "agent_hung_up"
    assert call.data["person_answered_at"]
    await duty_is(line, agent, DutyState.WRAP_UP)
    async with line.database.transaction() as session:
        assert (await session.scalars(select(ReturnCall))).first() is None, "who was served is owed nothing"


async def test_what_both_say_is_written_down_with_its_speaker(line: Line) -> None:
    await line.agent()
    leg, phone = await to_agent(line)
    assert line.transcriber is not None
    citizen, agent = line.transcriber.sessions
    citizen.script.append(Heard("final", "学院路的路灯坏了", 1, 2, 0.9))
    leg.speak(LOUD * 6)
    agent.script.append(Heard("final", "好的我来登记", 0, 1, 0.9))
    phone.speak(LOUD * 6)
    async with asyncio.timeout(20):
        while True:
            async with line.database.transaction() as session:
                rows = {m.text: m.author for m in await session.scalars(select(Message))}
            if "好的我来登记" in rows and "学院路的路灯坏了" in rows:
                break
            await asyncio.sleep(0.01)
    assert rows["好的我来登记"] == Author.AGENT.value
    assert rows["学院路的路灯坏了"] == Author.CITIZEN.value
    assert "学院路的路灯坏了" not in line.bot.turns, "the assistant is quiet while a person speaks"
    leg.caller_hangs_up()
    await line.over()
    assert phone.hung_up is not None


async def test_who_waits_hears_music_and_their_place_and_the_next_agent_is_rung(line: Line) -> None:
    first, second = await line.agent("lin"), await line.agent("chen")
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await line.phones.rings("lin")
    assert hears_music(leg)
    await line.phones.refuses("lin")
    phone = await line.phones.answers("chen")
    await state_is(line, leg.id, CallState.TALKING)
    assert await line.state_of(first) == DutyState.READY.value
    assert await line.state_of(second) == DutyState.BUSY.value
    async with line.database.transaction() as session:
        assert list(await session.scalars(select(Offer.result).order_by(Offer.id))) == ["busy", "answered"]
    phone.caller_hangs_up()
    await line.over()


async def test_an_agent_who_does_not_answer_in_time_is_passed_over(line: Line) -> None:
    await line.rules(timeout=1)
    await line.agent("lin")
    await line.agent("chen")
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await line.phones.rings("lin")
    phone = await line.phones.answers("chen")
    await state_is(line, leg.id, CallState.TALKING)
    phone.caller_hangs_up()
    await line.over()


async def test_who_hangs_up_while_it_rings_stops_the_ring_and_is_owed_a_return_call(line: Line) -> None:
    agent = await line.agent()
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    uri = await line.phones.rings("lin")
    leg.caller_hangs_up()
    await line.over()
    assert line.phones.stopped == [uri]
    assert await line.state_of(agent) == DutyState.READY.value
    async with line.database.transaction() as session:
        assert (await session.scalars(select(ReturnCall.reason))).one() == "hung_up_in_queue"


async def test_nobody_on_duty_the_assistant_goes_on_and_a_return_call_is_owed(line: Line) -> None:
    await line.rules(joinempty=False)
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await heard(leg, "没有人工坐席在岗")
    line.say(leg, "护照怎么办")
    await heard(leg, "答：护照怎么办")
    leg.caller_hangs_up()
    await line.over()
    async with line.database.transaction() as session:
        assert (await session.scalars(select(ReturnCall.reason))).one() == "nobody_on_duty"
        assert (await session.scalars(select(Waiting))).first() is None


async def test_asked_for_in_words_out_of_hours_the_assistant_goes_on_too(line: Line) -> None:
    await line.agent()
    hours = {"queue": "hotline", "hours": {"from": "20:00", "to": "21:00"}, "closed": "现在不是服务时间"}
    await line.rules(flow={"person": hours})
    line.bot.answers["转人工"] = a_turn("正在转接", handover=True, handover_reason="citizen_asked")
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "转人工")
    await heard(leg, "现在不是服务时间")
    line.say(leg, "护照怎么办")
    await heard(leg, "答：护照怎么办")
    async with line.database.transaction() as session:
        assert (await session.scalars(select(Conversation.owner))).one() == Owner.BOT.value
    leg.caller_hangs_up()
    await line.over()


async def test_a_return_call_may_be_chosen_and_keeps_the_place(line: Line) -> None:
    await line.rules(**{"return-call-after": 1, "max-wait": 30})
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await heard(leg, "不想继续等待，请按一")
    leg.press_keys("1")
    await line.over()
    assert said(leg)[-1] == "<kept_place>"
    async with line.database.transaction() as session:
        owed = (await session.scalars(select(ReturnCall))).one()
    assert owed.reason == "kept_place"
    assert (owed.due_at - owed.created_at).total_seconds() == 300, "when it would have been their turn"
    assert (await call_row(line, leg.id)).end_reason == "return_call"


async def test_a_full_queue_is_an_honest_answer_at_once(line: Line) -> None:
    await line.rules(maxlen=1)
    first = line.call()
    await heard(first, "<greeting>")
    first.press_keys("0")
    await heard(first, "<queue_invite>")
    async with asyncio.timeout(20):
        while True:
            async with line.database.transaction() as session:
                if (await session.scalars(select(Waiting))).first() is not None:
                    break
            await asyncio.sleep(0.01)
    second = line.call(caller="13900000000")
    await heard(second, "<greeting>")
    second.press_keys("0")
    await heard(second, "<return_call>")
    first.caller_hangs_up()
    await line.over()
    async with line.database.transaction() as session:
        assert sorted(await session.scalars(select(ReturnCall.reason))) == ["hung_up_in_queue", "queue_full"]


async def test_when_the_last_agent_goes_those_who_wait_are_called_back(line: Line) -> None:
    await line.rules(leavewhenempty=True, joinempty=False)
    agent = await line.agent(ready=False)
    async with line.database.transaction() as session:
        await change(line.core, session, await duty_of(line.core, session, agent.id), DutyState.WRAP_UP, wrap_s=3600)
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await heard(leg, "<queue_invite>")
    async with line.database.transaction() as session:
        await change(line.core, session, await duty_of(line.core, session, agent.id), DutyState.OFF)
    await heard(leg, "<return_call>")
    await line.over()
    async with line.database.transaction() as session:
        assert (await session.scalars(select(ReturnCall.reason))).one() == "nobody_on_duty"


async def test_nobody_begins_to_wait_for_agents_who_all_have_a_break(line: Line) -> None:
    await line.rules(joinempty=False)
    agent = await line.agent(ready=False)
    async with line.database.transaction() as session:
        await change(line.core, session, await duty_of(line.core, session, agent.id), DutyState.BREAK, reason="meal")
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await heard(leg, "现在没有人工坐席在岗")
    leg.caller_hangs_up()
    await line.over()


async def test_elderly_callers_go_straight_to_a_person(line: Line) -> None:
    await line.agent()
    async with line.database.transaction() as session:
        citizen = await by_caller(line.core, session, "+8613911112222")
        citizen.needs = "elderly"
    leg = line.call(caller="13911112222")
    phone = await line.phones.answers("lin")
    await state_is(line, leg.id, CallState.TALKING)
    assert any("马上为您转接人工" in one for one in said(leg))
    assert line.bot.turns == []
    phone.caller_hangs_up()
    await line.over()


async def test_a_number_on_the_nuisance_list_hears_why_and_is_gone(line: Line) -> None:
    head = await line.agent("head", role=Role.SUPERVISOR, ready=False)
    async with line.database.transaction() as session:
        await nuisance.add(line.core, session, staff_actor(head), "13911112222", days=7, reason="反复拨打不说话")
    leg = line.call(caller="13911112222")
    await line.over()
    assert ["恶意拨打" in one for one in said(leg)] == [True]
    assert (await call_row(line, leg.id)).end_reason == "nuisance"


async def test_an_agent_whose_telephone_dies_is_replaced_and_the_caller_is_first(line: Line) -> None:
    await line.agent("lin")
    leg, phone = await to_agent(line)
    await line.agent("chen")
    phone._end(HungUp("timeout", "no sound"))
    await heard(leg, "<agent_lost>")
    other = await line.phones.answers("chen")
    await state_is(line, leg.id, CallState.TALKING)
    await hears_only(leg, other, FROM_OTHER)
    async with line.database.transaction() as session:
        assert max(await session.scalars(select(Waiting.priority))) == 15
    leg.caller_hangs_up()
    await line.over()


async def test_two_processes_share_one_queue_and_each_rings_for_its_own_callers(line: Line) -> None:
    await line.agent("lin")
    elsewhere = Switchboard(line.core, line.database, "telephony-2", line.phones.dial)
    other = asyncio.create_task(elsewhere.run())
    first, second = FakeLeg(), FakeLeg(caller="13900000000")
    flow = CallFlow(replace(line.parts, worker="telephony-2", switchboard=elsewhere))
    line.tasks.append(asyncio.create_task(flow.run(first)))
    await heard(first, "<greeting>")
    first.press_keys("0")
    phone = await line.phones.answers("lin")
    await state_is(line, first.id, CallState.TALKING)
    line.tasks.append(asyncio.create_task(CallFlow(line.parts).run(second)))
    await heard(second, "<greeting>")
    second.press_keys("0")
    await heard(second, "<queue_invite>")
    await line.agent("chen")  # becomes ready by another process's doing: only the database tells
    colleague = await line.phones.answers("chen")
    await state_is(line, second.id, CallState.TALKING)
    await hears_only(first, phone, FROM_AGENT)
    await hears_only(second, colleague, FROM_OTHER)
    async with line.database.transaction() as session:
        assert list(await session.scalars(select(Waiting.worker).order_by(Waiting.id))) == ["telephony-2", "telephony-test"]
    for leg in (first, second):
        leg.caller_hangs_up()
    await line.over()
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)


async def test_overflow_leads_into_the_other_queue_with_the_same_place(line: Line) -> None:
    await line.rules(second={"name": "应急队列", "any-line": True, "max-wait": 60}, overflow="queue:second", **{"max-wait": 1})
    agent = await line.agent("lin")
    async with line.database.transaction() as session:
        session.add(Skill(user_id=agent.id, kind="line", code="12319"))
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    phone = await line.phones.answers("lin")
    await state_is(line, leg.id, CallState.TALKING)
    async with line.database.transaction() as session:
        rows = list(await session.scalars(select(Waiting).order_by(Waiting.id)))
    assert [(row.queue, row.state, row.outcome) for row in rows] == [("hotline", "gone", "overflow"), ("second", "served", None)]
    assert rows[0].entered_at == rows[1].entered_at
    phone.caller_hangs_up()
    await line.over()
