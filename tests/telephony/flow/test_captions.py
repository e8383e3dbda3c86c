"""From the sound to the page: partial results reach who watches within half a second."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from hotline.database import Database
from hotline.events import NOTIFY_CHANNEL
from telephony.flow.captions import CaptionWriter
from telephony.speech.transcriber import Heard
from ticketing.context import Core
from ticketing.conversation import captions as shown
from ticketing.conversation.calls import start_call
from ticketing.conversation.models import Call


@pytest.fixture
async def call(core: Core, database: Database) -> Call:
    async with database.transaction() as session:
        _conversation, call = await start_call(
            core, session, sip_call_id="x", caller=None, called="12345", codec="PCMA", worker="w", transcriber="m"
        )
    return call


def partial(text: str) -> Heard:
    return Heard("partial", text, 0, 1)


async def texts(core: Core, database: Database, call: Call) -> list[tuple[str, str]]:
    async with database.transaction() as session:
        return [(one.speaker, one.text) for one in await shown.captions(core, session, call.id)]


async def test_a_listener_is_woken_and_finds_the_newest_words(core: Core, database: Database, call: Call) -> None:
    woken: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(database.url.replace("postgresql+asyncpg://", "postgresql://"))
    await connection.add_listener(NOTIFY_CHANNEL, lambda _c, _p, _n, payload: woken.put_nowait(str(payload)))
    writer = CaptionWriter(core, database)
    running = asyncio.create_task(writer.run())
    waits = []
    for number in range(5):
        began = time.monotonic()
        for letters in ("路", "路灯", f"路灯坏了{number}"):
            writer.heard(call.id, call.conversation_id, "citizen", partial(letters))
        async with asyncio.timeout(5):
            payload = await woken.get()
        waits.append(time.monotonic() - began)
        assert str(call.conversation_id) in payload
        assert "路灯" not in payload, "a notice holds identifiers only"
        assert await texts(core, database, call) == [("citizen", f"路灯坏了{number}")]
    assert sorted(waits)[2] < 0.3, "with the recogniser's 100 ms pieces: under half a second"
    writer.heard(call.id, call.conversation_id, "citizen", Heard("final", "路灯坏了", 0, 1, 0.9))
    async with asyncio.timeout(5):
        await woken.get()
    assert await texts(core, database, call) == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await connection.close()


async def test_both_voices_stand_side_by_side_and_old_ones_fade(core: Core, database: Database, call: Call) -> None:
    async with database.transaction() as session:
        sayings = [
            shown.Saying(call.id, call.conversation_id, "citizen", "我家停水了"),
            shown.Saying(call.id, call.conversation_id, "agent", "您在哪里"),
        ]
        await shown.show(core, session, sayings)
    assert sorted(await texts(core, database, call)) == [("agent", "您在哪里"), ("citizen", "我家停水了")]
    core.clock.advance(seconds=40)  # type: ignore[attr-defined]
    assert await texts(core, database, call) == []
    async with database.transaction() as session:
        assert await shown.sweep(core, session) == 2


async def test_a_caller_who_is_not_in_the_database_yet_has_no_caption(core: Core, database: Database, call: Call) -> None:
    writer = CaptionWriter(core, database)
    writer.heard(call.id, None, "citizen", partial("喂"))
    assert not writer._newest
