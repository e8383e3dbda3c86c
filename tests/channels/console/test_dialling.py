"""Click-to-call on the pages and by API: the button, the panel, the list of missed callers; a number is shown nowhere."""

from __future__ import annotations

from sqlalchemy import select

from tests.channels.console.test_queue import at_desk, caller, post
from tests.channels.staff import City, Opener
from ticketing.conversation.calls import owe_return_call
from ticketing.dialling.models import Dial
from ticketing.dialling.progress import End, citizen_answered, claim, finish, person_answered
from ticketing.duty.models import Duty
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

NUMBER = "13900002716"


async def test_the_ticket_page_calls_its_citizen_and_shows_how_the_call_stands(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    page = f"/console/tickets/{number}/dial"
    agent = await browser("agent")
    assert 'hx-get="' + page in await agent.text(f"/console/tickets/{number}")
    refused = await agent.post(page, await agent.form(page, page))
    assert refused.status == 409
    assert "还没有话机" in await refused.text()
    await at_desk(city, "agent")
    assert await post(agent, page, page) == 303
    assert "你的话机在响" not in await agent.text(page), "no telephony process has taken it yet"
    async with city.database.transaction() as session:
        job = (await claim(city.core, session, "telephony-1"))[0]
    assert job.number == NUMBER
    assert "你的话机在响" in await agent.text(page)
    async with city.database.transaction() as session:
        assert await person_answered(city.core, session, job.dial_id)
    body = await agent.text(page)
    assert "正在呼叫市民" in body
    other = await browser("supervisor")
    assert "同事正在给这位市民打电话" in await other.text(page)
    for text in (body, await agent.text("/console/desk"), await other.text("/console/desk")):
        assert NUMBER not in text
        assert "2716" not in text
    control = f"/console/calls/{job.call_id}/control"
    hidden = await agent.form(page, control)
    done = await agent.post(control, {**hidden, "action": "hangup"})
    assert done.headers["Location"] == f"/console/tickets/{number}#t-dial"


async def test_who_may_not_call_has_no_button_and_is_refused(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    page = f"/console/tickets/{number}/dial"
    leader = await browser("leader")
    assert "呼叫市民" not in await leader.text(page)
    hidden = {"csrf": (await leader.form("/console/me", "/console/logout"))["csrf"]}
    assert (await leader.post(page, hidden)).status == 403
    clerk = await browser("clerk")
    assert (await clerk.get(page)).status == 404, "the ticket is not theirs yet"
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Dial))).first() is None


async def test_missed_callers_are_listed_with_their_hour_and_called_by_click(browser: Opener, city: City) -> None:
    call = await caller(city)
    async with city.database.transaction() as session:
        owed = await owe_return_call(city.core, session, call, reason="hung_up_in_queue")
        number = (await session.get_one(Ticket, owed.ticket_id)).number
    target = f"/console/tickets/{number}/dial"
    for login, path in (("agent", "/console/desk"), ("callback", "/console/callbacks"), ("supervisor", "/console/queue")):
        body = await (await browser(login)).text(path)
        assert target in body, path
        assert "剩" in body, "how much of the hour is left"
        assert NUMBER not in body
    city.clock.advance(hours=2)
    head = await browser("supervisor")
    assert "超时" in await head.text("/console/queue")
    await at_desk(city, "supervisor", ready=False)
    assert await post(head, "/console/queue", target) == 303
    async with city.database.transaction() as session:
        dial = (await session.scalars(select(Dial))).one()
        assert (dial.purpose, dial.return_call_id) == ("return_call", owed.id)
        assert (await session.get_one(Duty, dial.user_id)).call_id == dial.call_id


async def test_a_call_about_a_secret_ticket_is_heard_of_by_nobody_else(browser: Opener, city: City) -> None:
    registered = await city.register()
    number = registered.ticket.number
    await at_desk(city, "agent", ready=False)
    agent, quality, head = await browser("agent"), await browser("quality"), await browser("supervisor")
    page = f"/console/tickets/{number}/dial"
    assert await post(agent, page, page) == 303
    async with city.database.transaction() as session:
        job = (await claim(city.core, session, "telephony-1"))[0]
        assert await person_answered(city.core, session, job.dial_id)
        assert await citizen_answered(city.core, session, job.dial_id, sip_call_id="x", codec="PCMA", transcriber=None)
        (await session.get_one(Ticket, registered.ticket.id)).confidentiality = Confidentiality.SECRET.value
    assert "保密来电" in await head.text("/console/desk")
    async with city.database.transaction() as session:
        await finish(city.core, session, job.dial_id, End("reached", "agent_hung_up", recording_path="x.wav", recording_seconds=5))
    recording = f"/console/recordings/{job.call_id}"
    assert recording not in await quality.text("/console/recordings")
    assert (await quality.get(recording)).status == 404
    async with city.database.transaction() as session:
        (await session.get_one(Ticket, registered.ticket.id)).confidentiality = Confidentiality.MASKED.value
    assert recording in await quality.text("/console/recordings")
    assert (await quality.get(recording)).status == 200
