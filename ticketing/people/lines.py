"""Lines: the numbers that citizens dial (12345, 12319 …) and their aliases (A01). People bound to a line see only its tickets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.people.actor import Actor
from ticketing.people.models import Line, LineAlias
from ticketing.people.permissions import ensure

MAX_GREETING = 60
MAX_ALIASES = 20
_NUMBER = re.compile(r"[0-9]{3,8}")
_ALIAS = re.compile(r"[0-9]{3,12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


async def active_lines(session: AsyncSession) -> list[Line]:
    """The lines in use, by number."""
    return list(await session.scalars(select(Line).where(Line.active).order_by(Line.number)))


async def all_lines(session: AsyncSession) -> list[Line]:
    """Every line, also those that are off, by number."""
    return list(await session.scalars(select(Line).order_by(Line.number)))


async def is_off(session: AsyncSession, number: str) -> bool:
    """Whether the line with this number was switched off; one that was never entered is not."""
    return (await session.scalar(select(Line.number).where(Line.number == number, Line.active.is_(False)))) is not None


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


def calls_of(actor: Actor) -> ColumnElement[bool]:
    """Which calls the actor may see by the number that was dialled: people bound to a line only that line's, others all (A07)."""
    if actor.line is None:
        return true()
    return (Call.called == actor.line) | Call.called.in_(select(LineAlias.number).where(LineAlias.line == actor.line))


async def aliases(session: AsyncSession) -> dict[str, list[str]]:
    """The aliases of every line, by its number."""
    found: dict[str, list[str]] = {}
    for alias in await session.scalars(select(LineAlias).order_by(LineAlias.number)):
        found.setdefault(alias.line, []).append(alias.number)
    return found


async def save_line(
    core: Core, session: AsyncSession, actor: Actor, number: str, *, name: str, greeting: str, aliases: Sequence[str], new: bool
) -> Line:
    """Add a line (`new`) or change its name, greeting and aliases. Raises NotAllowed, NotFound, InvalidInput, Conflict."""
    ensure(actor, "lines.manage")
    name, greeting, others = _checked(number, name, greeting, aliases)
    line = await session.get(Line, number, with_for_update=True)
    if new and line is not None:
        raise Conflict(_("号码{number}已经有了").format(number=number))
    if not new and line is None:
        raise NotFound(_("没有找到这条线路"))
    is_line = await session.scalar(select(Line.number).where(Line.number.in_(others)).limit(1))
    is_alias = await session.scalar(select(LineAlias.number).where(LineAlias.number == number))
    if is_line or is_alias:
        raise Conflict(_("这个号码已经是另一条线路的号码或别名"))
    before = await _facts(session, line) if line else {}
    if line is None:
        line = Line(number=number, active=True)
        session.add(line)
    line.name, line.greeting = name, greeting
    try:
        await session.flush()
        await session.execute(delete(LineAlias).where(LineAlias.line == number))
        session.add_all(LineAlias(number=other, line=number) for other in others)
        await session.flush()
    except IntegrityError as error:
        raise Conflict(_("线路名称或别名已经被另一条线路使用")) from error
    await _event(core, session, actor, number, "line.added" if new else "line.changed", before, await _facts(session, line))
    return line


async def switch_line(core: Core, session: AsyncSession, actor: Actor, number: str, *, active: bool) -> None:
    """Switch a line off or on; calls to one that is off are answered as the city's own. Raises NotAllowed, NotFound, InvalidInput."""
    ensure(actor, "lines.manage")
    line = await session.get(Line, number, with_for_update=True) if _NUMBER.fullmatch(number) else None
    if line is None:
        raise NotFound(_("没有找到这条线路"))
    if number == core.line and not active:
        raise InvalidInput(_("本热线自己的号码不能停用"), field="active")
    if line.active != active:
        line.active = active
        await _event(core, session, actor, number, "line.switched_on" if active else "line.switched_off", {}, {})


def _checked(number: str, name: str, greeting: str, aliases: Sequence[str]) -> tuple[str, str, list[str]]:
    name, greeting = " ".join(_CONTROL.sub(" ", name).split()), " ".join(_CONTROL.sub(" ", greeting).split())
    others = [other for other in dict.fromkeys(part.strip() for part in aliases) if other and other != number]
    if not _NUMBER.fullmatch(number):
        raise InvalidInput(_("号码是3到8位数字"), field="number")
    if not 2 <= len(name) <= 30:
        raise InvalidInput(_("名称2到{n}个字"), field="name", n=30)
    if len(greeting) > MAX_GREETING:
        raise InvalidInput(_("问候语最多{n}个字"), field="greeting", n=MAX_GREETING)
    if len(others) > MAX_ALIASES or not all(_ALIAS.fullmatch(other) for other in others):
        raise InvalidInput(_("别名是3到12位数字，用逗号分开，最多{n}个"), field="aliases", n=MAX_ALIASES)
    return name, greeting, others


async def _facts(session: AsyncSession, line: Line) -> dict[str, object]:
    return {"name": line.name, "greeting": line.greeting, "aliases": sorted(await numbers_of(session, line.number) - {line.number})}


async def _event(
    core: Core, session: AsyncSession, actor: Actor, number: str, name: str, before: dict[str, object], after: dict[str, object]
) -> None:
    data = {"before": before, "after": after} if after else {}
    await record(session, at=core.clock.now(), name=name, subject="line", subject_id=number, who=actor.who, data=data)
