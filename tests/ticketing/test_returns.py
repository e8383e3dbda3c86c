"""Returns and disputes (T11-T13): a unit asks once, the second goes to a ruling, and the ruling names lead and co-units."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from tests.ticketing.asking import clock, names_of, signed, ticket_of
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment
from ticketing.deadline.models import Deadline
from ticketing.request import dispute, returns
from ticketing.request.models import Request
from ticketing.request.states import RequestKind
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.dispatch import CoUnit, Order
from ticketing.ticket.states import DispatchMode

BASIS = "按市权责清单，该事项不属于本单位职责"


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
