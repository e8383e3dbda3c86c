"""A call that the callback robot puts through: the desk of the one who takes it shows the ticket and what was answered."""

from __future__ import annotations

from uuid import UUID, uuid4

from tests.channels.console.test_pop import answer, hang_up
from tests.channels.console.test_queue import at_desk
from tests.channels.staff import City, Opener
from ticketing.call_flow.document import package_document
from ticketing.conversation.calls import queue_call
from ticketing.conversation.models import Author
from ticketing.conversation.outgoing import Line, keep_lines, start_outgoing
from ticketing.conversation.service import get_conversation, request_person
from ticketing.queue.service import Wish, distribute, enter

QUEUE = package_document().queues["hotline"]


async def put_through(city: City, number: str) -> UUID:
    """The robot's citizen waits for a person; it rings for `agent`."""
    await at_desk(city, "agent")
    async with city.database.transaction() as session:
        call = await start_outgoing(
            city.core,
            session,
            number=number,
            call_id=uuid4(),
            sip_call_id="x",
            codec="PCMA",
            worker="w",
            purpose="callback",
            transcriber=None,
        )
        await keep_lines(city.core, session, call, [Line(Author.BOT, "这件事解决了吗？", 1.0), Line(Author.CITIZEN, "转人工", 3.0)])
        conversation = await get_conversation(session, call.conversation_id, lock=True)
        await request_person(city.core, session, conversation, "asked")
        await queue_call(city.core, session, call.id)
        await enter(city.core, session, call.id, Wish("hotline", "12345", "w"), QUEUE)
    async with city.database.transaction() as session:
        assert await distribute(city.core, session, package_document())
    return call.id


async def test_the_ticket_and_the_answers_are_shown_while_the_call_lasts_to_nobody_else(city: City, browser: Opener) -> None:
    registered = await city.register(title="翠湖路路灯不亮", content="翠湖路三号门口的路灯一周没有亮")
    call = await put_through(city, registered.ticket.number)
    agent, colleague = await browser("agent"), await browser("agent2")
    text = await (await agent.get("/console/desk")).text()
    for shown in ("回访转人工", "翠湖路路灯不亮", "路灯一周没有亮", "这件事解决了吗？", "转人工", "评价由回访员另外记录"):
        assert shown in text
    await answer(city, call)
    assert "路灯一周没有亮" in await (await agent.get("/console/desk")).text()
    assert "路灯一周没有亮" not in await (await colleague.get("/console/desk")).text()
    await hang_up(city, call)
    assert "路灯一周没有亮" not in await (await agent.get("/console/desk")).text()
