"""Monitoring rules (D11): what in the handling of a ticket looks wrong. Finds, writes down, punishes nobody.

Runs on events as they come (`heed`, called by `ticketing.ticket.steps.tell`) and every night over the last days
(`nightly.run`, also `hotline monitor run`). The same suspicion is written once (unique key), however often one looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, select
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import SYSTEM, Event, record
from ticketing.assignment.models import Assignment, AssignmentState, Reply
from ticketing.callback.models import CallbackTask
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.supervision import rules
from ticketing.supervision.likeness import bands, likeness, own_words, shingles
from ticketing.supervision.suspicions import Finding, ReplyPrint, Rule
from ticketing.ticket.models import Ticket

_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
_MOST_CANDIDATES = 60
"""Replies that are read in full for a comparison; their fingerprints say already that they are probably alike."""


async def inspect_reply(core: Core, session: AsyncSession, ticket: Ticket, assignment: Assignment, reply: Reply) -> int:
    """Look at a signed-off reply; returns how many new suspicions there are."""
    law = rules.load().monitoring
    key = f"reply:{reply.id}"
    own = own_words(reply.measures, f"{ticket.title}{ticket.content}", law.short_reply.quotation)
    found = 0
    if len(own) < law.short_reply.least:
        found += await _add(core, session, Rule.SHORT_REPLY, key, ticket, assignment, {"characters": len(own), "of": len(reply.measures)})
    if phrases := [phrase for phrase in law.brush_off.phrases if phrase in reply.measures]:
        found += await _add(core, session, Rule.BRUSH_OFF, key, ticket, assignment, {"phrases": phrases})
    if _instant(assignment, reply, law.instant.minutes):
        seconds = int(((reply.signed_off_at or reply.written_at) - (assignment.signed_at or reply.written_at)).total_seconds())
        found += await _add(core, session, Rule.INSTANT, key, ticket, assignment, {"seconds": seconds})
    if assignment.contacted_at is not None and reply.round == 1 and assignment.contacted_at > reply.written_at:
        found += await _add(core, session, Rule.LATE_CONTACT, key, ticket, assignment, {"at": assignment.contacted_at.isoformat()})
    return found + await _same_text(core, session, ticket, assignment, reply)


def _instant(assignment: Assignment, reply: Reply, minutes: int) -> bool:
    """Signed for and answered in one breath: nobody can have looked at the matter in between."""
    if assignment.signed_at is None or reply.round != 1:
        return False
    return (reply.signed_off_at or reply.written_at) - assignment.signed_at < timedelta(minutes=minutes)


async def _same_text(core: Core, session: AsyncSession, ticket: Ticket, assignment: Assignment, reply: Reply) -> int:
    """The same text for several matters of one unit, found by fingerprints, confirmed by comparing."""
    law = rules.load().monitoring.same_text
    pieces = shingles(reply.measures)
    mine = bands(pieces, str(assignment.unit_id))
    values = {"reply_id": reply.id, "ticket_id": ticket.id, "bands": mine, "at": reply.signed_off_at or reply.written_at}
    await session.execute(insert(ReplyPrint).values(values).on_conflict_do_update(index_elements=["reply_id"], set_=values))
    since = values["at"] - timedelta(days=law.within_days)  # type: ignore[operator]
    alike = (
        select(Reply.measures, Ticket.number)
        .select_from(ReplyPrint)
        .join(Reply, Reply.id == ReplyPrint.reply_id)
        .join(Ticket, Ticket.id == ReplyPrint.ticket_id)
        .where(
            ReplyPrint.bands.overlap(array(mine, type_=BigInteger)),
            ReplyPrint.ticket_id != ticket.id,
            ReplyPrint.at >= since,
            ReplyPrint.at <= values["at"],
        )
        .order_by(ReplyPrint.at.desc())
        .limit(_MOST_CANDIDATES)
    )
    rows = await session.execute(alike)
    numbers = list(dict.fromkeys(row.number for row in rows if likeness(pieces, shingles(row.measures)) >= law.likeness))
    if len(numbers) + 1 < law.times:
        return 0
    return await _add(
        core, session, Rule.SAME_TEXT, f"reply:{reply.id}", ticket, assignment, {"tickets": numbers[:20], "times": len(numbers) + 1}
    )


async def inspect_closing(core: Core, session: AsyncSession, ticket: Ticket) -> int:
    """Look at a ticket that was closed after handling; returns how many new suspicions there are."""
    lead = await _lead(session, ticket.id)
    if lead is None:
        return 0
    found = 0
    task = await _last_callback(session, ticket.id)
    reachable = not ticket.anonymous and ticket.citizen_id is not None and ticket.contact_by != "none"
    key = f"ticket:{ticket.id}:{ticket.round}"
    if reachable and lead.contacted_at is None:
        found += await _add(core, session, Rule.NO_CONTACT, key, ticket, lead, {})
    if lead.contacted_at is not None and task is not None and task.contacted is False:
        found += await _add(core, session, Rule.CONTACT_DENIED, key, ticket, lead, {"noted": lead.contacted_at.isoformat()})
    if task is not None and await _without_call(session, ticket, task):
        data = {"satisfaction": task.satisfaction or "", "person": task.user_id}
        found += await _add(core, session, Rule.CALLBACK_WITHOUT_CALL, f"task:{task.id}", ticket, None, data, user_id=task.user_id)
    return found


async def _lead(session: AsyncSession, ticket_id: int) -> Assignment | None:
    statement = select(Assignment).where(Assignment.ticket_id == ticket_id, Assignment.lead, Assignment.state.not_in(_GONE))
    return (await session.scalars(statement.limit(1))).first()


async def _last_callback(session: AsyncSession, ticket_id: int) -> CallbackTask | None:
    statement = select(CallbackTask).where(CallbackTask.ticket_id == ticket_id, CallbackTask.state == "reached")
    return (await session.scalars(statement.order_by(CallbackTask.id.desc()).limit(1))).first()


async def _without_call(session: AsyncSession, ticket: Ticket, task: CallbackTask) -> bool:
    """A clerk noted an answer without ever having looked at the number or dialled it by click: whom did he call?"""
    if task.by != "clerk" or task.user_id is None:
        return False
    looked = select(Event.id).where(
        Event.subject == "ticket",
        Event.subject_id == str(ticket.id),
        Event.name.in_(("view.revealed", "contact.called")),  # looked at, or dialled by click
        Event.actor_id == task.user_id,
        Event.at >= task.created_at,
    )
    return (await session.scalar(looked.limit(1))) is None


async def inspect_extension(core: Core, session: AsyncSession, ticket: Ticket, assignment_id: int, asked_at: datetime) -> int:
    """Look at an extension that was asked for; returns how many new suspicions there are."""
    assignment = await session.get(Assignment, assignment_id)
    clock = select(Deadline).where(
        Deadline.assignment_id == assignment_id, Deadline.kind == ClockKind.HANDLE.value, Deadline.state == ClockState.RUNNING.value
    )
    deadline = (await session.scalars(clock)).first()
    if assignment is None or deadline is None:
        return 0
    left = deadline.due_at - asked_at
    if left > timedelta(minutes=rules.load().monitoring.last_minute.minutes):
        return 0
    data = {"seconds": int(left.total_seconds())}
    return await _add(core, session, Rule.LAST_MINUTE, f"deadline:{deadline.id}:{deadline.extensions}", ticket, assignment, data)


async def _add(
    core: Core,
    session: AsyncSession,
    rule: Rule,
    key: str,
    ticket: Ticket,
    assignment: Assignment | None,
    data: Mapping[str, Any],
    *,
    user_id: int | None = None,
) -> int:
    """Write a suspicion down unless it stands there already; 1 when it is new.

    Its event belongs to the finding and not to the ticket: the unit does not read on the ticket that it is looked at.
    """
    values = {
        "rule": rule.value,
        "key": key,
        "ticket_id": ticket.id,
        "unit_id": assignment.unit_id if assignment else None,
        "user_id": user_id if user_id is not None else (assignment.signed_by_id if assignment else None),
        "data": dict(data),
        "state": "open",
        "found_at": core.clock.now(),
    }
    statement = insert(Finding).values(values).on_conflict_do_nothing(index_elements=["rule", "key"]).returning(Finding.id)
    finding_id = await session.scalar(statement)
    if finding_id is None:
        return 0
    facts = {"rule": rule.value, "ticket": ticket.number, "unit": values["unit_id"]}
    await record(session, at=core.clock.now(), name="monitor.found", subject="finding", subject_id=finding_id, who=SYSTEM, data=facts)
    return 1


__all__ = ["inspect_closing", "inspect_extension", "inspect_reply"]
