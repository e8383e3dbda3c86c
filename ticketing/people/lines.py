"""Lines: the numbers that citizens dial (12345, 12319 …) and their aliases (A01). People bound to a line see only its tickets."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.conversation.models import Call
from ticketing.people.models import Line, LineAlias


async def active_lines(session: AsyncSession) -> list[Line]:
    """The lines in use, by number."""
    return list(await session.scalars(select(Line).where(Line.active).order_by(Line.number)))


async def resolve_line(session: AsyncSession, called: str) -> Line | None:
    """The active line behind a dialled number or one of its aliases; None when there is none, so that the city's own answers."""
    digits = "".join(character for character in called if character.isdigit())
    statement = (
        select(Line)
        .outerjoin(LineAlias, LineAlias.line == Line.number)
        .where(Line.active, (Line.number == digits) | (LineAlias.number == digits))
        .limit(1)
    )
    return (await session.scalars(statement)).first()


async def numbers_of(session: AsyncSession, line: str) -> set[str]:
    """The line's own number and its aliases: what its callers may have dialled."""
    return {line, *await session.scalars(select(LineAlias.number).where(LineAlias.line == line))}


async def line_of_call(session: AsyncSession, conversation_id: UUID) -> str | None:
    """The line that the caller of this conversation dialled; None when there is no call, or the number is no line's."""
    called = await session.scalar(
        select(Call.called).where(Call.conversation_id == conversation_id).order_by(Call.started_at.desc()).limit(1)
    )
    line = await resolve_line(session, called) if called else None
    return line.number if line else None
