"""Extension and suspension: objects with a life of their own (T15-T17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from tests.ticketing.asking import ask, clock, names_of, signed, ticket_of
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment
from ticketing.deadline.limits import Limit
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request import extension, suspension
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import SuspensionReason
from ticketing.supervision import sweep
from ticketing.supervision.models import Card
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.states import DispatchMode

TOLD = "已电话向市民说明原因和安排"


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
