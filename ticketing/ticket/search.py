"""Tickets by words and by many filters at once, newest first, page by page after the last one seen (keyset).

Pages of the console list a queue by time left (`lists`); here the order never changes while somebody pages through it.

Chinese has no blanks between words: what is looked up are pairs of neighbouring characters (lesson 18), in `ticket_words`.
Blocks of tickets are read from the newest back until the page is full: a common word costs one or two blocks, a rare one a
look into the index per block. What the pairs find is compared with the text itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket import lists
from ticketing.ticket.access import visible
from ticketing.ticket.lists import Queue, TicketRow
from ticketing.ticket.models import Ticket, TicketWords
from ticketing.ticket.triggers import BLOCK_BITS

MAX_ROWS = 200
MAX_WORDS = 6
RECENT = 20_000
"""A single character is looked for among so many of the newest tickets only: it is in a pair of every other one."""
_PART_OF_NUMBER = re.compile(r"[0-9-]{4,30}", re.ASCII)
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


@dataclass(frozen=True)
class TicketFilter:
    """What to list; what is empty does not filter. Times are [from, until)."""

    queue: Queue = Queue.ALL
    states: tuple[str, ...] = ()
    unit_id: int | None = None
    """Tickets on which this unit has, or had to the end, a part."""
    category_code: str = ""
    district: str = ""
    channel: str = ""
    urgency: str = ""
    kind: str = ""
    line: str = ""
    received_from: datetime | None = None
    received_until: datetime | None = None
    words: str = ""
    """Parts of the title, the address or the content, or the end of the number."""


async def search_tickets(
    core: Core, session: AsyncSession, actor: Actor, wanted: TicketFilter, *, limit: int = 50, before: int | None = None
) -> list[TicketRow]:
    """At most `limit` tickets that the actor may see, newest first, those registered before the ticket with id `before`."""
    limit = min(limit, MAX_ROWS)
    words = wanted.words.split()[:MAX_WORDS]
    conditions = [visible(core, actor, one_by_one=bool(words)), *_conditions(actor, wanted)]
    if before is not None:
        conditions.append(Ticket.id < before)
    tickets: list[Ticket] = []
    if len(words) == 1 and _PART_OF_NUMBER.fullmatch(words[0]):
        tickets = list(await session.scalars(_by_number(words[0], conditions).order_by(Ticket.id.desc()).limit(limit)))
    if not tickets:
        statement = _by_words(words, conditions, limit, before) if words else select(Ticket).where(*conditions)
        tickets = list(await session.scalars(statement if words else statement.order_by(Ticket.id.desc()).limit(limit)))
    tickets = sorted({ticket.id: ticket for ticket in tickets}.values(), key=lambda ticket: -ticket.id)
    return await lists.rows_of(session, actor, tickets)


def _by_number(part: str, conditions: list[ColumnElement[bool]]) -> Select[Ticket]:
    """The whole number, or its end, as people read it aloud."""
    return select(Ticket).where(func.reverse(Ticket.number).like(part[::-1] + "%"), *conditions)


def _by_words(words: list[str], conditions: list[ColumnElement[bool]], limit: int, before: int | None) -> Select[Ticket]:
    """All words, each somewhere in the text. The blocks are read one after the other, and no further than the page is full."""
    said = lists.words_condition(" ".join(words))
    pairs = [word for word in words if len(word) > 1]
    newest = select(func.max(Ticket.id)).scalar_subquery()
    if not pairs:
        return select(Ticket).where(said, Ticket.id > newest - RECENT, *conditions).order_by(Ticket.id.desc()).limit(limit)
    last = newest if before is None else func.least(newest, before)
    newest_block = last.op(">>")(literal_column(str(BLOCK_BITS)))
    blocks = func.generate_series(newest_block, literal_column("0"), literal_column("-1"))
    block = blocks.table_valued("number", name="block").render_derived()
    cells: ColumnElement[Any] = func.word_cells(pairs[0], block.c.number)
    for word in pairs[1:]:
        cells = cells.op("||")(func.word_cells(word, block.c.number))
    inside = (
        select(Ticket)
        .select_from(Ticket)
        .join(TicketWords, TicketWords.ticket_id == Ticket.id)
        .where(TicketWords.cells.op("@>")(cells), said, *conditions)
        .order_by((Ticket.id + literal_column("0")).desc())  # not along the primary key: that would read the block to its end
        .limit(limit)
        .lateral("found")
    )
    return select(aliased(Ticket, inside)).select_from(block.join(inside, true())).limit(limit)


def _conditions(actor: Actor, wanted: TicketFilter) -> list[ColumnElement[bool]]:
    found = [lists.queue_condition(actor, wanted.queue)] if wanted.queue is not Queue.ALL else []
    if wanted.states:
        found.append(Ticket.state.in_(wanted.states))
    for column, value in (
        (Ticket.category_code, wanted.category_code),
        (Ticket.district, wanted.district),
        (Ticket.channel, wanted.channel),
        (Ticket.urgency, wanted.urgency),
        (Ticket.kind, wanted.kind),
        (Ticket.line, wanted.line),
    ):
        if value:
            found.append(column == value)
    if wanted.unit_id is not None:
        theirs = select(Assignment.ticket_id).where(Assignment.unit_id == wanted.unit_id, Assignment.state.not_in(_GONE))
        found.append(Ticket.id.in_(theirs))
    if wanted.received_from is not None:
        found.append(Ticket.received_at >= wanted.received_from)
    if wanted.received_until is not None:
        found.append(Ticket.received_at < wanted.received_until)
    return found
