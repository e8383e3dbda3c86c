"""Importing a calendar and computing every open clock anew (lesson 2): preview, one change, a job that may be cut anywhere."""

from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from hotline.clock import CITY_ZONE
from hotline.errors import Conflict, InvalidInput, NotAllowed
from hotline.events import Event
from tests.ticketing.conftest import City
from tests.ticketing.deadline.holidays import wanted
from ticketing.calendar import changes, versions
from ticketing.calendar.lists import DayList, read
from ticketing.calendar.models import CalendarChange, CalendarDay
from ticketing.calendar.service import load_official, work_calendar
from ticketing.calendar.working_time import WorkCalendar
from ticketing.deadline import recompute, service
from ticketing.deadline.models import ClockKind, Deadline
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode


async def write(city: City, found: DayList) -> CalendarChange:
    async with city.database.transaction() as session:
        version = (await changes.preview(session, found)).version
        return await changes.apply(city.core, session, city.admin, found, base_version=version, note="国办发明电〔2026〕7号")


async def christmas(city: City, mode: DispatchMode = DispatchMode.WRITTEN) -> Deadline:
    """A ticket dispatched on Friday 25 December 2026 with seven working days: into a year that nobody knows yet."""
    city.clock.set(datetime(2026, 12, 25, 10, tzinfo=CITY_ZONE))
    made = await city.register()
    await city.dispatch(made.ticket.number, mode)
    return await handle(city, made.ticket.id)


async def handle(city: City, ticket_id: int) -> Deadline:
    async with city.database.transaction() as session:
        found = select(Deadline).where(Deadline.ticket_id == ticket_id, Deadline.kind == "handle")
        return (await session.scalars(found)).one()


async def events(city: City, name: str) -> list[Event]:
    async with city.database.transaction() as session:
        return list(await session.scalars(select(Event).where(Event.name == name).order_by(Event.id)))


def local(moment: datetime) -> str:
    return moment.astimezone(CITY_ZONE).strftime("%Y-%m-%d %H:%M")


# --- preview and change ----------------------------------------------------------------------------------------------


async def test_the_preview_writes_nothing_and_says_what_would_change(city: City) -> None:
    async with city.database.transaction() as session:
        before = await versions.current(session)
        found = await changes.preview(session, read("date,is_work,name\n2026-12-31,0,放假\n2026-12-30,1,\n2027-01-01,0,元旦\n"))
        assert [(old.is_work, new.is_work) for old, new in found.changed] == [(True, False)]
        assert [day.day for day in found.added] == [date(2027, 1, 1)]
        assert (found.same, found.errors) == (1, ())
    async with city.database.transaction() as session:
        assert await versions.current(session) == before
        assert await session.get(CalendarDay, date(2027, 1, 1)) is None


async def test_filling_a_year_never_overwrites_what_is_known(city: City) -> None:
    async with city.database.transaction() as session:
        found = await changes.preview(session, read(json.dumps({"year": 2026, "days": []})))
        assert found.is_empty


async def test_only_an_administrator_changes_the_calendar(city: City) -> None:
    for actor in (city.supervisor, city.dispatcher, city.leader):
        async with city.database.transaction() as session:
            with pytest.raises(NotAllowed):
                await changes.apply(city.core, session, actor, wanted(), base_version=1)
            with pytest.raises(NotAllowed):
                await changes.set_periods(city.core, session, actor, [(0, 1440)])


async def test_a_preview_that_somebody_overtook_is_refused(city: City) -> None:
    async with city.database.transaction() as session:
        base = (await changes.preview(session, wanted())).version
    await write(city, read("date,is_work\n2027-05-01,0\n"))
    async with city.database.transaction() as session:
        with pytest.raises(Conflict):
            await changes.apply(city.core, session, city.admin, wanted(), base_version=base)


