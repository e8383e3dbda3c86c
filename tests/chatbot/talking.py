"""What the tests of conversations share."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import select

from chatbot.dialogue import Turn
from hotline.database import Database
from ticketing.ticket.models import Ticket

Begin = Callable[[str], Awaitable[UUID]]
Say = Callable[..., Awaitable[Turn]]
CHANNELS = ("web", "wechat", "phone")
READABLE = re.compile(r"[\u3400-\u9fff，。！？、；：]+")


async def tickets(database: Database) -> list[Ticket]:
    async with database.transaction() as session:
        return list(await session.scalars(select(Ticket).order_by(Ticket.id)))
