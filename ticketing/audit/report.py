"""What people see of the sealed log: the days' roots, how much waits for a seal, who looked at a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Text, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Event
from ticketing.audit.models import AuditDay, AuditSeal
from ticketing.conversation.models import Call
from ticketing.ticket.models import Ticket

PAGE = 31
_COUNTED = 100_000


@dataclass(frozen=True)
class Standing:
    """How far the log is sealed."""

    seals: int
    last: AuditSeal | None
    unsealed: int
    """Events after the last seal, counted up to 100,000."""


async def standing(session: AsyncSession) -> Standing:
    """For pages and health: a growing `unsealed` means that the scheduler does not run or a transaction is stuck."""
    last = (await session.scalars(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))).first()
    waiting = select(Event.id).where(Event.id > (last.last_event_id if last else 0)).limit(_COUNTED).subquery()
    return Standing(last.number if last else 0, last, int(await session.scalar(select(func.count()).select_from(waiting)) or 0))


async def days(session: AsyncSession, *, before: date | None = None, limit: int = PAGE) -> list[AuditDay]:
    """Roots, newest day first; `before` pages on."""
    wanted = select(AuditDay).order_by(AuditDay.day.desc()).limit(limit)
    return list(await session.scalars(wanted.where(AuditDay.day < before) if before else wanted))


async def looks(session: AsyncSession, ticket_id: int) -> list[Event]:
    """Who opened private fields, recordings or exports of a ticket (谁看过), newest first. The caller has checked access."""
    seen = or_(Event.name.startswith("view."), Event.name == "export.made")
    calls = select(cast(Call.id, Text)).join(Ticket, Ticket.conversation_id == Call.conversation_id).where(Ticket.id == ticket_id)
    about = or_(
        and_(Event.subject == "ticket", Event.subject_id == str(ticket_id)), and_(Event.subject == "call", Event.subject_id.in_(calls))
    )
    return list(await session.scalars(select(Event).where(about, seen).order_by(Event.at.desc(), Event.id.desc()).limit(500)))


async def exports(session: AsyncSession, *, limit: int = 20) -> list[Event]:
    """Who took data out in files, newest first."""
    return list(await session.scalars(select(Event).where(Event.name == "export.made").order_by(Event.at.desc()).limit(limit)))


def as_text(found: list[AuditDay], city: str) -> str:
    """The roots as a text to print and to file: one day per line. Who keeps it can prove later that nothing was changed."""
    lines = [f"{city} 事件记录日根 (SHA-256)", "日期        封条          事件数      日根"]
    for day in found:
        lines.append(f"{day.day.isoformat()}  {day.first_seal}-{day.last_seal:<10} {day.event_count:<10}  {day.root}")
    lines.append("核对: hotline audit verify")
    return "\n".join(lines) + "\n"
