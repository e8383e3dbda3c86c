"""What is being said, on the agent's screen while it is said: a real browser and its live stream."""

from __future__ import annotations

import time
from typing import Any

from aiohttp.test_utils import TestServer

from tests.channels.console.screen import Desk, in_browser
from tests.channels.staff import City
from ticketing.conversation import calls
from ticketing.conversation.captions import Saying, show
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, get_conversation

pytestmark = in_browser


async def test_words_stand_on_the_desk_while_they_are_said(chromium: Any, site: TestServer, city: City) -> None:
    async with city.database.transaction() as session:
        _conversation, call = await calls.start_call(
            city.core, session, sip_call_id="y", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber="t"
        )
    desk = await Desk.of(chromium, site, "agent")
    await desk.open(f"/console/desk?call={call.id}")
    await desk.connected()
    waits = []
    for words in ("我家", "我家楼下的路灯", "我家楼下的路灯坏了三天"):
        began = time.monotonic()
        async with city.database.transaction() as session:
            await show(city.core, session, [Saying(call.id, call.conversation_id, "citizen", words)])
        await desk.page.wait_for_selector(f"#captions .say:text-is('{words}')", timeout=5000)
        waits.append(time.monotonic() - began)
    assert min(waits) < 0.5
    async with city.database.transaction() as session:
        await show(city.core, session, [Saying(call.id, call.conversation_id, "citizen", "")])
        conversation = await get_conversation(session, call.conversation_id)
        await add_message(city.core, session, conversation, Author.CITIZEN, "我家楼下的路灯坏了三天没人修")
    await desk.page.wait_for_selector("ol.talk .say:text-is('我家楼下的路灯坏了三天没人修')", timeout=5000)
    await desk.page.wait_for_function("!document.querySelector('#captions .say')", timeout=5000)
    assert desk.complaints == []
