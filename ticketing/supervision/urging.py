"""催办: the citizen or the centre asks a unit to hurry. Limited, told to whoever has to act, counted on the ticket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import InvalidInput, NotAllowed
from hotline.events import ActorKind
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.people.permissions import may
from ticketing.supervision import rules
from ticketing.supervision.models import Urging
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import tell

PAGE = 50
_OWING = [state.value for state in AssignmentState if state.is_open]


async def urge(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, text: str = "") -> Urging:
    """Ask to hurry on an open ticket; the ticket must be locked.

    A citizen may do so once in 24 hours per ticket (by whatever channel: pages, WeChat and telephone call this), a person of
    the staff once an hour. Raises InvalidInput when it is closed or too soon, NotAllowed for other roles.
    """
    by = _by(actor)
    if not TicketState(ticket.state).is_open:
        raise InvalidInput(_("这件事已经办结，不需要再催"), field="urge" if by == "citizen" else "note")
    await _check_pause(core, session, actor, ticket)
    urging = Urging(ticket_id=ticket.id, by=by, user_id=actor.user_id, note=text.strip()[:500], at=core.clock.now())
    session.add(urging)
    await session.flush()
    times = await count(session, ticket.id)
    await tell(core, session, actor, ticket, "supervise.urged", {"note": urging.note, "by": by, "times": times}, public=True)
    await tell_people(core, session, await _who_has_to_act(session, ticket), NoticeKind.URGED, ticket, by=by, times=times)
    return urging


def _by(actor: Actor) -> str:
    if actor.kind is ActorKind.CITIZEN:
        return "citizen"
    if actor.role is None or not may(actor, "ticket.urge"):
        raise NotAllowed(_("你的岗位不能催办"))
    return actor.role.value


async def may_urge_again(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> bool:
    """Whether this person's last urging of the ticket lies far enough back."""
    again = await _again_at(session, actor, ticket)
    return again is None or core.clock.now() >= again


async def _again_at(session: AsyncSession, actor: Actor, ticket: Ticket) -> datetime | None:
    """From when on this person may urge again; None when he has not done so yet."""
    law = rules.load().urging
    same = (Urging.ticket_id == ticket.id, Urging.user_id == actor.user_id if actor.user_id is not None else Urging.by == "citizen")
    last = await session.scalar(select(func.max(Urging.at)).where(*same))
    if last is None:
        return None
    again: datetime = last + (timedelta(minutes=law.staff_minutes) if actor.user_id is not None else timedelta(hours=law.citizen_hours))
    return again


async def _check_pause(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    again = await _again_at(session, actor, ticket)
    if again is None or core.clock.now() >= again:
        return
    when = to_city(again).strftime("%-m月%-d日%H:%M")
    if actor.user_id is None:
        raise InvalidInput(_("今天已经替您催过了，单位已经收到。{when}以后可以再催一次").format(when=when), field="urge")
    raise InvalidInput(_("你刚刚催过这张工单，{when}以后可以再催").format(when=when), field="note")


async def _who_has_to_act(session: AsyncSession, ticket: Ticket) -> list[int]:
    """The people of the units that still owe something; before dispatch and after the reply the desk of the centre."""
    directory = await Directory.load(session)
    units = list(await session.scalars(select(Assignment.unit_id).where(Assignment.ticket_id == ticket.id, Assignment.state.in_(_OWING))))
    if units:
        return [user for unit in units for user in directory.of_unit(unit, ticket.line)]
    desk = Role.CALLBACK if ticket.state == TicketState.CALLBACK.value else Role.DISPATCHER
    return directory.of_role(ticket.line, desk)


async def count(session: AsyncSession, ticket_id: int) -> int:
    """How often a ticket was urged. A query, not a column: an urging must not give the person at the form a version conflict."""
    return await session.scalar(select(func.count()).where(Urging.ticket_id == ticket_id)) or 0


@dataclass(frozen=True)
class UrgingLine:
    """One line of the list."""

    urging: Urging
    number: str
    title: str
    state: str
    times: int


async def list_urgings(
    core: Core, session: AsyncSession, actor: Actor, *, before: int | None = None, limit: int = PAGE
) -> list[UrgingLine]:
    """Urgings on tickets that the actor may see, newest first, with how often that ticket was urged by now."""
    times = select(func.count()).where(Urging.ticket_id == Ticket.id).correlate(Ticket).scalar_subquery()
    statement = (
        select(Urging, Ticket.number, Ticket.title, Ticket.state, times.label("times"))
        .join(Ticket, Ticket.id == Urging.ticket_id)
        .where(visible(core, actor))
    )
    if before is not None:
        statement = statement.where(Urging.id < before)
    rows = await session.execute(statement.order_by(Urging.id.desc()).limit(limit))
    return [UrgingLine(row.Urging, row.number, row.title, row.state, row.times) for row in rows]
