"""Open tickets that are about the same matter: by text (MinHash of character pairs) and by place, for merging.

Each ticket gets some twenty numbers, its cells: sixteen bands of two minimal hashes over the pairs of characters of its
text, and one for each place with its category group. Two texts that share three tenths of their pairs have a band in
common in three of four cases, those that share half practically always. A GIN index over the cells of open tickets
finds the candidates; their texts are then compared as they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Integer, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.suggestion.features import normalise
from ticketing.suggestion.models import TicketSignature
from ticketing.suggestion.noise import frames
from ticketing.supervision.places import place_keys
from ticketing.ticket.access import public_tickets, visible
from ticketing.ticket.models import Ticket

BANDS, ROWS = 16, 2
CANDIDATES = 60
"""How many of those that share most cells are compared by their texts."""
LEAST = 0.3
"""Below this score nothing is offered."""
_READ = 400
_FEW = 4
"""A text of fewer telling pairs is signed by all its pairs."""
_PRIME = np.uint64((1 << 31) - 1)
_FACTORS = np.random.default_rng(20261118).integers(1, (1 << 31) - 1, (2, BANDS * ROWS), dtype=np.uint64)
_PLACE_BONUS, _APART, _CATEGORY_BONUS = 0.2, 0.25, 0.05


@dataclass(frozen=True)
class Similar:
    """An open ticket that may be the same matter."""

    number: str
    title: str
    state: str
    score: float
    """From 0 to 1."""
    same_place: bool


def pairs(text: str) -> frozenset[str]:
    """Pairs of characters of the text, without punctuation."""
    plain = normalise(text[:_READ]).replace("，", "")
    return frozenset(plain[start : start + 2] for start in range(len(plain) - 1))


def cells(text: str, place: str = "", category: str | None = None) -> list[int]:
    """The signature of an appeal; empty when nothing is said."""
    found = [_number(f"place {key} {(category or '')[:2]}") for key in place_keys(f"{place} {text}"[:_READ])[:4]]
    said = pairs(text)
    telling = said - _said_by_all()
    if len(telling) >= _FEW:
        said = telling
    if said:
        hashes = np.fromiter((zlib.crc32(pair.encode()) & 0x7FFFFFFF for pair in sorted(said)), np.uint64, len(said))
        found += _bands(hashes)
    return list(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _said_by_all() -> frozenset[str]:
    """Pairs of the wrappings that everybody uses (你好, 麻烦管管): a band of them joins thousands of unlike tickets."""
    return frozenset(pair for name in ("openers", "places", "times", "tails", "fillers") for said in frames()[name] for pair in pairs(said))


def _bands(hashes: NDArray[np.uint64]) -> list[int]:
    lowest = ((hashes[:, None] * _FACTORS[0] + _FACTORS[1]) % _PRIME).min(axis=0).reshape(BANDS, ROWS)
    return [_number(f"band {number} {row[0]} {row[1]}") for number, row in enumerate(lowest.tolist())]


def _number(text: str) -> int:
    return zlib.crc32(text.encode()) & 0x7FFFFFFF


def signature(ticket: Ticket) -> TicketSignature:
    """The signature of a ticket that has its id."""
    return TicketSignature(ticket_id=ticket.id, cells=cells(ticket.content, f"{ticket.district}{ticket.address}", ticket.category_code))


async def remember(session: AsyncSession, ticket: Ticket) -> None:
    """Renew the signature when content, place or category have changed."""
    row = signature(ticket).cells
    statement = insert(TicketSignature).values(ticket_id=ticket.id, cells=row)
    await session.execute(statement.on_conflict_do_update(index_elements=["ticket_id"], set_={"cells": row}))


async def similar_open(
    core: Core, session: AsyncSession, actor: Actor, what: Ticket | str, place: str = "", limit: int = 5, *, category: str | None = None
) -> list[Similar]:
    """Open tickets like `what`, best first, of those that the actor may see.

    Args:
        what: a ticket (itself is not among the answers), or the text of an appeal that is being registered.
        place: where, when `what` is a text.
    """
    if isinstance(what, Ticket):
        text, place, category = what.content, f"{what.district}{what.address}", what.category_code
    else:
        text = what
    wanted = _search_cells(text, place, category)
    if not wanted:
        return []
    condition = visible(core, actor)
    if isinstance(what, Ticket):
        condition &= Ticket.id != what.id
    mine, here = pairs(text), set(place_keys(f"{place} {text}"[:_READ]))
    scored = [_compare(row, mine, here, category) for row in await session.execute(_candidates(wanted, condition))]
    return sorted((item for item in scored if item.score >= LEAST), key=lambda item: (-item.score, item.number))[:limit]


async def similar_public(session: AsyncSession, text: str, place: str = "", limit: int = 5) -> list[Similar]:
    """Open tickets like `text` of those that everybody may know to exist, best first. What of them is told is the caller's matter."""
    wanted, condition = _search_cells(text, place, None), public_tickets().whereclause
    if not wanted or condition is None:
        return []
    mine, here = pairs(text), set(place_keys(f"{place} {text}"[:_READ]))
    scored = [_compare(row, mine, here, None) for row in await session.execute(_candidates(wanted, condition))]
    return sorted((item for item in scored if item.score >= LEAST), key=lambda item: (-item.score, item.number))[:limit]


def _search_cells(text: str, place: str, category: str | None) -> list[int]:
    """Without a category every group's cell of the place is looked for."""
    groups: Iterable[str] = [category] if category else ["", *(f"{number:02d}" for number in range(1, 13))]
    found = [cell for group in groups for cell in cells(text, place, group)]
    return list(dict.fromkeys(found))


def _candidates(wanted: list[int], condition: ColumnElement[bool]):  # type: ignore[no-untyped-def]
    looked_for = cast(bindparam("wanted", wanted, type_=ARRAY(Integer)), ARRAY(Integer))
    cell = func.unnest(TicketSignature.cells).column_valued("cell")
    shared = select(func.count(cell)).where(cell == func.any(looked_for)).correlate(TicketSignature).scalar_subquery()
    nearest = (
        select(TicketSignature.ticket_id, shared.label("shared"))
        .where(TicketSignature.open, TicketSignature.cells.op("&&")(looked_for))
        .order_by(shared.desc(), TicketSignature.ticket_id.desc())
        .limit(CANDIDATES * 3)
        .subquery()
    )
    columns = (Ticket.number, Ticket.title, Ticket.state, Ticket.content, Ticket.district, Ticket.address, Ticket.category_code)
    return (
        select(*columns)
        .join(nearest, nearest.c.ticket_id == Ticket.id)
        .where(condition)
        .order_by(nearest.c.shared.desc(), Ticket.id.desc())
        .limit(CANDIDATES)
    )


def _compare(row, mine: frozenset[str], here: set[str], category: str | None) -> Similar:  # type: ignore[no-untyped-def]
    """How alike: shared pairs of characters; the same place speaks for it, two different known places against it."""
    theirs = pairs(row.content)
    score = 2 * len(mine & theirs) / max(1, len(mine) + len(theirs))
    there = set(place_keys(f"{row.district}{row.address} {row.content}"[:_READ]))
    same = bool(here & there)
    if same:
        score += _PLACE_BONUS
    elif here and there:
        score -= _APART
    if category and row.category_code == category:
        score += _CATEGORY_BONUS
    return Similar(row.number, row.title, row.state, round(min(1.0, max(0.0, score)), 3), same)
