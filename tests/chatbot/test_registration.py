"""A form that was filled by speech becomes a ticket, however long the answers were."""

from __future__ import annotations

from sqlalchemy import select

from chatbot.draft import Draft, Slot
from chatbot.registration import register_draft
from hotline.database import Database
from ticketing.calendar.service import load_official
from ticketing.context import Core
from ticketing.conversation.service import open_conversation
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import MAX_LENGTHS


async def test_a_place_told_at_length_is_shortened_and_its_words_stay_in_the_content(core: Core, database: Database) -> None:
    where = "滨河路" + "往东再走一段" * 200 + "红色大门"
    answers = {Slot.WHAT: "路灯坏了三天", Slot.WHERE: where, Slot.WHEN: "前天" * 300, Slot.NAME: "周" * 80}
    draft = Draft("d1", kind="complaint", values=answers)
    async with database.transaction() as session:
        await load_official(core, session)
        conversation = await open_conversation(core, session, channel="web")
        assert await register_draft(core, session, conversation, draft) is not None
    async with database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
    assert len(ticket.address) == MAX_LENGTHS["address"]
    assert ticket.address.endswith("…")
    assert where in ticket.content
    assert len(ticket.occurred) == MAX_LENGTHS["occurred"]
