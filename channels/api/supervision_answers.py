"""What the API tells of supervision."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from channels.api.models import Told
from ticketing.supervision.bursts import BurstLine
from ticketing.supervision.cards import CardLine
from ticketing.supervision.commitments import CommitmentLine
from ticketing.supervision.findings import FindingLine
from ticketing.supervision.formal import FormalLine
from ticketing.supervision.rectification import TaskLine


class Decided(Told):
    """What became of it."""

    id: str
    state: str


class _About(Told):
    """A line about a ticket."""

    id: int
    ticket: str = Field(description="工单编号")
    title: str
    unit_id: int | None = Field(description="null是热线中心")
    unit: str
    state: str


class CardOut(_About):
    """A yellow or red card."""

    colour: str
    reason: str
    note: str
    person: str
    at: datetime
    revoked_at: datetime | None
    revoke_reason: str | None
    rectification: int | None


class RectificationOut(_About):
    """A rectification task."""

    opened_at: datetime
    due_at: datetime
    overdue: bool
    cause: str
    measure: str
    note: str
    done_at: datetime | None
    confirmed_at: datetime | None


class FindingOut(_About):
    """A suspicion."""

    rule: str
    person: str
    found_at: datetime
    note: str
    decided_at: datetime | None
    card: int | None


class FormalOut(_About):
    """An order to a unit."""

    number: str
    ordered_by: str
    instruction: str
    demands: str
    issued_at: datetime
    due_at: datetime
    overdue: bool
    answer: str | None
    answered_at: datetime | None
    conclusion: str | None
    concluded_at: datetime | None
    sent_back: int


class CommitmentOut(_About):
    """A promise."""

    promised_by: str
    what: str
    promised_at: datetime
    due_at: datetime
    overdue: bool
    proof: str
    decided_at: datetime | None


class BurstTicketOut(Told):
    """A ticket of a burst."""

    number: str
    title: str


class BurstOut(Told):
    """Many appeals of one place or one category."""

    id: int
    kind: str
    category: str
    category_name: str
    place: str
    count: int
    state: str
    first_at: datetime
    last_at: datetime
    note: str
    decided_at: datetime | None
    tickets: list[BurstTicketOut] = Field(description="你能看的，最新的十件")


class _Page(Told):
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class CardPage(_Page):
    """Cards."""

    items: list[CardOut]


class RectificationPage(_Page):
    """Rectification tasks."""

    items: list[RectificationOut]


class FindingPage(_Page):
    """Suspicions."""

    items: list[FindingOut]


class FormalPage(_Page):
    """Orders."""

    items: list[FormalOut]


class CommitmentPage(_Page):
    """Promises."""

    items: list[CommitmentOut]


class BurstPage(_Page):
    """Group warnings."""

    items: list[BurstOut]


def card_out(line: CardLine) -> CardOut:
    """A card."""
    return CardOut.of(
        line.card, ticket=line.number, title=line.title, unit=line.unit, person=line.person, rectification=line.card.rectification_id
    )


def rectification_out(line: TaskLine) -> RectificationOut:
    """A task."""
    return RectificationOut.of(line.task, ticket=line.number, title=line.title, unit=line.unit, overdue=line.overdue)


def finding_out(line: FindingLine) -> FindingOut:
    """A suspicion."""
    return FindingOut.of(line.finding, ticket=line.number, title=line.title, unit=line.unit, person=line.person, card=line.finding.card_id)


def formal_out(line: FormalLine) -> FormalOut:
    """An order."""
    return FormalOut.of(line.formal, ticket=line.ticket_number, title=line.title, unit=line.unit, overdue=line.overdue)


def commitment_out(line: CommitmentLine) -> CommitmentOut:
    """A promise."""
    return CommitmentOut.of(line.commitment, ticket=line.number, title=line.title, unit=line.unit, overdue=line.overdue)


def burst_out(line: BurstLine) -> BurstOut:
    """A group warning."""
    tickets = [BurstTicketOut(number=number, title=title) for number, title in line.tickets]
    return BurstOut.of(line.burst, category=line.burst.category_code, category_name=line.category, tickets=tickets)
