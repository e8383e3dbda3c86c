"""Answers, second visits, attempts, and what the database itself refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.events import history
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Reply
from ticketing.callback import service as callbacks
from ticketing.callback import tasks
from ticketing.callback.models import CallbackAnswer, CallbackAttempt, CallbackTask, SecondVisit
from ticketing.callback.service import CallbackResult
from ticketing.deadline.models import Deadline
from ticketing.people.actor import citizen_actor
from ticketing.people.models import LoginSession
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Kind, Satisfaction

GOOD = CallbackResult(Satisfaction.SATISFIED, solved=True, answers={"speed": "very_satisfied"})
BAD = CallbackResult(Satisfaction.DISSATISFIED, solved=False, note="今晚又在施工，没有解决")
CAUSED = replace(BAD, cause="not_solved")
"""The clerk asked why, so the second visit took place in the same talk."""
EVIDENCE = "现场照片和噪声检测报告证明施工已停止，市民反映的是另一处合法抢修"


async def to_callback(city: City, **fields: object) -> str:
    number = (await city.register(**fields)).ticket.number
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    return number


async def ticket_of(city: City, number: str) -> Ticket:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Ticket).where(Ticket.number == number))).one()


async def rows(city: City, model: type, number: str) -> list:  # type: ignore[type-arg]
    async with city.database.transaction() as session:
        own = select(Ticket.id).where(Ticket.number == number).scalar_subquery()
        if model in (CallbackAttempt, CallbackAnswer):
            own_tasks = select(CallbackTask.id).where(CallbackTask.ticket_id == own)
            return list(await session.scalars(select(model).where(model.task_id.in_(own_tasks)).order_by(model.id)))
        return list(await session.scalars(select(model).where(model.ticket_id == own).order_by(model.id)))


async def by_citizen(city: City, number: str, result: CallbackResult, by: str = "web") -> None:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await callbacks.finish_callback(city.core, session, citizen_actor(ticket.citizen_id), ticket, result, by=by)


async def test_every_answer_is_stored_with_its_result(city: City) -> None:
    number = await to_callback(city)
    await city.act(number, city.callback, callbacks.finish_callback, GOOD)
    answers = {row.question: (row.value, row.result) for row in await rows(city, CallbackAnswer, number)}
    assert answers == {
        "contacted": ("yes", None), "solved": ("yes", None), "attitude": ("good", None),
        "satisfaction": ("satisfied", "satisfied"), "speed": ("very_satisfied", "very_satisfied"),
    }  # fmt: skip
    assert [(row.number, row.outcome, row.channel) for row in await rows(city, CallbackAttempt, number)] == [(1, "reached", "phone")]


async def test_a_clerk_who_hears_dissatisfaction_records_cause_and_rectification_and_the_next_round_begins(city: City) -> None:
    number = await to_callback(city)
    result = CallbackResult(
        Satisfaction.DISSATISFIED, solved=False, note="今晚又在施工", cause="came_back", rectification="连续三晚到场检查"
    )
    await city.act(number, city.callback, callbacks.finish_callback, result)
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.round) == ("in_progress", 2)
    (visit,) = await rows(city, SecondVisit, number)
    assert (visit.state, visit.cause, visit.rectification, visit.complaint) == ("redo", "came_back", "连续三晚到场检查", "今晚又在施工")


async def test_a_clerk_who_names_no_cause_leaves_the_second_visit_open_for_redo_or_a_disputed_ending(city: City) -> None:
    number = await to_callback(city)
    await city.act(number, city.callback, callbacks.finish_callback, BAD)
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.round) == ("callback", 1)
    (visit,) = await rows(city, SecondVisit, number)
    assert (visit.state, visit.complaint, visit.cause) == ("open", BAD.note, None)
    assert [clock.kind for clock in await rows(city, Deadline, number) if clock.state == "running"] == ["callback"]
    await city.act(number, city.supervisor, callbacks.close_disputed, evidence=EVIDENCE, explanation="已向市民解释")
    assert (await ticket_of(city, number)).satisfaction == "dissatisfied"


async def test_a_citizens_dissatisfaction_opens_the_second_visit_at_once_with_a_clock(city: City) -> None:
    number = await to_callback(city)
    await by_citizen(city, number, BAD)
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.round) == ("callback", 1)
    (visit,) = await rows(city, SecondVisit, number)
    assert (visit.state, visit.complaint, visit.cause) == ("open", BAD.note, None)
    running = [clock for clock in await rows(city, Deadline, number) if clock.state == "running"]
    assert [(clock.kind, clock.limit_value, clock.limit_unit) for clock in running] == [("callback", 2, "wh")]
    with pytest.raises(IllegalStep):  # once per round
        await by_citizen(city, number, GOOD)
    with pytest.raises(InvalidInput) as caught:
        await city.act(number, city.callback, callbacks.decide_redo, cause="weather", rectification="")
    assert set(caught.value.errors) == {"cause", "rectification"}
    await city.act(number, city.callback, callbacks.decide_redo, cause="not_solved", rectification="连续三晚到场检查")
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.round) == ("in_progress", 2)


async def test_a_cause_that_is_none_of_the_list_is_refused_before_anything_is_written(city: City) -> None:
    number = await to_callback(city)
    with pytest.raises(InvalidInput) as caught:
        await city.act(number, city.callback, callbacks.finish_callback, replace(BAD, cause="x" * 100_000))
    assert set(caught.value.errors) == {"cause"}
    assert (await ticket_of(city, number)).round == 1
    assert await rows(city, SecondVisit, number) == []


async def test_the_second_redo_is_ordered_by_a_supervisor_only(city: City) -> None:
    number = await to_callback(city)
    await city.act(number, city.callback, callbacks.finish_callback, CAUSED)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE ticket SET state = 'callback' WHERE number = :n"), {"n": number})
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        await callbacks.open_callback(city.core, session, ticket)
    await city.act(number, city.callback, callbacks.finish_callback, CAUSED)
    assert (await ticket_of(city, number)).state == "callback"  # waits for the supervisor
    with pytest.raises(NotAllowed):
        await city.act(number, city.callback, callbacks.decide_redo, cause="not_solved", rectification="再到现场检查")
    await city.act(number, city.supervisor, callbacks.decide_redo, cause="not_solved", rectification="再到现场检查")
    assert (await ticket_of(city, number)).round == 3


@pytest.mark.parametrize("heard", [True, False])
async def test_a_supervisor_closes_as_disputed_and_it_stays_counted_as_dissatisfied(city: City, heard: bool) -> None:
    number = await to_callback(city)
    if not heard:
        await by_citizen(city, number, BAD)
    for person in (city.callback, city.dispatcher):
        with pytest.raises(Exception, match=r"岗位|没有找到") as refused:
            await city.act(number, person, callbacks.close_disputed, evidence=EVIDENCE, explanation="已向市民解释")
        assert isinstance(refused.value, NotAllowed)
    with pytest.raises(InvalidInput):
        await city.act(number, city.supervisor, callbacks.close_disputed, evidence="太短")
    await city.act(number, city.supervisor, callbacks.close_disputed, evidence=EVIDENCE, explanation="已向市民解释")
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction, ticket.solved) == ("closed", "dissatisfied", False)
    (visit,) = await rows(city, SecondVisit, number)
    assert (visit.state, visit.evidence, visit.explanation) == ("disputed", EVIDENCE, "已向市民解释")
    assert [row.satisfaction for row in await rows(city, CallbackTask, number)] == ["dissatisfied"]
    assert all(clock.state != "running" for clock in await rows(city, Deadline, number))


async def test_who_refuses_to_rate_is_counted_apart_and_not_as_unreached(city: City) -> None:
    number = await to_callback(city)
    assert await city.act(number, city.callback, callbacks.record_attempt, "refused")
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction, ticket.no_callback_reason) == ("closed", None, "refused_to_rate")
    assert [row.state for row in await rows(city, CallbackTask, number)] == ["refused"]


async def test_the_database_refuses_unreached_before_three_tries_on_two_days(city: City) -> None:
    number = await to_callback(city)
    for _again in range(3):
        await city.act(number, city.callback, callbacks.record_attempt, "no_answer")
    with pytest.raises(IntegrityError, match="unreached_was_tried"):
        async with city.database.transaction() as session:
            await session.execute(text("UPDATE callback_task SET state = 'unreached', finished_at = now(), claim = NULL"))


async def test_the_author_of_a_reply_may_not_call_back_neither_by_the_service_nor_by_the_database(city: City) -> None:
    number = await to_callback(city)
    async with city.database.transaction() as session:
        reply = (await session.scalars(select(Reply))).one()
        reply.author_id, reply.reviewed_by_id = city.callback.user_id, city.dispatcher.user_id
    for step, argument in ((callbacks.record_attempt, "no_answer"), (callbacks.finish_callback, GOOD)):
        with pytest.raises(NotAllowed):
            await city.act(number, city.callback, step, argument)
    (task,) = await rows(city, CallbackTask, number)
    insert = "INSERT INTO callback_attempt (task_id, number, at, outcome, user_id) VALUES (:t, 1, now(), 'no_answer', :u)"
    finish = "UPDATE callback_task SET user_id = :u WHERE id = :t"
    for statement in (insert, finish):
        with pytest.raises(DBAPIError, match="author of a reply"):
            async with city.database.transaction() as session:
                await session.execute(text(statement), {"t": task.id, "u": city.callback.user_id})
    async with city.database.transaction() as session:
        assert await tasks.pull_next(city.core, session, city.callback) is None
        await session.execute(text(finish), {"t": task.id, "u": city.supervisor.user_id})


async def test_an_answer_on_the_spot_is_evaluated_once_per_matter(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.dispatcher, dispatching.answer, "路灯故障由市政维修中心二十四小时内修复，电话已告知。")
    await by_citizen(
        city, number, CallbackResult(Satisfaction.DISSATISFIED, solved=False, contacted=None, attitude=None, note="没有人来修")
    )
    assert (await ticket_of(city, number)).state == "to_dispatch"
    assert [(row.kind, row.satisfaction) for row in await rows(city, CallbackTask, number)] == [("evaluation", "dissatisfied")]
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE ticket SET state = 'answered', answer = 'x' WHERE number = :n"), {"n": number})
    with pytest.raises(IllegalStep):
        await by_citizen(city, number, GOOD)
    with pytest.raises(IntegrityError, match="callback_task"):
        async with city.database.transaction() as session:
            await session.execute(
                text(
                    "INSERT INTO callback_task (ticket_id, round, kind, state, created_at, note, by)"
                    " SELECT id, 7, 'evaluation', 'open', now(), '', '' FROM ticket"
                )
            )


async def test_withdrawing_ends_the_second_visit_and_a_task_in_somebodys_hands(city: City) -> None:
    number = await to_callback(city)
    async with city.database.transaction() as session:
        await tasks.pull_next(city.core, session, city.callback)
    other = await to_callback(city)
    await by_citizen(city, other, BAD)
    for one in (number, other):
        async with city.database.transaction() as session:
            ticket = (await session.scalars(select(Ticket).where(Ticket.number == one).with_for_update())).one()
            await dispatching.withdraw(city.core, session, citizen_actor(ticket.citizen_id), ticket, "不办了")
    assert [row.state for row in await rows(city, CallbackTask, number)] == ["cancelled"]
    assert [row.state for row in await rows(city, SecondVisit, other)] == ["cancelled"]


async def log_in(city: City, user_id: int, hours: int) -> None:
    now = city.clock.now()
    async with city.database.transaction() as session:
        session.add(
            LoginSession(
                user_id=user_id,
                token_hash=f"t{user_id}{hours}",
                csrf_token="x",
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=hours),
            )
        )


async def test_lesson_23_the_oldest_deadline_is_pulled_first_and_nobody_gets_what_another_has(city: City) -> None:
    await log_in(city, city.callback.user_id or 0, 8)
    await log_in(city, city.supervisor.user_id or 0, 8)
    old = await to_callback(city)
    city.clock.advance(hours=1)
    young = await to_callback(city)
    async with city.database.transaction() as session:  # the newer one has less time left
        await session.execute(
            text(
                "UPDATE deadline SET due_at = due_at - interval '1 day' WHERE kind = 'callback'"
                " AND ticket_id = (SELECT id FROM ticket WHERE number = :n)"
            ),
            {"n": young},
        )
    async with city.database.transaction() as session:
        first = await tasks.pull_next(city.core, session, city.callback)
        again = await tasks.pull_next(city.core, session, city.callback)
    assert first
    assert again
    assert [first.number, again.number] == [young, young]  # pressing the button twice takes one
    async with city.database.transaction() as session:
        second = await tasks.pull_next(city.core, session, city.supervisor)
    assert second is not None
    assert second.number == old
    async with city.database.transaction() as session:
        assert await tasks.return_abandoned(city.core, session) == 0  # both are on duty


async def test_lesson_23_what_somebody_who_went_off_duty_had_in_hand_goes_back_to_the_queue_with_an_entry(city: City) -> None:
    await log_in(city, city.callback.user_id or 0, 8)
    number = await to_callback(city)
    async with city.database.transaction() as session:
        await tasks.pull_next(city.core, session, city.callback)
    async with city.database.transaction() as session:
        await session.execute(text("DELETE FROM login_session"))
    async with city.database.transaction() as session:
        assert await tasks.return_abandoned(city.core, session) == 1
        assert await tasks.return_abandoned(city.core, session) == 0
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        last = (await history(session, "ticket", ticket.id))[-1]
        assert (last.name, last.data["why"]) == ("callback.returned", "off_duty")
        pulled = await tasks.pull_next(city.core, session, city.supervisor)
    assert pulled is not None
    assert pulled.number == number


async def test_lesson_25a_after_reopening_the_callback_of_the_new_round_is_a_task_of_its_own(city: City) -> None:
    number = await to_callback(city)
    await city.act(number, city.callback, callbacks.finish_callback, GOOD)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await callbacks.reopen(city.core, session, citizen_actor(ticket.citizen_id), ticket, "过了两天又开始施工")
    async with city.database.transaction() as session:
        assignment = (await session.scalars(select(Assignment))).one()
    draft = replace(GOOD_REPLY, explanation="上次检查后工地又在夜间施工，这次已停工整改并派人驻点巡查")
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, draft)
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    await city.accept(number)
    found = await rows(city, CallbackTask, number)
    assert [(row.round, row.state) for row in found] == [(1, "reached"), (2, "open")]
    await city.act(number, city.callback, callbacks.finish_callback, GOOD)
    assert (await ticket_of(city, number)).state == "closed"


async def test_what_is_not_closed_is_not_said_to_be_closed_too_long_ago(city: City) -> None:
    number = await to_callback(city)
    with pytest.raises(IllegalStep, match="待回访"):
        await city.act(number, city.supervisor, callbacks.reopen, "昨天又开始施工了")


async def test_after_a_report_a_supervisor_decides_and_the_petition_path_is_told(city: City) -> None:
    """P-REPORT, domain.md 4c: 不满意 leads to the petition path, not to another round by itself."""
    number = await to_callback(city, kind=Kind.REPORT)
    await city.act(number, city.callback, callbacks.finish_callback, CAUSED)
    assert (await ticket_of(city, number)).state == "callback"
    with pytest.raises(NotAllowed, match="由督办决定"):
        await city.act(number, city.callback, callbacks.decide_redo, cause="not_solved", rectification="再到现场检查")
    await city.act(number, city.supervisor, callbacks.close_disputed, evidence=EVIDENCE, explanation="已向市民解释处罚决定")
    (visit,) = await rows(city, SecondVisit, number)
    assert visit.explanation.startswith("已向市民解释处罚决定")
    assert "信访" in visit.explanation


async def test_after_a_complaint_the_explanation_stays_as_the_supervisor_wrote_it(city: City) -> None:
    number = await to_callback(city)
    await by_citizen(city, number, BAD)
    await city.act(number, city.supervisor, callbacks.close_disputed, evidence=EVIDENCE, explanation="已向市民解释处罚决定")
    (visit,) = await rows(city, SecondVisit, number)
    assert visit.explanation == "已向市民解释处罚决定"


async def test_after_a_suggestion_a_supervisor_may_still_order_another_round(city: City) -> None:
    number = await to_callback(city, kind=Kind.SUGGESTION)
    await by_citizen(city, number, BAD)
    await city.act(number, city.supervisor, callbacks.decide_redo, cause="not_solved", rectification="请说明为什么不采纳")
    assert (await ticket_of(city, number)).round == 2


async def test_nobody_writes_down_the_word_of_somebody_whom_nobody_can_call(city: City) -> None:
    """A clerk could record 满意 for an anonymous citizen, or three tries to reach him; it counted."""
    number = (await city.register(anonymous=True, name="", phone="", contact_by="none")).ticket.number
    part = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, part)
    reply = replace(GOOD_REPLY, contact_note="匿名反映，没有联系方式")
    await city.by_unit(city.clerk, assignments.draft_reply, part, reply)
    await city.by_unit(city.chief, assignments.sign_off, part)
    await city.accept(number)
    satisfied = CallbackResult(Satisfaction.SATISFIED, solved=True)
    with pytest.raises(IllegalStep, match="匿名"):
        await city.act(number, city.callback, callbacks.finish_callback, satisfied)
    with pytest.raises(IllegalStep, match="匿名"):
        await city.act(number, city.callback, callbacks.record_attempt, "no_answer")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await callbacks.finish_callback(city.core, session, citizen_actor(), ticket, satisfied, by="web")
        assert ticket.state == "closed"
