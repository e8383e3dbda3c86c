"""What of a ticket is public, and reading it from the database.

Open311 is open to everybody, so the rule is strict. Never shown: secret tickets, drafts, nuisance, and 举报 unless it was
published; nobody's name, number or query code. The citizen's own words and the exact place are shown only of a ticket that
was published (confidentiality `open`); of all others the category, the district and the place rounded to about a kilometre.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.open311.arguments import MAX_DESCRIPTION, Query
from channels.portal.words import satisfaction_words, state_words
from hotline.clock import to_city
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import public_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import FINAL_STATES, Confidentiality, TicketState

_CLOSED = tuple(sorted(state.value for state in FINAL_STATES))


async def service_list(session: AsyncSession) -> list[dict[str, Any]]:
    """The categories that can be reported, each with the first level as its group."""
    rows = await session.scalars(select(Category).where(Category.active).order_by(Category.code))
    return [
        {
            "service_code": row.code,
            "service_name": row.name,
            "description": _("{group}：{name}").format(group=_group(row), name=row.name),
            "metadata": True,
            "type": "realtime",
            "keywords": ", ".join(row.keywords.split()),
            "group": _group(row),
        }
        for row in rows
    ]


async def service_codes(session: AsyncSession) -> frozenset[str]:
    """The codes that can be reported."""
    return frozenset(await session.scalars(select(Category.code).where(Category.active)))


async def find(session: AsyncSession, query: Query) -> list[dict[str, Any]]:
    """The public side of the requests that were asked for, newest first."""
    statement = public_tickets().order_by(Ticket.received_at.desc(), Ticket.id.desc())
    if query.numbers is not None:
        statement = statement.where(Ticket.number.in_(query.numbers))
    else:
        statement = statement.where(Ticket.received_at >= query.start, Ticket.received_at <= query.end)
        if query.service_codes:
            statement = statement.where(Ticket.category_code.in_(query.service_codes))
        if query.statuses == {"open"}:
            statement = statement.where(Ticket.state.not_in(_CLOSED))
        elif query.statuses == {"closed"}:
            statement = statement.where(Ticket.state.in_(_CLOSED))
        statement = statement.offset(query.offset).limit(query.limit)
    return await _records(session, list(await session.scalars(statement)))


async def find_one(session: AsyncSession, number: str) -> dict[str, Any] | None:
    """The public side of one request; None when there is none or when it is not public."""
    tickets = list(await session.scalars(public_tickets().where(Ticket.number == number)))
    return (await _records(session, tickets))[0] if tickets else None


def w3_time(moment: datetime | None) -> str | None:
    """`2026-11-18T22:31:05+08:00`."""
    return to_city(moment).isoformat(timespec="seconds") if moment else None


async def _records(session: AsyncSession, tickets: Sequence[Ticket]) -> list[dict[str, Any]]:
    ids = [ticket.id for ticket in tickets]
    names = {row.code: row.name for row in await session.scalars(select(Category))}
    units = await _units(session, ids)
    dues = await _expected(session, ids)
    return [_record(ticket, names, units.get(ticket.id), dues.get(ticket.id)) for ticket in tickets]


async def _units(session: AsyncSession, ids: Iterable[int]) -> dict[int, str]:
    """The unit that leads each ticket."""
    gone = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
    rows = await session.execute(
        select(Assignment.ticket_id, Unit.name)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(Assignment.ticket_id.in_(ids), Assignment.lead, Assignment.state.not_in(gone))
    )
    return dict(rows.all())


async def _expected(session: AsyncSession, ids: Iterable[int]) -> dict[int, datetime]:
    """When each ticket's newest handling clock ends."""
    rows = await session.execute(
        select(Deadline.ticket_id, Deadline.due_at)
        .where(Deadline.ticket_id.in_(ids), Deadline.kind == ClockKind.HANDLE.value, Deadline.state != ClockState.CANCELLED.value)
        .order_by(Deadline.id)
    )
    return dict(rows.all())


def _record(ticket: Ticket, names: dict[str, str], unit: str | None, expected: datetime | None) -> dict[str, Any]:
    shown = ticket.confidentiality == Confidentiality.OPEN.value
    state = TicketState(ticket.state)
    closed = not state.is_open
    return {
        "service_request_id": ticket.number,
        "status": "closed" if closed else "open",
        "status_notes": _notes(ticket, state),
        "service_name": names.get(ticket.category_code or "", _("待分类")),
        "service_code": ticket.category_code,
        "description": ticket.content[:MAX_DESCRIPTION] if shown else None,
        "agency_responsible": unit,
        "service_notice": None,
        "requested_datetime": w3_time(ticket.received_at),
        "updated_datetime": w3_time((ticket.closed_at or ticket.updated_at) if closed else ticket.updated_at),
        "expected_datetime": w3_time(expected),
        "address": "，".join(part for part in (ticket.address if shown else "", ticket.district) if part) or None,
        "address_id": None,
        "zipcode": None,
        "lat": _coordinate(ticket.latitude, shown),
        "long": _coordinate(ticket.longitude, shown),
        "media_url": None,
    }


def _notes(ticket: Ticket, state: TicketState) -> str:
    words = state_words(state)
    if state.is_closed and ticket.satisfaction:
        return _("{state}，市民评价：{satisfaction}").format(state=words, satisfaction=satisfaction_words(ticket.satisfaction))
    return words


def _coordinate(value: float | None, shown: bool) -> float | None:
    return value if value is None or shown else round(value, 2)


def _group(row: Category) -> str:
    """05 生态环境 without its number."""
    return row.group_name.lstrip("0123456789 ") or row.group_name
