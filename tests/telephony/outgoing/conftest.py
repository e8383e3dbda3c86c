"""The city of the core's tests, with a telephony process whose telephones are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hotline.settings import Settings
from telephony.outgoing.work import OutgoingCalls
from telephony.queue.switchboard import Switchboard
from tests.telephony.flow.conftest import Line, ScriptedBot
from tests.ticketing.conftest import City, city, template

__all__ = ["city", "template"]


@pytest.fixture
async def line(city: City, settings: Settings) -> AsyncIterator[Line]:
    """The process dials what is asked for; `line.phones` are the telephones of staff and citizens."""
    settings = settings.model_copy(update={"min_free_disk_mb": 0, "outbound_uri": "sip:{number}@127.0.0.1:5060"})
    made = Line(settings, city.core, city.database, ScriptedBot(city.core, city.database))
    made.board = Switchboard(city.core, city.database, "telephony-test", made.phones.dial)
    outgoing = OutgoingCalls(made.parts)
    running = [asyncio.create_task(made.board.run()), asyncio.create_task(outgoing.run())]
    yield made
    for task in [*made.tasks, *running]:
        task.cancel()
    await asyncio.gather(*made.tasks, *running, return_exceptions=True)
