"""Clocks in the database: start, pause, go on, extend, stop, each independent of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from tests.ticketing.conftest import City
from ticketing.calendar.models import CalendarDay
from ticketing.callback import batch
from ticketing.deadline import service
from ticketing.deadline.book import load_policies
from ticketing.deadline.limits import Limit, Options
from ticketing.deadline.models import ClockKind, Deadline
from ticketing.supervision import sweep
from ticketing.supervision.models import Card
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, Kind, Urgency


async def clocks(city: City, ticket_id: int) -> dict[str, Deadline]:
    """The newest clock of each kind."""
    async with city.database.transaction() as session:
        rows = await session.scalars(select(Deadline).where(Deadline.ticket_id == ticket_id).order_by(Deadline.id))
        return {row.kind: row for row in rows}


async def on_ticket(city: City, ticket_id: int, work: Callable[[AsyncSession, Ticket], Awaitable[object]]) -> object:
    async with city.database.transaction() as session:
        ticket = await session.get_one(Ticket, ticket_id, with_for_update=True)
        return await work(session, ticket)


def local(moment: datetime | None) -> str:
    assert moment is not None
    return moment.astimezone(CITY_ZONE).strftime("%m-%d %H:%M")


def go_to(city: City, text: str) -> None:
    city.clock.set(datetime.fromisoformat(f"2026-{text}").replace(tzinfo=CITY_ZONE))


async def dispatched(city: City, mode: DispatchMode = DispatchMode.PHONE, **fields: object) -> int:
    """A ticket dispatched on Wednesday 18 November at 10:00; phone: due Monday 24:00, wh and wd clocks beside it."""
    made = await city.register(**fields)
    await city.dispatch(made.ticket.number, mode)
    return made.ticket.id


async def test_lesson_08_each_clock_has_its_own_state(city: City) -> None:
    ticket = await dispatched(city)
    found = await clocks(city, ticket)
    assert {kind: (clock.state, clock.limit_value, clock.limit_unit) for kind, clock in found.items()} == {
        "dispatch": ("met", 4, "wh"),
        "sign": ("running", 4, "wh"),
        "contact": ("running", 1, "wd"),
        "handle": ("running", 3, "wd"),
    }
    go_to(city, "11-18 16:00")
    await on_ticket(city, ticket, lambda session, _t: service.stop_clocks(city.core, session, ticket, ClockKind.SIGN))
    await on_ticket(city, ticket, lambda session, _t: service.pause_clocks(city.core, session, ticket, ClockKind.HANDLE))
    found = await clocks(city, ticket)
    assert {kind: clock.state for kind, clock in found.items()} == {
        "dispatch": "met", "sign": "late", "contact": "running", "handle": "paused",
    }  # fmt: skip


async def test_lesson_02_pauses_consume_working_time(city: City) -> None:
    ticket = await dispatched(city)
    go_to(city, "11-20 16:30")
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE deadline SET stage = 'white', next_stage_at = amber_at WHERE kind = 'handle'"))
    await on_ticket(city, ticket, lambda session, _t: service.pause_clocks(city.core, session, ticket, ClockKind.HANDLE))
    paused = (await clocks(city, ticket))["handle"]
    assert (paused.state, paused.next_stage_at, paused.remaining_seconds) == ("paused", None, 8 * 3600)  # 1 h Friday, 7 h Monday
    go_to(city, "11-23 10:00")  # over the weekend: two office hours have passed
    await on_ticket(city, ticket, lambda session, _t: service.resume_clocks(city.core, session, ticket, ClockKind.HANDLE))
    resumed = (await clocks(city, ticket))["handle"]
    assert (resumed.state, resumed.paused_at, resumed.remaining_seconds) == ("running", None, None)
    assert local(resumed.due_at) == "11-24 11:00"
    assert resumed.next_stage_at == resumed.amber_at, "half was used before the pause: the next thing is the amber warning"


async def test_pause_and_resume_count_wall_time_for_hours(city: City) -> None:
    ticket = await dispatched(city, urgency=Urgency.URGENT)
    go_to(city, "11-18 22:00")
    await on_ticket(city, ticket, lambda session, _t: service.pause_clocks(city.core, session, ticket))
    paused = (await clocks(city, ticket))["handle"]
    assert paused.remaining_seconds == 12 * 3600
    go_to(city, "11-21 04:00")
    assert len(await on_ticket(city, ticket, lambda session, _t: service.resume_clocks(city.core, session, ticket))) == 3  # type: ignore[arg-type]
    assert local((await clocks(city, ticket))["handle"].due_at) == "11-21 16:00"


async def test_pausing_twice_or_resuming_what_runs_changes_nothing(city: City) -> None:
    ticket = await dispatched(city)
    pause = lambda session, _t: service.pause_clocks(city.core, session, ticket, ClockKind.HANDLE)  # noqa: E731
    resume = lambda session, _t: service.resume_clocks(city.core, session, ticket, ClockKind.HANDLE)  # noqa: E731
    assert await on_ticket(city, ticket, resume) == []
    await on_ticket(city, ticket, pause)
    city.clock.advance(hours=1)
    assert await on_ticket(city, ticket, pause) == []
    await on_ticket(city, ticket, resume)
    assert await on_ticket(city, ticket, resume) == []
    assert (await clocks(city, ticket))["handle"].adjustments == [{"pause": ["2026-11-18T02:00:00+00:00", "2026-11-18T03:00:00+00:00"]}]


async def test_a_pause_does_not_make_a_late_clock_punctual(city: City) -> None:
    ticket = await dispatched(city)
    go_to(city, "11-25 10:00")  # one office hour and a day late
    await on_ticket(city, ticket, lambda session, _t: service.pause_clocks(city.core, session, ticket, ClockKind.HANDLE))
    assert (await clocks(city, ticket))["handle"].remaining_seconds == -8 * 3600
    go_to(city, "12-02 10:00")
    await on_ticket(city, ticket, lambda session, _t: service.resume_clocks(city.core, session, ticket, ClockKind.HANDLE))
    clock = (await clocks(city, ticket))["handle"]
    assert clock.due_at < city.clock.now()
    await on_ticket(city, ticket, lambda session, _t: service.stop_clocks(city.core, session, ticket, ClockKind.HANDLE))
    assert (await clocks(city, ticket))["handle"].state == "late"


async def test_a_paused_clock_that_ends_was_in_time_if_it_was_when_paused(city: City) -> None:
    ticket = await dispatched(city)
    await on_ticket(city, ticket, lambda session, _t: service.pause_clocks(city.core, session, ticket, ClockKind.HANDLE))
    city.clock.advance(days=60)
    await on_ticket(city, ticket, lambda session, _t: service.stop_clocks(city.core, session, ticket, ClockKind.HANDLE))
    assert (await clocks(city, ticket))["handle"].state == "met"


async def extend(city: City, ticket: int, limit: Limit) -> Deadline:
    clock = (await clocks(city, ticket))["handle"]

    async def work(session: AsyncSession, _ticket: Ticket) -> object:
        return await service.extend_clock(city.core, session, await session.get_one(Deadline, clock.id), limit)

    found = await on_ticket(city, ticket, work)
    assert isinstance(found, Deadline)
    return found


async def test_an_extension_moves_due_and_keeps_the_old_one(city: City) -> None:
    ticket = await dispatched(city)
    go_to(city, "11-23 16:00")  # 80 % used: amber
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE deadline SET stage = 'amber', next_stage_at = due_at WHERE kind = 'handle'"))
    clock = await extend(city, ticket, Limit(2, "wd"))
    assert (local(clock.due_at), local(clock.original_due_at), clock.extensions) == ("11-26 00:00", "11-24 00:00", 1)
    assert (clock.stage, clock.next_stage_at) == ("white", clock.amber_at), "with more time it is no longer at four fifths"


async def test_extensions_are_counted_and_limited_by_the_policy(city: City) -> None:
    ticket = await dispatched(city)
    with pytest.raises(InvalidInput, match="最多2"):
        await extend(city, ticket, Limit(3, "wd"))
    await extend(city, ticket, Limit(2, "wd"))
    with pytest.raises(IllegalStep, match="已延期1次"):
        await extend(city, ticket, Limit(1, "wd"))
    written = await dispatched(city, DispatchMode.WRITTEN, content="另一件事，人行道的地砖松动了")
    for _ in range(2):
        await extend(city, written, Limit(5, "wd"))
    with pytest.raises(IllegalStep, match="已延期2次"):
        await extend(city, written, Limit(1, "wd"))


@pytest.mark.parametrize("late", [0, 1, 86400])
async def test_there_is_no_extension_after_expiry(city: City, late: int) -> None:
    ticket = await dispatched(city)
    go_to(city, "11-24 00:00")
    city.clock.advance(seconds=late)
    with pytest.raises(IllegalStep, match="到期"):
        await extend(city, ticket, Limit(1, "wd"))
    go_to(city, "11-23 23:59")
    assert local((await extend(city, ticket, Limit(1, "wd"))).due_at) == "11-25 00:00"


async def test_an_extension_takes_no_card_away(city: City) -> None:
    """A yellow card may come before the due time (`yellow_at`); an extension approved afterwards does not undo it."""
    ticket = await dispatched(city)
    clock = (await clocks(city, ticket))["handle"]
    async with city.database.transaction() as session:
        session.add(
            Card(ticket_id=ticket, deadline_id=clock.id, unit_id=city.units["city"], colour="yellow", reason="handle", at=city.clock.now())
        )
    await extend(city, ticket, Limit(2, "wd"))
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(Card.colour).where(Card.ticket_id == ticket))) == ["yellow"]


async def test_a_paused_clock_may_be_extended(city: City) -> None:
    ticket = await dispatched(city)
    await on_ticket(city, ticket, lambda session, _t: service.pause_clocks(city.core, session, ticket, ClockKind.HANDLE))
    before = (await clocks(city, ticket))["handle"].remaining_seconds
    city.clock.advance(days=30)
    clock = await extend(city, ticket, Limit(2, "wd"))
    assert before is not None
    assert clock.remaining_seconds == before + 2 * 7 * 3600
    assert clock.next_stage_at is None


async def test_a_second_clock_of_the_same_kind_is_refused_even_while_the_first_is_paused(city: City) -> None:
    ticket = await dispatched(city)
    first = (await clocks(city, ticket))["handle"]
    await on_ticket(city, ticket, lambda session, _t: service.pause_clocks(city.core, session, ticket, ClockKind.HANDLE))
    with pytest.raises(IntegrityError, match="uq_deadline_running_assignment_clock"):
        await on_ticket(
            city, ticket,
            lambda session, row: service.start_clock(
                city.core, session, row, ClockKind.HANDLE, Limit(1, "wd"), assignment_id=first.assignment_id
            ),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "mode", "expected"),
    [
        (Kind.CONSULT, DispatchMode.PHONE, {"sign": 4, "handle": 1}),
        (Kind.PRAISE, DispatchMode.WRITTEN, {"sign": 1}),
        (Kind.SUGGESTION, DispatchMode.WRITTEN, {"sign": 1, "handle": 10}),
        (Kind.REPORT, DispatchMode.WRITTEN, {"sign": 1, "contact": 1, "handle": 7}),
    ],
)
async def test_a_kind_without_a_limit_has_no_clock(city: City, kind: Kind, mode: DispatchMode, expected: dict[str, int]) -> None:
    ticket = await dispatched(city, mode, kind=kind)
    found = await clocks(city, ticket)
    assert {name: clock.limit_value for name, clock in found.items() if clock.state == "running"} == expected


async def test_a_praise_has_no_reply_deadline_and_its_review_does_not_lie_for_ever__0243(city: City) -> None:
    """The unit may take its time; what it wrote is looked at within the centre's own working day, with cards like any other."""
    made = await city.register(kind=Kind.PRAISE)
    assignment = await city.dispatch(made.ticket.number, DispatchMode.WRITTEN)
    city.clock.advance(days=30)
    await city.handle(assignment)
    clock = (await clocks(city, made.ticket.id))["review"]
    assert (clock.state, clock.limit_value, clock.limit_unit) == ("running", 1, "wd")
    assert local(clock.due_at) == "12-22 00:00", "written on Friday 18 December, due on Monday"
    city.clock.advance(days=5)
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        cards = list(await session.scalars(select(Card.reason).where(Card.ticket_id == made.ticket.id)))
    assert "review" in cards
    await city.accept(made.ticket.number)
    found = await clocks(city, made.ticket.id)
    assert (found["review"].state, "callback" in found) == ("late", False)
    city.clock.advance(days=8)
    await batch.run(city.core, city.database)
    async with city.database.transaction() as session:
        ticket = await session.get_one(Ticket, made.ticket.id)
        assert (ticket.state, ticket.no_callback_reason) == ("closed", "not_sampled"), "nobody is called about a praise"


