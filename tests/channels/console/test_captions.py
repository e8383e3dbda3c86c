from __future__ import annotations

import asyncio

from tests.channels.staff import City, Opener
from ticketing.conversation import calls
from ticketing.conversation.captions import Saying, show
from ticketing.conversation.models import Call


async def _call(city: City) -> Call:
    async with city.database.transaction() as session:
        _conversation, call = await calls.start_call(
            city.core, session, sip_call_id="y", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber="t"
        )
    return call


async def _say(city: City, call: Call, text: str) -> None:
    async with city.database.transaction() as session:
        await show(city.core, session, [Saying(call.id, call.conversation_id, "citizen", text)])


async def test_the_agent_reads_what_is_being_said_and_others_do_not(browser: Opener, city: City) -> None:
    call = await _call(city)
    await _say(city, call, "我家楼下的路灯")
    address = f"/console/calls/{call.id}/captions"
    agent = await browser("agent")
    assert "我家楼下的路灯" in await agent.text(address)
    assert f'hx-get="{address}"' in await agent.text(f"/console/desk?call={call.id}")
    for login in ("clerk", "editor", "admin"):
        assert (await (await browser(login)).get(address)).status == 403
    assert (await agent.get("/console/calls/x/captions")).status == 404
    async with city.database.transaction() as session:
        await calls.end_call(city.core, session, call.id, reason="finished")
    assert "路灯" not in await agent.text(address), "the call is over"


async def test_only_the_page_of_this_call_is_woken(browser: Opener, city: City) -> None:
    call, other = await _call(city), await _call(city)
    agent = await browser("agent")

    async def woken(conversation: object, say_on: Call) -> bool:
        response = await agent.get(f"/console/stream?conversation={conversation}")
        assert b"retry" in await response.content.readline()
        await _say(city, say_on, "路灯")
        try:
            async with asyncio.timeout(1.5):
                while True:
                    line = await response.content.readline()
                    if line.startswith(b"event: caption"):
                        return True
        except TimeoutError:
            return False
        finally:
            response.close()

    assert await woken(call.conversation_id, call)
    assert not await woken(call.conversation_id, other)
