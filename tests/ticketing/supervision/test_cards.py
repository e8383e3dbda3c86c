"""Cards: by the sweep, two yellow ones, by hand, revoked, scores."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from hotline.clock import CITY_ZONE
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.deadline.models import Deadline
from ticketing.supervision import cards, sweep
from ticketing.supervision.inbox import inbox, mark_read
from ticketing.supervision.models import Card, Rectification, StaffNotice
from ticketing.ticket.models import Ticket

FRIDAY = datetime(2026, 11, 20, 10, tzinfo=CITY_ZONE)
REASON = "现场核查，施工单位仍在夜间作业"


async def all_cards(city: City) -> list[tuple[str, str, str]]:
    async with city.database.transaction() as session:
        return [(card.colour, card.reason, card.state) for card in await session.scalars(select(Card).order_by(Card.id))]


async def overdue(city: City, *kinds: str) -> str:
    """A dispatched ticket on which these clocks have just run out."""
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    async with city.database.transaction() as session:
        ticket_id = await session.scalar(select(Ticket.id).where(Ticket.number == number))
        for clock in await session.scalars(select(Deadline).where(Deadline.ticket_id == ticket_id, Deadline.state == "running")):
            if clock.kind in kinds:
                now = city.clock.now()
                clock.started_at, clock.white_at, clock.amber_at = (now - timedelta(hours=n) for n in (9, 6, 3))
                clock.due_at, clock.stage, clock.next_stage_at = now, "amber", now
            else:
                clock.next_stage_at = None
    await sweep.run(city.core, city.database)
    return number


async def test_overdue_never_closes_a_ticket(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    for days in (1, 10, 400):
        city.clock.advance(days=days)
        await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        clocks = list(await session.scalars(select(Deadline.state).where(Deadline.assignment_id.is_not(None))))
    assert (ticket.state, ticket.closed_at) == ("in_progress", None)
    assert set(clocks) == {"running"}


async def test_lesson_01_the_sweep_goes_by_the_stored_moment_and_shows_no_other(city: City) -> None:
    """A deadline is a calendar function computed once: nights and the weekend do not bring it nearer."""
    city.clock.set(FRIDAY)
    await city.dispatch((await city.register()).ticket.number)
    async with city.database.transaction() as session:
        due = await session.scalar(select(Deadline.due_at).where(Deadline.kind == "handle"))
    assert due == datetime(2026, 11, 26, tzinfo=CITY_ZONE)  # three working days, not 72 hours
    city.clock.set(FRIDAY + timedelta(hours=73))
    await sweep.run(city.core, city.database)
    assert ("yellow", "handle", "given") not in await all_cards(city)


async def test_lesson_08_each_clock_of_a_ticket_gets_its_own_card(city: City) -> None:
    city.clock.set(FRIDAY)
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    city.clock.set(datetime(2026, 11, 20, 17, 30, tzinfo=CITY_ZONE))  # four office hours: unsigned
    await sweep.run(city.core, city.database)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    city.clock.advance(days=30)
    await sweep.run(city.core, city.database)
    found = await all_cards(city)
    assert found.count(("yellow", "sign", "given")) == 1
    assert ("red", "sign", "given") not in found  # signed in the meantime: that clock has ended, the others go on
    assert ("red", "handle", "given") in found
    assert ("red", "contact", "given") in found


async def test_two_yellow_cards_of_one_unit_on_one_ticket_are_a_red_one(city: City) -> None:
    await overdue(city, "sign")
    assert await all_cards(city) == [("yellow", "sign", "given")]
    await overdue(city, "sign", "contact")
    assert (await all_cards(city))[1:] == [
        ("yellow", "sign", "given"),
        ("yellow", "contact", "given"),
        ("red", "two_yellows", "given"),
    ]


async def test_a_card_is_told_to_the_whole_unit_and_opens_one_rectification_task(city: City) -> None:
    number = await overdue(city, "sign", "contact")
    async with city.database.transaction() as session:
        tasks = list(await session.scalars(select(Rectification)))
        assert [(task.state, task.unit_id) for task in tasks] == [("open", city.units["city"])]
        assert set(await session.scalars(select(Card.rectification_id))) == {tasks[0].id}
        for person in (city.clerk, city.chief):
            lines = await inbox(city.core, session, person)
            assert {"yellow", "red"} <= {line.notice.kind for line in lines}
            assert {line.number for line in lines} == {number}
        assert await inbox(city.core, session, city.water_clerk) == []
        names = [event.name for event in await history(session, "ticket", tasks[0].ticket_id)]
    assert names.count("supervise.yellow") == 2
    assert names.count("supervise.red") == 1


async def test_lesson_24_each_recipient_has_a_notice_with_its_own_state(city: City) -> None:
    await overdue(city, "handle")
    async with city.database.transaction() as session:
        assert await mark_read(city.core, session, city.clerk) > 0
        assert await inbox(city.core, session, city.clerk, unread=True) == []
        chief = await inbox(city.core, session, city.chief, unread=True)
        assert chief
        with pytest.raises(NotFound):
            await mark_read(city.core, session, city.clerk, chief[0].notice.id)


async def test_sweeps_at_once_write_each_event_card_and_notice_once(city: City) -> None:
    for _ in range(6):
        await city.dispatch((await city.register()).ticket.number)
    city.clock.advance(days=30)
    await asyncio.gather(*(sweep.run(city.core, city.database) for _ in range(4)))
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        per_clock = select(func.count()).select_from(Card).where(Card.deadline_id.is_not(None)).group_by(Card.deadline_id, Card.colour)
        assert set(await session.scalars(per_clock)) == {1}
        ids = list(await session.scalars(select(Ticket.id)))
        for ticket_id in ids:
            events = [event for event in await history(session, "ticket", ticket_id) if event.name == "supervise.red"]
            kinds = [event.data.get("clock") for event in events]
            assert sorted(filter(None, kinds)) == ["contact", "handle", "sign"]


async def test_a_bad_row_in_a_batch_leaves_the_others_their_cards(city: City) -> None:
    numbers = [(await city.register()).ticket.number for _ in range(4)]
    for number in numbers:
        await city.dispatch(number)
    async with city.database.transaction() as session:
        bad = (await session.scalars(select(Deadline.id).where(Deadline.kind == "handle").order_by(Deadline.id))).first()
        await session.execute(
            update(Deadline).where(Deadline.id == bad).values(stage="red", next_stage_at=city.clock.now())
        )  # no stage after red
    city.clock.advance(days=30)
    await sweep.run(city.core, city.database)
    found = await all_cards(city)
    assert found.count(("red", "handle", "given")) == 3
    assert found.count(("red", "sign", "given")) == 4


async def test_the_centre_is_carded_too_and_its_supervisors_are_told(city: City) -> None:
    await city.register()
    city.clock.advance(days=5)
    await sweep.run(city.core, city.database)
    assert ("yellow", "dispatch", "given") in await all_cards(city)
    async with city.database.transaction() as session:
        kinds = {line.notice.kind for line in await inbox(city.core, session, city.supervisor)}
        assert {"red"} <= kinds
        assert await session.scalar(select(Card.unit_id).limit(1)) is None


async def test_a_supervisor_gives_a_card_by_hand_with_a_reason(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    unit = city.units["city"]
    with pytest.raises(NotAllowed):
        await city.act(number, city.dispatcher, cards.give_by_hand, unit_id=unit, colour="red", note=REASON)
    with pytest.raises(InvalidInput):
        await city.act(number, city.supervisor, cards.give_by_hand, unit_id=unit, colour="red", note="太慢")
    with pytest.raises(InvalidInput):
        await city.act(number, city.supervisor, cards.give_by_hand, unit_id=city.units["water"], colour="red", note=REASON)
    await city.act(number, city.supervisor, cards.give_by_hand, unit_id=unit, colour="red", note=REASON)
    assert await all_cards(city) == [("red", "by_hand", "given")]


async def test_a_revoked_card_stays_with_its_reason_and_takes_the_red_one_that_rested_on_it_along(city: City) -> None:
    await overdue(city, "sign", "contact")
    async with city.database.transaction() as session:
        yellow = (await session.scalars(select(Card).where(Card.reason == "sign"))).one()
        with pytest.raises(NotAllowed):
            await cards.revoke(city.core, session, city.leader, yellow.id, "系统故障导致单位当时无法签收")
    async with city.database.transaction() as session:
        with pytest.raises(InvalidInput):
            await cards.revoke(city.core, session, city.supervisor, yellow.id, "不算")
    async with city.database.transaction() as session:
        await cards.revoke(city.core, session, city.supervisor, yellow.id, "系统故障导致单位当时无法签收")
    assert await all_cards(city) == [("yellow", "sign", "revoked"), ("yellow", "contact", "given"), ("red", "two_yellows", "revoked")]
    async with city.database.transaction() as session:
        with pytest.raises(IllegalStep):
            await cards.revoke(city.core, session, city.supervisor, yellow.id, "系统故障导致单位当时无法签收")
        events = [event.name for event in await history(session, "ticket", yellow.ticket_id)]
        assert events.count("supervise.revoked") == 2
        assert (await session.scalars(select(Rectification.state))).one() == "open"  # the other yellow card still stands
    async with city.database.transaction() as session:
        other = (await session.scalars(select(Card).where(Card.reason == "contact"))).one()
        await cards.revoke(city.core, session, city.supervisor, other.id, "市民留的号码是空号，无法联系")
        assert (await session.scalars(select(Rectification.state))).one() == "dropped"


async def test_two_yellow_cards_are_a_red_one_again_after_the_first_red_one_was_revoked(city: City) -> None:
    await overdue(city, "sign", "contact")
    async with city.database.transaction() as session:
        yellow = (await session.scalars(select(Card).where(Card.reason == "sign"))).one()
        await cards.revoke(city.core, session, city.supervisor, yellow.id, "系统故障导致单位当时无法签收")
        number = (await session.get_one(Ticket, yellow.ticket_id)).number
    await city.act(number, city.supervisor, cards.give_by_hand, unit_id=city.units["city"], colour="yellow", note=REASON)
    assert (await all_cards(city))[-2:] == [("yellow", "by_hand", "given"), ("red", "two_yellows", "given")]


async def test_the_database_keeps_a_card_from_being_revoked_without_a_reason(city: City) -> None:
    await overdue(city, "handle")
    with pytest.raises(IntegrityError):
        async with city.database.transaction() as session:
            await session.execute(update(Card).values(state="revoked", revoked_at=city.clock.now(), revoked_by_id=city.supervisor.user_id))


async def test_scores_add_up_to_the_list_behind_them_and_units_see_their_own(city: City) -> None:
    await overdue(city, "handle")
    await overdue(city, "sign", "contact")
    start, end = city.clock.now() - timedelta(days=1), city.clock.now() + timedelta(days=1)
    async with city.database.transaction() as session:
        (score,) = await cards.scores(city.core, session, city.supervisor, start, end)
        assert (score.unit, score.yellow, score.red, score.points) == ("市城市管理局", 3, 1, 6)
        lines = await cards.list_cards(city.core, session, city.supervisor, unit_id=score.unit_id, since=start, until=end)
        assert sum({"yellow": 1, "red": 3}[line.card.colour] for line in lines) == score.points
        assert await cards.scores(city.core, session, city.supervisor, end, end + timedelta(days=1)) == []
        assert len(await cards.list_cards(city.core, session, city.clerk)) == 4
        assert await cards.list_cards(city.core, session, city.water_clerk) == []
        assert await cards.list_cards(city.core, session, city.agent) == []
        first = await cards.list_cards(city.core, session, city.supervisor, limit=3)
        rest = await cards.list_cards(city.core, session, city.supervisor, before=(first[-1].card.at, first[-1].card.id))
        assert len({line.card.id for line in [*first, *rest]}) == 4


async def test_revoked_cards_count_no_points(city: City) -> None:
    await overdue(city, "handle")
    start, end = city.clock.now() - timedelta(days=1), city.clock.now() + timedelta(days=1)
    async with city.database.transaction() as session:
        card = (await session.scalars(select(Card))).one()
        await cards.revoke(city.core, session, city.supervisor, card.id, "系统故障导致单位当时无法办理")
        (score,) = await cards.scores(city.core, session, city.supervisor, start, end)
    assert (score.yellow, score.red, score.revoked, score.points) == (0, 0, 1, 0)


async def test_a_notice_about_a_ticket_that_the_person_may_not_see_is_not_shown(city: City) -> None:
    from ticketing.ticket.states import Confidentiality

    number = (await city.register()).ticket.number
    await city.dispatch(number)
    city.clock.advance(days=30)
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        assert await inbox(city.core, session, city.clerk)
        await session.execute(update(Ticket).values(confidentiality=Confidentiality.SECRET.value))
        assert await inbox(city.core, session, city.clerk) == []
        assert await session.scalar(select(func.count()).select_from(StaffNotice))
