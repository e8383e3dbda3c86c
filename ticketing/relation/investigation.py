"""The third return: the supervisor owns the ticket and investigates (domain.md 4a, repeat chain; D06)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, User
from ticketing.relation.models import Investigation
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

EXPLAIN_FROM, INVESTIGATE_FROM = 2, 3
"""Levels of return from which the unit must explain, and from which the supervisor investigates."""
MIN_FINDINGS = 30


def level(ticket: Ticket) -> int:
    """How often the matter has come: 1 at first; each repeated ticket and each round after 不满意 or a reopening adds one."""
    return ticket.repeat_level + ticket.round - 1


async def open_investigation(session: AsyncSession, ticket: Ticket) -> Investigation | None:
    """The investigation that is not concluded yet, locked."""
    statement = select(Investigation).where(Investigation.ticket_id == ticket.id, Investigation.concluded_at.is_(None))
    return (await session.scalars(statement.with_for_update())).first()


async def begin_when_due(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> Investigation | None:
    """Open an investigation when the matter came the third time and none is open yet."""
    if level(ticket) < INVESTIGATE_FROM or await open_investigation(session, ticket) is not None:
        return None
    found = Investigation(ticket_id=ticket.id, level=level(ticket), opened_at=core.clock.now())
    session.add(found)
    await session.flush()
    await tell(core, session, actor, ticket, "ticket.investigation_opened", {"level": found.level})
    return found


async def take(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> Investigation:
    """A supervisor takes the investigation over and owns the ticket from now on.

    From a colleague only when that account is switched off or no supervisor's any more. Raises NotAllowed, IllegalStep.
    """
    if not actor.has(Role.SUPERVISOR):
        raise NotAllowed(_("只有督办可以接手调查"))
    found = await open_investigation(session, ticket)
    if found is None:
        raise IllegalStep(_("这张工单没有待调查的事项"))
    if found.supervisor_id != actor.user_id and await session.scalar(free(ticket.id)) is None:
        raise IllegalStep(_("已经有督办人员接手调查"))
    found.supervisor_id, ticket.investigator_id = actor.user_id, actor.user_id
    ticket.updated_at = core.clock.now()
    await tell(core, session, actor, ticket, "ticket.investigation_taken", {"level": found.level})
    return found


def free(ticket_id: int | ColumnElement[int]) -> Select[int]:
    """The ticket's open investigation if a supervisor may take it: it is nobody's, or of somebody who cannot end it any more."""
    of_line = or_(User.line.is_(None), User.line == Ticket.line)
    holder = select(User.id).where(User.id == Investigation.supervisor_id, User.active, User.role == Role.SUPERVISOR.value, of_line)
    return (
        select(Investigation.id)
        .join(Ticket, Ticket.id == Investigation.ticket_id)
        .where(Investigation.ticket_id == ticket_id, Investigation.concluded_at.is_(None), ~holder.exists())
    )


async def conclude(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, findings: str, false_reply: bool) -> Investigation:
    """Write down what was found. A false reply is handed over to the discipline organ by `ticketing.supervision`.

    Raises InvalidInput, NotAllowed, IllegalStep.
    """
    found = await open_investigation(session, ticket)
    if found is None:
        raise IllegalStep(_("这张工单没有待调查的事项"))
    if not actor.has(Role.SUPERVISOR) or found.supervisor_id != actor.user_id:
        raise NotAllowed(_("请先接手调查，由接手的督办写结论"))
    if len(findings.strip()) < MIN_FINDINGS:
        raise InvalidInput(_("请写明调查经过、事实和处理意见，至少{n}个字").format(n=MIN_FINDINGS), field="findings")
    found.findings, found.false_reply, found.concluded_at = findings.strip()[:5000], false_reply, core.clock.now()
    await session.flush()
    await tell(
        core, session, actor, ticket, "ticket.investigated", {"level": found.level, "false_reply": false_reply, "findings": found.findings}
    )
    return found
