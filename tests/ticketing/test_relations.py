"""Merging and undoing it (T7, T34), the repeat chain (D04-D06), passing on to level 3."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from hotline.errors import Conflict, HotlineError, IllegalStep, InvalidInput, NotAllowed
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Reply
from ticketing.assignment.pass_on import pass_on
from ticketing.callback import service as callbacks
from ticketing.callback.service import CallbackResult
from ticketing.deadline.models import Deadline
from ticketing.people.actor import Actor, citizen_actor
from ticketing.people.models import Unit
from ticketing.relation import investigation, merge, repeat
from ticketing.relation.links import access_other
from ticketing.request import dispute
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits
from ticketing.ticket.access import access_ticket
from ticketing.ticket.dispatch import CoUnit, Order
from ticketing.ticket.edit import revise
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, DispatchMode, Kind, Satisfaction, Urgency

WHY = "同一处工地同一天夜里的施工噪声"
SATISFIED = CallbackResult(Satisfaction.SATISFIED, solved=True)
DISSATISFIED = CallbackResult(Satisfaction.DISSATISFIED, solved=False, note="还在施工，没有解决", cause="not_solved")


async def ticket_of(city: City, number: str) -> Ticket:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Ticket).where(Ticket.number == number))).one()


async def names_of(city: City, number: str, *, public: bool = False) -> list[str]:
    ticket = await ticket_of(city, number)
    async with city.database.transaction() as session:
        return [event.name for event in await history(session, "ticket", ticket.id) if event.public or not public]


async def new(city: City, **fields: object) -> str:
    return (await city.register(**fields)).ticket.number


async def merged(city: City, number: str, into: str, actor: Actor | None = None) -> None:
    who = actor or city.dispatcher
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, who, number, lock=True)
        master = await access_other(city.core, session, who, ticket, into)
        await merge.merge(city.core, session, who, ticket, master, reason=WHY)


async def closed(city: City, number: str) -> None:
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED)


async def test_a_merged_ticket_follows_its_master_and_its_person_is_told_under_the_old_number(city: City) -> None:
    master, other = await new(city), await new(city, name="李先生", phone="13900002717")
    await merged(city, other, master)
    assert (await ticket_of(city, other)).state == "merged"
    assert (await ticket_of(city, master)).interest_count == 2
    async with city.database.transaction() as session:
        running = (
            select(Deadline.id).join(Ticket, Ticket.id == Deadline.ticket_id).where(Ticket.number == other, Deadline.state == "running")
        )
        assert list(await session.scalars(running)) == []
    await closed(city, master)
    seen = await names_of(city, other, public=True)
    assert [name for name in ("ticket.merged", "ticket.dispatched", "reply.accepted", "ticket.closed") if name in seen] == [
        "ticket.merged", "ticket.dispatched", "reply.accepted", "ticket.closed",
    ]  # fmt: skip
    assert (await ticket_of(city, other)).answer == (await ticket_of(city, master)).answer


async def test_lesson_zammad_983_what_is_said_under_the_old_number_reaches_the_master(city: City) -> None:
    master, other = await new(city), await new(city)
    await merged(city, other, master)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == other).with_for_update())).one()
        await dispatching.supplement(city.core, session, citizen_actor(), ticket, "昨晚十一点又开始了")
    assert "ticket.supplemented" in await names_of(city, master)
    assert "ticket.supplemented" in await names_of(city, other, public=True)
    assert "ticket.supplemented" not in await names_of(city, master, public=True)  # another person's words stay his


@pytest.mark.parametrize("what", ["supplement", "unmerge"])
async def test_a_step_of_the_master_and_one_under_the_old_number_never_block_each_other(city: City, what: str) -> None:
    """Each holds the row that the other wants next: the one who comes from the old number gives way and may try again."""
    master, other = await new(city), await new(city)
    await merged(city, other, master)
    holds_other, holds_master = asyncio.Event(), asyncio.Event()

    async def from_the_old_number() -> None:
        async with city.database.transaction() as session:
            ticket = (await session.scalars(select(Ticket).where(Ticket.number == other).with_for_update())).one()
            holds_other.set()
            await holds_master.wait()
            if what == "supplement":
                await dispatching.supplement(city.core, session, citizen_actor(), ticket, "昨晚十一点又开始了")
            else:
                await merge.unmerge(city.core, session, city.dispatcher, ticket, reason="另一家工地，不是同一件事")

    async def of_the_master() -> None:
        await holds_other.wait()
        async with city.database.transaction() as session:
            ticket = await access_ticket(city.core, session, city.dispatcher, master, lock=True)
            holds_master.set()
            await dispatching.dispatch(city.core, session, city.dispatcher, ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE)

    refused, done = await asyncio.gather(from_the_old_number(), of_the_master(), return_exceptions=True)
    assert isinstance(refused, Conflict)
    assert done is None
    assert "ticket.dispatched" in await names_of(city, other)


async def test_what_the_masters_citizen_says_is_not_told_to_the_others(city: City) -> None:
    master, other = await new(city), await new(city)
    await merged(city, other, master)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == master).with_for_update())).one()
        await dispatching.supplement(city.core, session, citizen_actor(), ticket, "我住在3栋402")
    assert "ticket.supplemented" not in await names_of(city, other)


async def test_masters_do_not_form_chains(city: City) -> None:
    first, second, third = [await new(city) for _ in range(3)]
    await merged(city, third, second)
    await merged(city, second, first)
    assert (await ticket_of(city, third)).master_id == (await ticket_of(city, first)).id
    assert (await ticket_of(city, first)).interest_count == 3
    assert (await names_of(city, third, public=True)).count("ticket.merged") == 2  # its person is told the new master as well
    with pytest.raises(IllegalStep):  # no way back into a ticket that is itself merged
        await merged(city, first, second)


async def test_a_master_that_was_merged_itself_and_taken_out_again_stands_for_one_person(city: City) -> None:
    first, second, third = [await new(city) for _ in range(3)]
    await merged(city, third, second)
    await merged(city, second, first)
    await city.act(second, city.dispatcher, merge.unmerge, reason="另一家工地，不是同一件事")
    assert [(await ticket_of(city, number)).interest_count for number in (first, second, third)] == [2, 1, 1]
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == second).with_for_update())).one()
        await dispatching.withdraw(city.core, session, citizen_actor(), ticket)


async def test_unmerging_counts_from_the_own_registration(city: City) -> None:
    master, other = await new(city), await new(city)
    registered_at = (await ticket_of(city, other)).received_at
    await merged(city, other, master)
    city.clock.advance(hours=1)
    await city.act(other, city.dispatcher, merge.unmerge, reason="另一家工地，不是同一件事")
    ticket = await ticket_of(city, other)
    assert (ticket.state, ticket.master_id) == ("registered", None)
    assert (await ticket_of(city, master)).interest_count == 1
    async with city.database.transaction() as session:
        clock = (await session.scalars(select(Deadline).where(Deadline.ticket_id == ticket.id, Deadline.state == "running"))).one()
    assert (clock.kind, clock.started_at) == ("dispatch", registered_at)


async def test_what_may_not_be_merged(city: City) -> None:
    master, other = await new(city), await new(city)
    with pytest.raises(InvalidInput):
        await merged(city, other, other[:-5] + "99999")
    with pytest.raises(HotlineError):
        await merged(city, other, other)
    secret = await new(city, confidentiality=Confidentiality.SECRET, kind=Kind.REPORT)
    with pytest.raises(InvalidInput, match="没有找到"):  # the dispatcher does not even learn that it exists
        await merged(city, other, secret)
    await closed(city, master)
    with pytest.raises(IllegalStep, match="办结"):
        await merged(city, other, master)


async def test_two_people_merge_two_tickets_into_each_other_and_one_of_them_wins(city: City) -> None:
    first, second = await new(city), await new(city)
    outcomes = await asyncio.gather(merged(city, first, second), merged(city, second, first, city.supervisor), return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(outcome, Conflict | IllegalStep) for outcome in refused)
    states = {(await ticket_of(city, number)).state for number in (first, second)}
    assert states in ({"merged", "registered"}, {"registered"})  # both refused each other, or one went through; never both


async def test_a_master_is_not_withdrawn_or_invalidated_over_the_heads_of_the_others(city: City) -> None:
    master, other = await new(city), await new(city)
    await merged(city, other, master)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == master).with_for_update())).one()
        with pytest.raises(IllegalStep, match="其他市民"):
            await dispatching.withdraw(city.core, session, citizen_actor(), ticket)
    with pytest.raises(IllegalStep, match="拆分"):
        await city.act(master, city.supervisor, exits.invalidate, code="test")


async def test_a_master_does_not_become_secret_while_others_are_told_its_steps(city: City) -> None:
    master, other = await new(city), await new(city)
    await merged(city, other, master)
    secret = {"category_code": "0501", "urgency": Urgency.NORMAL, "confidentiality": Confidentiality.SECRET}
    with pytest.raises(IllegalStep, match="拆分"):
        await city.act(master, city.dispatcher, revise, **secret)


async def test_an_unmerged_ticket_does_not_keep_the_masters_answer(city: City) -> None:
    master, other = await new(city), await new(city)
    await merged(city, other, master)
    await closed(city, master)
    await city.act(other, city.dispatcher, merge.unmerge, reason="另一家工地，不是同一件事")
    assert (await ticket_of(city, other)).answer is None


# ── repeat chain ────────────────────────────────────────────────────────────────────────────────────────────────────


async def linked(city: City, number: str, earlier: str) -> None:
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, number, lock=True)
        other = await access_other(city.core, session, city.dispatcher, ticket, earlier)
        await repeat.link(city.core, session, city.dispatcher, ticket, other)


async def test_the_second_time_the_unit_explains_and_the_third_time_the_supervisor_investigates(city: City) -> None:
    first = await new(city)
    await closed(city, first)
    second = await new(city)
    await linked(city, second, first)
    assert (await ticket_of(city, second)).repeat_level == 2
    assignment = await city.dispatch(second)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    with pytest.raises(InvalidInput) as caught:
        await city.reply(assignment)
    assert "explanation" in caught.value.errors
    await city.reply(assignment, explanation="上次执法人员离开后又复工，没有安排复查")
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Reply.explanation).where(Reply.assignment_id == assignment.id))).one().startswith("上次")
    await city.accept(second)
    await city.act(second, city.callback, callbacks.finish_callback, SATISFIED)
    third = await new(city)
    await linked(city, third, second)
    helper = await city.dispatch(third)
    assert not helper.lead  # the supervisor owns it, the unit only helps
    assert "ticket.investigation_opened" in await names_of(city, third)
    await city.by_unit(city.clerk, assignments.sign, helper)
    await city.reply(helper, explanation="工地屡次复工，已移送立案处罚并派人值守")
    assert (await ticket_of(city, third)).state == "in_progress"  # waits for the investigation
    findings = "督办到场核查三个夜晚，施工方确有违规复工，责成城管立案处罚并公开结果。"
    with pytest.raises(NotAllowed):
        await city.act(third, city.supervisor, investigation.conclude, findings=findings, false_reply=False)
    await city.act(third, city.supervisor, investigation.take)
    assert (await ticket_of(city, third)).investigator_id == city.supervisor.user_id
    await city.act(third, city.supervisor, investigation.conclude, findings=findings, false_reply=False)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.supervisor, third, lock=True)
        assert await assignments.reply_ready(city.core, session, ticket)
    assert (await ticket_of(city, third)).state == "reply_review"


async def test_a_ruling_makes_nobody_the_lead_of_what_the_supervisor_investigates__d06(city: City) -> None:
    first = await new(city)
    await closed(city, first)
    async with city.database.transaction() as session:
        row = (await session.scalars(select(Ticket).where(Ticket.number == first))).one()
        row.repeat_level = 2
    third = await new(city)
    await linked(city, third, first)
    await city.dispatch(third)
    overlap = "供水管道和占道施工职责交叉"
    await city.act(third, city.dispatcher, dispute.open_dispute, overlap, dispute.Overlap((city.units["city"], city.units["water"])))
    order = Order(city.units["water"], DispatchMode.PHONE, co_units=(CoUnit(city.units["city"]),))
    await city.act(third, city.supervisor, dispute.rule, order, grounds="按照职责清单，由供水集团查明管道情况")
    async with city.database.transaction() as session:
        parts = list(await session.scalars(select(Assignment).where(Assignment.ticket_id == (await ticket_of(city, third)).id)))
    assert {part.unit_id for part in parts} == {city.units["water"], city.units["city"]}
    assert not any(part.lead for part in parts)


async def test_a_third_round_of_one_ticket_is_investigated_as_well(city: City) -> None:
    number = await new(city)
    assignment = await city.dispatch(number)
    await city.handle(assignment)
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, DISSATISFIED)
    await city.reply(assignment, explanation="上次只做了临时处理，没有根治问题")
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, DISSATISFIED)
    with pytest.raises(NotAllowed):  # T23: the second redo is the supervisor's to order
        await city.act(number, city.callback, callbacks.decide_redo, cause="not_solved", rectification="彻底停工整改")
    await city.act(number, city.supervisor, callbacks.decide_redo, cause="not_solved", rectification="彻底停工整改")
    assert (await ticket_of(city, number)).round == 3
    assert "ticket.investigation_opened" in await names_of(city, number)


async def test_a_repeat_is_linked_to_an_ended_earlier_one_of_ninety_days_only(city: City) -> None:
    first, second = await new(city), await new(city)
    with pytest.raises(IllegalStep, match="并单"):
        await linked(city, second, first)
    await closed(city, first)
    city.clock.advance(days=91)
    third = await new(city)
    with pytest.raises(InvalidInput, match="90天"):
        await linked(city, third, first)
    with pytest.raises(InvalidInput):
        await linked(city, third, third)


# ── units below ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_unit_passes_a_part_on_to_a_unit_below_it_and_to_no_other(city: City) -> None:
    async with city.database.transaction() as session:
        street = Unit(code="street", name="滨河街道办事处", level=3, parent_id=city.units["city"])
        session.add(street)
        await session.flush()
        street_id = street.id
    number = await new(city)
    assignment = await city.dispatch(number)
    what = "请今晚派人到现场看守"
    with pytest.raises(IllegalStep):  # not before signing
        await city.by_unit(city.clerk, pass_on, assignment, street_id, what)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    with pytest.raises(InvalidInput):
        await city.by_unit(city.clerk, pass_on, assignment, city.units["water"], what)
    child = await city.by_unit(city.clerk, pass_on, assignment, street_id, what)
    assert (child.parent_id, child.lead, child.unit_id) == (assignment.id, False, street_id)
    with pytest.raises(IllegalStep):
        await city.by_unit(city.clerk, pass_on, assignment, street_id, what)
    async with city.database.transaction() as session:
        clocks = select(Deadline.kind).where(Deadline.assignment_id == child.id)
        assert set(await session.scalars(clocks)) == {"sign", "handle"}
        assert len(list(await session.scalars(select(Assignment).where(Assignment.lead)))) == 1


async def test_reopening_within_seven_days_goes_to_the_same_unit_with_a_short_clock__lesson_25a(city: City) -> None:
    number = await new(city)
    await closed(city, number)
    city.clock.advance(days=2)
    before = city.clock.now()
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await callbacks.reopen(city.core, session, citizen_actor(), ticket, "过了两天又开始施工")
    async with city.database.transaction() as session:
        handle = (await session.scalars(select(Deadline).where(Deadline.kind == "handle").order_by(Deadline.id.desc()).limit(1))).one()
        assignment = await session.get_one(Assignment, handle.assignment_id)
    assert (assignment.unit_id, assignment.state) == (city.units["city"], "redo")
    assert handle.due_at - before <= timedelta(days=5)
