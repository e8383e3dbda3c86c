"""What waits for a decision, above the lanes of the board: requests, and what else a supervisor has to judge; the load just now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.duty.models import DutyState
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.quality.access import visible_checks
from ticketing.quality.models import CheckState, QualityCheck
from ticketing.queue import figures
from ticketing.request.models import Request
from ticketing.request.states import RequestState, decided_by
from ticketing.supervision.findings import may_see
from ticketing.supervision.models import FormalSupervision, Rectification
from ticketing.supervision.suspicions import Finding
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

MOST = 6


@dataclass(frozen=True)
class Ask:
    """One request that waits for a decision of this person."""

    kind: str
    number: str
    title: str
    since: datetime


@dataclass(frozen=True)
class Heap:
    """So many things of one kind to decide, and where."""

    label: str
    href: str
    count: int


@dataclass(frozen=True)
class Load:
    """The telephones just now."""

    states: dict[str, int]
    """State of duty -> agents."""
    waiting: int
    oldest_s: int
    """How long the first has waited."""


async def requests(core: Core, session: AsyncSession, actor: Actor) -> list[Ask]:
    """The oldest requests that are this role's to decide."""
    kinds = [kind.value for kind in decided_by(actor.role)]
    if not kinds:
        return []
    statement = (
        select(Request.kind, Request.asked_at, Ticket.number, Ticket.title)
        .join(Ticket, Ticket.id == Request.ticket_id)
        .where(Request.state == RequestState.PENDING.value, Request.kind.in_(kinds), visible(core, actor))
        .order_by(Request.asked_at, Request.id)
        .limit(MOST)
    )
    return [Ask(row.kind, row.number, row.title, row.asked_at) for row in await session.execute(statement)]


async def heaps(core: Core, session: AsyncSession, actor: Actor) -> list[Heap]:
    """What else waits, counted; only what the person may decide and only what there is."""
    counted = []
    page = "/console/supervision?tab="
    if may(actor, "finding.decide"):
        open_ones = select(func.count()).select_from(Finding).join(Ticket, Ticket.id == Finding.ticket_id)
        counted.append((_("疑点"), f"{page}findings", open_ones.where(Finding.state == "open", may_see(core, actor))))
    for model, state, permission, label, tab in (
        (FormalSupervision, "answered", "supervision.open", _("督办单答复待审定"), "formal"),
        (Rectification, "done", "rectification.confirm", _("整改待确认"), "rectification"),
    ):
        if may(actor, permission):
            waiting = select(func.count()).select_from(model).join(Ticket, Ticket.id == model.ticket_id)
            counted.append((label, page + tab, waiting.where(model.state == state, visible(core, actor))))
    if may(actor, "quality.decide"):
        appealed = select(func.count()).select_from(QualityCheck).join(Call, Call.id == QualityCheck.call_id)
        wanted = (QualityCheck.state == CheckState.APPEALED.value, visible_checks(core, actor), QualityCheck.scored_by_id != actor.account)
        counted.append((_("质检申诉"), "/console/quality?tab=appealed", appealed.where(*wanted)))
    found = [Heap(label, href, await session.scalar(statement) or 0) for label, href, statement in counted]
    return [heap for heap in found if heap.count]


async def load(core: Core, session: AsyncSession, actor: Actor) -> Load | None:
    """Agents by state and who waits; None for who may not see the queue."""
    if not may(actor, "queue.see"):
        return None
    states = Counter(seat.duty.state for seat in await figures.seats(core, session) if seat.duty)
    waiting, now = await figures.waiting(session, actor), core.clock.now()
    oldest = max((int((now - row.entered_at).total_seconds()) for row, _call in waiting), default=0)
    return Load({state.value: states[state.value] for state in DutyState if state is not DutyState.OFF}, len(waiting), oldest)
