"""A call that we made about a ticket: its conversation, its row, and what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Author, Call, CallState
from ticketing.conversation.service import add_message, get_conversation, open_conversation
from ticketing.people.actor import SYSTEM
from ticketing.ticket.models import Ticket


@dataclass(frozen=True)
class Line:
    """One thing said."""

    author: Author
    text: str
    start_s: float
    """Where in the recording."""


async def start_outgoing(
    core: Core, session: AsyncSession, *, number: str, call_id: UUID, sip_call_id: str, codec: str, worker: str, purpose: str,
    transcriber: str | None,
) -> Call:  # fmt: skip
    """The citizen of ticket `number` picked up. The dialled number is the citizen's and is not kept a second time. Raises NotFound."""
    ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).first()
    if ticket is None:
        raise NotFound(_("没有找到这张工单"))
    now = core.clock.now()
    conversation = await open_conversation(core, session, channel="phone", conversation_id=uuid4(), citizen_id=ticket.citizen_id)
    conversation.ticket_id = ticket.id
    call = Call(
        id=call_id, conversation_id=conversation.id, direction="out", sip_call_id=sip_call_id, called="", citizen_id=ticket.citizen_id,
        codec=codec, state=CallState.BOT.value, worker=worker, started_at=now, answered_at=now, transcriber=transcriber,
        data={"purpose": purpose, "ticket": number},
    )  # fmt: skip
    session.add(call)
    await session.flush()
    data = {"purpose": purpose, "ticket": number}
    await record(session, at=now, name="call.placed", subject="call", subject_id=call.id, who=SYSTEM.who, data=data)
    return call


async def keep_lines(core: Core, session: AsyncSession, call: Call, lines: Sequence[Line]) -> None:
    """The transcript of the call, each line once however often it is tried."""
    conversation = await get_conversation(session, call.conversation_id)
    for number, line in enumerate(lines):
        data = {"start_s": round(line.start_s, 2)}
        await add_message(core, session, conversation, line.author, line.text, external_id=f"{call.id}:line:{number}", data=data)