async def test_an_unnamed_person_is_not_contacted(city: City) -> None:
    ticket = await dispatched(city, kind=Kind.REPORT, anonymous=True, name="", phone="")
    assert "contact" not in await clocks(city, ticket)


async def test_co_units_have_a_shorter_limit_of_their_own(city: City) -> None:
    number = (await city.register()).ticket.number
    from ticketing.ticket import dispatch as dispatching

    lead = await city.act(
        number,
        city.dispatcher,
        dispatching.dispatch,
        unit_id=city.units["city"],
        mode=DispatchMode.WRITTEN,
        co_unit_ids=(city.units["water"],),
    )
    async with city.database.transaction() as session:
        rows = list(await session.scalars(select(Deadline).where(Deadline.kind == "handle").order_by(Deadline.id)))
    assert [(row.limit_value, row.assignment_id == lead.id) for row in rows] == [(15, True), (10, False)], "多部门: P-HARD"
    assert rows[1].due_at < rows[0].due_at


async def test_the_dispatcher_may_set_a_co_units_date_but_not_after_the_lead_units(city: City) -> None:
    ticket = await dispatched(city, DispatchMode.WRITTEN)
    lead = (await clocks(city, ticket))["handle"]

    async def sub_deadline(until: datetime) -> list[Deadline]:
        async with city.database.transaction() as session:
            row = await session.get_one(Ticket, ticket)
            from ticketing.assignment.models import Assignment

            co = Assignment(
                ticket_id=ticket, unit_id=city.units["water"], lead=False, state="assigned", instruction="", assigned_at=city.clock.now()
            )
            session.add(co)
            await session.flush()
            return await service.start_handling_clocks(city.core, session, row, co.id, lead=False, until=until)

    with pytest.raises(InvalidInput, match="主办期限以前"):
        await sub_deadline(lead.due_at + timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="现在以后"):
        await sub_deadline(city.clock.now())
    started = await sub_deadline(city.clock.now() + timedelta(days=2))
    assert [(clock.kind, local(clock.due_at)) for clock in started] == [("sign", "11-20 00:00"), ("handle", "11-20 10:00")]


