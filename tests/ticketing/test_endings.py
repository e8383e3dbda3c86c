"""What must not stay open, be cut off unseen, or stand in the database at all."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from hotline.errors import IllegalStep, InvalidInput
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.callback.models import CallbackTask
from ticketing.callback.service import finish_return_call
from ticketing.conversation import calls
from ticketing.deadline.models import ClockState, Deadline
from ticketing.people.actor import citizen_actor
from ticketing.ticket.access import access_ticket
from ticketing.ticket.dispatch import withdraw
from ticketing.ticket.exits import follow_emergency, invalidate, transfer_emergency
from ticketing.ticket.lists import list_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import Queue
from ticketing.ticket.service import MAX_LENGTHS

ANSWER = "按规定路灯故障由市政维修，已代为报修，今晚二十二时前恢复照明。"


async def in_callback(city: City) -> str:
    number = (await city.register()).ticket.number
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    return number


@pytest.mark.parametrize("way", ["withdraw", "invalidate"])
async def test_a_ticket_that_ends_in_callback_leaves_no_task_open(city: City, way: str) -> None:
    number = await in_callback(city)
    if way == "withdraw":
        async with city.database.transaction() as session:
            ticket = await access_ticket(city.core, session, city.supervisor, number, lock=True)
            await withdraw(city.core, session, citizen_actor(), ticket, "已经解决了")
    else:
        await city.act(number, city.supervisor, invalidate, code="test", reason="重复的测试来电")
    async with city.database.transaction() as session:
        task = (await session.scalars(select(CallbackTask))).one()
        assert (task.state, task.satisfaction) == ("cancelled", None)
        assert task.finished_at == city.clock.now()
        assert await list_tickets(city.core, session, city.callback, Queue.CALLBACK) == []
        assert list(await session.scalars(select(Deadline).where(Deadline.state == ClockState.RUNNING.value))) == []


async def test_the_callback_clerk_sees_what_ended_today_and_not_what_ended_yesterday(city: City) -> None:
    number = await in_callback(city)
    await city.act(number, city.supervisor, invalidate, code="test", reason="重复的测试来电")
    async with city.database.transaction() as session:
        assert (await access_ticket(city.core, session, city.callback, number)).number == number
        city.clock.advance(days=1)
        assert await list_tickets(city.core, session, city.callback, Queue.ALL) == []


@pytest.mark.parametrize(("name", "limit"), MAX_LENGTHS.items())
async def test_a_text_that_is_too_long_is_refused_by_name_and_not_cut(city: City, name: str, limit: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        await city.register(**{name: "长" * (limit + 1)})
    assert list(refused.value.errors) == [name]
    ticket = (await city.register(**{name: "长" * limit})).ticket
    assert name == "name" or getattr(ticket, name) == "长" * limit


@pytest.mark.parametrize(
    "change",
    ["contact_by = 'pigeon'", "longitude = 181", "latitude = -91", "round = 0", "state = 'answered', answer = NULL"],
)
async def test_the_database_refuses_a_ticket_that_cannot_be(city: City, change: str) -> None:
    await city.register()
    with pytest.raises(IntegrityError, match="ck_ticket"):
        async with city.database.transaction() as session:
            await session.execute(text(f"UPDATE ticket SET {change}"))


@pytest.mark.parametrize(
    "values",
    [{"satisfaction": "meh"}, {"state": "reached", "finished_at": text("now()")}, {"round": 0}, {"state": "cancelled"}],
)
async def test_the_database_refuses_a_callback_that_cannot_be(city: City, values: dict[str, object]) -> None:
    await in_callback(city)
    with pytest.raises(IntegrityError, match="ck_callback_task"):
        async with city.database.transaction() as session:
            await session.execute(update(CallbackTask).values(**values))


async def owed(city: City) -> tuple[int, str]:
    async with city.database.transaction() as session:
        _conversation, call = await calls.start_call(
            city.core, session, sip_call_id="x", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber=None
        )
        await calls.end_call(city.core, session, call.id, reason="caller_hung_up")
        task = await calls.owe_return_call(city.core, session, call.id, reason="hung_up_in_queue")
        return task.id, (await session.get_one(Ticket, task.ticket_id)).number


@pytest.mark.parametrize("who", ["agent", "callback", "supervisor"])
async def test_a_return_call_that_settled_the_matter_leaves_nothing_to_dispatch(city: City, who: str) -> None:
    task_id, number = await owed(city)
    actor = city.people[who]
    with pytest.raises(InvalidInput):
        async with city.database.transaction() as session:
            await finish_return_call(city.core, session, actor, task_id, "已回拨", answer="已答复")
    async with city.database.transaction() as session:
        await finish_return_call(city.core, session, actor, task_id, "已回拨", answer=ANSWER)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, number)
        assert (ticket.state, ticket.answer) == ("answered", ANSWER)
        assert await list_tickets(city.core, session, city.dispatcher, Queue.TO_DISPATCH) == []
        clocks = await session.scalars(select(Deadline.kind).where(Deadline.state == ClockState.RUNNING.value))
        assert list(clocks) == ["evaluation"]  # only the citizen's own window
        assert [event.name for event in await history(session, "ticket", ticket.id)][-2:] == ["return_call.done", "ticket.answered"]


async def test_a_return_call_without_an_answer_goes_on_to_dispatch(city: City) -> None:
    task_id, number = await owed(city)
    async with city.database.transaction() as session:
        await finish_return_call(city.core, session, city.agent, task_id, "市民补充了地址")
    async with city.database.transaction() as session:
        assert [row.ticket.number for row in await list_tickets(city.core, session, city.dispatcher, Queue.TO_DISPATCH)] == [number]


async def test_only_what_is_no_appeal_is_marked_invalid(city: City) -> None:
    """T27: a test, a nuisance or empty; whatever else is wrong is refused, with the legal way told (T4)."""
    number = (await city.register()).ticket.number
    for code in ("", "litigation", "other"):
        with pytest.raises(InvalidInput):
            await city.act(number, city.supervisor, invalidate, code=code, reason="不属于受理范围")
    await city.act(number, city.supervisor, invalidate, code="empty")


async def test_what_was_handed_to_an_emergency_line_is_not_taken_back_before_somebody_has_asked(city: City) -> None:
    """T26: not for reports of danger, also when nobody had called it 特急."""
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, transfer_emergency, target="119", note="厨房起火")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        with pytest.raises(IllegalStep, match="人身安全"):
            await withdraw(city.core, session, citizen_actor(), ticket, "没事了")
    await city.act(number, city.agent, follow_emergency, taken_over=False, receiver="0427号", note="还要清理楼道")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await withdraw(city.core, session, citizen_actor(), ticket, "楼道已经清理好")
        assert ticket.state == "withdrawn"
