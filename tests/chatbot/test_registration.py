"""A form that was filled by speech becomes a ticket, however long the answers were."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from chatbot.draft import Draft, Slot
from chatbot.registration import load_draft, register_draft, save_draft, save_unfinished
from hotline.clock import ManualClock
from hotline.database import Database
from ticketing.calendar.service import load_official
from ticketing.context import Core
from ticketing.conversation.service import open_conversation
from ticketing.people.actor import BOT
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import MAX_LENGTHS, Appeal, register
from ticketing.ticket.states import Channel


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


@pytest.mark.parametrize("order", ["form first", "ticket first"])
async def test_what_an_agent_registered_meanwhile_is_not_registered_again_when_the_caller_hangs_up(
    core: Core, clock: ManualClock, database: Database, order: str
) -> None:
    """The caller began the form, wanted a person, and the agent made the ticket. An earlier matter of the same call is another one."""
    async with database.transaction() as session:
        await load_official(core, session)
        conversation = await open_conversation(core, session, channel="phone")
        matter = Appeal(Channel.PHONE, "路灯坏了三天，江畔花园北门", conversation_id=conversation.id)
        if order == "ticket first":
            await register(core, session, BOT, matter)
            clock.advance(minutes=1)
        draft = Draft("d1", kind="complaint", values={Slot.WHAT: "路灯坏了三天"}, begun=clock.now().isoformat())
        save_draft(core, conversation, draft)
        await session.flush()
        if order == "form first":
            clock.advance(minutes=1)
            await register(core, session, BOT, matter)
        again = await save_unfinished(core, session, conversation)
        assert (again is None) is (order == "form first")
        assert load_draft(core, conversation) is None