async def test_windows_end_without_reminders(city: City) -> None:
    made = await city.register()
    window = await on_ticket(city, made.ticket.id, lambda session, row: service.start_window(city.core, session, row, ClockKind.SUPPLEMENT))
    assert isinstance(window, Deadline)
    assert window.next_stage_at == window.due_at
    assert local(window.due_at) == "11-26 00:00"
    until = city.clock.now() + timedelta(days=45)
    review = await on_ticket(
        city, made.ticket.id, lambda session, row: service.start_window_until(city.core, session, row, ClockKind.SUSPENSION, until)
    )
    assert isinstance(review, Deadline)
    assert review.due_at == until
    with pytest.raises(InvalidInput):
        await on_ticket(
            city, made.ticket.id,
            lambda session, row: service.start_window_until(city.core, session, row, ClockKind.OBJECTION, city.clock.now()),
        )  # fmt: skip


async def test_a_clock_may_be_counted_from_an_earlier_moment(city: City) -> None:
    made = await city.register()
    await on_ticket(city, made.ticket.id, lambda session, _row: service.stop_clocks(city.core, session, made.ticket.id, cancelled=True))
    city.clock.advance(hours=30)
    again = await on_ticket(
        city, made.ticket.id,
        lambda session, row: service.start_dispatch_clock(city.core, session, row, started_at=row.received_at),
    )  # fmt: skip
    assert isinstance(again, Deadline)
    assert local(again.due_at) == "11-18 15:30"
    assert again.next_stage_at == again.white_at < city.clock.now()


