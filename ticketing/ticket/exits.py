"""Ways out beside dispatch: the emergency line, no contact, invalid."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import running, start_dispatch_clock, start_window, stop_clocks
from ticketing.people.actor import Actor
from ticketing.relation.links import refuse_while_followed
from ticketing.ticket.dispatch import MAX_INFO_REQUESTS, end_open_work
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import take_step
from ticketing.words import choices, table

EMERGENCY_LINES = tuple(table("emergency_line"))
"""Whom an emergency is handed to (`ticketing.words`): 110, 119, 120, 122 and the repair services."""


async def transfer_emergency(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, target: str, note: str) -> None:
    """T3: handed to 110, 119, 120, 122 or a repair service at once; somebody checks afterwards."""
    if target not in EMERGENCY_LINES:
        raise InvalidInput(_("请选择转往哪里"), field="target")
    await take_step(core, session, actor, ticket, "transfer_emergency", data={"target": target, "note": note.strip()[:500]})
    await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH)
    await start_window(core, session, ticket, ClockKind.FOLLOW_UP)


async def follow_emergency(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    *,
    taken_over: bool,
    receiver: str,
    at: datetime | None = None,
    note: str,
) -> None:
    """T31: taken over (closed), or an administrative part remains (to dispatch); who took it at the emergency line, and when.

    `receiver`: name or number of the operator there; `at`: when the hand-over was taken, by default now. Raises InvalidInput.
    """
    now = core.clock.now()
    errors: dict[str, str] = {}
    if not 2 <= len(receiver.strip()) <= 50:
        errors["receiver"] = _("请写明接处单位接收人的姓名或工号")
    if at is not None and not ticket.received_at <= at <= now:
        errors["at"] = _("接收时间应在登记以后、现在以前")
    if len(note.strip()) < 5:
        errors["note"] = _("请写明处置情况，或还要办的事")
    if errors:
        raise InvalidInput(errors=errors)
    data = {"note": note.strip()[:500], "receiver": receiver.strip(), "taken_at": (at or now).isoformat()}
    if taken_over:
        await take_step(core, session, actor, ticket, "emergency_taken_over", data=data, no_callback_reason="taken_over")
        await stop_clocks(core, session, ticket.id, ClockKind.FOLLOW_UP)
        return
    await take_step(core, session, actor, ticket, "emergency_remains", data=data)
    await stop_clocks(core, session, ticket.id, ClockKind.FOLLOW_UP)
    await start_dispatch_clock(core, session, ticket)


async def close_no_contact(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, note: str) -> None:
    """T33: what is missing was never sent, and the matter cannot go on without it. Counted as 无法联系."""
    if len(note.strip()) < 5:
        raise InvalidInput(_("请写明何时用什么方式联系过"), field="note")
    if ticket.info_requests < MAX_INFO_REQUESTS or await _supplement_runs(session, ticket):
        raise IllegalStep(_("两次通知、五个工作日都没有回音，才能按无法联系办结"))
    refuse_while_followed(ticket)
    await take_step(core, session, actor, ticket, "close_no_contact", data={"note": note.strip()[:500]}, no_callback_reason="no_contact")
    await stop_clocks(core, session, ticket.id, cancelled=True)


async def _supplement_runs(session: AsyncSession, ticket: Ticket) -> bool:
    return any(clock.kind == ClockKind.SUPPLEMENT.value for clock in await running(session, ticket.id))


async def invalidate(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, code: str, reason: str = "") -> None:
    """T27: a test, a nuisance or empty (`code`: a key of `ticketing.words` table invalid_reason). Only a supervisor; open assignments end.

    Raises InvalidInput for any other reason: whatever else is wrong with an appeal is refused with the legal way (T4).
    """
    if code not in choices("invalid_reason"):
        raise InvalidInput(_("请选择为什么无效；不属于受理范围的按不予受理办理"), field="code")
    refuse_while_followed(ticket)
    await take_step(core, session, actor, ticket, "invalidate", data={"code": code, "reason": reason.strip()[:500]})
    await end_open_work(core, session, ticket)
