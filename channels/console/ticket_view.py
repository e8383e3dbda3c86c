"""Everything that the ticket page shows: the rows of `ticket_rows`, made into what one person is shown. Access was checked before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.callback_view import Told, notices_told
from channels.console.chapters import Chapter, chapters
from channels.console.due import Due, describe
from channels.console.openings import Openings, load_openings
from channels.console.supervision_view import Supervision, supervision_of
from channels.console.ticket_rows import load_rows
from channels.console.timeline import Entry, story
from ticketing.assignment.models import Assignment, AssignmentState, Reply
from ticketing.assignment.reply_files import choosable
from ticketing.calendar.service import work_calendar
from ticketing.calendar.working_time import WorkCalendar
from ticketing.callback.models import CallbackAnswer, CallbackAttempt, CallbackTask, ReturnCall, SecondVisit
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import Person, person
from ticketing.context import Core
from ticketing.conversation.models import Call, Message
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.people.permissions import Scope, may, scope_of
from ticketing.relation.investigation import INVESTIGATE_FROM, level
from ticketing.relation.models import Investigation
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, RequestState
from ticketing.supervision.models import Card
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import TicketState
from ticketing.words import word

_BEFORE_DISPATCH = frozenset({TicketState.REGISTERED, TicketState.TO_DISPATCH, TicketState.NEED_INFO, TicketState.EMERGENCY_OUT})
_CHOOSING = _BEFORE_DISPATCH | {TicketState.DISPUTED}
"""Where units or categories are chosen."""
_CONSENTED = (RequestKind.EXTENSION.value, RequestKind.SUSPENSION.value)
"""What the unit's chief agrees with before the centre decides it."""
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


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

    @property
    def wants_consent(self) -> bool:
        """Whether the unit's chief has to agree before anybody decides it."""
        return self.pending and self.request.kind in _CONSENTED and self.request.consented_at is None

    @property
    def may_be_taken_back(self) -> bool:
        """Whether it can be taken back: a dispute ends with its ruling only."""
        return self.pending and self.request.kind != RequestKind.DISPUTE.value


@dataclass
class TicketPage:
    """The view model of one ticket for one person."""

    ticket: Ticket
    who: Person
    now: datetime
    clocks: list[Deadline]
    last_seq: int
    category: Category | None = None
    proposes: bool = False
    """Before it is dispatched: the page asks what the machine makes of it, after it is shown (`suggestion_panel`)."""
    needs: str = ""
    units: dict[int, str] = field(default_factory=dict)
    handlings: list[Handling] = field(default_factory=list)
    dues: list[Due] = field(default_factory=list)
    """Clocks of the ticket itself and of the person's own unit, newest of each kind."""
    pressing: Due | None = None
    pressing_clock: Deadline | None = None
    cards: list[Card] = field(default_factory=list)
    story: list[Entry] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    released: list[Attachment] = field(default_factory=list)
    """Those of them that the citizen sees with the answer."""
    calls: list[Call] = field(default_factory=list)
    said: list[Message] = field(default_factory=list)
    listen_needs_reason: bool = False
    task: CallbackTask | None = None
    attempts: list[CallbackAttempt] = field(default_factory=list)
    answers: list[CallbackAnswer] = field(default_factory=list)
    visit: SecondVisit | None = None
    """The latest second visit."""
    notices: list[Told] = field(default_factory=list)
    return_call: ReturnCall | None = None
    related: list[Ticket] = field(default_factory=list)
    """Who may see what else the same person reported."""
    created_by: str = ""
    mine: Handling | None = None
    """The part of the person's own unit."""
    datable: list[Handling] = field(default_factory=list)
    """Parts of units that help whose own date this person may set now (协办期限)."""
    requests: list[Asked] = field(default_factory=list)
    """Requests on this ticket, newest first; of a unit person only the own unit's."""
    investigation: Investigation | None = None
    """The supervisor's investigation that is not concluded yet."""
    investigation_free: bool = False
    """Whether a supervisor may take it over."""
    master: Ticket | None = None
    """The ticket that this one was merged into."""
    merged: list[Ticket] = field(default_factory=list)
    supervision: Supervision | None = None
    """Promises, rectification, orders, urgings."""
    openings: Openings = field(default_factory=Openings)
    """What the moment allows."""
    replies: list[Handling] = field(default_factory=list)
    """Replies of this round that wait for review or passed it."""
    unit_choices: list[Unit] = field(default_factory=list)
    """Units that can be chosen at dispatch, while it can be dispatched."""
    category_choices: list[Category] = field(default_factory=list)

    @property
    def chapters(self) -> list[Chapter]:
        """The story as the page tells it."""
        return chapters(self.story)

    @property
    def pictures(self) -> list[Attachment]:
        """What the gallery shows."""
        return [file for file in self.attachments if file.content_type.startswith("image/")]

    @property
    def reply_files(self) -> list[Attachment]:
        """What the own unit's reply of this round may take with it."""
        reply = self.mine.reply if self.mine and self.mine.reply and self.mine.reply.round == self.ticket.round else None
        return choosable(self.attachments, [reply.id] if reply else [])

    def files_of(self, reply: Reply) -> list[Attachment]:
        """The files that belong to a reply."""
        return [file for file in self.attachments if file.reply_id == reply.id]

    @property
    def answer_draft(self) -> dict[str, str]:
        """What the robot was told before a person was asked for: answers of a callback that is not recorded yet, by question."""
        return {answer.question: answer.value for answer in self.answers} if self.task is not None and self.task.state == "open" else {}

    def pending(self, kind: RequestKind | str) -> Asked | None:
        """The request of this kind that waits for a decision; of several units' the one that can be decided."""
        waiting = [item for item in self.requests if item.pending and item.request.kind == kind]
        return next((item for item in waiting if not item.wants_consent), waiting[0] if waiting else None)

    @property
    def own_requests(self) -> dict[str, str]:
        """What the unit may take back: the kind of each request, by its id."""
        return {str(item.request.id): word("request", item.request.kind) for item in self.requests if item.may_be_taken_back}

    def asked(self, kind: RequestKind) -> bool:
        """Whether the own unit has asked for this before."""
        return any(item.request.kind == kind for item in self.requests)


