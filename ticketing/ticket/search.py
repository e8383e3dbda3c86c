"""Tickets by words and by many filters at once, newest first, page by page after the last one seen (keyset).

Pages of the console list a queue by time left (`lists`); here the order never changes while somebody pages through it.

Chinese has no blanks between words: what is looked up are pairs of neighbouring characters (lesson 18), in `ticket_words`.
Blocks of tickets are read from the newest back until the page is full: a common word costs one or two blocks, a rare one a
look into the index per block. What the pairs find is compared with the text itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Text, and_, bindparam, func, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.prepared import Prepared
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket import list_rows, queues
from ticketing.ticket.access import midnight, perhaps_visible, visible_to
from ticketing.ticket.list_rows import ListRow
from ticketing.ticket.models import Ticket, TicketWords
from ticketing.ticket.queues import GONE, Queue, among
from ticketing.ticket.triggers import BLOCK_BITS

MAX_ROWS = 200
MAX_WORDS = 6
RECENT = 20_000
"""A single character is looked for among so many of the newest tickets only: it is in a pair of every other one."""
_PART_OF_NUMBER = re.compile(r"[0-9-]{4,30}", re.ASCII)
_COLUMNS = (Ticket.number, Ticket.title, Ticket.address, Ticket.content)
_KEPT = 500
"""Statements in memory."""


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


@dataclass(frozen=True)
class _Asked:
    """What shapes the statement of a search; the words themselves do not."""

    actor: Actor
    midnight: datetime
    wanted: TicketFilter
    """Without words."""
    limit: int
    goes_on: bool
    """Whether it begins after a page that was shown."""
    words: int = 0
    pairs: tuple[int, ...] = ()
    """Which words have two characters or more."""
    number: bool = False
    """The words are a part of a number."""


async def search_tickets(
    core: Core, session: AsyncSession, actor: Actor, wanted: TicketFilter, *, limit: int = 50, before: int | None = None
) -> list[ListRow]:
    """At most `limit` tickets that the actor may see, newest first, those registered before the ticket with id `before`."""
    words = wanted.words.split()[:MAX_WORDS]
    asked = _Asked(actor, midnight(core), replace(wanted, words=""), min(limit, MAX_ROWS), before is not None)
    values: dict[str, Any] = {"now": core.clock.now(), "before": before}
    found: list[ListRow] = []
    if len(words) == 1 and _PART_OF_NUMBER.fullmatch(words[0]):
        found = list_rows.read(await _statement(replace(asked, number=True)).rows(session, **values, end=words[0][::-1] + "%"))
    if not found:
        pairs = tuple(place for place, word in enumerate(words) if len(word) > 1)
        values |= {f"word{place}": word for place, word in enumerate(words)}
        values |= {f"like{place}": f"%{_literally(word)}%" for place, word in enumerate(words)}
        found = list_rows.read(await _statement(replace(asked, words=len(words), pairs=pairs)).rows(session, **values))
    return sorted(found, key=lambda row: -row.ticket.id)


def words_condition(words: str) -> ColumnElement[bool]:
    """Every word is a part of the number, the title, the address or the content. Wildcards of the person are taken literally.

    For statements that read a bounded part of the table anyway; `search_tickets` finds by an index.
    """
    return and_(*(or_(*(column.icontains(word, autoescape=True) for column in _COLUMNS)) for word in words.split()))


def _literally(word: str) -> str:
    return word.replace("/", "//").replace("%", "/%").replace("_", "/_")


@lru_cache(maxsize=_KEPT)
def _statement(asked: _Asked) -> Prepared:
    if asked.number:
        ids = _newest(asked, func.reverse(Ticket.number).like(bindparam("end", type_=Text)), one_by_one=True)
    elif asked.pairs:
        ids = _in_blocks(asked)
    elif asked.words:
        newest = select(func.max(Ticket.id)).scalar_subquery()
        ids = _newest(asked, and_(_said(asked), Ticket.id > newest - RECENT), one_by_one=True)
    else:
        ids = _newest(asked, true(), one_by_one=False)
    return Prepared(list_rows.of_ids(ids.subquery("chosen"), asked.actor, true()))


def _said(asked: _Asked) -> ColumnElement[bool]:
    """All words, each somewhere in the text."""
    words = (func.lower(bindparam(f"like{place}", type_=Text)) for place in range(asked.words))
    return and_(*(or_(*(func.lower(column).like(word, escape="/") for column in _COLUMNS)) for word in words))


def _newest(asked: _Asked, found: ColumnElement[bool], *, one_by_one: bool) -> Select[Any]:
    """The whole number, or its end, as people read it aloud; one character; or by filters alone."""
    seen = visible_to(asked.actor, asked.midnight, one_by_one=one_by_one)
    statement = select(Ticket.id).where(found, seen, *conditions(asked.actor, asked.wanted))
    if asked.goes_on:
        statement = statement.where(Ticket.id < bindparam("before", type_=BigInteger))
    return statement.order_by(Ticket.id.desc()).limit(asked.limit)


def _in_blocks(asked: _Asked) -> Select[Any]:
    """The blocks are read one after the other, and no further than the page is full. Who sees some tickets has those of the block."""
    bits: ColumnElement[int] = literal_column(str(BLOCK_BITS))
    before = bindparam("before", type_=BigInteger)
    newest = select(func.max(Ticket.id)).scalar_subquery()
    last = func.least(newest, before) if asked.goes_on else newest
    blocks = func.generate_series(last.op(">>")(bits), literal_column("0"), literal_column("-1"))
    block = blocks.table_valued("number").render_derived(name="block")
    number: ColumnElement[int] = literal_column("block.number", BigInteger)  # by name: it is asked for deep inside, where it is no source
    cells: ColumnElement[Any] = func.word_cells(bindparam(f"word{asked.pairs[0]}", type_=Text), number)
    for place in asked.pairs[1:]:
        cells = cells.op("||")(func.word_cells(bindparam(f"word{place}", type_=Text), number))
    of_block = (number.op("<<")(bits), (number + literal_column("1")).op("<<")(bits))
    seen = visible_to(asked.actor, asked.midnight, one_by_one=True)
    perhaps = perhaps_visible(asked.actor, asked.midnight, TicketWords.ticket_id.expression, of_block)
    # the fence of OFFSET: first what the words find, in order, and then whether it is seen until the page is full.
    # The order has its own column: by the number itself the planner would read the block to its end along the primary key
    by_number = (TicketWords.ticket_id + literal_column("0")).label("place")
    hits = select(TicketWords.ticket_id, by_number).where(TicketWords.cells.op("@>")(cells), perhaps)
    hits_in_order = hits.order_by(by_number.desc()).offset(literal_column("0")).subquery("hits")
    inside = (
        select(Ticket.id)
        .join(hits_in_order, hits_in_order.c.ticket_id == Ticket.id)
        .where(_said(asked), seen, *conditions(asked.actor, asked.wanted))
        .order_by(hits_in_order.c.place.desc())
        .limit(asked.limit)
    )
    if asked.goes_on:
        inside = inside.where(Ticket.id < before)
    found = inside.lateral("found")
    return select(found.c.id).select_from(block.join(found, true())).limit(asked.limit)


def conditions(actor: Actor, wanted: TicketFilter) -> list[ColumnElement[bool]]:
    """What a ticket must hold to, but for the words (`words_condition`)."""
    found = [queues.condition(actor, wanted.queue)] if wanted.queue is not Queue.ALL else []
    if wanted.states:
        found.append(or_(*(Ticket.state == state for state in wanted.states)))
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
        theirs = select(Assignment.ticket_id).where(Assignment.unit_id == wanted.unit_id, ~among(Assignment.state, *GONE))
        found.append(Ticket.id.in_(theirs))
    if wanted.received_from is not None:
        found.append(Ticket.received_at >= wanted.received_from)
    if wanted.received_until is not None:
        found.append(Ticket.received_at < wanted.received_until)
    return found
