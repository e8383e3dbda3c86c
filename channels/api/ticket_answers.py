"""Tickets and what belongs to them, as the API tells them. Private data is masked as on pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.models import Told
from channels.console.timeline import story
from hotline.events import Event
from ticketing.assignment.models import Assignment, Reply
from ticketing.callback.models import CallbackAttempt, CallbackTask
from ticketing.citizen.service import Person
from ticketing.deadline.models import Deadline
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.ticket.list_rows import ListedClock, ListedUnit, ListRow
from ticketing.ticket.lists import TicketRow
from ticketing.ticket.models import Attachment, Ticket


class UnitRef(Told):
    """A unit, by number and name."""

    id: int
    code: str
    name: str


class ClockOut(Told):
    """One clock of a ticket."""

    kind: str
    assignment: int | None
    state: str
    stage: str
    started_at: datetime
    due_at: datetime
    original_due_at: datetime | None
    """Before the first extension."""
    extensions: int
    stopped_at: datetime | None
    provisional: bool
    """Computed with days that the official calendar does not know yet."""


class TicketOut(Told):
    """A ticket in a list."""

    number: str
    version: int
    state: str
    line: str
    channel: str
    kind: str
    category: str | None
    urgency: str
    confidentiality: str
    title: str
    district: str
    address: str
    received_at: datetime
    dispatched_at: datetime | None
    closed_at: datetime | None
    updated_at: datetime
    round: int
    unit: UnitRef | None = Field(description="主办单位；单位人员看到的是本单位")
    clock: ClockOut | None = Field(description="最紧的在走的时限")


class PersonOut(Told):
    """The citizen, masked. Clear data is opened in the console, with a reason."""

    name: str
    phone: str
    anonymous: bool
    contact_by: str


class TicketWhole(TicketOut):
    """Everything about a ticket itself."""

    content: str
    occurred: str
    street: str
    community: str
    longitude: float | None
    latitude: float | None
    person: PersonOut
    source: str
    handling_kind: str
    tags: list[str]
    dispatch_mode: str | None
    policy: str | None
    policy_version: int | None
    reported_unit_id: int | None
    satisfaction: str | None
    solved: bool | None
    no_callback_reason: str | None
    answer: str | None
    legal_procedure: str
    legal_limit: str
    interest_count: int
    repeat_level: int
    master: str | None = Field(description="并入的主件编号；没有并单，或看不到主件时为空")
    repeat_of: str | None = Field(description="上一次反映同一件事的工单编号；看不到时为空")
    last_event: int = Field(description="最后一个事件的序号")
    allowed: list[str] = Field(description="现在可以做的步骤")


class EventOut(Told):
    """One line of the timeline."""

    seq: int
    at: datetime
    name: str
    title: str
    who: str
    detail: str
    quote: str
    public: bool
    """Whether the citizen sees it."""


class ReplyOut(Told):
    """A unit's reply of one round."""

    id: int
    assignment: int
    round: int
    facts: str
    measures: str
    basis: str
    contact_note: str
    explanation: str
    legal_procedure: str
    legal_limit: str
    written_at: datetime
    signed_off_at: datetime | None
    accepted: bool | None
    review_note: str | None


class AssignmentOut(Told):
    """A unit's part."""

    id: int
    unit: UnitRef
    lead: bool
    state: str
    instruction: str
    assigned_at: datetime
    signed_at: datetime | None
    contacted_at: datetime | None
    replied_at: datetime | None
    accepted_at: datetime | None


class AttemptOut(Told):
    """One try to reach the citizen."""

    number: int
    at: datetime
    channel: str
    outcome: str


class CallbackOut(Told):
    """A callback task."""

    id: int
    round: int
    kind: str
    state: str
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    satisfaction: str | None
    attempts: list[AttemptOut]


class AttachmentOut(Told):
    """A file; its bytes are at `/attachments/{id}`."""

    id: UUID
    file_name: str
    content_type: str
    size_bytes: int
    sha256: str
    from_citizen: bool
    reply: int | None
    """Id of the reply that it belongs to."""
    for_citizen: bool
    """Whether the citizen sees it once that reply is accepted."""
    created_at: datetime


def unit_ref(unit: Unit | ListedUnit | None) -> UnitRef | None:
    """A unit as it is referred to."""
    return UnitRef(id=unit.id, code=unit.code, name=unit.name) if unit else None


