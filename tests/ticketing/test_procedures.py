"""A statutory procedure has a clock of its own, which outlives the hotline's (domain.md 2.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from hotline.clock import to_city
from hotline.errors import IllegalStep, InvalidInput, NotFound
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import procedure
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, LegalProcedure
from ticketing.assignment.service import ReplyDraft
from ticketing.assignment.statutes import LONGEST, fault_of, limits
from ticketing.callback import service as callbacks
from ticketing.callback.service import CallbackResult
from ticketing.deadline.models import Deadline
from ticketing.notice.models import Notice
from ticketing.retention.rules import RULES
from ticketing.supervision import sweep
from ticketing.supervision.models import StaffNotice
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction

LABOUR = replace(GOOD_REPLY, legal_procedure=LegalProcedure.LABOUR)
RESULT = "经查属实，已责令单位支付工资，不服的可以在60日内申请行政复议。"


async def led_into(city: City, draft: ReplyDraft = LABOUR) -> tuple[str, Assignment]:
    """A ticket whose reply, accepted by the review, says that a procedure took it over; then the citizen is called and it closes."""
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    await city.by_unit(city.clerk, assignments.contact, assignment, way="phone", note="已告知市民进入法定程序")
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, draft)
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    return number, assignment


async def clock(city: City, kind: str = "statute") -> Deadline:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Deadline).where(Deadline.kind == kind).order_by(Deadline.id.desc()))).first()  # type: ignore[return-value]


async def test_the_procedure_has_a_clock_that_goes_on_when_the_ticket_is_closed(city: City) -> None:
    number, assignment = await led_into(city)
    assert (await clock(city, "handle")).state == "met"
    running = await clock(city)
    assert (running.state, running.limit_value, running.limit_unit, running.assignment_id) == ("running", 65, "wd", assignment.id)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        assert ticket.state == "closed"
    city.clock.advance(days=10)
    async with city.database.transaction() as session:
        due = await session.execute(text(RULES["tickets_archive"].due), {"before": city.clock.now() - timedelta(days=7)})
        assert due.all() == [], "what a statute still owes is not archived"
    await city.by_unit(city.clerk, procedure.conclude, assignment, RESULT)
    assert (await clock(city)).state == "met"
    async with city.database.transaction() as session:
        told = (await session.scalars(select(Notice).where(Notice.template == "procedure_result"))).one()
        assert told.ticket_id == ticket.id
    with pytest.raises(IllegalStep):
        await city.by_unit(city.clerk, procedure.conclude, assignment, RESULT)


async def test_when_its_time_is_over_unit_and_supervisor_hear_of_it_and_the_result_may_still_be_told(city: City) -> None:
    _number, assignment = await led_into(city)
    city.clock.set((await clock(city)).due_at)
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        heard = set(await session.scalars(select(StaffNotice.user_id).where(StaffNotice.kind == "procedure_overdue")))
    assert {city.clerk.user_id, city.chief.user_id, city.supervisor.user_id} <= heard
    assert city.water_clerk.user_id not in heard
    with pytest.raises(NotFound):
        await city.by_unit(city.water_clerk, procedure.conclude, assignment, RESULT)
    with pytest.raises(InvalidInput):
        await city.by_unit(city.clerk, procedure.conclude, assignment, "好了")
    await city.by_unit(city.clerk, procedure.conclude, assignment, RESULT)
    assert (await clock(city)).state == "late"


async def test_a_unit_may_name_the_last_day_and_must_for_another_procedure(city: City) -> None:
    other = replace(GOOD_REPLY, legal_procedure=LegalProcedure.OTHER, legal_limit="由仲裁委员会在45日内裁决")
    with pytest.raises(InvalidInput) as caught:
        await led_into(city, other)
    assert set(caught.value.errors) == {"legal_due"}
    await led_into(city, replace(other, legal_due=date(2027, 1, 15)))
    assert to_city((await clock(city)).due_at).isoformat()[:16] == "2027-01-16T00:00"


async def test_the_last_day_may_lie_as_far_away_as_the_unit_may_name_it(city: City) -> None:
    far = to_city(city.clock.now()).date() + LONGEST
    await led_into(city, replace(LABOUR, legal_due=far))
    assert to_city((await clock(city)).due_at).date() == far + timedelta(days=1)


async def test_the_next_round_starts_the_clock_anew(city: City) -> None:
    number, assignment = await led_into(city)
    await city.act(number, city.agent, callbacks.reopen, "单位没有按程序办理，也没有答复")
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, replace(GOOD_REPLY, explanation="上次没有立案，这次已经立案查处"))
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    await city.accept(number)
    async with city.database.transaction() as session:
        states = list(await session.scalars(select(Deadline.state).where(Deadline.kind == "statute")))
    assert states == ["cancelled"], "the new reply stands for itself"


def test_every_procedure_has_a_limit_or_needs_a_day() -> None:
    today = date(2026, 11, 20)
    assert set(limits()) == set(LegalProcedure) - {LegalProcedure.OTHER}
    assert fault_of(LegalProcedure.OTHER, None, today)
    assert fault_of(LegalProcedure.LABOUR, today, today)
    assert fault_of(None, date(2027, 1, 1), today)
    assert not fault_of(LegalProcedure.LABOUR, None, today)