def waits_for_dispatch(ticket: Ticket, actor: Actor) -> bool:
    """Whether the centre still has to say whose it is: only then a suggestion is of use."""
    return TicketState(ticket.state) in _BEFORE_DISPATCH and not (actor.role and actor.role.in_unit)


async def load_page(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> TicketPage:
    """Load the page of a ticket that came through `access_ticket`."""
    in_unit = bool(actor.role and actor.role.in_unit)
    waits = waits_for_dispatch(ticket, actor)
    chooses = not in_unit and TicketState(ticket.state) in _CHOOSING
    rows = await load_rows(core, session, actor, ticket, forms=chooses)
    page = _page_of(core, actor, ticket, rows)
    _show_clocks(page, actor, rows, await work_calendar(session))
    _show_talks(page, actor, rows)
    page.proposes = waits
    part = page.mine.assignment if page.mine else None
    page.openings = await load_openings(core, session, actor, ticket, page.clocks, part, page.task)
    return page


def _page_of(core: Core, actor: Actor, ticket: Ticket, rows: dict[str, Any]) -> TicketPage:
    """What needs no calendar and does not depend on the conversation."""
    in_unit = bool(actor.role and actor.role.in_unit)
    units = dict(rows["units"])
    citizen = _first(rows["citizens"])
    events = [event for event in rows["events"] if not (in_unit and event.name.startswith("view."))]
    return TicketPage(
        ticket=ticket,
        category=_first(rows["categories"]),
        who=person(core, citizen),
        needs=citizen.needs if citizen else "",
        units=units,
        clocks=rows["clocks"],
        cards=rows["cards"],
        story=story(events, units),
        last_seq=rows["events"][-1].seq if rows["events"] else 0,
        attachments=rows["attachments"],
        released=_released(rows),
        task=_first(rows["tasks"]),
        attempts=rows["attempts"],
        answers=rows["answers"],
        visit=_first(rows["visits"]) if rows["tasks"] else None,
        notices=notices_told(core, rows["notices"], rows["deliveries"], citizen),
        return_call=_first(rows["return_calls"]) if may(actor, "return_call.finish") else None,
        related=rows["related"],
        created_by=_first(rows["makers"]) or "",
        now=core.clock.now(),
        supervision=supervision_of(rows, core.clock.now()),
        investigation=_first(rows["investigations"]) if level(ticket) >= INVESTIGATE_FROM else None,
        investigation_free=bool(rows["free_investigations"]),
        master=_first(rows["masters"]),
        merged=rows["merged"] if not in_unit else [],
        unit_choices=rows["unit_choices"],
        category_choices=rows["category_choices"],
    )


def _released(rows: dict[str, Any]) -> list[Attachment]:
    accepted = {reply.id for reply, _author in rows["replies"] if reply.accepted}
    return [file for file in rows["attachments"] if file.for_citizen and file.reply_id in accepted]


def _first(found: list[Any]) -> Any | None:
    return found[0] if found else None


def _show_clocks(page: TicketPage, actor: Actor, rows: dict[str, Any], calendar: WorkCalendar) -> None:
    """The parts of the units with their clocks, and of them what concerns the person."""
    in_unit = bool(actor.role and actor.role.in_unit)

    def words(clock: Deadline) -> Due:
        return describe(clock, page.now, calendar)

    page.handlings = _handlings(rows["parts"], rows["replies"], page.clocks, words)
    page.mine = mine = next(
        (item for item in reversed(page.handlings) if in_unit and item.assignment.unit_id == actor.unit_id and _is_open(item)), None
    )
    page.datable = _datable(page, actor if in_unit else None)
    shown = [
        clock for clock in page.clocks if clock.assignment_id is None or not in_unit or (mine and clock.assignment_id == mine.assignment.id)
    ]
    latest = {(clock.kind, clock.assignment_id): clock for clock in shown if clock.state != ClockState.CANCELLED.value}
    page.dues = [words(clock) for clock in latest.values()]
    running = [clock for clock in shown if clock.state == ClockState.RUNNING.value]
    page.pressing_clock = min(running, key=lambda clock: clock.due_at, default=None)
    page.pressing = words(page.pressing_clock) if page.pressing_clock else None
    number = mine.assignment.id if mine else 0
    page.requests = [
        Asked(request, unit or "", asked_by or "")
        for request, unit, asked_by in rows["requests"]
        if not in_unit or request.assignment_id == number
    ]
    round_ = page.ticket.round
    page.replies = [item for item in page.handlings if item.reply and item.reply.round == round_ and item.assignment.state not in _GONE]


def _show_talks(page: TicketPage, actor: Actor, rows: dict[str, Any]) -> None:
    """Recordings and what was said, for roles that may listen, unless a ticket that they may not see came out of the same conversation."""
    page.listen_needs_reason = scope_of(actor, "recording.listen") is Scope.REASON
    if not rows["withheld"]:
        page.calls, page.said = rows["calls"], rows["said"]


def page_of_new(core: Core, ticket: Ticket, clock: Deadline, citizen: Citizen | None) -> TicketPage:
    """The page of a ticket that was registered in this transaction: nothing else can belong to it yet, so nothing is read.

    For what follows from the page (`next_step`), not for showing it: there is no proposal and no timeline.
    """
    return TicketPage(ticket=ticket, who=person(core, citizen), now=core.clock.now(), clocks=[clock], last_seq=1)


def _datable(page: TicketPage, helped: Actor | None) -> list[Handling]:
    """Co-units whose handling clock runs and is not over; those that the unit of `helped` passed a part on to, when given."""
    own = {item.assignment.id for item in page.handlings if helped is not None and item.assignment.unit_id == helped.unit_id}
    running = {
        clock.assignment_id
        for clock in page.clocks
        if clock.kind == ClockKind.HANDLE.value and clock.state == ClockState.RUNNING.value and page.now < clock.due_at
    }
    return [
        item
        for item in page.handlings
        if not item.assignment.lead
        and item.assignment.id in running
        and AssignmentState(item.assignment.state).is_open
        and (helped is None or item.assignment.parent_id in own)
    ]


def _is_open(item: Handling) -> bool:
    return item.assignment.state not in _GONE


def _handlings(
    parts: list[tuple[Assignment, Unit]], replies: list[tuple[Reply, str]], clocks: list[Deadline], words: Callable[[Deadline], Due]
) -> list[Handling]:
    latest = {reply.assignment_id: (reply, name) for reply, name in replies}
    found = []
    for assignment, unit in parts:
        reply, author = latest.get(assignment.id, (None, ""))
        own = [words(clock) for clock in clocks if clock.assignment_id == assignment.id and clock.state != ClockState.CANCELLED.value]
        found.append(Handling(assignment, unit, reply, author, own))
    return found
