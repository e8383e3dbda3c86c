"""What a call left in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from hotline.database import Database
from ticketing.callback.models import ReturnCall
from ticketing.conversation.models import Author, Call, Message
from ticketing.ticket.models import Ticket


async def the_call(database: Database) -> Call:
    async with database.transaction() as session:
        return (await session.scalars(select(Call))).one()


async def citizen_words(database: Database) -> Sequence[str]:
    async with database.transaction() as session:
        return (await session.scalars(select(Message.text).where(Message.author == Author.CITIZEN.value).order_by(Message.id))).all()


async def the_return_call(database: Database) -> tuple[ReturnCall, Ticket]:
    async with database.transaction() as session:
        task = (await session.scalars(select(ReturnCall))).one()
        return task, await session.get_one(Ticket, task.ticket_id)
