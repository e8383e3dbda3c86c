"""A call that the callback robot puts through: the desk of the one who takes it shows the ticket and what was answered."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from sqlalchemy import update

from channels.console.taken_callback import ADDRESS
from tests.channels.console.test_callbacks import state_of, to_callback
from tests.channels.console.test_pop import answer, hang_up
from tests.channels.console.test_queue import at_desk
from tests.channels.staff import City, Opener, hidden_fields
from ticketing.call_flow.document import package_document
from ticketing.callback import robot
from ticketing.callback.models import CallbackTask, Plan
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
    for shown in ("回访转人工", "翠湖路路灯不亮", "路灯一周没有亮", "这件事解决了吗？", "转人工", "请先自报工号"):
        assert shown in text
    await answer(city, call)
    assert "路灯一周没有亮" in await (await agent.get("/console/desk")).text()
    assert "路灯一周没有亮" not in await (await colleague.get("/console/desk")).text()
    await hang_up(city, call)
    assert "路灯一周没有亮" not in await (await agent.get("/console/desk")).text()


async def in_agents_hands(city: City) -> tuple[str, UUID]:
    """The robot's call was answered by `agent`: the ticket's number, the call."""
    number = await to_callback(city)
    async with city.database.transaction() as session:
        await session.execute(update(CallbackTask).values(plan=Plan.ROBOT.value, next_attempt_at=city.clock.now()))
    async with city.database.transaction() as session:
        task = await robot.next_task(city.core, session, Plan.ROBOT)
        assert task is not None
    call = await put_through(city, number)
    await answer(city, call)
    async with city.database.transaction() as session:
        user = city.people["agent"].user_id or 0
        assert await robot.hand_over_live(city.core, session, task.lease, user, {"contacted": "yes", "attitude": "fair"})
    return number, call


async def test_who_took_the_call_records_the_rating_even_after_it_and_exactly_once(city: City, browser: Opener) -> None:
    number, call = await in_agents_hands(city)
    agent, colleague = await browser("agent"), await browser("agent2")
    assert ADDRESS in await agent.text("/console/desk")
    await hang_up(city, call)
    assert "这件回访还在你手上" in await agent.text("/console/desk")
    form = await agent.text(ADDRESS)
    checked = [box for box in re.findall(r'<input[^>]*type="radio"[^>]*>', form) if " checked" in box]
    assert sorted(re.findall(r'name="(\w+)" value="(\w+)"', " ".join(checked))) == [("attitude", "fair"), ("contacted", "yes")]
    fields = {**hidden_fields(form, ADDRESS), "contacted": "yes", "attitude": "fair", "solved": "yes"}
    missing = await agent.post(ADDRESS, fields)
    assert missing.status == 422
    assert "您对办理结果满意吗" in await missing.text()
    own_csrf = await colleague.form("/console/desk", "/console/logout")
    assert (await colleague.post(ADDRESS, {**fields, "satisfaction": "satisfied", **own_csrf})).status == 409, (
        "not in the colleague's hands"
    )
    done = {**fields, "satisfaction": "satisfied"}
    saved, again = await agent.post(ADDRESS, done), await agent.post(ADDRESS, done)
    assert (saved.status, saved.headers["Location"], again.status) == (303, "/console/desk", 409)
    assert "已经不在你手上" in await again.text()
    assert await state_of(city, number) == "closed"
    assert "回访转人工" not in await agent.text("/console/desk")


async def test_what_the_citizen_would_not_say_goes_to_the_clerks(city: City, browser: Opener) -> None:
    number, _call = await in_agents_hands(city)
    agent = await browser("agent")
    left = await agent.post(f"{ADDRESS}/leave", await agent.form(ADDRESS, f"{ADDRESS}/leave"))
    assert (left.status, left.headers["Location"]) == (303, "/console/desk")
    assert "你手上没有要登记的回访" in await agent.text(ADDRESS)
    assert number in await (await browser("callback")).text("/console/callbacks")
