"""Reading a citizen's own ticket for the tracking page. The ticket itself comes through `ticketing.ticket.access`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.progress import Facts, Step, number_of_now, steps
from hotline.events import Event
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.assignment.reply_files import released_files
from ticketing.callback.models import CallbackTask
from ticketing.callback.service import may_reopen
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.notice import templates
from ticketing.notice.service import notices_of, text_of
from ticketing.people.models import Unit
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, RequestState
from ticketing.ticket.dispatch import why_not_withdrawn
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import Kind, TicketState
from ticketing.words import word


@dataclass(frozen=True)
class ToldCitizen:
    """One notice as the tracking page shows it."""

    title: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Master:
    """The ticket that a merged one is handled under. It is somebody else's: its number and how far it is, never its words."""

    number: str
    state: str
    expected: datetime | None


@dataclass(frozen=True)
class Paused:
    """Why a ticket is suspended, and when it is looked at again."""

    reason: str
    review_on: date | None


@dataclass(frozen=True)
class Tracked:
    """Everything that the tracking page shows."""

    ticket: Ticket
    steps: tuple[Step, ...]
    now_step: int
    lead: str
    expected: datetime | None
    """When the answer is due, while one is owed."""
    late: bool
    extended: bool
    """Whether `expected` is later than it first was."""
    master: Master | None
    paused: Paused | None
    attachments: tuple[Attachment, ...]
    """What the citizen sent."""
    reply_files: tuple[Attachment, ...]
    """What the units mean for the citizen, of replies that passed their review."""
    missing: str
    """What the citizen was asked to add; empty when nothing is asked."""
    notices: tuple[ToldCitizen, ...]
    may_rate: bool
    may_urge: bool
    may_supplement: bool
    may_withdraw: bool
    may_reopen: bool
    may_object: bool


async def tracked(core: Core, session: AsyncSession, ticket: Ticket) -> Tracked:
    """The page's data for a ticket that its citizen may see."""
    state = TicketState(ticket.state)
    now = core.clock.now()
    events = tuple(await session.scalars(_public_events(ticket)))
    lead, co_units = await _units(session, ticket)
    names = {unit.id: unit.name for unit in await session.scalars(select(Unit))}
    found = steps(Facts(ticket, events, lead, co_units, names))
    expected, extended = await _expected(session, ticket)
    master = await session.get(Ticket, ticket.master_id) if state is TicketState.MERGED and ticket.master_id else None
    matter = TicketState(master.state) if master is not None else state
    attachments = await session.scalars(
        select(Attachment).where(Attachment.ticket_id == ticket.id, Attachment.from_citizen).order_by(Attachment.created_at)
    )
    asked = [str(event.data.get("missing", "")) for event in events if event.name == "ticket.info_requested"]
    return Tracked(
        ticket=ticket,
        steps=tuple(found),
        now_step=number_of_now(found),
        lead=lead,
        expected=expected,
        late=expected is not None and expected <= now,
        extended=extended,
        master=Master(master.number, master.state, (await _expected(session, master))[0]) if master is not None else None,
        paused=await _paused(session, ticket) if state is TicketState.SUSPENDED else None,
        attachments=tuple(attachments),
        reply_files=tuple(await released_files(session, ticket)),
        missing=asked[-1] if asked and state is TicketState.NEED_INFO else "",
        notices=await _notices(core, session, ticket),
        may_rate=await _may_rate(session, ticket),
        may_urge=matter in _URGENT_STATES,
        may_supplement=matter.is_open,
        may_withdraw=state.is_open and ticket.kind != Kind.REPORT.value and not why_not_withdrawn(ticket),
        may_reopen=state is TicketState.CLOSED and ticket.policy_key is not None and await may_reopen(core, session, ticket),
        may_object=state is TicketState.REJECTED and not ticket.extra.get("objected") and await _window_open(session, ticket, now),
    )


_URGENT_STATES = (
    TicketState.REGISTERED,
    TicketState.TO_DISPATCH,
    TicketState.IN_PROGRESS,
    TicketState.DISPUTED,
    TicketState.SUSPENDED,
    TicketState.REPLY_REVIEW,
)


async def _notices(core: Core, session: AsyncSession, ticket: Ticket) -> tuple[ToldCitizen, ...]:
    titles = {template.key: template.title for template in templates.load().templates}
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    return tuple(
        ToldCitizen(_(titles.get(notice.template, "")), read_here(text_of(core, notice, citizen)), notice.created_at)
        for notice in await notices_of(session, ticket)
    )


def read_here(words: str) -> str:
    """A notice as it reads on the tracking page, to which others only name the way; in the language it was written in."""
    english = re.sub(r"(?<=[A-Za-z:,.]) \{track\}", " this page", words)
    chinese = re.sub(r" ?\{track\} ?", "本页", english).replace("：本页", "：见本页")
    return templates.put_address(chinese, "")


async def _may_rate(session: AsyncSession, ticket: Ticket) -> bool:
    """Once per round: not while the second visit after 不满意 is under way."""
    if ticket.state == TicketState.ANSWERED.value:
        return True
    if ticket.state != TicketState.CALLBACK.value:
        return False
    waiting = select(CallbackTask.id).where(CallbackTask.ticket_id == ticket.id, CallbackTask.state == "open")
    return await session.scalar(waiting) is not None


def _public_events(ticket: Ticket) -> Select[Event]:
    return select(Event).where(Event.subject == "ticket", Event.subject_id == str(ticket.id), Event.public).order_by(Event.seq)


async def _units(session: AsyncSession, ticket: Ticket) -> tuple[str, tuple[str, ...]]:
    gone = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
    rows = await session.execute(
        select(Unit.name, Assignment.lead)
        .join(Assignment, Assignment.unit_id == Unit.id)
        .where(Assignment.ticket_id == ticket.id, Assignment.state.not_in(gone))
        .order_by(Assignment.id)
    )
    lead, others = "", []
    for name, leads in rows:
        if leads:
            lead = name
        else:
            others.append(name)
    return lead, tuple(others)


async def _expected(session: AsyncSession, ticket: Ticket) -> tuple[datetime | None, bool]:
    """When the answer is due, and whether that was put off with approval."""
    running = select(Deadline.due_at, Deadline.extensions).where(
        Deadline.ticket_id == ticket.id, Deadline.kind == ClockKind.HANDLE.value, Deadline.state == ClockState.RUNNING.value
    )
    found = (await session.execute(running.order_by(Deadline.due_at.desc()).limit(1))).first()
    return (found.due_at, found.extensions > 0) if found else (None, False)


async def _window_open(session: AsyncSession, ticket: Ticket, now: datetime) -> bool:
    window = select(Deadline.id).where(
        Deadline.ticket_id == ticket.id,
        Deadline.kind == ClockKind.OBJECTION.value,
        Deadline.state == ClockState.RUNNING.value,
        Deadline.due_at > now,
    )
    return await session.scalar(window.limit(1)) is not None


async def _paused(session: AsyncSession, ticket: Ticket) -> Paused | None:
    """The kind of reason, in words: how the unit explained it stands in the centre's record only."""
    wanted = select(Request).where(
        Request.ticket_id == ticket.id, Request.kind == RequestKind.SUSPENSION.value, Request.state == RequestState.APPROVED.value
    )
    request = (await session.scalars(wanted.order_by(Request.id.desc()).limit(1))).first()
    if request is None:
        return None
    return Paused(word("suspension_reason", request.reason_class), request.review_on)
