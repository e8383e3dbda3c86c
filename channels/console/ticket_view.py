"""Everything that the ticket page shows, loaded in a fixed number of statements. Access was checked before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.callback_view import Told, load_callback, load_notices
from channels.console.due import Due, describe
from channels.console.supervision_view import Supervision, load_supervision
from channels.console.timeline import Entry, story
from hotline.events import history
from ticketing.assignment.models import Assignment, AssignmentState, Reply
from ticketing.calendar.service import work_calendar
from ticketing.callback.models import CallbackAnswer, CallbackAttempt, CallbackTask, ReturnCall, SecondVisit
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import Person, person
from ticketing.context import Core
from ticketing.conversation.models import Call, Message
from ticketing.deadline.models import ClockState, Deadline
from ticketing.people.actor import Actor
from ticketing.people.models import Unit, User
from ticketing.people.permissions import Scope, may, scope_of
from ticketing.relation.investigation import INVESTIGATE_FROM, level
from ticketing.relation.merge import merged_into
from ticketing.relation.models import Investigation
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, RequestState
from ticketing.suggestion.catalogue import UnitRef
from ticketing.suggestion.service import CategoryGuess, Suggestion, suggest_for
from ticketing.suggestion.similar import Similar, similar_open
from ticketing.supervision.models import Card
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import sees_conversation, visible
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import TicketState

_BEFORE_DISPATCH = frozenset({TicketState.REGISTERED, TicketState.TO_DISPATCH, TicketState.NEED_INFO, TicketState.EMERGENCY_OUT})
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
"""Who may see what else the same person reported."""


@dataclass(frozen=True)
class Handling:
    """One unit's part."""

    assignment: Assignment
    unit: Unit
    reply: Reply | None
    """The latest reply of this unit."""
    author: str
    dues: list[Due]


@dataclass(frozen=True)
class Asked:
    """A request with the names of its unit and of who asked."""

    request: Request
    unit: str
    asked_by: str

    @property
    def pending(self) -> bool:
        """Whether somebody has to decide it."""
        return self.request.state == RequestState.PENDING.value


@dataclass
class TicketPage:
    """The view model of one ticket for one person."""

    ticket: Ticket
    category: Category | None
    proposal: Suggestion | None
    """Before it is dispatched: what the machine makes of it."""
    similar: list[Similar]
    """Open tickets that may be the same matter, before it is dispatched."""
    proposed: CategoryGuess | None
    """For a ticket without category: the one that its words speak for."""
    suggested_unit: UnitRef | None
    who: Person
    needs: str
    units: dict[int, str]
    handlings: list[Handling]
    clocks: list[Deadline]
    dues: list[Due]
    """Clocks of the ticket itself and of the person's own unit, newest of each kind."""
    pressing: Due | None
    pressing_clock: Deadline | None
    cards: list[Card]
    story: list[Entry]
    last_seq: int
    attachments: list[Attachment]
    calls: list[Call]
    said: list[Message]
    listen_needs_reason: bool
    task: CallbackTask | None
    attempts: list[CallbackAttempt]
    answers: list[CallbackAnswer]
    visit: SecondVisit | None
    """The latest second visit."""
    notices: list[Told]
    return_call: ReturnCall | None
    related: list[Ticket]
    created_by: str
    now: datetime
    mine: Handling | None = None
    """The part of the person's own unit."""
    requests: list[Asked] = field(default_factory=list)
    """Requests on this ticket, newest first; of a unit person only the own unit's."""
    investigation: Investigation | None = None
    """The supervisor's investigation that is not concluded yet."""
    master: Ticket | None = None
    """The ticket that this one was merged into."""
    merged: list[Ticket] = field(default_factory=list)
    supervision: Supervision | None = None
    """Promises, rectification, orders, urgings."""
    replies: list[Handling] = field(default_factory=list)
    """Replies of this round that wait for review or passed it."""

    def pending(self, kind: RequestKind | str) -> Asked | None:
        """The request of this kind that waits for a decision."""
        return next((item for item in self.requests if item.pending and item.request.kind == kind), None)

    def asked(self, kind: RequestKind) -> bool:
        """Whether the own unit has asked for this before."""
        return any(item.request.kind == kind for item in self.requests)


