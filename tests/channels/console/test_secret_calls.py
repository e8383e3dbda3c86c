"""What was said in a call is as closed as the most secret ticket that came out of it."""

from __future__ import annotations

import wave
from uuid import UUID, uuid4

from sqlalchemy import select

from hotline.events import Event
from tests.channels.staff import Browser, City, Opener
from ticketing.callback.models import ReturnCall
from ticketing.conversation import calls
from ticketing.conversation.models import Author, Conversation
from ticketing.conversation.service import add_message, close_conversation, open_conversation, request_person
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

SAID = "我要举报某某科长收钱"
FIELDS = {"kind": "report", "urgency": "normal", "confidentiality": "masked", "contact_by": "phone", "content": "随便写一件事",
          "district": "不详", "phone": "13900002716"}  # fmt: skip


async def _call(city: City, *, ended: bool, owed: bool = False) -> tuple[UUID, UUID]:
    """A call in which something was said, with a recording: its id and the conversation's."""
    path = city.core.data_dir / f"recordings/{uuid4()}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0" * 800)
    async with city.database.transaction() as session:
        conversation, call = await calls.start_call(
            city.core, session, sip_call_id="x", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber="t"
        )
        await add_message(city.core, session, conversation, Author.CITIZEN, SAID)
        if owed:
            await calls.owe_return_call(city.core, session, call.id, reason="queue_timeout")
        if ended:
            relative = str(path.relative_to(city.core.data_dir))
            await calls.end_call(city.core, session, call.id, reason="finished", recording_path=relative, recording_seconds=0.1)
        return call.id, conversation.id


async def _secret(city: City, conversation_id: UUID) -> str:
    made = await city.register(
        confidentiality=Confidentiality.SECRET, conversation_id=conversation_id, named_user_ids=(city.people["supervisor"].user_id,)
    )
    return made.ticket.number


def _new(conversation_id: UUID) -> str:
    return f"/console/tickets/new?conversation={conversation_id}"


async def _send(agent: Browser, conversation_id: UUID) -> int:
    """Send the form of an empty page with somebody else's conversation put in."""
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    return (await agent.post("/console/tickets/new", {**hidden, **FIELDS, "conversation": str(conversation_id)})).status


async def test_an_ended_call_cannot_be_read_or_pointed_elsewhere_through_the_registration_form(browser: Opener, city: City) -> None:
    _call_id, conversation_id = await _call(city, ended=True)
    agent = await browser("agent")
    assert (await agent.get(_new(conversation_id))).status == 404
    assert await _send(agent, conversation_id) == 404
    async with city.database.transaction() as session:
        assert (await session.get_one(Conversation, conversation_id)).ticket_id is None
        assert list(await session.scalars(select(Ticket))) == []


async def test_the_recording_of_a_secret_call_stays_closed_after_a_ticket_out_of_it(browser: Opener, city: City) -> None:
    call_id, conversation_id = await _call(city, ended=True, owed=True)
    await _secret(city, conversation_id)
    agent = await browser("agent")
    assert (await agent.get(_new(conversation_id))).status == 404
    assert await _send(agent, conversation_id) == 404
    for login in ("agent", "quality", "callback"):
        assert (await (await browser(login)).get(f"/console/calls/{call_id}/recording")).status == 404, login
    async with city.database.transaction() as session:
        number = (await session.scalars(select(Ticket.number).where(Ticket.confidentiality == "masked"))).one()
    body = await agent.text(f"/console/tickets/{number}")  # the ordinary ticket of the same call is seen, its recording is not
    assert f"/console/calls/{call_id}" not in body


async def test_a_live_call_with_a_secret_ticket_is_closed_to_other_agents(browser: Opener, city: City) -> None:
    call_id, conversation_id = await _call(city, ended=False)
    agent = await browser("agent")
    assert SAID in await agent.text(_new(conversation_id))
    await _secret(city, conversation_id)
    assert (await agent.get(_new(conversation_id))).status == 404
    assert (await agent.get(f"/console/calls/{call_id}/recording")).status == 404


async def test_quality_neither_lists_nor_opens_calls_of_secret_tickets(browser: Opener, city: City) -> None:
    secret_id, conversation_id = await _call(city, ended=True)
    await _secret(city, conversation_id)
    plain_id, plain_conversation = await _call(city, ended=True)
    await city.register(conversation_id=plain_conversation)
    bare_id, _conversation = await _call(city, ended=True)
    quality = await browser("quality")
    listed = await quality.text("/console/recordings")
    for call_id, open_to_quality in ((secret_id, False), (plain_id, True), (bare_id, True)):
        assert (str(call_id) in listed) is open_to_quality
        for path in (f"/console/recordings/{call_id}", f"/console/calls/{call_id}/recording"):
            assert (await quality.get(path)).status == (200 if open_to_quality else 404)


async def test_a_number_in_clear_on_the_form_leaves_a_trace_and_does_not_re_point_an_ended_call(browser: Opener, city: City) -> None:
    _call_id, conversation_id = await _call(city, ended=True, owed=True)
    agent = await browser("agent")
    assert "13900002716" in (await agent.text(_new(conversation_id))).replace(" ", "").replace("+86", "")
    async with city.database.transaction() as session:
        names = list(await session.scalars(select(Event.subject).where(Event.name == "view.revealed").order_by(Event.subject)))
        owed = (await session.scalars(select(ReturnCall.ticket_id))).one()
    assert names == ["conversation", "ticket"]
    assert await _send(agent, conversation_id) == 303
    async with city.database.transaction() as session:
        assert (await session.get_one(Conversation, conversation_id)).ticket_id == owed


async def test_an_agents_own_chat_leaves_no_trace_and_a_closed_chat_is_gone(browser: Opener, city: City) -> None:
    citizen = (await city.register()).ticket.citizen_id
    async with city.database.transaction() as session:
        conversation = await open_conversation(city.core, session, channel="web", citizen_id=citizen)
        await add_message(city.core, session, conversation, Author.CITIZEN, SAID)
        await request_person(city.core, session, conversation, "asked")
    agent = await browser("agent")
    hidden = await agent.form("/console/desk", "/console/logout")
    await agent.post(f"/console/chats/{conversation.id}/take", hidden)
    assert SAID in await agent.text(_new(conversation.id))
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(Event).where(Event.name == "view.revealed"))) == []
        await close_conversation(city.core, session, await session.get_one(Conversation, conversation.id))
    assert (await agent.get(_new(conversation.id))).status == 404
    assert (await (await browser("supervisor")).get(_new(conversation.id))).status == 404
