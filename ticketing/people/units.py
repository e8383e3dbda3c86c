"""The unit tree: level 1 the centre, 2 departments, utilities and districts, 3 streets and towns. A unit sees its own and what is below."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Unit, User
from ticketing.people.permissions import Scope, ensure, scope_of
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState

MAX_NAME = 40


@lru_cache(maxsize=1000)
def below(unit_id: int) -> Select[int]:
    """A statement for the ids of a unit and of everything below it; ends, since levels only rise on the way up.

    The same object for the same unit: a statement that asks twice has the tree once.
    """
    tree = select(Unit.id).where(Unit.id == unit_id).cte("unit_tree", recursive=True)
    tree = tree.union_all(select(Unit.id).join(tree, Unit.parent_id == tree.c.id))
    return select(tree.c.id)


async def units_below(session: AsyncSession, unit_id: int) -> list[int]:
    """The ids of a unit and of everything below it, the unit itself first."""
    found = set(await session.scalars(below(unit_id)))
    return [unit_id, *sorted(found - {unit_id})] if unit_id in found else []


async def may_dispatch_to(session: AsyncSession, actor: Actor, unit: Unit) -> bool:
    """Whether the actor may hand a ticket to this unit: dispatchers to every active one, units to those below (4b: O to level 3)."""
    if not unit.active:
        return False
    if scope_of(actor, "ticket.dispatch") is Scope.ALL:
        return True
    if scope_of(actor, "unit.subdispatch") is not Scope.TREE or actor.unit_id is None or unit.id == actor.unit_id:
        return False
    return unit.id in await units_below(session, actor.unit_id)


async def add_unit(core: Core, session: AsyncSession, actor: Actor, *, code: str, name: str, level: int, parent_id: int | None) -> Unit:
    """A new unit. Raises NotAllowed; InvalidInput for a level or parent that does not fit; Conflict when code or name is taken."""
    ensure(actor, "units.manage")
    unit = Unit(code=_code(code), name=_name(name), level=level, parent_id=parent_id, active=True)
    if level not in (1, 2, 3):
        raise InvalidInput(_("请选择单位的级别"), field="level")
    parent = await session.get(Unit, parent_id) if parent_id else None
    if (parent_id is not None and parent is None) or (parent is not None and parent.level >= level) or (level == 3 and parent is None):
        raise InvalidInput(_("上级单位的级别要比本单位高；三级单位要有上级"), field="parent")
    session.add(unit)
    await _flush(session, _("这个单位代码或名称已经有了"))
    await _event(core, session, actor, unit, "unit.added", {"name": unit.name, "level": level, "parent": parent_id})
    return unit


async def rename_unit(core: Core, session: AsyncSession, actor: Actor, unit_id: int, name: str) -> None:
    """Another name; the old one stays in the event. Raises NotAllowed, NotFound, InvalidInput, Conflict."""
    ensure(actor, "units.manage")
    unit = await _locked(session, unit_id)
    before, unit.name = unit.name, _name(name)
    await _flush(session, _("这个单位代码或名称已经有了"))
    await _event(core, session, actor, unit, "unit.renamed", {"before": before, "after": unit.name})


async def set_active(core: Core, session: AsyncSession, actor: Actor, unit_id: int, *, active: bool) -> None:
    """Switch a unit off or on. One that still has open work, people or units below cannot be switched off (InvalidInput)."""
    ensure(actor, "units.manage")
    unit = await _locked(session, unit_id)
    if unit.active == active:
        return
    if not active:
        await _refuse_if_needed(session, unit)
    unit.active = active
    await _event(core, session, actor, unit, "unit.switched_on" if active else "unit.switched_off", {})


async def _refuse_if_needed(session: AsyncSession, unit: Unit) -> None:
    open_states = [AssignmentState.REPLIED.value, *(state.value for state in AssignmentState if state.is_open)]
    waits = select(Ticket.id).where(Ticket.id == Assignment.ticket_id, Ticket.state == TicketState.CALLBACK.value)
    # what it has answered may come back from the review, or from a citizen who is not satisfied
    owed = Assignment.state.in_(open_states) | ((Assignment.state == AssignmentState.ACCEPTED.value) & waits.exists())
    work = await session.scalar(select(func.count()).select_from(Assignment).where(Assignment.unit_id == unit.id, owed))
    if work:
        raise InvalidInput(_("这个单位还有{n}件工单没有办完，请先改派或办结"), field="active", n=work)
    if await session.scalar(select(func.count()).select_from(Unit).where(Unit.parent_id == unit.id, Unit.active)):
        raise InvalidInput(_("请先停用它的下级单位"), field="active")
    if people := await session.scalar(select(func.count()).select_from(User).where(User.unit_id == unit.id, User.active)):
        raise InvalidInput(_("这个单位还有{n}个启用的账号，请先停用或调走"), field="active", n=people)


def _code(code: str) -> str:
    code = code.strip().lower()
    if not code or len(code) > 40 or not all(part.isascii() and part.isalnum() for part in code.split("-")):
        raise InvalidInput(_("代码用小写字母、数字和连字符，例如 city-parks"), field="code")
    return code


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 2 <= len(name) <= MAX_NAME:
        raise InvalidInput(_("名称2到{n}个字"), field="name", n=MAX_NAME)
    return name


async def _locked(session: AsyncSession, unit_id: int) -> Unit:
    unit = (await session.scalars(select(Unit).where(Unit.id == unit_id).with_for_update())).first()
    if unit is None:
        raise NotFound(_("没有找到这个单位"))
    return unit


async def _flush(session: AsyncSession, taken: str) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(taken) from error


async def _event(core: Core, session: AsyncSession, actor: Actor, unit: Unit, name: str, data: dict[str, object]) -> None:
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="unit", subject_id=unit.id, who=actor.who, data=data)