async def load_page(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> TicketPage:
    """Load the page of a ticket that came through `access_ticket`."""
    now = core.clock.now()
    calendar = await work_calendar(session)
    in_unit = bool(actor.role and actor.role.in_unit)
    clocks = list(await session.scalars(select(Deadline).where(Deadline.ticket_id == ticket.id).order_by(Deadline.id)))
    handlings = await _handlings(session, ticket, clocks, lambda clock: describe(clock, now, calendar))
    mine = next((item for item in reversed(handlings) if in_unit and item.assignment.unit_id == actor.unit_id and _is_open(item)), None)
    shown = [
        clock for clock in clocks if clock.assignment_id is None or not in_unit or (mine and clock.assignment_id == mine.assignment.id)
    ]
    running = sorted((clock for clock in shown if clock.state == ClockState.RUNNING.value), key=lambda clock: clock.due_at)
    events = await history(session, "ticket", ticket.id)
    units = {row.id: row.name for row in await session.execute(select(Unit.id, Unit.name))}
    category = await session.get(Category, ticket.category_code) if ticket.category_code else None
    waits = TicketState(ticket.state) in _BEFORE_DISPATCH and not in_unit
    proposal = await suggest_for(core, session, ticket) if waits else None
    first = next((guess.unit for guess in proposal.units if guess.unit.active), None) if proposal else None
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    task, attempts, answers, visit = await load_callback(session, ticket)
    calls, said = await _calls(core, session, actor, ticket)
    latest = {(clock.kind, clock.assignment_id): clock for clock in shown if clock.state != ClockState.CANCELLED.value}
    return TicketPage(
        ticket=ticket,
        category=category,
        proposal=proposal,
        similar=await similar_open(core, session, actor, ticket) if waits else [],
        proposed=proposal.category if proposal and category is None else None,
        suggested_unit=first,
        who=person(core, citizen),
        needs=citizen.needs if citizen else "",
        units=units,
        handlings=handlings,
        clocks=clocks,
        dues=[describe(clock, now, calendar) for clock in latest.values()],
        pressing=describe(running[0], now, calendar) if running else None,
        pressing_clock=running[0] if running else None,
        cards=list(await session.scalars(select(Card).where(Card.ticket_id == ticket.id).order_by(Card.at))),
        story=story([event for event in events if not (in_unit and event.name.startswith("view."))], units),
        last_seq=events[-1].seq if events else 0,
        attachments=list(
            await session.scalars(select(Attachment).where(Attachment.ticket_id == ticket.id).order_by(Attachment.created_at))
        ),
        calls=calls,
        said=said,
        listen_needs_reason=scope_of(actor, "recording.listen") is Scope.REASON,
        task=task,
        attempts=attempts,
        answers=answers,
        visit=visit,
        notices=await load_notices(core, session, ticket, citizen),
        return_call=await _return_call(session, actor, ticket),
        related=await _related(core, session, actor, ticket),
        created_by=await session.scalar(select(User.name).where(User.id == ticket.created_by_id)) or "" if ticket.created_by_id else "",
        now=now,
        mine=mine,
        supervision=await load_supervision(core, session, actor, ticket),
        requests=await _requests(session, actor, ticket, mine),
        investigation=await _investigation(session, ticket),
        master=await session.get(Ticket, ticket.master_id) if ticket.master_id else None,
        merged=await merged_into(session, ticket.id) if ticket.interest_count > 1 and not in_unit else [],
        replies=[item for item in handlings if item.reply and item.reply.round == ticket.round and item.assignment.state not in _GONE],
    )


def page_of_new(core: Core, ticket: Ticket, clock: Deadline, citizen: Citizen | None) -> TicketPage:
    """The page of a ticket that was registered in this transaction: nothing else can belong to it yet, so nothing is read.

    For what follows from the page (`next_step`), not for showing it: there is no proposal and no timeline.
    """
    return TicketPage(
        ticket=ticket, category=None, proposal=None, similar=[], proposed=None, suggested_unit=None, who=person(core, citizen),
        needs="", units={}, handlings=[], clocks=[clock], dues=[], pressing=None, pressing_clock=None, cards=[], story=[], last_seq=1,
        attachments=[], calls=[], said=[], listen_needs_reason=False, task=None, attempts=[], answers=[], visit=None, notices=[],
        return_call=None, related=[], created_by="", now=core.clock.now(),
    )  # fmt: skip


def _is_open(item: Handling) -> bool:
    return item.assignment.state not in _GONE


async def _investigation(session: AsyncSession, ticket: Ticket) -> Investigation | None:
    if level(ticket) < INVESTIGATE_FROM:
        return None
    statement = select(Investigation).where(Investigation.ticket_id == ticket.id, Investigation.concluded_at.is_(None))
    return (await session.scalars(statement)).first()


async def _requests(session: AsyncSession, actor: Actor, ticket: Ticket, mine: Handling | None) -> list[Asked]:
    statement = (
        select(Request, Unit.name, User.name.label("asked_by"))
        .outerjoin(Assignment, Assignment.id == Request.assignment_id)
        .outerjoin(Unit, Unit.id == Assignment.unit_id)
        .outerjoin(User, User.id == Request.asked_by_id)
        .where(Request.ticket_id == ticket.id)
        .order_by(Request.id.desc())
    )
    if actor.role and actor.role.in_unit:
        statement = statement.where(Request.assignment_id == (mine.assignment.id if mine else 0))
    return [Asked(row.Request, row.name or "", row.asked_by or "") for row in await session.execute(statement)]


async def _handlings(session: AsyncSession, ticket: Ticket, clocks: list[Deadline], words: Callable[[Deadline], Due]) -> list[Handling]:
    rows = await session.execute(
        select(Assignment, Unit)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(Assignment.ticket_id == ticket.id)
        .order_by(Assignment.lead.desc(), Assignment.id)
    )
    pairs = [(row.Assignment, row.Unit) for row in rows]
    statement = (
        select(Reply, User.name)
        .join(User, User.id == Reply.author_id)
        .where(Reply.assignment_id.in_([assignment.id for assignment, _unit in pairs]))
        .order_by(Reply.id)
    )
    replies = {row.Reply.assignment_id: (row.Reply, row.name) for row in await session.execute(statement)}
    found = []
    for assignment, unit in pairs:
        reply, author = replies.get(assignment.id, (None, ""))
        own = [words(clock) for clock in clocks if clock.assignment_id == assignment.id and clock.state != ClockState.CANCELLED.value]
        found.append(Handling(assignment, unit, reply, author, own))
    return found


async def _return_call(session: AsyncSession, actor: Actor, ticket: Ticket) -> ReturnCall | None:
    if not may(actor, "return_call.finish"):
        return None
    statement = select(ReturnCall).where(ReturnCall.ticket_id == ticket.id, ReturnCall.state == "open").order_by(ReturnCall.due_at)
    return (await session.scalars(statement)).first()


async def _calls(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> tuple[list[Call], list[Message]]:
    """Recordings and what was said, for roles that may listen, unless a ticket that they may not see came out of the same conversation."""
    if ticket.conversation_id is None or not may(actor, "recording.listen"):
        return [], []
    if not await sees_conversation(core, session, actor, ticket.conversation_id):
        return [], []
    calls = select(Call).where(Call.conversation_id == ticket.conversation_id).order_by(Call.started_at)
    said = select(Message).where(Message.conversation_id == ticket.conversation_id).order_by(Message.id).limit(500)
    return list(await session.scalars(calls)), list(await session.scalars(said))


async def _related(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> list[Ticket]:
    if not may(actor, "ticket.related"):
        return []
    same = [Ticket.id == ticket.repeat_of_id] if ticket.repeat_of_id else []
    if ticket.citizen_id:
        same.append(Ticket.citizen_id == ticket.citizen_id)
    if not same:
        return []
    condition = same[0] if len(same) == 1 else same[0] | same[1]
    statement = select(Ticket).where(condition, Ticket.id != ticket.id, visible(core, actor)).order_by(Ticket.id.desc()).limit(5)
    return list(await session.scalars(statement))
