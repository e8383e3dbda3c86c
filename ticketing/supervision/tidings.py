"""What the staff hear of a ticket's way besides its clocks: new work, what came back, disputes, what became of their requests.

Called through `ticketing.supervision.heed`. Whoever took the step is not told of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, User
from ticketing.request.models import Request
from ticketing.supervision.notices import NoticeKind, tell_people
from ticketing.supervision.wishes import wishes_of
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import GONE


async def new_work(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    """The unit got a part: told to those of its people who want to hear of it at once. One statement when nobody does."""
    wishes = await wishes_of(session, *_of_units([int(data["unit"])], ticket.line))
    wanting = [user for user, wish in wishes.items() if wish.is_kept(NoticeKind.NEW_WORK.value)]
    if wanting:
        await _tell(core, session, actor, wanting, NoticeKind.NEW_WORK, ticket)


async def came_back(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    """To be done again: who signed and still works there, else the unit's clerks; the chief too, unless it was his own word."""
    parts = select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.state.not_in(GONE))
    if data.get("assignment"):
        parts = parts.where(Assignment.id == int(data["assignment"]))
    found = list(await session.scalars(parts))
    there = set(await _people(session, [part.unit_id for part in found], ticket.line))
    signed = [part.signed_by_id for part in found if part.signed_by_id in there]
    left = [part.unit_id for part in found if part.signed_by_id not in there]
    clerks = await _people(session, left, ticket.line, Role.CLERK)
    chiefs = await _people(session, [part.unit_id for part in found], ticket.line, Role.CHIEF)
    of_line = or_(User.line.is_(None), User.line == ticket.line)
    # a unit that was dissolved after its answer has nobody: a dispatcher brings it to another one
    desk = [] if there else list(await session.scalars(select(User.id).where(User.active, User.role == Role.DISPATCHER.value, of_line)))
    await _tell(core, session, actor, [*signed, *clerks, *chiefs, *desk], NoticeKind.RETURNED, ticket)


async def disputed(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    """A dispute waits for who rules it: the supervisors, or the leader to whom it was brought."""
    role = Role.LEADER if data.get("by_leader") else Role.SUPERVISOR
    line = or_(User.line.is_(None), User.line == ticket.line)
    people = await session.scalars(select(User.id).where(User.active, User.role == role.value, line))
    await _tell(core, session, actor, list(people), NoticeKind.DISPUTED, ticket)


async def ruled(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    """The ruling, to the people of the units that it names."""
    people = await _people(session, [int(data["lead"]), *map(int, data.get("co_units", ()))], ticket.line)
    await _tell(core, session, actor, people, NoticeKind.DISPUTED, ticket, ruled=True)


async def decided(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    """What became of a request, to whoever asked."""
    request = await session.get(Request, int(data["request"]))
    if request is not None and request.asked_by_id is not None:
        told = {"request": request.kind, "approved": request.state == "approved"}
        await _tell(core, session, actor, [request.asked_by_id], NoticeKind.DECIDED, ticket, **told)


async def _people(session: AsyncSession, unit_ids: list[int], line: str, *roles: Role) -> list[int]:
    if not unit_ids:
        return []
    return list(await session.scalars(select(User.id).where(*_of_units(unit_ids, line, *roles)).order_by(User.id)))


def _of_units(unit_ids: list[int], line: str, *roles: Role) -> tuple[Any, ...]:
    """The people who work on this line's tickets in these units."""
    wanted = [role.value for role in roles or (Role.CLERK, Role.CHIEF)]
    return User.active, User.unit_id.in_(unit_ids), User.role.in_(wanted), or_(User.line.is_(None), User.line == line)


async def _tell(core: Core, session: AsyncSession, actor: Actor, people: list[int], kind: NoticeKind, ticket: Ticket, **data: Any) -> None:
    others = [user for user in people if user != actor.user_id]
    await tell_people(core, session, others, kind, ticket, **data)


__all__ = ["came_back", "decided", "disputed", "new_work", "ruled"]
