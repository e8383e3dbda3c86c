"""No ticket waits for somebody who cannot come any more, and nobody signs twice under two hats (sceptic's walk, 23 November 2026)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from tests.ticketing.asking import clock, ticket_of
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.callback import service as callbacks
from ticketing.callback.service import GATES, CallbackResult
from ticketing.people.models import Line, Role, User
from ticketing.people.units import set_active
from ticketing.relation import investigation, repeat
from ticketing.relation.links import access_other
from ticketing.request import dispute, returns
from ticketing.request import service as requests
from ticketing.supervision import sweep
from ticketing.supervision.models import StaffNotice
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits
from ticketing.ticket.access import access_ticket
from ticketing.ticket.dispatch import Order
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, Satisfaction

BASIS = "按市权责清单，该事项不属于本单位职责"
FINDINGS = "督办到场核查三个夜晚，施工方确有违规复工，责成城管立案处罚并公开结果。"


async def third_time(city: City) -> str:
    """A matter that the supervisor investigates (D06), not dispatched yet."""
    number = (await city.register()).ticket.number
    async with city.database.transaction() as session:
        await session.execute(update(Ticket).where(Ticket.number == number).values(repeat_level=3))
        ticket = await access_ticket(city.core, session, city.dispatcher, number, lock=True)
        await investigation.begin_when_due(city.core, session, city.dispatcher, ticket)
    return number


async def test_a_dispute_is_ruled_and_never_taken_back_by_who_opened_it(city: City) -> None:
    """Taken back, it left the ticket in dispute with nothing that anybody could rule."""
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    overlap = dispute.Overlap((city.units["city"], city.units["water"]))
    request = await city.act(number, city.dispatcher, dispute.open_dispute, "供水管道和占道施工职责交叉", overlap)
    with pytest.raises(IllegalStep, match="裁定"):
        await city.act(number, city.dispatcher, requests.take_back, request.id)
    order = Order(city.units["water"], DispatchMode.PHONE)
    await city.act(number, city.supervisor, dispute.rule, order, grounds="按照职责清单，由供水集团查明管道情况")
    assert (await ticket_of(city, number)).state == "in_progress"


async def test_the_only_unit_returns_what_the_supervisor_investigates_and_it_waits_for_dispatch(city: City) -> None:
    """Under investigation no unit leads; the return of the last one left the ticket without unit and clock."""
    number = await third_time(city)
    part = await city.dispatch(number)
    assert not part.lead
    request = await city.by_unit(city.clerk, returns.ask, part, BASIS)
    await city.act(number, city.dispatcher, returns.decide, request.id, approve=True)
    assert (await ticket_of(city, number)).state == "to_dispatch"
    assert (await clock(city, "dispatch")).state == "running"
    await city.act(number, city.dispatcher, dispatching.dispatch, unit_id=city.units["water"], mode=DispatchMode.PHONE)
    assert (await ticket_of(city, number)).state == "in_progress"


@pytest.mark.parametrize("left", [{"active": False}, {"role": Role.DISPATCHER.value}, {"line": "12319"}])
async def test_an_investigation_goes_to_another_supervisor_when_its_holder_has_left(city: City, left: dict[str, object]) -> None:
    number = await third_time(city)
    async with city.database.transaction() as session:
        first = await session.get_one(User, city.supervisor.account)
        second = User(
            login="supervisor-b", name="督办乙", staff_number="9001", role=Role.SUPERVISOR.value, unit_id=first.unit_id,
            password_hash=first.password_hash,
        )  # fmt: skip
        session.add_all([second, Line(number="12319", name="住建热线", greeting="", active=True)])
        await session.flush()
        other = replace(city.supervisor, user_id=second.id, label="督办乙 9001")
    await city.act(number, city.supervisor, investigation.take)
    with pytest.raises(IllegalStep, match="已经有督办"):
        await city.act(number, other, investigation.take)
    async with city.database.transaction() as session:
        await session.execute(update(User).where(User.id == city.supervisor.account).values(**left))
    await city.act(number, other, investigation.take)
    await city.act(number, other, investigation.conclude, findings=FINDINGS, false_reply=False)
    assert (await ticket_of(city, number)).investigator_id == other.user_id


async def test_what_was_never_handled_makes_no_repeat(city: City) -> None:
    """A test call, and what its citizen took back, do not make the next appeal a second one that the unit must explain."""
    first, second = (await city.register()).ticket.number, (await city.register()).ticket.number
    await city.act(first, city.supervisor, exits.invalidate, code="test")
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, second, lock=True)
        earlier = await access_other(city.core, session, city.dispatcher, ticket, first)
        with pytest.raises(IllegalStep, match="没有办理过"):
            await repeat.link(city.core, session, city.dispatcher, ticket, earlier)


async def test_who_drafted_a_reply_does_not_sign_it_with_another_role(city: City) -> None:
    part = await city.dispatch((await city.register()).ticket.number)
    await city.by_unit(city.clerk, assignments.sign, part)
    await city.by_unit(city.clerk, assignments.contact, part, way="phone", note="已与市民通话，说明今晚检查")
    await city.by_unit(city.clerk, assignments.draft_reply, part, GOOD_REPLY)
    promoted = replace(city.clerk, role=Role.CHIEF)
    with pytest.raises(NotAllowed, match="自己起草"):
        await city.by_unit(promoted, assignments.sign_off, part)


async def test_who_signed_a_reply_off_does_not_review_it_with_another_role(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.handle(await city.dispatch(number))
    moved = replace(city.chief, role=Role.SUPERVISOR, unit_id=city.units["centre"])
    with pytest.raises(NotAllowed, match="审签"):
        await city.act(number, moved, callbacks.review, accept=True, gates=GATES)


async def test_the_findings_of_an_investigation_have_a_clock_when_every_unit_has_replied(city: City) -> None:
    """Nothing ran then: a matter that came the third time could lie for ever."""
    number = await third_time(city)
    part = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, part)
    await city.by_unit(city.clerk, assignments.contact, part, way="phone", note="已与市民通话，说明今晚检查")
    await city.reply(part, explanation="上次只做了临时处理，没有根治问题，这次派人值守")
    owed = await clock(city, "review")
    assert owed.state == "running"
    city.clock.advance(seconds=(owed.due_at - city.clock.now()).total_seconds())
    await sweep.run(city.core, city.database)
    assert await heard(city, "warned", "yellow") == {city.supervisor.user_id}  # his findings, not the dispatchers' review
    await city.act(number, city.supervisor, investigation.take)
    await city.act(number, city.supervisor, investigation.conclude, findings=FINDINGS, false_reply=False)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.supervisor, number, lock=True)
        assert await assignments.reply_ready(city.core, session, ticket)
    anew = await clock(city, "review")
    assert anew.id != owed.id
    assert anew.state == "running"


async def test_what_the_signer_would_hear_goes_to_the_clerks_when_he_has_left(city: City) -> None:
    """Reminder and «to be done again» went to the account of somebody who was gone, and to none of the colleagues."""
    number = (await city.register()).ticket.number
    part = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, part)
    async with city.database.transaction() as session:
        gone = await session.get_one(User, city.clerk.account)
        other = User(
            login="clerk-b",
            name="经办乙",
            staff_number="9002",
            role=Role.CLERK.value,
            unit_id=gone.unit_id,
            password_hash=gone.password_hash,
        )
        session.add(other)
        gone.active = False
        await session.flush()
        colleague = replace(city.clerk, user_id=other.id, label="经办乙 9002")
    handle = await clock(city, "handle", part)
    city.clock.advance(seconds=(handle.due_at - city.clock.now()).total_seconds() * 0.7)
    await sweep.run(city.core, city.database)
    assert await heard(city, "reminded") == {colleague.user_id}
    await city.by_unit(colleague, assignments.draft_reply, part, replace(GOOD_REPLY, contact_note="打了三次电话都没有人接"))
    await city.by_unit(city.chief, assignments.refuse_draft, part, "请补充处罚情况")
    assert await heard(city, "returned") == {colleague.user_id}


async def heard(city: City, *kinds: str) -> set[int]:
    """Who got a message of one of these kinds."""
    async with city.database.transaction() as session:
        return set(await session.scalars(select(StaffNotice.user_id).where(StaffNotice.kind.in_(kinds))))


async def test_a_unit_is_not_dissolved_while_its_answer_may_come_back(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.handle(await city.dispatch(number))
    assert await refused_to_dissolve(city) == "active"  # under review
    await city.accept(number)
    assert await refused_to_dissolve(city) == "active"  # the citizen is called back
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    async with city.database.transaction() as session:
        await session.execute(update(User).where(User.unit_id == city.units["city"]).values(active=False))
        await set_active(city.core, session, city.admin, city.units["city"], active=False)


async def refused_to_dissolve(city: City) -> str:
    """The field at fault."""
    with pytest.raises(InvalidInput, match="没有办完") as caught:
        async with city.database.transaction() as session:
            await set_active(city.core, session, city.admin, city.units["city"], active=False)
    return next(iter(caught.value.errors))


async def test_what_comes_back_to_a_unit_without_people_is_heard_of_by_the_centre(city: City) -> None:
    """Reopened after its unit was dissolved: a dispatcher hears of it at once, the supervisors with the clock."""
    number = (await city.register()).ticket.number
    part = await city.dispatch(number)
    await city.handle(part)
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    async with city.database.transaction() as session:
        await session.execute(update(User).where(User.unit_id == city.units["city"]).values(active=False))
    await city.act(number, city.agent, callbacks.reopen, "工地今天晚上又在施工")
    assert await heard(city, "returned") == {city.dispatcher.user_id}
    handle = await clock(city, "handle", part)
    city.clock.advance(seconds=(handle.due_at - city.clock.now()).total_seconds())
    await sweep.run(city.core, city.database)
    assert city.supervisor.user_id in await heard(city, "yellow")
