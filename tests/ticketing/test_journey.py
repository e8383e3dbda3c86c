"""One appeal through the core, and every way in which it may go differently."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import Event, history
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Facts, LegalProcedure
from ticketing.assignment.service import ReplyDraft
from ticketing.callback import service as callbacks
from ticketing.callback.models import CallbackTask
from ticketing.callback.service import GATES, CallbackResult
from ticketing.deadline.models import ClockState, Deadline
from ticketing.people.actor import citizen_actor
from ticketing.request import returns
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_by_code, access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, Kind, Satisfaction

SATISFIED = CallbackResult(Satisfaction.SATISFIED, solved=True)
DISSATISFIED = CallbackResult(Satisfaction.DISSATISFIED, solved=False, note="今晚又在施工，没有解决", cause="not_solved")


async def ticket_of(city: City, number: str) -> Ticket:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Ticket).where(Ticket.number == number))).one()


async def clocks_of(city: City, number: str) -> dict[str, Deadline]:
    async with city.database.transaction() as session:
        statement = select(Deadline).join(Ticket, Ticket.id == Deadline.ticket_id).where(Ticket.number == number)
        return {clock.kind: clock for clock in await session.scalars(statement.order_by(Deadline.id))}


async def to_callback(city: City) -> str:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.handle(assignment)
    await city.accept(number)
    return number


async def test_the_whole_way_of_one_appeal(city: City) -> None:
    registered = await city.register()
    number = registered.ticket.number
    assert number.startswith("12345-20261118-")
    assignment = await city.dispatch(number)
    await city.handle(assignment)
    assert (await ticket_of(city, number)).state == "reply_review"
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED)
    closed = await ticket_of(city, number)
    assert (closed.state, closed.satisfaction, closed.solved) == ("closed", "satisfied", True)
    assert closed.answer == GOOD_REPLY.measures
    async with city.database.transaction() as session:
        names = [event.name for event in await history(session, "ticket", closed.id)]
    assert names == [
        "ticket.registered", "ticket.submitted", "ticket.dispatched", "assignment.created", "assignment.signed",
        "assignment.contacted", "reply.drafted", "assignment.replied", "ticket.reply_ready", "reply.accepted",
        "callback.done", "ticket.closed",
    ]  # fmt: skip
    assert {clock.state for clock in (await clocks_of(city, number)).values()} == {ClockState.MET.value}


@pytest.mark.parametrize(("mode", "last"), [(DispatchMode.PHONE, "2026-11-24"), (DispatchMode.WRITTEN, "2026-11-30")])
async def test_reply_is_due_in_three_or_seven_working_days(city: City, mode: DispatchMode, last: str) -> None:
    city.clock.set(datetime(2026, 11, 19, 10, tzinfo=CITY_ZONE))
    number = (await city.register()).ticket.number
    await city.dispatch(number, mode)
    due = (await clocks_of(city, number))["handle"].due_at.astimezone(CITY_ZONE)
    assert due == datetime.fromisoformat(last).replace(tzinfo=CITY_ZONE) + timedelta(days=1)


async def test_dissatisfaction_opens_a_second_round_at_the_same_unit__lesson_25a(city: City) -> None:
    number = await to_callback(city)
    await city.act(number, city.callback, callbacks.finish_callback, DISSATISFIED)
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.round, ticket.satisfaction) == ("in_progress", 2, None)
    clock = (await clocks_of(city, number))["handle"]
    assert (clock.state, clock.limit_value, clock.limit_unit) == ("running", 1, "wd")
    async with city.database.transaction() as session:
        rows = await city_assignments(session, ticket)
    with pytest.raises(InvalidInput) as caught:  # D05: the second time the unit explains first
        await city.reply(rows[0])
    assert "explanation" in caught.value.errors
    await city.reply(rows[0], explanation="上次只做了临时处理，夜间巡查不到位，这次安排专人值守")
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED)
    assert (await ticket_of(city, number)).state == "closed"


async def city_assignments(session: AsyncSession, ticket: Ticket) -> list[Assignment]:
    return list(await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id)))


async def test_the_citizen_may_reopen_within_seven_days_only__lesson_25a(city: City) -> None:
    number = await to_callback(city)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        await callbacks.reopen(city.core, session, citizen_actor(), ticket, "过了两天又开始施工")
    assert (await ticket_of(city, number)).state == "in_progress"
    other = await to_callback(city)
    await city.act(other, city.callback, callbacks.finish_callback, SATISFIED)
    city.clock.advance(days=7, seconds=1)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == other))).one()
        with pytest.raises(IllegalStep):
            await callbacks.reopen(city.core, session, citizen_actor(), ticket, "过了两天又开始施工")


async def test_not_reached_three_times_on_two_days_closes_with_its_reason(city: City) -> None:
    number = await to_callback(city)
    for _attempt in range(3):
        assert not await city.act(number, city.callback, callbacks.record_attempt, "no_answer")  # all on one day: goes on
    city.clock.advance(days=1)
    assert await city.act(number, city.callback, callbacks.record_attempt, "busy")
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction, ticket.no_callback_reason) == ("closed", None, "unreached")


async def test_the_database_itself_refuses_a_closed_ticket_without_callback_result(city: City) -> None:
    number = (await city.register()).ticket.number
    with pytest.raises(IntegrityError, match="closed_after_callback"):
        async with city.database.transaction() as session:
            await session.execute(text("UPDATE ticket SET state = 'closed', closed_at = now() WHERE number = :n"), {"n": number})


async def test_events_cannot_be_changed(city: City) -> None:
    await city.register()
    for statement in ("UPDATE event SET name = 'x'", "DELETE FROM event"):
        with pytest.raises(DBAPIError):
            async with city.database.transaction() as session:
                await session.execute(text(statement))


async def test_events_form_a_chain(city: City) -> None:
    number = await to_callback(city)
    ticket = await ticket_of(city, number)
    async with city.database.transaction() as session:
        events: list[Event] = await history(session, "ticket", ticket.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.previous_hash for event in events] == ["", *(event.hash for event in events[:-1])]


async def test_a_step_out_of_order_is_refused_with_what_is_allowed(city: City) -> None:
    number = (await city.register()).ticket.number
    with pytest.raises(IllegalStep) as caught:
        await city.act(number, city.dispatcher, callbacks.review, accept=True, gates=GATES)
    assert "现在可以" in str(caught.value)


async def test_a_stale_page_gets_a_conflict__lesson_15(city: City) -> None:
    registered = await city.register()
    number, seen = registered.ticket.number, registered.ticket.version
    await city.dispatch(number)
    async with city.database.transaction() as session:
        with pytest.raises(Conflict):
            await access_ticket(city.core, session, city.dispatcher, number, lock=True, version=seen)


async def test_a_reply_that_says_nothing_is_refused(city: City) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    for measures in ("已处理", "您反映的问题已收到，正在处理中，请您耐心等待，我们会尽快给您一个满意的答复。"):
        with pytest.raises(InvalidInput) as caught:
            await city.by_unit(city.clerk, assignments.draft_reply, assignment, ReplyDraft(Facts.UNTRUE, measures))
        assert "measures" in caught.value.errors


async def test_t18_a_reply_says_how_the_citizen_was_contacted(city: City) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    silent = replace(GOOD_REPLY, contact_note="")
    with pytest.raises(InvalidInput) as caught:
        await city.by_unit(city.clerk, assignments.draft_reply, assignment, silent)
    assert list(caught.value.errors) == ["contact_note"]
    tried = replace(GOOD_REPLY, contact_note="11月20日上午下午各拨打一次，无人接听")
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, tried)
    await city.by_unit(city.chief, assignments.refuse_draft, assignment, "再联系一次")
    await city.by_unit(city.clerk, assignments.contact, assignment, way="phone", note="已与市民通话，说明检查结果")
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, silent)


@pytest.mark.parametrize("fields", [{"anonymous": True, "name": "", "phone": ""}, {"contact_by": "none"}, {"kind": Kind.SUGGESTION}])
async def test_t18_who_cannot_or_need_not_be_contacted_holds_up_no_reply(city: City, fields: dict[str, object]) -> None:
    number = (await city.register(**fields)).ticket.number
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, replace(GOOD_REPLY, contact_note=""))


async def test_returns(city: City) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    request = await city.by_unit(city.clerk, returns.ask, assignment, "按职责清单，夜间施工由生态环境部门管理")
    await city.act(number, city.dispatcher, returns.decide, request.id, approve=True)
    ticket = await ticket_of(city, number)
    assert ticket.state == "to_dispatch"
    await city.act(number, city.dispatcher, dispatching.dispatch, unit_id=city.units["water"], mode=DispatchMode.WRITTEN)
    with pytest.raises(NotFound):  # the first unit no longer sees it
        async with city.database.transaction() as session:
            await access_ticket(city.core, session, city.clerk, number)


async def test_the_reported_unit_cannot_lead_without_a_supervisors_reason(city: City) -> None:
    number = (await city.register(reported_unit_id=city.units["city"])).ticket.number
    with pytest.raises(InvalidInput):
        await city.dispatch(number)
    await city.act(
        number,
        city.supervisor,
        dispatching.dispatch,
        unit_id=city.units["city"],
        mode=DispatchMode.PHONE,
        override_reason="仅此单位有执法权，已安排交叉检查",
    )


async def test_the_author_may_not_review_or_call_back(city: City) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.handle(assignment)
    with pytest.raises(NotAllowed):
        await city.act(number, city.clerk, callbacks.review, accept=True, gates=GATES)
    with pytest.raises(InvalidInput):
        await city.act(number, city.dispatcher, callbacks.review, accept=True, gates=("law",))


@pytest.mark.parametrize("late", [False, True])
async def test_sent_back_replies_keep_the_due_time_or_get_one_working_day(city: City, late: bool) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    before = (await clocks_of(city, number))["handle"]
    if late:
        city.clock.set(before.due_at)
    await city.handle(assignment)
    await city.act(number, city.dispatcher, callbacks.review, accept=False, note="没有说明检查结果")
    assert (await ticket_of(city, number)).state == "in_progress"
    clock = (await clocks_of(city, number))["handle"]
    assert (clock.state, clock.limit_value) == ("running", 1 if late else before.limit_value)
    assert clock.due_at > city.clock.now() if late else clock.due_at == before.due_at
    await city.reply(assignment)
    await city.accept(number)


async def test_two_units(city: City) -> None:
    number = (await city.register()).ticket.number
    lead = await city.act(
        number,
        city.dispatcher,
        dispatching.dispatch,
        unit_id=city.units["city"],
        mode=DispatchMode.WRITTEN,
        co_unit_ids=(city.units["water"],),
    )
    await city.handle(lead)
    ticket = await ticket_of(city, number)
    assert ticket.state == "in_progress"  # the co-unit still owes its part
    async with city.database.transaction() as session:
        other = next(row for row in await city_assignments(session, ticket) if not row.lead)
    await city.by_unit(city.water_clerk, assignments.sign, other)
    await city.by_unit(city.water_clerk, assignments.draft_reply, other, GOOD_REPLY)
    await city.by_unit(city.water_chief, assignments.sign_off, other)
    assert (await ticket_of(city, number)).state == "reply_review"


async def test_answer_on_the_spot_and_its_rating(city: City) -> None:
    number = (await city.register(kind=Kind.CONSULT)).ticket.number
    await city.act(number, city.agent, dispatching.answer, "居住证满十五日前可以到居住地派出所办理签注，免费。")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        await callbacks.finish_callback(city.core, session, citizen_actor(), ticket, SATISFIED, by="web")
    assert (await ticket_of(city, number)).state == "closed"


async def test_who_was_not_satisfied_with_an_answer_on_the_spot_is_handled_by_a_unit(city: City) -> None:
    number = (await city.register(kind=Kind.CONSULT)).ticket.number
    words = "居住证满十五日前可以到居住地派出所办理签注，免费。"
    await city.act(number, city.agent, dispatching.answer, words)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        await callbacks.finish_callback(city.core, session, citizen_actor(), ticket, DISSATISFIED, by="web")
    assert (await ticket_of(city, number)).state == "to_dispatch"
    with pytest.raises(IllegalStep, match="派给承办单位"):
        await city.act(number, city.dispatcher, dispatching.answer, words)
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED, by="clerk")
    assert (await ticket_of(city, number)).satisfaction == "satisfied"


@pytest.mark.parametrize(("limit", "told"), [("", "15个工作日内决定是否立案"), ("立案后90日内作出处理决定", "立案后90日内作出处理决定")])
async def test_a_statutory_procedure_with_its_own_limit_is_told_to_the_citizen(city: City, limit: str, told: str) -> None:
    number = (await city.register(kind=Kind.REPORT)).ticket.number
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    await city.by_unit(city.clerk, assignments.contact, assignment, way="phone", note="已告知举报人受理情况")
    draft = replace(GOOD_REPLY, legal_procedure=LegalProcedure.MARKET_REPORT, legal_limit=limit)
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, draft)
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    assert (await ticket_of(city, number)).legal_procedure == ""  # only what passed the review counts
    await city.accept(number)
    ticket = await ticket_of(city, number)
    assert (ticket.legal_procedure, ticket.legal_limit) == ("market_report", told)
    assert f"“市场监管举报核查”，办理期限：{told}" in (ticket.answer or "")


async def test_another_procedure_must_name_its_limit(city: City) -> None:
    draft = replace(GOOD_REPLY, legal_procedure=LegalProcedure.OTHER)
    assert "legal_limit" in assignments.check_reply(draft)
    # that it is a day to be kept: tests/ticketing/test_procedures.py
    assert not assignments.check_reply(replace(draft, legal_limit="由仲裁委员会在45日内裁决"))


async def test_rating_twice_is_refused(city: City) -> None:
    registered = await city.register()
    number = registered.ticket.number
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    for attempt in range(2):
        async with city.database.transaction() as session:
            ticket = await access_by_code(city.core, session, number, registered.query_code.lower(), lock=True)
            if attempt:
                with pytest.raises(IllegalStep):
                    await callbacks.finish_callback(city.core, session, citizen_actor(), ticket, SATISFIED, by="web")
            else:
                await callbacks.finish_callback(city.core, session, citizen_actor(), ticket, SATISFIED, by="web")
    async with city.database.transaction() as session:
        assert len(list(await session.scalars(select(CallbackTask)))) == 1


async def test_withdrawal_ends_the_assignments(city: City) -> None:
    registered = await city.register()
    assignment = await city.dispatch(registered.ticket.number)
    async with city.database.transaction() as session:
        ticket = await access_by_code(city.core, session, registered.ticket.number, registered.query_code, lock=True)
        await dispatching.withdraw(city.core, session, citizen_actor(), ticket)
    with pytest.raises((IllegalStep, NotFound)):
        await city.by_unit(city.clerk, assignments.sign, assignment)
    assert {clock.state for clock in (await clocks_of(city, registered.ticket.number)).values()} <= {"cancelled", "met"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"content": " "}, "content"),
        ({"content": "字" * 5001}, "content"),
        ({"content": "坏\0字符"}, "content"),
        ({"phone": "1390000271"}, "phone"),
        ({"latitude": 91.0}, "latitude"),
        ({"category_code": "9999"}, "category_code"),
        ({"name": "长" * 51}, "name"),
    ],
)
async def test_bad_appeals_are_refused_by_field_and_leave_nothing(city: City, fields: dict[str, object], wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await city.register(**fields)
    assert wrong in caught.value.errors
    async with city.database.transaction() as session:
        assert not list(await session.scalars(select(Ticket)))


async def test_numbers_are_unique_when_many_register_at_once__lesson_14(city: City) -> None:
    made = await asyncio.gather(*(city.register() for _ in range(20)))
    assert len({registered.ticket.number for registered in made}) == 20
