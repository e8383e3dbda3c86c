"""Units that help: their own date, set at dispatch and later, swept like every clock; their reply may be waived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from hotline.errors import HotlineError, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from tests.ticketing.asking import ask
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.assignment.co_date import set_co_date
from ticketing.assignment.models import Assignment
from ticketing.assignment.pass_on import pass_on
from ticketing.assignment.service import access_assignment
from ticketing.deadline.limits import Limit
from ticketing.deadline.models import Deadline
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.request import dispute, extension, returns, suspension
from ticketing.request.states import SuspensionReason
from ticketing.supervision import sweep
from ticketing.supervision.models import Card
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode

WHY = "主办单位要在送审以前汇总"


async def helped(city: City, until: datetime | None = None) -> tuple[str, Assignment, Assignment]:
    """A ticket with a lead unit and one that helps."""
    number = (await city.register()).ticket.number
    lead = await city.act(
        number, city.dispatcher, dispatching.dispatch,
        unit_id=city.units["city"], mode=DispatchMode.PHONE, co_unit_ids=(city.units["water"],), co_until=until,
    )  # fmt: skip
    async with city.database.transaction() as session:
        helper = (await session.scalars(select(Assignment).where(Assignment.unit_id == city.units["water"]))).one()
    return number, lead, helper


async def handle_clock(city: City, part: Assignment) -> Deadline:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Deadline).where(Deadline.assignment_id == part.id, Deadline.kind == "handle"))).one()


async def date_it(city: City, actor: Actor, number: str, part: Assignment, until: datetime, why: str = WHY) -> Deadline:
    return await city.act(number, actor, set_co_date, part.id, until, why)


async def test_a_co_unit_has_its_own_deadline_and_its_reply_may_be_waived(city: City) -> None:
    until = city.clock.now() + timedelta(days=1)
    number, lead, helper = await helped(city, until)
    assert (await handle_clock(city, helper)).due_at == until
    await city.handle(lead)
    with pytest.raises(IllegalStep, match="主办"):
        await city.by_unit(city.dispatcher, assignments.waive, lead, "不需要答复了")
    await city.by_unit(city.dispatcher, assignments.waive, helper, "现场查明与供水无关")
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Ticket.state).where(Ticket.number == number))).one() == "reply_review"


async def test_the_dispatcher_moves_the_date_later_and_the_event_says_from_when_to_when(city: City) -> None:
    number, _lead, helper = await helped(city)
    before = (await handle_clock(city, helper)).due_at
    until = city.clock.now() + timedelta(hours=20)
    await date_it(city, city.dispatcher, number, helper, until)
    clock = await handle_clock(city, helper)
    assert (clock.due_at, clock.state) == (until, "running")
    async with city.database.transaction() as session:
        event = (await history(session, "ticket", helper.ticket_id))[-1]
    assert event.name == "assignment.dated"
    assert [datetime.fromisoformat(event.data[key]).astimezone(UTC) for key in ("before", "after")] == [before, until]


async def test_a_pause_before_the_date_was_set_does_not_move_it(city: City) -> None:
    number, _lead, helper = await helped(city)
    async with city.database.transaction() as session:
        row = await session.get_one(Deadline, (await handle_clock(city, helper)).id)
        began = city.clock.now()
        row.adjustments = [{"pause": [began.isoformat(), (began + timedelta(hours=2)).isoformat()]}]
    city.clock.advance(hours=3)
    until = city.clock.now() + timedelta(hours=5)
    assert (await date_it(city, city.supervisor, number, helper, until)).due_at == until


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(hours=-1), timedelta(days=30), timedelta(days=365 * 900)])
async def test_a_date_lies_ahead_and_not_after_the_lead_units(city: City, shift: timedelta) -> None:
    number, _lead, helper = await helped(city)
    with pytest.raises(InvalidInput) as refused:
        await date_it(city, city.dispatcher, number, helper, city.clock.now() + shift)
    assert refused.value.field == "co_until"
    with pytest.raises(InvalidInput):
        await helped(city, city.clock.now() + shift)


async def test_it_is_swept_like_a_clock_and_the_card_goes_to_the_unit_that_helps(city: City) -> None:
    number, _lead, helper = await helped(city)
    await city.by_unit(city.water_clerk, assignments.sign, helper)
    until = city.clock.now() + timedelta(hours=2)
    await date_it(city, city.dispatcher, number, helper, until)
    city.clock.set(until)
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        cards = list(await session.scalars(select(Card).where(Card.unit_id == city.units["water"])))
    assert [(card.colour, card.deadline_id) for card in cards] == [("yellow", (await handle_clock(city, helper)).id)]
    with pytest.raises(IllegalStep, match="已经过了"):  # what is late stays late
        await date_it(city, city.dispatcher, number, helper, city.clock.now() + timedelta(hours=2))


async def test_only_who_gave_the_part_sets_its_date(city: City) -> None:
    number, lead, helper = await helped(city)
    until = city.clock.now() + timedelta(hours=9)
    refusals: list[tuple[Actor, type[HotlineError]]] = [
        (city.water_chief, NotFound), (city.chief, NotFound), (city.clerk, NotFound), (city.leader, NotAllowed), (city.agent, NotAllowed),
    ]  # fmt: skip
    for actor, refusal in refusals:  # the lead unit did not name the helper: the dispatcher did
        with pytest.raises(refusal):
            await date_it(city, actor, number, helper, until)
    with pytest.raises(IllegalStep, match="主办单位的期限"):
        await date_it(city, city.dispatcher, number, lead, until)
    with pytest.raises(InvalidInput, match="为什么"):
        await date_it(city, city.dispatcher, number, helper, until, " ")


async def test_a_unit_dates_the_part_that_it_passed_on(city: City) -> None:
    async with city.database.transaction() as session:
        team = Unit(code="team", name="执法中队", level=3, parent_id=city.units["city"], active=True)
        session.add(team)
    number = (await city.register()).ticket.number
    lead = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, lead)
    until = city.clock.now() + timedelta(hours=6)
    part = await city.by_unit(city.clerk, pass_on, lead, team.id, "今晚先到现场查看", until)
    assert (await handle_clock(city, part)).due_at == until
    sooner = until - timedelta(hours=2)
    assert (await date_it(city, city.chief, number, part, sooner)).due_at == sooner


async def test_who_has_replied_has_no_date_any_more(city: City) -> None:
    number, _lead, helper = await helped(city)
    async with city.database.transaction() as session:
        row = await session.get_one(Assignment, helper.id)
        row.state = "replied"
    with pytest.raises(IllegalStep, match="没有在走"):
        await date_it(city, city.dispatcher, number, helper, city.clock.now() + timedelta(hours=5))


async def test_a_lead_that_has_answered_is_not_suspended_by_what_it_asked_before(city: City) -> None:
    """The helping unit is still at work: the citizen would be told of a delay that nobody asks for any more."""
    number, lead, _helper = await helped(city)
    await city.by_unit(city.clerk, assignments.sign, lead)
    request = await ask(
        city, city.chief, suspension.ask, lead, reason_class=SuspensionReason.WORKS, reason="电缆改造工程二十天后才能进场",
        told="已电话向市民说明原因和安排", review_on=city.clock.now().date() + timedelta(days=20),
    )  # fmt: skip
    await city.reply(lead)
    with pytest.raises(IllegalStep, match="已经处理过"):
        await city.act(number, city.supervisor, suspension.decide, request.id, approve=True)


async def test_a_unit_that_was_ruled_to_help_is_not_suspended_by_what_it_asked_as_the_lead(city: City) -> None:
    number, lead, _helper = await helped(city)
    request = await ask(
        city, city.chief, suspension.ask, lead, reason_class=SuspensionReason.WORKS, reason="电缆改造工程二十天后才能进场",
        told="已电话向市民说明原因和安排", review_on=city.clock.now().date() + timedelta(days=20),
    )  # fmt: skip
    units = (city.units["city"], city.units["water"])
    await city.act(number, city.dispatcher, dispute.open_dispute, "两个单位的职责有交叉，说不清", dispute.Overlap(units))
    ruling = dispatching.Order(units[1], DispatchMode.PHONE, co_units=(dispatching.CoUnit(units[0]),))
    await city.act(number, city.supervisor, dispute.rule, ruling, grounds="供水设施引起，由供水集团主办")
    with pytest.raises(IllegalStep, match="不是主办单位"):
        await city.act(number, city.supervisor, suspension.decide, request.id, approve=True)
    await city.act(number, city.supervisor, suspension.decide, request.id, approve=False, note="已改由供水集团主办")


@pytest.mark.parametrize("answered", [False, True])
async def test_an_extension_does_not_carry_a_helping_unit_beyond_the_lead(city: City, answered: bool) -> None:
    number, lead, helper = await helped(city)
    if answered:  # what the citizen was told still holds
        await city.handle(lead)
    await city.by_unit(city.water_clerk, assignments.sign, helper)
    async with city.database.transaction() as session:
        part, ticket = await access_assignment(session, city.water_clerk, helper.id)
        request = await extension.ask(
            city.core, session, city.water_clerk, part, ticket,
            limit=Limit(10, "wd"), reason="管道改造还要十个工作日", told="已告知主办单位和市民",
        )  # fmt: skip
        request.consented_at = city.clock.now()
    before = (await handle_clock(city, helper)).due_at
    with pytest.raises(IllegalStep, match="晚于主办单位"):
        await city.act(number, city.supervisor, extension.decide, request.id, approve=True)
    assert (await handle_clock(city, helper)).due_at == before


async def test_after_the_leads_answer_a_date_lies_before_what_the_citizen_was_told(city: City) -> None:
    number, lead, helper = await helped(city)
    told = (await handle_clock(city, lead)).due_at
    await city.handle(lead)
    with pytest.raises(InvalidInput):
        await date_it(city, city.dispatcher, number, helper, told + timedelta(hours=1))
    assert (await date_it(city, city.dispatcher, number, helper, told)).due_at == told


async def test_redispatched_to_one_unit_it_is_no_joint_matter_any_more(city: City) -> None:
    """The limits of many units (15 working days) do not stay with the one that is left."""
    number, lead, _helper = await helped(city)
    async with city.database.transaction() as session:
        _part, ticket = await access_assignment(session, city.clerk, lead.id)
        assert ticket.handling_kind == "joint"
        request = await returns.ask(city.core, session, city.clerk, lead.id, "不属于本单位职责，依据三定方案")
    await city.act(number, city.dispatcher, returns.decide, request.id, approve=True)
    part = await city.dispatch(number)
    async with city.database.transaction() as session:
        ticket = await session.get_one(Ticket, part.ticket_id)
        assert (ticket.handling_kind, ticket.policy_key) == ("promised", "P-PHONE")