async def test_the_literal_reading_is_one_switch(city: City) -> None:
    city.core = replace(city.core, literal_days=True)
    ticket = await dispatched(city)
    clock = (await clocks(city, ticket))["handle"]
    assert (clock.limit_value, clock.limit_unit, local(clock.due_at)) == (3, "d", "11-22 00:00")
    assert local((await clocks(city, ticket))["sign"].due_at) == "11-18 15:30"


async def test_options_of_the_policy_are_kept_with_the_clock(city: City) -> None:
    made = await city.register()
    options = Options(end="office_close", warn_at=(0.3, 0.6), yellow_at=0.9)
    clock = await on_ticket(
        city, made.ticket.id,
        lambda session, row: service.start_clock(city.core, session, row, ClockKind.REVIEW, Limit(1, "wd"), options=options),
    )  # fmt: skip
    assert isinstance(clock, Deadline)
    assert (local(clock.due_at), clock.options) == ("11-19 17:30", {"end": "office_close", "warn_at": [0.3, 0.6], "yellow_at": 0.9})
    assert clock.yellow_at is not None
    assert clock.amber_at < clock.yellow_at < clock.due_at


async def test_lesson_01_a_page_reads_the_stored_due_time_and_the_database_keeps_it_whole(city: City) -> None:
    ticket = await dispatched(city)
    for broken in ("due_at = started_at", "state = 'paused'", "extensions = 1", "kind = 'tea'", "limit_unit = 'weeks'", "limit_value = 0"):
        with pytest.raises(IntegrityError):
            async with city.database.transaction() as session:
                await session.execute(text(f"UPDATE deadline SET {broken} WHERE ticket_id = {ticket} AND kind = 'handle'"))


