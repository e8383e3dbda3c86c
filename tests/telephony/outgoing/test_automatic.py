"""Who chose to be called back instead of waiting is called when it is their turn, in the order of those who wait."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import select

from tests.telephony.flow.conftest import Line, heard, until
from tests.telephony.outgoing.test_outgoing import dial_of, duty_state, seat
from tests.ticketing.conftest import City
from ticketing.call_flow.document import Document, package_document
from ticketing.callback.models import ReturnCall
from ticketing.conversation.calls import owe_return_call, start_call
from ticketing.dialling.automatic import dial_owed
from ticketing.dialling.models import Dial, DialState
from ticketing.duty.models import DutyState
from ticketing.queue.models import Outcome, Waiting
from ticketing.queue.service import Wish, distribute, enter, leave
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality


async def comes(city: City, number: str, *, chooses_return_call: bool = False) -> int:
    """A caller enters the queue; and leaves it for a return call. Id of the return call, or of the wait."""
    options = package_document().queues["hotline"]
    async with city.database.transaction() as session:
        _talk, call = await start_call(
            city.core, session, sip_call_id=uuid4().hex, caller=number, called="12345", codec="PCMA", worker="w", transcriber=None
        )
        await enter(city.core, session, call.id, Wish("hotline", "12345", "w"), options)
        if not chooses_return_call:
            return (await session.scalars(select(Waiting.id).where(Waiting.call_id == call.id))).one()
        await leave(city.core, session, call.id, Outcome.RETURN_CALL)
        return (await owe_return_call(city.core, session, call.id, reason="kept_place")).id


async def deal(city: City, document: Document | None = None) -> int:
    """One round of distributing, as the switchboard does it; how many return calls began."""
    async with city.database.transaction() as session:
        found = await dial_owed(city.core, session, document or package_document())
        await distribute(city.core, session, document or package_document())
        return found


async def ready(city: City, login: str) -> None:
    from ticketing.duty.service import change, duty_of

    async with city.database.transaction() as session:
        duty = await duty_of(city.core, session, city.people[login].user_id or 0)
        duty.phone = f"sip:{login}@127.0.0.1:5070"
        await change(city.core, session, duty, DutyState.READY)


async def test_it_rings_the_agent_then_the_citizen_and_the_promise_is_kept(city: City, line: Line) -> None:
    owed = await comes(city, "13711112222", chooses_return_call=True)
    await seat(line, city.agent, "desk", DutyState.READY)
    agent = await line.phones.answers("desk")
    citizen = await line.phones.answers("13711112222")
    await heard(citizen, "<calling_you>")
    await until(lambda: citizen._relay is not None)
    agent.caller_hangs_up()
    dial = await dial_of(line, DialState.OVER)
    assert (dial.automatic, dial.result, dial.return_call_id) == (True, "reached", owed)
    assert await duty_state(line, city.agent) == "wrap_up"
    async with line.database.transaction() as session:
        assert (await session.get_one(ReturnCall, owed)).state == "done"


async def test_the_place_is_kept_among_those_on_the_line(city: City) -> None:
    first = await comes(city, "13711110001")
    city.clock.advance(seconds=10)
    second = await comes(city, "13711110002", chooses_return_call=True)
    city.clock.advance(seconds=10)
    third = await comes(city, "13711110003")
    await ready(city, "agent")
    assert await deal(city) == 0, "who came first is still on the line"
    async with city.database.transaction() as session:
        assert (await session.get_one(Waiting, first)).state == "offered"
    await ready(city, "agent2")
    assert await deal(city) == 1
    async with city.database.transaction() as session:
        assert (await session.get_one(Waiting, third)).state == "waiting", "who came later waits for the next agent"
        dial = (await session.scalars(select(Dial))).one()
        assert (dial.return_call_id, dial.user_id) == (second, city.agent2.user_id)
    assert await deal(city) == 0, "once only"


async def test_who_is_not_reached_is_tried_again_later_and_then_left_to_a_person(city: City, line: Line) -> None:
    owed = await comes(city, "13711112222", chooses_return_call=True)
    await seat(line, city.agent, "desk", DutyState.READY)
    for attempt in (1, 2):
        await line.phones.answers("desk")
        await line.phones.refuses("13711112222", 480)
        assert (await dial_of(line, DialState.OVER)).result == "no_answer"
        async with line.database.transaction() as session:
            task = await session.get_one(ReturnCall, owed)
        assert (task.state, task.attempts) == ("open", attempt)
        assert await deal(city) == 0
        city.clock.advance(minutes=30)
    assert await deal(city) == 0, "now a person does it"


async def test_not_for_secret_tickets_nor_when_switched_off(city: City) -> None:
    owed = await comes(city, "13711112222", chooses_return_call=True)
    await ready(city, "agent")
    off = package_document()
    queue = off.queues["hotline"].model_copy(update={"return_call_dial": False})
    assert await deal(city, off.model_copy(update={"queues": {"hotline": queue}})) == 0
    async with city.database.transaction() as session:
        task = await session.get_one(ReturnCall, owed)
        (await session.get_one(Ticket, task.ticket_id)).confidentiality = Confidentiality.SECRET.value
    assert await deal(city) == 0