async def test_two_at_once_one_wins(city: City) -> None:
    async with city.database.transaction() as session:
        base = (await versions.current(session)).calendar

    async def one() -> object:
        async with city.database.transaction() as session:
            return await changes.apply(city.core, session, city.admin, wanted(), base_version=base)

    outcomes = await asyncio.gather(one(), one(), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CalendarChange", "Conflict"]


async def test_the_same_list_twice_changes_nothing(city: City) -> None:
    await write(city, wanted())
    with pytest.raises(InvalidInput, match="一样"):
        await write(city, wanted())


async def test_lesson_04_a_list_that_would_stop_every_clock_is_refused(city: City) -> None:
    rows = [{"date": (date(2027, 3, 1) + timedelta(days=n)).isoformat(), "is_work": False} for n in range(40)]
    with pytest.raises(InvalidInput, match="连续休息"):
        await write(city, wanted(rows))


@pytest.mark.parametrize("periods", [[(540, 540)], [(810, 1050), (540, 720)], [(540, 720), (700, 900)], [(1080, 60)], [(0, 1441)], []])
async def test_lesson_04_office_hours_that_cannot_be_are_refused(city: City, periods: list[tuple[int, int]]) -> None:
    async with city.database.transaction() as session:
        with pytest.raises(InvalidInput):
            await changes.set_periods(city.core, session, city.admin, periods)


async def test_a_package_without_the_year_says_so(city: City) -> None:
    with pytest.raises(InvalidInput, match="2035"):
        changes.from_package(city.core, years={2035})
    assert changes.from_package(city.core, years={2026}).days[date(2026, 10, 10)].is_work
    async with city.database.transaction() as session:
        assert (await changes.preview(session, changes.from_package(city.core))).is_empty, "it was loaded at the start"


async def test_a_newer_package_does_not_overwrite_a_day_set_by_hand_unasked(city: City) -> None:
    await write(city, read("date,is_work,name\n2026-12-31,0,本市放假\n"))
    async with city.database.transaction() as session:
        await load_official(city.core, session)
        assert not (await work_calendar(session)).is_work(date(2026, 12, 31))


async def test_an_upgrade_with_a_newer_package_is_a_change_like_any_other(city: City) -> None:
    """As if the installed package had learnt December only now."""
    async with city.database.transaction() as session:
        await session.execute(text("DELETE FROM calendar_day WHERE day >= '2026-12-01'"))
    city.clock.set(datetime(2026, 11, 20, 10, tzinfo=CITY_ZONE))
    made = await city.register()
    async with city.database.transaction() as session:
        await versions.bump(session, calendar=True)
    await city.dispatch(made.ticket.number, DispatchMode.WRITTEN)
    assert (await handle(city, made.ticket.id)).provisional
    async with city.database.transaction() as session:
        await load_official(city.core, session)
        await load_official(city.core, session)
    await recompute.run(city.core, city.database)
    assert not (await handle(city, made.ticket.id)).provisional
    (changed,) = await events(city, "calendar.changed")
    assert (changed.data["added"], changed.data["years"], changed.actor_kind) == (31, [2026], "system")


# --- computing anew --------------------------------------------------------------------------------------------------


async def test_lesson_02_open_clocks_follow_a_changed_calendar(city: City) -> None:
    before = await christmas(city)
    assert (local(before.due_at), before.provisional) == ("2027-01-07 00:00", True)
    change = await write(city, wanted())
    result = await recompute.run(city.core, city.database)
    after = await handle(city, before.ticket_id)
    assert (local(after.due_at), after.provisional) == ("2027-01-08 00:00", False)
    assert after.calendar_version == change.version
    assert after.next_stage_at == after.white_at
    assert result.computed == 3
    (changed,) = await events(city, "calendar.changed")
    assert (changed.data["note"], changed.actor_id) == ("国办发明电〔2026〕7号", city.admin.user_id)
    told = {event.data["clock"]: event.data for event in await events(city, "deadline.recomputed")}
    assert told["handle"]["before"] == before.due_at.isoformat()
    assert told["handle"]["after"] == after.due_at.isoformat()
    (done,) = await events(city, "calendar.recomputed")
    assert done.data == {"version": change.version, "computed": 3, "moved": result.moved}


async def test_it_is_done_once(city: City) -> None:
    await christmas(city)
    await write(city, wanted())
    assert (await recompute.run(city.core, city.database)).computed == 3
    assert (await recompute.run(city.core, city.database)).computed == 0
    assert len(await events(city, "calendar.recomputed")) == 1


async def test_stopped_clocks_are_left_alone(city: City) -> None:
    before = await christmas(city)
    async with city.database.transaction() as session:
        await service.stop_clocks(city.core, session, before.ticket_id)
    await write(city, wanted())
    assert (await recompute.run(city.core, city.database)).computed == 0
    assert (await handle(city, before.ticket_id)).due_at == before.due_at


async def test_a_paused_clock_is_computed_anew_and_goes_on_right(city: City) -> None:
    before = await christmas(city)
    async with city.database.transaction() as session:
        await service.pause_clocks(city.core, session, before.ticket_id, ClockKind.HANDLE)
    await write(city, wanted())
    await recompute.run(city.core, city.database)
    paused = await handle(city, before.ticket_id)
    assert (paused.state, paused.next_stage_at, local(paused.due_at)) == ("paused", None, "2027-01-08 00:00")
    city.clock.set(datetime(2026, 12, 28, 10, tzinfo=CITY_ZONE))
    async with city.database.transaction() as session:
        await service.resume_clocks(city.core, session, before.ticket_id, ClockKind.HANDLE)
    assert local((await handle(city, before.ticket_id)).due_at) == "2027-01-09 00:00", "the make-up Saturday is not needed yet"


async def test_pauses_are_recomputed_by_the_new_calendar_too(city: City) -> None:
    """A pause over days that turn out to be holidays costs nothing."""
    before = await christmas(city)
    city.clock.set(datetime(2026, 12, 31, 17, 30, tzinfo=CITY_ZONE))
    async with city.database.transaction() as session:
        await service.pause_clocks(city.core, session, before.ticket_id, ClockKind.HANDLE)
    city.clock.set(datetime(2027, 1, 5, 9, 0, tzinfo=CITY_ZONE))
    async with city.database.transaction() as session:
        await service.resume_clocks(city.core, session, before.ticket_id, ClockKind.HANDLE)
    assert local((await handle(city, before.ticket_id)).due_at) == "2027-01-08 00:00", "4 January was thought to be a working day"
    await write(city, wanted())
    await recompute.run(city.core, city.database)
    assert local((await handle(city, before.ticket_id)).due_at) == "2027-01-08 00:00", (
        "it was a holiday: the pause cost nothing, the limit did"
    )


async def test_a_stage_falls_back_when_the_due_time_moves_away_and_is_never_raised_here(city: City) -> None:
    before = await christmas(city)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE deadline SET stage = 'yellow', next_stage_at = red_at WHERE kind = 'handle'"))
    city.clock.set(datetime(2027, 1, 7, 9, 0, tzinfo=CITY_ZONE))
    await write(city, wanted())
    await recompute.run(city.core, city.database)
    after = await handle(city, before.ticket_id)
    assert (after.stage, after.next_stage_at) == ("amber", after.due_at)
    await write(city, read("date,is_work\n2027-01-04,1\n"))  # a correction: it was a working day after all
    await recompute.run(city.core, city.database)
    again = await handle(city, before.ticket_id)
    assert (again.stage, again.next_stage_at) == ("amber", again.due_at), "the sweep gives the card, not the job"
    assert again.due_at < city.clock.now()


async def test_changed_office_hours_move_the_clocks_too(city: City) -> None:
    made = await city.register()
    await city.dispatch(made.ticket.number)
    async with city.database.transaction() as session:
        await changes.set_periods(city.core, session, city.admin, [(8 * 60, 12 * 60), (14 * 60, 24 * 60)])
    await recompute.run(city.core, city.database)
    async with city.database.transaction() as session:
        sign = (await session.scalars(select(Deadline).where(Deadline.kind == "sign"))).one()
    assert local(sign.due_at) == "2026-11-18 16:00"


async def test_a_ticket_that_somebody_works_on_is_taken_by_the_next_run(city: City) -> None:
    before = await christmas(city)
    other = await christmas(city)
    await write(city, wanted())
    async with city.database.transaction() as busy:
        await busy.get_one(Ticket, before.ticket_id, with_for_update=True)
        result = await recompute.run(city.core, city.database)
        assert (result.computed, result.left) == (3, True)
        assert await events(city, "calendar.recomputed") == []
    assert (await handle(city, before.ticket_id)).due_at == before.due_at
    assert (await handle(city, other.ticket_id)).due_at != other.due_at
    result = await recompute.run(city.core, city.database)
    assert (result.computed, result.left) == (3, False)


async def test_a_clock_that_a_slow_transaction_started_by_the_old_calendar_is_found(city: City) -> None:
    city.clock.set(datetime(2026, 12, 25, 10, tzinfo=CITY_ZONE))
    made = await city.register()
    async with city.database.transaction() as slow:
        row = await slow.get_one(Ticket, made.ticket.id)
        await service.start_clock(city.core, slow, row, ClockKind.HANDLE, service.Limit(7, "wd"))
        await write(city, wanted())
        await recompute.run(city.core, city.database)
    assert local((await handle(city, made.ticket.id)).due_at) == "2027-01-07 00:00"
    await recompute.run(city.core, city.database)
    assert local((await handle(city, made.ticket.id)).due_at) == "2027-01-08 00:00"


async def test_a_job_cut_off_in_the_middle_goes_on(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = [(await christmas(city)).ticket_id for _ in range(5)]
    await write(city, wanted())
    monkeypatch.setattr(recompute, "BATCH", 2)
    batches = []
    real = recompute._batch

    async def dying(*args: object) -> set[int]:
        if batches:
            raise ConnectionResetError
        batches.append(1)
        return await real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(recompute, "_batch", dying)
    with pytest.raises(Exception):  # noqa: B017 - whatever the dead process raises
        await recompute.run(city.core, city.database)
    monkeypatch.setattr(recompute, "_batch", real)
    first = {ticket for ticket in tickets if local((await handle(city, ticket)).due_at) == "2027-01-08 00:00"}
    assert 0 < len(first) < 5
    await recompute.run(city.core, city.database)
    assert {local((await handle(city, ticket)).due_at) for ticket in tickets} == {"2027-01-08 00:00"}
    told = [event.subject_id for event in await events(city, "deadline.recomputed") if event.data["clock"] == "handle"]
    assert sorted(told) == sorted(map(str, tickets)), "each once, whoever computed it"


async def test_two_jobs_at_once_share_the_work(city: City) -> None:
    for _ in range(4):
        await christmas(city)
    await write(city, wanted())
    one, other = await asyncio.gather(recompute.run(city.core, city.database), recompute.run(city.core, city.database))
    rest = await recompute.run(city.core, city.database)
    assert one.computed + other.computed + rest.computed == 12
    assert len([event for event in await events(city, "deadline.recomputed") if event.data["clock"] == "handle"]) == 4


async def test_a_bad_row_does_not_hold_up_the_others(city: City) -> None:
    before, other = await christmas(city), await christmas(city)
    await write(city, wanted())
    async with city.database.transaction() as session:
        await session.execute(text('UPDATE deadline SET options = \'{"end": "teatime"}\' WHERE id = :id'), {"id": before.id})
    result = await recompute.run(city.core, city.database)
    assert result.left
    assert local((await handle(city, other.ticket_id)).due_at) == "2027-01-08 00:00"


async def test_each_process_sees_the_new_calendar_at_its_next_transaction(city: City) -> None:
    async with city.database.transaction() as session:
        assert (await work_calendar(session)).is_work(date(2027, 1, 4))
    await write(city, wanted())
    async with city.database.transaction() as session:
        calendar = await work_calendar(session)
        assert not calendar.is_work(date(2027, 1, 4))
        assert isinstance(calendar, WorkCalendar)
        assert calendar is await work_calendar(session)