async def test_starting_clocks_reads_the_calendar_once_per_process(city: City) -> None:
    """One small statement per transaction; the days themselves only when their version changed."""
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    await dispatched(city)
    seen: list[str] = []

    def remember(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(city.database.engine.sync_engine, "before_cursor_execute", remember)
    await dispatched(city, content="又一件事，路灯不亮")
    assert not [statement for statement in seen if CalendarDay.__tablename__ in statement or "FROM policy_version" in statement]
    assert len([statement for statement in seen if "FROM rules" in statement]) == 2, "register and dispatch, once each"


async def test_the_plan_of_a_difficult_matter_has_its_own_clock(city: City) -> None:
    from ticketing.assignment import progress
    from ticketing.assignment import service as assignments
    from ticketing.ticket import dispatch as dispatching
    from ticketing.ticket.states import HandlingKind

    number = (await city.register()).ticket.number
    order = {"unit_id": city.units["city"], "mode": DispatchMode.PHONE, "handling": HandlingKind.HARD}
    made = await city.act(number, city.dispatcher, dispatching.dispatch, **order)
    plan = (await clocks(city, made.ticket_id))["plan"]
    assert (plan.state, local(plan.due_at)) == ("running", "11-26 00:00")
    report = (progress.report_progress, made, ClockKind.PLAN)
    with pytest.raises(IllegalStep):
        await city.by_unit(city.clerk, *report, "先清运再修复，两周完成。")
    await city.by_unit(city.clerk, assignments.sign, made)
    for actor, text_, error in (
        (city.dispatcher, "先清运再修复，两周完成。", NotAllowed),
        (city.water_clerk, "先清运再修复，两周完成。", NotFound),
        (city.clerk, "会办的", InvalidInput),
    ):
        with pytest.raises(error):
            await city.by_unit(actor, *report, text_)
    await city.by_unit(city.clerk, *report, "先清运再修复，两周完成。")
    found = await clocks(city, made.ticket_id)
    assert (found["plan"].state, found["handle"].state) == ("met", "running")


async def test_a_reply_ends_the_plan_clock_too(city: City) -> None:
    from ticketing.ticket import dispatch as dispatching
    from ticketing.ticket.states import HandlingKind

    number = (await city.register()).ticket.number
    order = {"unit_id": city.units["city"], "mode": DispatchMode.PHONE, "handling": HandlingKind.HARD}
    await city.handle(await city.act(number, city.dispatcher, dispatching.dispatch, **order))
    async with city.database.transaction() as session:
        open_kinds = list(await session.scalars(select(Deadline.kind).where(Deadline.state == "running")))
    assert open_kinds == ["review"]


async def test_an_emergency_has_a_clock_for_the_first_feedback_from_the_place(city: City) -> None:
    ticket = await dispatched(city, urgency=Urgency.EMERGENCY)
    clock = (await clocks(city, ticket))["on_site"]
    assert clock.due_at - clock.started_at == timedelta(hours=2)
