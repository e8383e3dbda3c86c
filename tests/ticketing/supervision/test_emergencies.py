"""特急 is told at once, and a hand-over to an emergency line is followed up until somebody has asked (domain.md E02, T31, T33)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text

from hotline.clock import CITY_ZONE
from hotline.errors import IllegalStep
from hotline.events import history
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.callback import service as callbacks
from ticketing.callback.service import CallbackResult
from ticketing.deadline.models import ClockState, Deadline
from ticketing.people.actor import Actor, citizen_actor
from ticketing.relation import merge
from ticketing.relation.links import access_other
from ticketing.supervision import sweep, urging
from ticketing.supervision.inbox import inbox
from ticketing.supervision.models import Card, StaffNotice
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits, refusal
from ticketing.ticket.access import access_ticket
from ticketing.ticket.edit import revise
from ticketing.ticket.lists import list_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import OPEN, Queue
from ticketing.ticket.states import Confidentiality, Satisfaction, Urgency

DANGER = "楼道里有很浓的煤气味，已经有人头晕了"


async def heard(city: City, kind: str) -> list[int]:
    """Who was told, in order."""
    async with city.database.transaction() as session:
        found = select(StaffNotice.user_id).where(StaffNotice.kind == kind).order_by(StaffNotice.user_id)
        return list(await session.scalars(found))


async def cards_of(city: City) -> list[tuple[str, str, int | None]]:
    async with city.database.transaction() as session:
        return [(card.colour, card.reason, card.unit_id) for card in await session.scalars(select(Card).order_by(Card.id))]


async def windows(city: City) -> list[str]:
    async with city.database.transaction() as session:
        return list(await session.scalars(select(Deadline.state).where(Deadline.kind == "follow_up").order_by(Deadline.id)))


def desk(city: City, *more: Actor) -> list[int]:
    return sorted(person.account for person in (city.dispatcher, city.supervisor, *more))


async def later(city: City, **by: float) -> None:
    city.clock.advance(**by)
    await sweep.run(city.core, city.database)


async def test_danger_is_told_to_the_desk_when_it_is_registered_also_at_night(city: City) -> None:
    city.clock.set(datetime(2026, 11, 21, 23, 0, tzinfo=CITY_ZONE))  # a Saturday night
    number = (await city.register(content=DANGER)).ticket.number
    assert await heard(city, "emergency") == desk(city)
    async with city.database.transaction() as session:
        [line] = await inbox(city.core, session, city.dispatcher)
    assert (line.number, line.notice.kind) == (number, "emergency")  # in the inbox now, not on Monday


async def test_what_is_not_urgent_is_told_to_nobody(city: City) -> None:
    await city.register()
    assert await heard(city, "emergency") == []


async def test_what_turns_out_to_be_danger_is_told_then_and_once(city: City) -> None:
    number = (await city.register()).ticket.number
    for urgency in (Urgency.EMERGENCY, Urgency.NORMAL, Urgency.EMERGENCY):
        await city.act(number, city.dispatcher, revise, category_code="0501", urgency=urgency)
    assert await heard(city, "emergency") == desk(city)


async def test_an_agent_who_submits_it_as_danger_tells_the_desk(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, dispatching.submit, category_code="0501", urgency=Urgency.EMERGENCY)
    assert await heard(city, "emergency") == desk(city)


async def test_a_secret_matter_shows_in_the_inbox_of_named_people_only(city: City) -> None:
    await city.register(content=DANGER, confidentiality=Confidentiality.SECRET, named_user_ids=(city.supervisor.account,))
    async with city.database.transaction() as session:
        assert await inbox(city.core, session, city.dispatcher) == []
        assert len(await inbox(city.core, session, city.supervisor)) == 1


async def test_a_hand_over_that_nobody_follows_up_is_told_every_half_hour_and_gives_a_card_at_the_second(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, exits.transfer_emergency, target="119", note="厨房起火")
    await later(city, minutes=29)
    assert await heard(city, "follow_up_due") == []
    await later(city, minutes=1)
    assert await heard(city, "follow_up_due") == desk(city, city.agent)
    assert (await windows(city), await cards_of(city)) == (["late", "running"], [])
    await later(city, minutes=30)
    assert (await windows(city), await cards_of(city)) == (["late", "late", "running"], [("yellow", "follow_up", None)])
    await later(city, minutes=30)
    assert await cards_of(city) == [("yellow", "follow_up", None)]  # once
    assert len(await heard(city, "follow_up_due")) == 9
    await city.act(number, city.agent, exits.follow_emergency, taken_over=True, receiver="0427号", note="明火已经扑灭")
    await later(city, hours=2)
    assert await windows(city) == ["late", "late", "late", "met"]
    assert len(await heard(city, "follow_up_due")) == 9


async def test_a_second_hand_over_is_counted_from_its_own_beginning(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, exits.transfer_emergency, target="119", note="厨房起火")
    await later(city, minutes=30)
    await city.act(number, city.agent, exits.follow_emergency, taken_over=False, receiver="0427号", note="还要清理楼道")
    await city.act(number, city.dispatcher, exits.transfer_emergency, target="gas", note="又闻到煤气味")
    await later(city, minutes=30)
    assert [card for card in await cards_of(city) if card[1] == "follow_up"] == []
    assert set(await heard(city, "follow_up_due")) == set(desk(city, city.agent))


async def test_the_window_and_its_card_stand_in_the_tickets_history(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, exits.transfer_emergency, target="119", note="厨房起火")
    for _half_hour in range(2):
        await later(city, minutes=30)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        found = [(event.name, event.data.get("times")) for event in await history(session, "ticket", ticket.id)][-3:]
    assert found == [("ticket.follow_up_due", 1), ("ticket.follow_up_due", 2), ("supervise.yellow", None)]


async def test_the_dispatcher_hears_when_two_notices_brought_nothing_and_his_clock_gives_the_card(city: City) -> None:
    number = (await city.register()).ticket.number
    for _notice in range(2):
        await city.act(number, city.dispatcher, dispatching.request_info, "请补充工地的名称和施工时间")
        await later(city, days=9)
    assert await heard(city, "info_overdue") == [city.dispatcher.account]
    async with city.database.transaction() as session:
        clock = (
            await session.scalars(select(Deadline).where(Deadline.kind == "dispatch", Deadline.state == ClockState.RUNNING.value))
        ).one()
    assert clock.due_at > city.clock.now()  # what was left of it at the first notice
    await later(city, days=2)
    assert ("yellow", "dispatch", None) in await cards_of(city)


async def test_the_queue_of_danger_holds_what_is_urgent_or_handed_over_until_it_is_over(city: City) -> None:
    calm, danger, handed = [(await city.register(content=words)).ticket.number for words in ("路灯不亮已经三天", DANGER, "厨房冒烟")]
    await city.act(handed, city.agent, exits.transfer_emergency, target="119", note="厨房起火")

    async def queue() -> set[str]:
        async with city.database.transaction() as session:
            return {row.ticket.number for row in await list_tickets(city.core, session, city.dispatcher, Queue.EMERGENCY)}

    assert await queue() == {danger, handed}
    await city.act(handed, city.agent, exits.follow_emergency, taken_over=True, receiver="0427号", note="明火已经扑灭")
    assert await queue() == {danger}
    await city.act(calm, city.dispatcher, revise, category_code="0501", urgency=Urgency.EMERGENCY)
    assert await queue() == {danger, calm}
    await city.act(danger, city.agent, dispatching.answer, "已经请燃气公司到场关闭阀门，请先到室外等候，不要开灯。")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == danger).with_for_update())).one()
        rating = CallbackResult(Satisfaction.SATISFIED, solved=True)
        await callbacks.finish_callback(city.core, session, citizen_actor(), ticket, rating, by="web")
    assert await queue() == {calm}


async def test_lesson_16_the_queue_of_danger_goes_along_its_own_index(city: City) -> None:
    async with city.database.transaction() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.execute(
            text(
                "EXPLAIN SELECT id FROM ticket WHERE (urgency IN ('emergency') OR state IN ('emergency_out')) "
                f"AND state IN ({', '.join(repr(state) for state in OPEN)}) AND next_due_at IS NOT NULL ORDER BY next_due_at, id LIMIT 51"
            )
        )
        assert "ix_ticket_emergency" in "\n".join(row[0] for row in plan)


async def test_danger_that_the_citizen_writes_later_is_heard_like_the_first_words(city: City) -> None:
    """«现在闻到煤气味» under «补充材料» stayed an ordinary ticket, and nobody was told."""
    number = (await city.register()).ticket.number
    assert await heard(city, "emergency") == []
    await city.act(number, city.agent, dispatching.supplement, DANGER)
    assert await heard(city, "emergency") == desk(city)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        assert ticket.urgency == Urgency.EMERGENCY.value
        clocks = select(Deadline.due_at).where(Deadline.ticket_id == ticket.id, Deadline.state == ClockState.RUNNING.value)
        assert (await session.scalars(clocks)).one() == city.clock.now() + timedelta(minutes=15)
        assert "danger.heard" in [event.name for event in await history(session, "ticket", ticket.id)]


async def test_danger_in_a_supplement_that_was_asked_for_leaves_one_clock(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.dispatcher, dispatching.request_info, "请补充地址和时间")
    await city.act(number, city.agent, dispatching.supplement, DANGER)
    async with city.database.transaction() as session:
        running = select(Deadline.due_at).where(Deadline.state.in_((ClockState.RUNNING.value, ClockState.PAUSED.value)))
        assert list(await session.scalars(running)) == [city.clock.now() + timedelta(minutes=15)]


async def test_danger_on_a_dispatched_ticket_is_heard_by_desk_and_unit_once_in_half_an_hour(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    for _ in range(3):
        await city.act(number, city.agent, dispatching.supplement, DANGER)
    assert await heard(city, "emergency") == desk(city, city.clerk, city.chief)
    city.clock.advance(minutes=31)
    await city.act(number, city.agent, dispatching.supplement, DANGER)
    assert len(await heard(city, "emergency")) == 8


async def test_danger_in_an_urging_and_in_a_reopening_is_heard(city: City) -> None:
    urged = (await city.register()).ticket.number
    await city.act(urged, city.agent, urging.urge, DANGER)
    assert await heard(city, "emergency") == desk(city)
    reopened = (await city.register()).ticket.number
    await city.handle(await city.dispatch(reopened))
    await city.accept(reopened)
    await city.act(reopened, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    await city.act(reopened, city.agent, callbacks.reopen, DANGER)
    assert await heard(city, "emergency") == sorted([*desk(city), *desk(city, city.clerk, city.chief)])


def rating(satisfaction: Satisfaction) -> CallbackResult:
    return CallbackResult(satisfaction, solved=satisfaction is not Satisfaction.DISSATISFIED, note=DANGER)


async def by_citizen(city: City, number: str, step: Callable[..., Awaitable[object]], *args: object, **values: object) -> None:
    """What the citizen does on the own page, by a link or in WeChat."""
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await step(city.core, session, citizen_actor(), ticket, *args, **values)


async def open_dispatch_clocks(city: City) -> list[timedelta]:
    """How much time the centre still has, a line for each clock that counts."""
    open_ = Deadline.state.in_((ClockState.RUNNING.value, ClockState.PAUSED.value))
    async with city.database.transaction() as session:
        found = await session.scalars(select(Deadline.due_at).where(Deadline.kind == "dispatch", open_))
        return [due - city.clock.now() for due in found]


@pytest.mark.parametrize("satisfaction", [Satisfaction.DISSATISFIED, Satisfaction.SATISFIED])
@pytest.mark.parametrize("by", ["link", "wechat", "web", "robot"])
async def test_danger_in_a_rating_is_heard_by_whatever_way_it_comes(city: City, by: str, satisfaction: Satisfaction) -> None:
    number = (await city.register()).ticket.number
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    await by_citizen(city, number, callbacks.finish_callback, rating(satisfaction), by=by)
    assert await heard(city, "emergency") == desk(city)  # no unit owes anything at this moment


async def test_danger_in_a_rating_is_told_once(city: City) -> None:
    """The rating and the second visit that it opens carry the same words."""
    number = (await city.register()).ticket.number
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    await by_citizen(city, number, callbacks.finish_callback, rating(Satisfaction.DISSATISFIED), by="link")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        names = [event.name for event in await history(session, "ticket", ticket.id)]
    assert names.count("danger.heard") == 1


async def test_danger_in_a_refused_answer_leaves_one_clock_of_a_quarter_of_an_hour(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, dispatching.answer, "夜间施工由城管执法，今晚会安排人员到场检查。")
    await by_citizen(city, number, callbacks.finish_callback, rating(Satisfaction.DISSATISFIED), by="web")
    assert await heard(city, "emergency") == desk(city)
    assert await open_dispatch_clocks(city) == [timedelta(minutes=15)]


async def test_danger_in_an_objection_leaves_one_clock_of_a_quarter_of_an_hour(city: City) -> None:
    number = (await city.register()).ticket.number
    words = {"code": "other", "reason": "不属于受理范围，已经说明", "legal_way": "可以向物业服务企业反映，或者依法起诉"}
    await city.act(number, city.dispatcher, refusal.reject, **words)
    await by_citizen(city, number, refusal.object_to, DANGER)
    assert await heard(city, "emergency") == desk(city)
    assert await open_dispatch_clocks(city) == [timedelta(minutes=15)]


async def test_an_objection_without_danger_keeps_the_time_of_the_policy(city: City) -> None:
    number = (await city.register()).ticket.number
    words = {"code": "other", "reason": "不属于受理范围，已经说明", "legal_way": "可以向物业服务企业反映，或者依法起诉"}
    await city.act(number, city.dispatcher, refusal.reject, **words)
    await by_citizen(city, number, refusal.object_to, "施工许可由贵局发放，应当受理")
    [left] = await open_dispatch_clocks(city)
    assert left > timedelta(hours=1)
    assert await heard(city, "emergency") == []


async def test_what_a_unit_writes_of_danger_alarms_nobody(city: City) -> None:
    """It stands at the place: «有人头晕» in a reply is what was, not what is (decision 0260)."""
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    await city.by_unit(city.clerk, assignments.contact, assignment, way="phone", note=DANGER)
    measures = f"市民反映{DANGER}，燃气公司当晚到场关闭阀门并更换软管，检测合格后恢复供气。"
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, replace(GOOD_REPLY, measures=measures))
    assert await heard(city, "emergency") == []


async def test_an_emergency_is_not_merged_into_what_is_none(city: City) -> None:
    """Its quarter of an hour ended without anybody having looked; the master went on with its three days."""
    calm, danger = (await city.register()).ticket.number, (await city.register(content=DANGER)).ticket.number
    for number, into, refused in ((danger, calm, True), (calm, danger, False)):
        async with city.database.transaction() as session:
            ticket = await access_ticket(city.core, session, city.dispatcher, number, lock=True)
            master = await access_other(city.core, session, city.dispatcher, ticket, into)
            with pytest.raises(IllegalStep, match="特急") if refused else nullcontext():
                await merge.merge(city.core, session, city.dispatcher, ticket, master, reason="同一栋楼的煤气味")
