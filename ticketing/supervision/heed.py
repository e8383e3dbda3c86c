"""What supervision does when something happens to a ticket. Called for each event by `ticketing.ticket.steps.tell`.

Monitoring, and telling the staff, never prevent work: they run in a savepoint, a failure is logged, and the nightly run looks
again. The hand-over of a false reply (D06) is no monitoring but a consequence: when it fails, the step fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import logs
from ticketing.assignment.models import Assignment, Reply
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.supervision import tidings
from ticketing.supervision.monitoring import inspect_closing, inspect_extension, inspect_reply
from ticketing.ticket.models import Ticket

_log = logs.get(__name__)
_ASKED = ("return", "extension", "suspension", "refusal")
"""Requests that one person asks and another decides; a dispute ends with a ruling."""
Heeder = Callable[[Core, AsyncSession, Actor, Ticket, Mapping[str, Any]], Awaitable[object]]


async def _replied(core: Core, session: AsyncSession, _actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    assignment = await session.get(Assignment, int(data["assignment"]))
    signed = select(Reply).where(Reply.assignment_id == int(data["assignment"]), Reply.signed_off_at.is_not(None))
    reply = (await session.scalars(signed.order_by(Reply.id.desc()).limit(1))).first()
    if assignment is not None and reply is not None:
        await inspect_reply(core, session, ticket, assignment, reply)


async def _closed(core: Core, session: AsyncSession, _actor: Actor, ticket: Ticket, _data: Mapping[str, Any]) -> None:
    await inspect_closing(core, session, ticket)


async def _extension(core: Core, session: AsyncSession, _actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    if data.get("assignment"):
        await inspect_extension(core, session, ticket, int(data["assignment"]), core.clock.now())


async def _danger(core: Core, session: AsyncSession, _actor: Actor, ticket: Ticket, _data: Mapping[str, Any]) -> None:
    from ticketing.supervision.emergencies import alert  # it writes events too

    await alert(core, session, ticket)


async def _danger_heard(core: Core, session: AsyncSession, _actor: Actor, ticket: Ticket, _data: Mapping[str, Any]) -> None:
    from ticketing.supervision.emergencies import alert, alert_again  # they write events too

    if not await alert(core, session, ticket):
        await alert_again(core, session, ticket)


async def _said(core: Core, session: AsyncSession, _actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    from ticketing.ticket.danger import hear  # it writes an event, and so calls us

    await hear(core, session, ticket, "。".join(str(data[name]) for name in ("text", "reason", "note") if data.get(name)))


async def _reopened(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    await tidings.came_back(core, session, actor, ticket, data)
    await _said(core, session, actor, ticket, data)


async def _investigated(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: Mapping[str, Any]) -> None:
    from ticketing.supervision.false_reply import after_investigation  # it writes events, and so calls us

    if data.get("false_reply"):
        await after_investigation(core, session, actor, ticket, str(data.get("findings", "")))


_WORDS_OF_CITIZENS = (
    "ticket.supplemented", "ticket.info_received", "supervise.urged", "callback.done", "ticket.evaluated", "ticket.objected",
)  # fmt: skip
"""Events with what a citizen wrote or said after the registration; a reopening has a heeder of its own (decision 0256).

What a unit writes is not listened to: it stands at the place, and its replies speak of the danger that was (decision 0260).
"""

HEEDERS: dict[str, Heeder] = {
    "assignment.replied": _replied,
    "ticket.closed": _closed,
    "ticket.closed_disputed": _closed,
    "extension.requested": _extension,
    "ticket.edited": _danger,
    "ticket.submitted": _danger,
    "danger.heard": _danger_heard,
    **dict.fromkeys(_WORDS_OF_CITIZENS, _said),
    "ticket.investigated": _investigated,
    "assignment.created": tidings.new_work,
    "assignment.reassigned": tidings.new_work,
    "reply.sent_back": tidings.came_back,
    "reply.draft_refused": tidings.came_back,
    "ticket.redo": tidings.came_back,
    "ticket.reopened": _reopened,
    "dispute.opened": tidings.disputed,
    "dispute.ruled": tidings.ruled,
    **dict.fromkeys((f"{kind}.{end}" for kind in _ASKED for end in ("approved", "refused")), tidings.decided),
}
"""By the name of the event."""


async def heed(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, name: str, data: Mapping[str, Any]) -> None:
    """Look at what just happened, if it is of interest."""
    heeder = HEEDERS.get(name)
    if heeder is None:
        return
    if heeder is _investigated:
        await heeder(core, session, actor, ticket, data)
        return
    try:
        async with session.begin_nested():
            await heeder(core, session, actor, ticket, data)
    except Exception:  # noqa: BLE001 - a broken rule must not keep a unit from answering; it is logged and done again at night
        _log.exception("monitoring.failed", happening=name, ticket=ticket.id)
