"""From `0` to a person and back: the queue, the ring, the conversation, and what a supervisor may do. Telephones are fakes."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select

from hotline.events import Event
from telephony.leg import FRAME_BYTES
from telephony.speech.transcriber import Heard
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import LOUD, Line, a_turn, heard, said, until
from ticketing.callback.models import ReturnCall
from ticketing.citizen.service import by_caller
from ticketing.conversation.models import Author, Call, CallState, Conversation, Message, Owner
from ticketing.duty.models import DutyState, Skill
from ticketing.people.actor import staff_actor
from ticketing.people.models import Role, User
from ticketing.queue.commands import command
from ticketing.queue.models import CallCommand, Offer, Waiting

FROM_CITIZEN = b"\x01\x10" * (FRAME_BYTES // 2)
FROM_AGENT = b"\x02\x10" * (FRAME_BYTES // 2)
FROM_OTHER = b"\x03\x10" * (FRAME_BYTES // 2)


async def to_agent(line: Line, name: str = "lin", **values: object) -> tuple[FakeLeg, FakeLeg]:
    """A caller presses 0 and this agent picks up: both legs."""
    leg = line.call(**values)
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    phone = await line.phones.answers(name)
    await until(lambda: phone.hear() is None and leg._relay is not None)
    await state_is(line, leg.id, CallState.TALKING)
    return leg, phone


async def call_row(line: Line, call_id: UUID) -> Call:
    async with line.database.transaction() as session:
        return await session.get_one(Call, call_id)


async def state_is(line: Line, call_id: UUID, state: CallState) -> None:
    async with asyncio.timeout(20):
        while (await call_row(line, call_id)).state != state.value:
            await asyncio.sleep(0.01)


async def duty_is(line: Line, user: User, *states: DutyState) -> None:
    async with asyncio.timeout(20):
        while await line.state_of(user) not in {state.value for state in states}:
            await asyncio.sleep(0.01)


async def do(line: Line, user: User, call_id: UUID, action: str, to: str = "", *, result: str | None = "") -> None:
    """A command of the console, carried out. `result`: how it ends; None: not waited for."""
    async with line.database.transaction() as session:
        row = await command(line.core, session, staff_actor(user), call_id, action, to=to)
    if result is None:
        return
    async with asyncio.timeout(20):
        while True:
            async with line.database.transaction() as session:
                found = await session.get_one(CallCommand, row.id)
            if found.done_at is not None:
                break
            await asyncio.sleep(0.01)
    assert (found.state, found.result) == ("done" if not result else "failed", result)


async def hears_only(leg: FakeLeg, speaker: FakeLeg, sound: bytes) -> None:
    """Until what this one says reaches that leg, and nothing else does."""
    async with asyncio.timeout(20):
        while True:
            for _ in range(4):  # what is still on its way
                leg.hear()
            speaker.speak(sound)
            if leg.hear() == sound and leg.hear() is None:
                return
            await asyncio.sleep(0.01)


def hears_music(leg: FakeLeg) -> bool:
    return all(leg.hear() for _ in range(8))  # no voice goes on after its frames were taken


async def events_of(line: Line, call_id: UUID) -> list[str]:
    async with line.database.transaction() as session:
        return list(await session.scalars(select(Event.name).where(Event.subject_id == str(call_id)).order_by(Event.id)))


# the way to a person


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
        from ticketing.duty.service import change, duty_of

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
        from ticketing.duty.service import change, duty_of

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
    from ticketing.call_flow import nuisance

    head = await line.agent("head", role=Role.SUPERVISOR, ready=False)
    async with line.database.transaction() as session:
        await nuisance.add(line.core, session, staff_actor(head), "13911112222", days=7, reason="反复拨打不说话")
    leg = line.call(caller="13911112222")
    await line.over()
    assert ["恶意拨打" in one for one in said(leg)] == [True]
    assert (await call_row(line, leg.id)).end_reason == "nuisance"


async def test_an_agent_whose_telephone_dies_is_replaced_and_the_caller_is_first(line: Line) -> None:
    from telephony.leg import HungUp

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


# with an agent


async def test_hold_plays_music_and_nobody_hears_the_citizen(line: Line) -> None:
    agent = await line.agent()
    leg, phone = await to_agent(line)
    await do(line, agent, leg.id, "hold")
    assert hears_music(leg)
    leg.speak(FROM_CITIZEN)
    assert phone.hear() is None
    await do(line, agent, leg.id, "hold", result="wrong_state")
    assert line.transcriber is not None
    line.transcriber.sessions[1].script.append(Heard("final", "电话机自己的音乐", 0, 1, 0.9))
    phone.speak(LOUD * 6)
    await until(lambda: not line.transcriber.sessions[1].script)  # type: ignore[union-attr]
    await do(line, agent, leg.id, "resume")
    await hears_only(phone, leg, FROM_CITIZEN)
    phone.on_held(True)  # the key on the agent's own telephone
    await until(lambda: hears_music(leg))
    leg.caller_hangs_up()
    await line.over()
    async with line.database.transaction() as session:
        assert "电话机自己的音乐" not in list(await session.scalars(select(Message.text)))


async def test_warm_transfer_to_a_colleague(line: Line) -> None:
    agent, colleague = await line.agent("lin"), await line.agent("chen", ready=False)
    async with line.database.transaction() as session:
        from ticketing.duty.service import change, duty_of

        await change(line.core, session, await duty_of(line.core, session, colleague.id), DutyState.BREAK, reason="rest")
    leg, phone = await to_agent(line)
    await do(line, agent, leg.id, "consult", f"agent:{colleague.staff_number}", result=None)
    other = await line.phones.answers("chen")
    await until(lambda: other._relay is not None)
    await hears_only(phone, other, FROM_OTHER)
    await hears_only(other, phone, FROM_AGENT)
    assert hears_music(leg)
    await do(line, agent, leg.id, "transfer")
    await hears_only(leg, other, FROM_OTHER)
    assert phone.hung_up is not None
    await duty_is(line, agent, DutyState.WRAP_UP)
    assert await line.state_of(colleague) == DutyState.BUSY.value
    async with line.database.transaction() as session:
        assert (await session.scalars(select(Conversation.agent_id))).one() == colleague.id
    other.caller_hangs_up()
    await line.over()
    await duty_is(line, colleague, DutyState.WRAP_UP)
    assert "call.transferred" in await events_of(line, leg.id)


async def test_retrieve_three_at_once_and_numbers_outside(line: Line) -> None:
    line.set(outbound_uri="sip:{number}@127.0.0.1:5090", outbound_prefixes=("0571",))
    agent = await line.agent()
    leg, phone = await to_agent(line)
    await do(line, agent, leg.id, "consult", "10086", result="not_allowed")
    await do(line, agent, leg.id, "consult", "057112345", result=None)
    await line.phones.rings("057112345")
    await do(line, agent, leg.id, "retrieve")
    await until(lambda: line.phones.stopped != [])
    await hears_only(leg, phone, FROM_AGENT)
    await do(line, agent, leg.id, "consult", "057112345", result=None)
    department = await line.phones.answers("057112345")
    await until(lambda: department._relay is not None)
    await do(line, agent, leg.id, "conference")
    await hears_only(leg, department, FROM_OTHER)
    await hears_only(phone, department, FROM_OTHER)
    await hears_only(department, leg, FROM_CITIZEN)
    phone.caller_hangs_up()  # the agent leaves: the citizen goes on with the department
    await duty_is(line, agent, DutyState.WRAP_UP)
    await hears_only(leg, department, FROM_OTHER)
    department.caller_hangs_up()
    await line.over()
    assert (await call_row(line, leg.id)).end_reason == "transferred"


async def test_a_blind_transfer_that_nobody_answers_brings_the_caller_back_to_the_queue(line: Line) -> None:
    agent, colleague = await line.agent("lin"), await line.agent("chen", ready=False)
    async with line.database.transaction() as session:
        from ticketing.duty.service import change, duty_of

        await change(line.core, session, await duty_of(line.core, session, colleague.id), DutyState.BREAK, reason="rest")
    leg, phone = await to_agent(line)
    await do(line, agent, leg.id, "blind", f"agent:{colleague.staff_number}", result=None)
    await line.phones.refuses("chen", 480)
    await heard(leg, "<agent_lost>")
    assert phone.hung_up is not None
    await state_is(line, leg.id, CallState.QUEUED)
    leg.caller_hangs_up()
    await line.over()


# the supervisor


async def test_listen_whisper_and_take_over(line: Line) -> None:
    agent, head = await line.agent("lin"), await line.agent("head", role=Role.SUPERVISOR, ready=False)
    leg, phone = await to_agent(line)
    await do(line, head, leg.id, "listen", result=None)
    ear = await line.phones.answers("head")
    await until(lambda: ear._relay is not None)
    await hears_only(ear, leg, FROM_CITIZEN)
    await hears_only(ear, phone, FROM_AGENT)
    ear.speak(FROM_OTHER)
    while (got := phone.hear()) is not None:
        assert got != FROM_OTHER
    await do(line, head, leg.id, "whisper")
    await hears_only(phone, ear, FROM_OTHER)
    ear.speak(FROM_OTHER)
    while (got := leg.hear()) is not None:
        assert got != FROM_OTHER, "the citizen never hears the supervisor"
    await do(line, head, leg.id, "take_over")
    await hears_only(leg, ear, FROM_OTHER)
    assert phone.hung_up is not None
    await duty_is(line, agent, DutyState.WRAP_UP)
    names = await events_of(line, leg.id)
    assert {"call.listen", "call.whisper", "call.take_over"} <= set(names)
    leg.caller_hangs_up()
    await line.over()


async def test_who_only_listened_has_nothing_to_wrap_up(line: Line) -> None:
    await line.agent("lin")
    head = await line.agent("head", role=Role.SUPERVISOR)
    async with line.database.transaction() as session:
        from ticketing.duty.service import change, duty_of

        await change(line.core, session, await duty_of(line.core, session, head.id), DutyState.BREAK, reason="other")
    leg, _phone = await to_agent(line)
    await do(line, head, leg.id, "listen", result=None)
    ear = await line.phones.answers("head")
    await duty_is(line, head, DutyState.BUSY)
    ear.caller_hangs_up()
    await duty_is(line, head, DutyState.BREAK)
    await state_is(line, leg.id, CallState.TALKING)
    leg.caller_hangs_up()
    await line.over()


# danger


async def test_danger_is_connected_at_once_when_the_caller_wants_it(line: Line) -> None:
    line.set(outbound_uri="sip:{number}@127.0.0.1:5090")
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "我家着火了快来")
    await heard(leg, "帮您接通119")
    leg.press_keys("1")
    fire = await line.phones.answers("119")
    await until(lambda: leg._relay is not None)
    async with asyncio.timeout(20):
        while "call.emergency_connected" not in await events_of(line, leg.id):
            await asyncio.sleep(0.01)
    await until(lambda: fire._relay is not None)
    await hears_only(leg, fire, FROM_OTHER)
    await hears_only(fire, leg, FROM_CITIZEN)
    fire.caller_hangs_up()
    await line.over()
    names = await events_of(line, leg.id)
    assert [name for name in names if "emergency" in name] == [
        "call.emergency_offered", "call.emergency_connecting", "call.emergency_connected"
    ]  # fmt: skip
    assert (await call_row(line, leg.id)).end_reason == "transferred"


@pytest.mark.parametrize(("answer", "connected"), [("接通", True), ("好的快接", True), ("不用了已经灭了", False), ("没事", False)])
async def test_the_offer_is_taken_by_words_and_closed_by_any_other_answer(line: Line, answer: str, connected: bool) -> None:
    line.set(outbound_uri="sip:{number}@127.0.0.1:5090")
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "我家着火了快来")
    await heard(leg, "帮您接通119")
    line.say(leg, answer)
    if connected:
        await line.phones.rings("119")
    else:
        await heard(leg, f"答：{answer}")
        assert line.phones.rung == []
    leg.caller_hangs_up()
    await line.over()


async def test_an_emergency_line_that_does_not_answer_is_told_and_the_call_goes_on(line: Line) -> None:
    line.set(outbound_uri="sip:{number}@127.0.0.1:5090")
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "我家着火了快来")
    await heard(leg, "帮您接通119")
    leg.press_keys("1")
    await line.phones.refuses("119", 503)
    await heard(leg, "马上直接拨打119")
    leg.caller_hangs_up()
    await line.over()


async def test_without_a_trunk_nothing_is_offered_that_cannot_be_done(line: Line) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "我家着火了快来")
    await heard(leg, "答：我家着火了快来")
    assert not any("接通119" in one for one in said(leg))
    leg.caller_hangs_up()
    await line.over()


# interrupting


async def test_the_callers_voice_stops_us_within_200_ms_without_a_word_understood(line: Line) -> None:
    leg = line.call(instant=False)
    await heard(leg, "<greeting>")
    leg.silence(1.0)
    assert not leg.playbacks[0].over
    frames = 0
    while not leg.playbacks[0].over:
        leg.speak(LOUD)
        frames += 1
        assert frames * 20 <= 180, "plus one frame of 20 ms until the silence is on the line"
    assert frames * 20 >= 120, "a click is no voice"
    leg.caller_hangs_up()
    await line.over()


async def test_a_noisy_line_does_not_stop_us(line: Line) -> None:
    leg = line.call(instant=False)
    await heard(leg, "<greeting>")
    noise = b"\xc0\x00\x40\xff" * (FRAME_BYTES // 4)  # about 190 of 32767
    leg.speak(noise * 200)
    await asyncio.sleep(0)
    assert not leg.playbacks[0].over
    leg.caller_hangs_up()
    await line.over()


async def test_a_voice_that_is_not_understood_leads_to_a_person_after_two_questions(line: Line) -> None:
    line.set(silence_s=0.15)
    await line.agent()
    leg = line.call()
    await heard(leg, "<greeting>")
    await asyncio.sleep(0.02)
    for words in ("没有听清楚", "换个说法"):
        leg.speak(LOUD * 50)
        await heard(leg, words)
    leg.speak(LOUD * 50)
    phone = await line.phones.answers("lin")
    await state_is(line, leg.id, CallState.TALKING)
    phone.caller_hangs_up()
    await line.over()


async def test_two_processes_share_one_queue_and_each_rings_for_its_own_callers(line: Line) -> None:
    from dataclasses import replace

    from telephony.flow.call import CallFlow
    from telephony.queue.switchboard import Switchboard

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


async def test_a_call_survives_the_loss_of_the_database_while_a_person_talks(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import asynccontextmanager

    from hotline.errors import Unavailable

    agent = await line.agent()
    leg, phone = await to_agent(line)

    @asynccontextmanager
    async def gone():  # type: ignore[no-untyped-def]
        raise Unavailable("no database")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(line.database, "transaction", gone)
        await asyncio.sleep(0)
        phone.on_held(True)
        await until(lambda: hears_music(leg))
        phone.on_held(False)
        await hears_only(leg, phone, FROM_AGENT)
    phone.caller_hangs_up()
    await line.over()
    await duty_is(line, agent, DutyState.WRAP_UP)


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
