"""Refusal and objection (T4, T32); the five fixed fields and the limits of an instruction."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from tests.ticketing.asking import clock, ticket_of
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.assignment.service import Responsibility
from ticketing.citizen.models import Citizen
from ticketing.deadline.models import Deadline
from ticketing.notice.models import Notice
from ticketing.notice.service import city_words, text_of
from ticketing.people.actor import citizen_actor
from ticketing.supervision import sweep
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import refusal
from ticketing.ticket.dispatch import Order
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode

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
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.no_callback_reason, ticket.refusal_reason) == ("archived", "rejected", "petition"), "nothing is waited for"
    async with city.database.transaction() as session:
        running = Deadline.ticket_id == ticket.id, Deadline.state.in_(("running", "paused"))
        assert await session.scalar(select(func.count()).select_from(Deadline).where(*running)) == 0
    with pytest.raises(IllegalStep, match="提出过异议"):
        await object_to(city, number)
    async with city.database.transaction() as session:
        told = list(await session.scalars(select(Notice.template).order_by(Notice.id)))
    assert [each for each in told if each.startswith("not_")] == ["not_accepted", "not_accepted_again"]  # which offers no second objection


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


async def test_the_notice_says_until_when_an_objection_is_taken(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.dispatcher, refusal.reject, code="petition", legal_way="请向市信访局反映")
    window = await clock(city, "objection")
    async with city.database.transaction() as session:
        notice = (await session.scalars(select(Notice).where(Notice.template == "not_accepted"))).one()
        told = text_of(city.core, notice, await session.get(Citizen, (await ticket_of(city, number)).citizen_id))
    assert f"请在{city_words(window.due_at)}前拨打" in told


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
