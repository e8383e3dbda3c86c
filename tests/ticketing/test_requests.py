"""Return, extension, suspension, dispute, refusal: objects with a life of their own (T4, T11-T13, T15-T17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment
from ticketing.assignment.service import Responsibility, access_assignment
from ticketing.deadline.limits import Limit
from ticketing.deadline.models import Deadline
from ticketing.people.actor import Actor, citizen_actor
from ticketing.people.models import Role
from ticketing.request import dispute, extension, returns, suspension
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, SuspensionReason
from ticketing.supervision import sweep
from ticketing.supervision.models import Card
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import refusal
from ticketing.ticket.dispatch import CoUnit, Order
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode

BASIS = "按市权责清单，该事项不属于本单位职责"
TOLD = "已电话向市民说明原因和安排"


async def ticket_of(city: City, number: str) -> Ticket:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Ticket).where(Ticket.number == number))).one()


async def names_of(city: City, number: str) -> list[str]:
    ticket = await ticket_of(city, number)
    async with city.database.transaction() as session:
        return [event.name for event in await history(session, "ticket", ticket.id)]


async def clock(city: City, kind: str, assignment: Assignment | None = None) -> Deadline:
    async with city.database.transaction() as session:
        statement = select(Deadline).where(Deadline.kind == kind)
        if assignment is not None:
            statement = statement.where(Deadline.assignment_id == assignment.id)
        return (await session.scalars(statement.order_by(Deadline.id.desc()).limit(1))).one()


async def ask(city: City, actor: Actor, step: object, assignment: Assignment, **values: object) -> Request:
    """What a unit asks: the clerk asks; with the chief as `actor`, he has consented already."""
    async with city.database.transaction() as session:
        found, ticket = await access_assignment(session, city.clerk, assignment.id)
        request: Request = await step(city.core, session, city.clerk, found, ticket, **values)  # type: ignore[operator]
        if actor is city.chief:
            await requests.consent(city.core, session, city.chief, ticket, request.id)
        return request


async def signed(city: City, mode: DispatchMode = DispatchMode.PHONE) -> tuple[str, Assignment]:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number, mode)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    return number, assignment


# ── return and dispute ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refused_return_must_be_signed_and_is_not_asked_twice(city: City) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    request = await city.by_unit(city.clerk, returns.ask, assignment, BASIS)
    with pytest.raises(IllegalStep, match="已经申请过"):
        await city.by_unit(city.clerk, returns.ask, assignment, BASIS)
    with pytest.raises(InvalidInput):  # a refusal says why
        await city.act(number, city.dispatcher, returns.decide, request.id, approve=False)
    await city.act(number, city.dispatcher, returns.decide, request.id, approve=False, note="职责清单写明由你单位牵头")
    with pytest.raises(IllegalStep, match="处理过"):
        await city.act(number, city.dispatcher, returns.decide, request.id, approve=True)
    with pytest.raises(IllegalStep, match="已经申请过"):
        await city.by_unit(city.clerk, returns.ask, assignment, BASIS)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    assert (await clock(city, "sign", assignment)).state == "met"


async def test_a_return_is_asked_within_the_time_for_signing_only(city: City) -> None:
    assignment = await city.dispatch((await city.register()).ticket.number)
    sign = await clock(city, "sign", assignment)
    city.clock.advance(seconds=(sign.due_at - city.clock.now()).total_seconds())  # the moment itself is too late
    with pytest.raises(IllegalStep, match="签收时限已过"):
        await city.by_unit(city.clerk, returns.ask, assignment, BASIS)


async def test_signing_ends_a_pending_return(city: City) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    request = await city.by_unit(city.clerk, returns.ask, assignment, BASIS)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    with pytest.raises(IllegalStep, match="已收回"):
        await city.act(number, city.dispatcher, returns.decide, request.id, approve=True)


async def test_the_return_of_a_co_unit_leaves_the_lead_at_work(city: City) -> None:
    number = (await city.register()).ticket.number
    water = city.units["water"]
    lead = await city.act(
        number, city.dispatcher, dispatching.dispatch, unit_id=city.units["city"], mode=DispatchMode.PHONE, co_unit_ids=(water,)
    )
    async with city.database.transaction() as session:
        helper = (await session.scalars(select(Assignment).where(Assignment.unit_id == water))).one()
    request = await city.by_unit(city.water_clerk, returns.ask, helper, BASIS)
    await city.act(number, city.dispatcher, returns.decide, request.id, approve=True)
    assert (await ticket_of(city, number)).state == "in_progress"
    await city.handle(lead)
    assert (await ticket_of(city, number)).state == "reply_review"


async def second_return(city: City) -> tuple[str, Assignment, Request]:
    number = (await city.register()).ticket.number
    first = await city.dispatch(number)
    request = await city.by_unit(city.clerk, returns.ask, first, BASIS)
    await city.act(number, city.dispatcher, returns.decide, request.id, approve=True)
    second = await city.act(number, city.dispatcher, dispatching.dispatch, unit_id=city.units["water"], mode=DispatchMode.PHONE)
    return number, second, await city.by_unit(city.water_clerk, returns.ask, second, BASIS)


async def test_the_second_return_becomes_a_dispute_and_the_ruling_cannot_be_returned(city: City) -> None:
    number, second, request = await second_return(city)
    assert request.kind == RequestKind.DISPUTE.value
    assert (await ticket_of(city, number)).state == "disputed"
    assert "assignment.reassigned" in await names_of(city, number)
    assert (await clock(city, "handle", second)).state == "running"  # the handling clock goes on
    assert (await clock(city, "dispute")).state == "running"
    order = Order(city.units["city"], DispatchMode.PHONE, co_units=(CoUnit(city.units["water"]),))
    with pytest.raises(NotAllowed):
        await city.act(number, city.dispatcher, dispute.rule, order, grounds="夜间施工由城管牵头，供水配合")
    await city.act(number, city.supervisor, dispute.rule, order, grounds="夜间施工由城管牵头，供水配合")
    assert (await ticket_of(city, number)).state == "in_progress"
    async with city.database.transaction() as session:
        open_ones = select(Assignment).where(Assignment.state == "assigned")
        found = {item.unit_id: item for item in await session.scalars(open_ones)}
    assert found[city.units["city"]].lead
    assert not found[city.units["water"]].lead
    assert found[city.units["water"]].id == second.id  # it keeps what it has, with the clock that has run
    with pytest.raises(IllegalStep, match="裁定"):
        await city.by_unit(city.clerk, returns.ask, found[city.units["city"]], BASIS)


def overlap(city: City, *, by_leader: bool = False) -> dispute.Overlap:
    return dispute.Overlap((city.units["city"], city.units["water"]), by_leader)


async def test_t13_an_overlap_names_two_units_at_least_and_who_rules(city: City) -> None:
    number, _assignment = await signed(city)
    why = "道路与管线交叉，两家职责重叠"
    for units in ((), (city.units["city"],), (city.units["city"], city.units["centre"]), (city.units["city"], 999)):
        with pytest.raises(InvalidInput) as refused:
            await city.act(number, city.dispatcher, dispute.open_dispute, why, dispute.Overlap(units))
        assert refused.value.field == "unit_ids"
    request = await city.act(number, city.dispatcher, dispute.open_dispute, why, overlap(city, by_leader=True))
    assert request.data == {"units": sorted([city.units["city"], city.units["water"]]), "by_leader": True}
    ruling = Order(city.units["water"], DispatchMode.PHONE)
    with pytest.raises(NotAllowed, match="领导"):
        await city.act(number, city.supervisor, dispute.rule, ruling, grounds="管线先行修复后恢复路面")
    await city.act(number, city.leader, dispute.rule, ruling, grounds="管线先行修复后恢复路面")
    assert (await ticket_of(city, number)).state == "in_progress"


async def test_a_dispatcher_brings_an_overlap_to_the_supervisor(city: City) -> None:
    number, assignment = await signed(city)
    await city.act(number, city.dispatcher, dispute.open_dispute, "道路与管线交叉，两家职责重叠", overlap(city))
    await city.act(number, city.leader, dispute.rule, Order(city.units["water"], DispatchMode.PHONE), grounds="管线先行修复后恢复路面")
    async with city.database.transaction() as session:
        assert await session.scalar(select(Assignment.state).where(Assignment.id == assignment.id)) == "cancelled"
    running = select(func.count()).select_from(Deadline).where(Deadline.assignment_id == assignment.id, Deadline.state == "running")
    async with city.database.transaction() as session:
        assert await session.scalar(running) == 0


async def test_a_unit_that_helped_and_leads_by_a_ruling_owes_what_a_lead_owes(city: City) -> None:
    number = (await city.register()).ticket.number
    order = Order(city.units["city"], DispatchMode.PHONE, co_units=(CoUnit(city.units["water"]),))
    was_lead = await city.act(number, city.dispatcher, dispatching.dispatch_order, order)
    async with city.database.transaction() as session:
        helper = (await session.scalars(select(Assignment).where(Assignment.unit_id == city.units["water"]))).one()
    await city.by_unit(city.water_clerk, assignments.sign, helper)
    await city.act(number, city.dispatcher, dispute.open_dispute, "道路与管线交叉，两家职责重叠", overlap(city))
    swapped = Order(city.units["water"], DispatchMode.PHONE, co_units=(CoUnit(city.units["city"]),))
    await city.act(number, city.supervisor, dispute.rule, swapped, grounds="管线先行修复后恢复路面")
    async with city.database.transaction() as session:
        rows = list(await session.scalars(select(Deadline).where(Deadline.state == "running").order_by(Deadline.id)))
        short = await session.scalar(select(Deadline.limit_value).where(Deadline.assignment_id == helper.id, Deadline.state == "cancelled"))
    running = {(row.assignment_id, row.kind): row.limit_value for row in rows}
    assert set(running) == {*((helper.id, kind) for kind in ("contact", "plan", "handle")), (was_lead.id, "sign"), (was_lead.id, "handle")}
    assert short is not None
    assert running[helper.id, "handle"] == running[was_lead.id, "handle"] >= short


# ── extension ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_extension_needs_consent_and_moves_the_due_time_and_keeps_the_old_one(city: City) -> None:
    number, assignment = await signed(city)
    before = (await clock(city, "handle", assignment)).due_at
    limit = Limit(2, "wd")
    request = await ask(city, city.clerk, extension.ask, assignment, limit=limit, reason="检测报告要后天才能出具", told=TOLD)
    with pytest.raises(Conflict):
        await ask(city, city.clerk, extension.ask, assignment, limit=limit, reason="检测报告要后天才能出具", told=TOLD)
    with pytest.raises(IllegalStep, match="首席代表同意"):
        await city.act(number, city.supervisor, extension.decide, request.id, approve=True)
    with pytest.raises(NotAllowed):
        await city.act(number, city.clerk, requests.consent, request.id)
    await city.act(number, city.chief, requests.consent, request.id)
    with pytest.raises(NotAllowed):
        await city.act(number, city.dispatcher, extension.decide, request.id, approve=True)
    await city.act(number, city.supervisor, extension.decide, request.id, approve=True)
    handle = await clock(city, "handle", assignment)
    assert (handle.original_due_at, handle.extensions) == (before, 1)
    assert handle.due_at > before
    assert (await names_of(city, number))[-1] == "extension.approved"
    with pytest.raises(IllegalStep, match="不能再延期"):  # 电话交办: once
        await ask(city, city.chief, extension.ask, assignment, limit=limit, reason="检测报告要后天才能出具", told=TOLD)


@pytest.mark.parametrize("limit", [Limit(3, "wd"), Limit(3, "d"), Limit(49, "h"), Limit(17, "wh")])
async def test_an_extension_longer_than_the_policy_allows_is_refused_in_whatever_unit(city: City, limit: Limit) -> None:
    _number, assignment = await signed(city)
    with pytest.raises(InvalidInput, match="延期最多2个工作日"):
        await ask(city, city.clerk, extension.ask, assignment, limit=limit, reason="检测报告要后天才能出具", told=TOLD)


async def test_an_extension_comes_before_expiry_and_takes_no_card_back(city: City) -> None:
    number, assignment = await signed(city)
    request = await ask(city, city.chief, extension.ask, assignment, limit=Limit(2, "wd"), reason="检测报告要后天才能出具", told=TOLD)
    due_at = (await clock(city, "handle", assignment)).due_at
    city.clock.advance(seconds=(due_at - city.clock.now()).total_seconds())
    await sweep.run(city.core, city.database)
    with pytest.raises(IllegalStep, match="到期"):
        await city.act(number, city.supervisor, extension.decide, request.id, approve=True)
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Card).where(Card.colour == "yellow")) >= 1
        assert await session.scalar(select(Request.state)) == "pending"  # refused as a whole: nothing half done


async def test_a_request_is_taken_back_by_who_asked(city: City) -> None:
    number, assignment = await signed(city)
    request = await ask(city, city.clerk, extension.ask, assignment, limit=Limit(1, "wd"), reason="检测报告要后天才能出具", told=TOLD)
    ticket = await ticket_of(city, number)
    async with city.database.transaction() as session:
        with pytest.raises(NotFound):
            await requests.take_back(city.core, session, city.water_clerk, ticket, request.id)
    await city.act(number, city.clerk, requests.take_back, request.id)
    assert (await names_of(city, number))[-1] == "extension.withdrawn"


async def test_a_deputy_does_not_consent_to_what_he_asked_himself(city: City) -> None:
    number, assignment = await signed(city)
    request = await ask(city, city.clerk, extension.ask, assignment, limit=Limit(1, "wd"), reason="检测报告要后天才能出具", told=TOLD)
    deputy = replace(city.clerk, role=Role.CHIEF)  # as `acting_as` makes the actor of a deputy
    with pytest.raises(NotAllowed, match="自己提出"):
        await city.act(number, deputy, requests.consent, request.id)


async def test_the_database_refuses_that_somebody_decides_the_own_request(city: City) -> None:
    _number, assignment = await signed(city)
    request = await ask(city, city.chief, extension.ask, assignment, limit=Limit(1, "wd"), reason="检测报告要后天才能出具", told=TOLD)
    values = {"state": "approved", "decided_at": city.clock.now(), "decided_by_id": request.asked_by_id}
    async with city.database.transaction() as session:
        with pytest.raises(IntegrityError, match="decider_is_not_asker"):
            await session.execute(update(Request).where(Request.id == request.id).values(**values))
        await session.rollback()


# ── suspension ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def suspended(city: City, days: int, decider: Actor) -> tuple[str, Assignment]:
    number, assignment = await signed(city)
    await suspend(city, number, assignment, days, decider)
    return number, assignment


async def suspend(city: City, number: str, assignment: Assignment, days: int, decider: Actor) -> None:
    review_on = city.clock.now().date() + timedelta(days=days)
    request = await ask(
        city, city.chief, suspension.ask, assignment,
        reason_class=SuspensionReason.SEASON, reason="冬季不能铺设沥青，开春施工", told=TOLD, review_on=review_on,
    )  # fmt: skip
    await city.act(number, decider, suspension.decide, request.id, approve=True)


async def test_lesson_02_a_suspension_stops_the_clock_and_the_rest_is_left_afterwards(city: City) -> None:
    number, assignment = await suspended(city, 30, city.supervisor)
    assert (await ticket_of(city, number)).state == "suspended"
    paused = await clock(city, "handle", assignment)
    assert paused.state == "paused"
    city.clock.advance(days=12)
    await city.act(number, city.supervisor, suspension.resume, note="提前具备施工条件")
    resumed = await clock(city, "handle", assignment)
    assert resumed.state == "running"
    assert resumed.due_at > paused.due_at
    assert (await clock(city, "suspension")).state in ("met", "late")


async def test_on_the_review_date_it_goes_on_by_itself(city: City) -> None:
    number, _assignment = await suspended(city, 30, city.supervisor)
    city.clock.advance(days=31)
    await sweep.run(city.core, city.database)
    assert (await ticket_of(city, number)).state == "in_progress"
    assert "ticket.resumed" in await names_of(city, number)


async def test_a_unit_that_only_helps_does_not_resume_it(city: City) -> None:
    number = (await city.register()).ticket.number
    units = {"unit_id": city.units["city"], "co_unit_ids": (city.units["water"],)}
    lead = await city.act(number, city.dispatcher, dispatching.dispatch, mode=DispatchMode.PHONE, **units)
    await city.by_unit(city.clerk, assignments.sign, lead)
    await suspend(city, number, lead, 30, city.supervisor)
    with pytest.raises(NotAllowed, match="主办单位"):
        await city.act(number, city.water_clerk, suspension.resume, note="提前具备施工条件")
    await city.act(number, city.clerk, suspension.resume, note="提前具备施工条件")
    assert (await ticket_of(city, number)).state == "in_progress"


async def test_more_than_ninety_days_is_the_leaders_to_decide(city: City) -> None:
    with pytest.raises(NotAllowed, match="领导"):
        await suspended(city, 120, city.supervisor)


@pytest.mark.parametrize("days", [120, 3 * 365])
async def test_a_leader_suspends_for_longer(city: City, days: int) -> None:
    number, _assignment = await suspended(city, days, city.leader)
    assert (await ticket_of(city, number)).state == "suspended"
    city.clock.advance(days=days + 1)
    await sweep.run(city.core, city.database)
    assert (await ticket_of(city, number)).state == "in_progress"


@pytest.mark.parametrize("days", [0, -1, 4000])
async def test_a_review_date_lies_ahead_and_within_three_years(city: City, days: int) -> None:
    _number, assignment = await signed(city)
    with pytest.raises(InvalidInput):
        await ask(
            city, city.chief, suspension.ask, assignment,
            reason_class=SuspensionReason.FUNDS, reason="资金列入明年预算安排", told=TOLD,
            review_on=date(2026, 11, 18) + timedelta(days=days),
        )  # fmt: skip


# ── refusal and objection ───────────────────────────────────────────────────────────────────────────────────────────


async def test_an_agent_proposes_and_a_dispatcher_refuses_acceptance(city: City) -> None:
    number = (await city.register()).ticket.number
    way = "请向人民法院提起诉讼，或拨打12348咨询"
    with pytest.raises(NotAllowed):
        await city.act(number, city.agent, refusal.reject, code="litigation", reason="一审已经判决", legal_way=way)
    await city.act(number, city.agent, refusal.propose, code="litigation", reason="一审已经判决", legal_way=way)
    assert (await ticket_of(city, number)).state == "registered"
    await city.act(number, city.dispatcher, refusal.decide, approve=True)
    ticket = await ticket_of(city, number)
    assert ticket.state == "rejected"
    assert way in (ticket.answer or "")


async def test_another_person_decides_on_an_objection_and_there_is_one_only(city: City) -> None:
    number = (await city.register()).ticket.number
    reject = {"code": "petition", "legal_way": "请向市信访局反映，电话12345转9"}
    await city.act(number, city.dispatcher, refusal.reject, **reject)
    await object_to(city, number)
    assert (await ticket_of(city, number)).state == "registered"
    assert (await clock(city, "dispatch")).state == "running"
    with pytest.raises(NotAllowed, match="另一位"):
        await city.act(number, city.dispatcher, refusal.reject, **reject)
    await city.act(number, city.supervisor, refusal.reject, **reject)
    with pytest.raises(IllegalStep, match="提出过异议"):
        await object_to(city, number)


async def test_a_refusal_names_a_reason_of_the_list_and_the_legal_way(city: City) -> None:
    number = (await city.register()).ticket.number
    for wrong in (
        {"code": "", "legal_way": "请向市信访局反映"},
        {"code": "not_our_day", "legal_way": "请向市信访局反映"},  # not on the list
        {"code": "other", "legal_way": "请向市信访局反映"},  # says nothing by itself
        {"code": "other", "reason": "条例第九条规定不予受理"},  # no way on the list for this one
    ):
        with pytest.raises(InvalidInput):
            await city.act(number, city.dispatcher, refusal.reject, **wrong)
        with pytest.raises(InvalidInput):
            await city.act(number, city.agent, refusal.propose, **wrong)
    await city.act(number, city.agent, refusal.propose, code="litigation", reason="一审已经判决")
    await city.act(number, city.dispatcher, refusal.decide, approve=True)
    ticket = await ticket_of(city, number)
    assert ticket.refusal_reason == "litigation"
    assert ticket.answer == "已经或者应当通过诉讼解决的事项：一审已经判决。请向人民法院提起诉讼或上诉；需要法律帮助可以拨打12348"
    await object_to(city, number)
    assert (await ticket_of(city, number)).refusal_reason is None
    async with city.database.transaction() as session:
        with pytest.raises(IntegrityError):  # the database has the last word
            await session.execute(update(Ticket).values(state="rejected"))


async def object_to(city: City, number: str) -> None:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await refusal.object_to(city.core, session, citizen_actor(), ticket, "这是城管的职责，应当受理")


async def test_without_objection_a_refusal_is_filed_after_five_working_days(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.dispatcher, refusal.reject, code="petition", legal_way="请向市信访局反映")
    city.clock.advance(days=9)
    await sweep.run(city.core, city.database)
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.no_callback_reason) == ("archived", "rejected")
    with pytest.raises(IllegalStep):
        await object_to(city, number)


# ── five fixed fields ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_five_fixed_fields_stand_after_signing__f06(city: City) -> None:
    assignment = await city.dispatch((await city.register()).ticket.number)
    fixed = Responsibility(leader="王局长", person="李队长", quality="当晚制止，三日内复查")
    signed = await city.by_unit(city.clerk, assignments.sign, assignment, fixed)
    assert (signed.responsible_leader, signed.responsible_person, signed.quality_standard) == ("王局长", "李队长", "当晚制止，三日内复查")
    other = await city.dispatch((await city.register()).ticket.number)
    usual = await city.by_unit(city.clerk, assignments.sign, other)
    assert usual.responsible_leader == "chief"  # the unit's chief, who signs, and the usual standard
    assert usual.responsible_person.startswith("clerk")
    assert usual.quality_standard


async def test_a_leaders_instruction_has_seven_ten_or_thirty_days(city: City) -> None:
    number = (await city.register()).ticket.number
    with pytest.raises(InvalidInput, match="7天"):
        await city.dispatch(number, DispatchMode.LEADER)
    order = Order(city.units["city"], DispatchMode.LEADER, leader_days=10)
    assignment = await city.act(number, city.dispatcher, dispatching.dispatch_order, order)
    handle = await clock(city, "handle", assignment)
    assert (handle.limit_value, handle.limit_unit) == (10, "d")
    assert (await ticket_of(city, number)).policy_key == "P-LEADER-10"