def clock_out(clock: Deadline | ListedClock) -> ClockOut:
    """A clock."""
    return ClockOut(
        kind=clock.kind, assignment=clock.assignment_id, state=clock.state, stage=clock.stage, started_at=clock.started_at,
        due_at=clock.due_at, original_due_at=clock.original_due_at, extensions=clock.extensions, stopped_at=clock.stopped_at,
        provisional=clock.provisional,
    )  # fmt: skip


def _base(row: TicketRow | ListRow) -> dict[str, Any]:
    ticket = row.ticket
    plain = ("number", "version", "state", "line", "channel", "kind", "urgency", "confidentiality", "title", "district", "address")
    times = ("received_at", "dispatched_at", "closed_at", "updated_at", "round")
    return {
        **{name: getattr(ticket, name) for name in (*plain, *times)},
        "category": ticket.category_code,
        "unit": unit_ref(row.unit),
        "clock": clock_out(row.clock) if row.clock else None,
    }


def ticket_out(row: TicketRow | ListRow) -> TicketOut:
    """A line of a list."""
    return TicketOut(**_base(row))


@dataclass(frozen=True)
class Kin:
    """Numbers of the tickets that this one belongs to, as far as the caller may see them."""

    master: str | None = None
    repeat_of: str | None = None


def ticket_whole(row: TicketRow, person: Person, last_event: int, allowed: list[str], kin: Kin) -> TicketWhole:
    """A ticket with everything of its own."""
    ticket = row.ticket
    plain = ("content", "occurred", "street", "community", "longitude", "latitude", "source", "handling_kind", "tags", "dispatch_mode")
    more = ("policy_version", "reported_unit_id", "satisfaction", "solved", "no_callback_reason", "answer", "interest_count")
    legal = ("legal_procedure", "legal_limit", "repeat_level")
    return TicketWhole(
        **_base(row),
        **{name: getattr(ticket, name) for name in (*plain, *more, *legal)},
        policy=ticket.policy_key,
        person=PersonOut(name=person.name, phone=person.phone, anonymous=ticket.anonymous, contact_by=ticket.contact_by),
        master=kin.master,
        repeat_of=kin.repeat_of,
        last_event=last_event,
        allowed=allowed,
    )


async def event_outs(session: AsyncSession, actor: Actor, events: Iterable[Event]) -> list[EventOut]:
    """Events as the ticket page shows them; people of a unit do not see who looked at what."""
    shown = [event for event in events if not (actor.role and actor.role.in_unit and event.name.startswith("view."))]
    units = {row.id: row.name for row in await session.execute(select(Unit.id, Unit.name))} if shown else {}
    by_number = {event.seq: event for event in shown}
    return [
        EventOut(
            seq=line.seq, at=line.at, name=by_number[line.seq].name, title=line.title, who=line.who, detail=line.detail,
            quote=line.quote, public=by_number[line.seq].public,
        )
        for line in story(shown, units)
    ]  # fmt: skip


def assignment_out(assignment: Assignment, unit: Unit) -> AssignmentOut:
    """A unit's part."""
    times = ("assigned_at", "signed_at", "contacted_at", "replied_at", "accepted_at")
    return AssignmentOut(
        unit=UnitRef(id=unit.id, code=unit.code, name=unit.name),
        **{name: getattr(assignment, name) for name in ("id", "lead", "state", "instruction", *times)},
    )


def reply_out(reply: Reply) -> ReplyOut:
    """A reply."""
    words = ("id", "round", "facts", "measures", "basis", "contact_note", "explanation", "legal_procedure", "legal_limit")
    plain = (*words, "written_at", "signed_off_at", "accepted")
    return ReplyOut(assignment=reply.assignment_id, review_note=reply.review_note, **{name: getattr(reply, name) for name in plain})


def callback_out(task: CallbackTask, attempts: Iterable[CallbackAttempt]) -> CallbackOut:
    """A callback task with its tries."""
    plain = ("id", "round", "kind", "state", "created_at", "next_attempt_at", "finished_at", "satisfaction")
    tries = [AttemptOut(number=each.number, at=each.at, channel=each.channel, outcome=each.outcome) for each in attempts]
    return CallbackOut(**{name: getattr(task, name) for name in plain}, attempts=tries)


def attachment_out(attachment: Attachment) -> AttachmentOut:
    """A file."""
    plain = ("id", "file_name", "content_type", "size_bytes", "sha256", "from_citizen", "for_citizen", "created_at")
    return AttachmentOut(reply=attachment.reply_id, **{name: getattr(attachment, name) for name in plain})


def etag(ticket: Ticket, last_event: int) -> str:
    """The version of a ticket with everything that belongs to it: the row's version and the last event's number."""
    return f'"{ticket.version}.{last_event}"'
