"""Correcting what was registered, before and at dispatch (4b: agent until dispatch, dispatcher and supervisor always)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import start_dispatch_clock, stop_clocks
from ticketing.people.actor import Actor
from ticketing.people.models import Role, User
from ticketing.people.permissions import Scope, may, roles_reaching
from ticketing.plain_text import plain
from ticketing.suggestion import similar
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, TicketState, Urgency
from ticketing.ticket.steps import tell

_DISPATCHING = (Role.DISPATCHER, Role.SUPERVISOR)
_WAITING = (TicketState.REGISTERED.value, TicketState.TO_DISPATCH.value)


async def revise(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    *,
    category_code: str,
    urgency: Urgency,
    title: str = "",
    confidentiality: Confidentiality | None = None,
    permission: str = "ticket.edit",
) -> bool:
    """Set category, urgency, title or level; True when something changed. What it was before stays in the event.

    A changed urgency starts the dispatch clock anew. `permission`: who dispatches says category and urgency too.
    Raises InvalidInput, NotAllowed or IllegalStep.
    """
    if not may(actor, permission):
        raise NotAllowed(_("你的岗位不能修改登记内容"))
    if ticket.state not in _WAITING:
        raise IllegalStep(_("工单已经派出，不能再修改登记内容"))
    category = await session.get(Category, category_code)
    if category is None:
        raise InvalidInput(_("请选择类别"), field="category_code")
    earlier = await session.get(Category, ticket.category_code) if ticket.category_code else None
    wanted = {"category_code": category_code, "urgency": urgency.value, "title": plain(title).strip()[:60] or ticket.title}
    if confidentiality is Confidentiality.SECRET and ticket.interest_count > 1:
        raise IllegalStep(_("这张工单并入了其他市民的诉求，先拆分才能改为保密件"))
    wanted["confidentiality"] = (confidentiality or Confidentiality(ticket.confidentiality)).value
    before = {name: getattr(ticket, name) for name, value in wanted.items() if getattr(ticket, name) != value}
    if not before:
        return False
    if "confidentiality" in before and confidentiality is Confidentiality.SECRET:
        await _keep_in_sight(session, actor, ticket)
    for name in before:
        setattr(ticket, name, wanted[name])
    ticket.updated_at = core.clock.now()
    await session.flush()
    if "category_code" in before:
        await similar.remember(session, ticket)
    if "urgency" in before:
        await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH, cancelled=True)
        await start_dispatch_clock(core, session, ticket)
    data: dict[str, Any] = {"before": before, "after": {name: wanted[name] for name in before}}
    if "category_code" in before:  # as the catalogue calls them today
        data["words"] = {"category_code": [earlier.name if earlier else "", category.name]}
    await tell(core, session, actor, ticket, "ticket.edited", data)
    return True


async def _keep_in_sight(session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    """A ticket that becomes secret stays with somebody who dispatches: who makes it secret, or who is named on it already.

    Else nobody would see it any more, and whoever wants an appeal gone could make it secret. Raises IllegalStep.
    """
    named = list(ticket.extra.get("named", []))
    if actor.has(*_DISPATCHING):
        ticket.extra = {**ticket.extra, "named": list(dict.fromkeys([*named, actor.account]))}
        return
    roles = [role.value for role in _DISPATCHING]
    if await session.scalar(select(User.id).where(User.id.in_(named), User.active, User.role.in_(roles)).limit(1)) is None:
        raise IllegalStep(_("保密件要有派单员或督办处理，请由派单员改为保密件"))


async def name_people(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, user_ids: list[int]) -> None:
    """Let more people see a secret ticket (4b: only named ones do). Nobody is taken off; each naming is an event.

    Raises IllegalStep when the ticket is not secret, InvalidInput when an account may not handle tickets.
    """
    if not may(actor, "ticket.name_people"):
        raise NotAllowed(_("你的岗位不能指定可见人员"))
    if ticket.confidentiality != Confidentiality.SECRET.value:
        raise IllegalStep(_("只有保密件需要指定可见人员"))
    allowed = [role.value for role in roles_reaching("ticket.see_secret", Scope.NAMED)]
    people = list(await session.scalars(select(User).where(User.id.in_(user_ids), User.active, User.role.in_(allowed))))
    if not people or len(people) != len(set(user_ids)):
        raise InvalidInput(_("请选择可以看这件工单的人"), field="user_ids")
    named = list(ticket.extra.get("named", []))
    ticket.extra = {**ticket.extra, "named": list(dict.fromkeys([*named, *sorted(user.id for user in people)]))}
    ticket.updated_at = core.clock.now()
    await session.flush()
    await tell(core, session, actor, ticket, "ticket.named", {"people": [f"{user.name} {user.staff_number}" for user in people]})


async def exclude_from_rates(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, excluded: bool, reason: str) -> None:
    """Leave a ticket out of 满意率 and 解决率, or count it again (4d): law enforcement, mediation, unreasonable demands.

    Only a supervisor who did not reply to it himself; the number of exclusions is published with the rate. Raises InvalidInput.
    """
    if not actor.has(Role.SUPERVISOR):
        raise NotAllowed(_("只有督办可以决定是否计入满意率和解决率"))
    if not TicketState(ticket.state).is_closed:
        raise IllegalStep(_("办结以后才能决定是否计入满意率和解决率"))
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明理由"), field="reason")
    if ticket.excluded_from_rates == excluded:
        raise IllegalStep(_("已经是这样"))
    ticket.excluded_from_rates, ticket.excluded_reason = excluded, reason.strip()[:500] if excluded else ""
    ticket.updated_at = core.clock.now()
    await session.flush()
    name = "ticket.excluded_from_rates" if excluded else "ticket.included_in_rates"
    await tell(core, session, actor, ticket, name, {"reason": reason.strip()[:500]})
