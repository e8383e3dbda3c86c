"""Messages to the staff: who is told, when (quiet hours), and the inbox. Citizens are told by `ticketing.notice`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.calendar.service import work_calendar
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, User
from ticketing.supervision import rules
from ticketing.supervision.models import StaffNotice
from ticketing.supervision.quiet import Quiet
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Urgency

UNIT = (Role.CLERK, Role.CHIEF)
PAGE = 50


class NoticeKind(StrEnum):
    """What a notice is about."""

    REMINDED = "reminded"
    WARNED = "warned"
    YELLOW = "yellow"
    RED = "red"
    REVOKED = "revoked"
    RECTIFICATION_DONE = "rectification_done"
    RECTIFICATION_RETURNED = "rectification_returned"
    RECTIFICATION_OVERDUE = "rectification_overdue"
    URGED = "urged"
    INSTRUCTED = "instructed"
    """批示: a leader's words"""
    FORMAL = "formal"
    FORMAL_ANSWERED = "formal_answered"
    FORMAL_SENT_BACK = "formal_sent_back"
    FORMAL_CONCLUDED = "formal_concluded"
    FORMAL_OVERDUE = "formal_overdue"
    HAND_OVER = "hand_over"
    BURST = "burst"
    SENSITIVE = "sensitive"
    """敏感词: a new ticket speaks of what leaders want to hear of at once"""
    EMERGENCY = "emergency"
    """特急: danger is known of, nobody has to wait for a clock"""
    FOLLOW_UP_DUE = "follow_up_due"
    """handed to an emergency line, and nobody has asked what became of it"""
    INFO_OVERDUE = "info_overdue"
    """asked twice, the citizen has not sent what is missing"""
    COMMITMENT_DUE = "commitment_due"
    COMMITMENT_OVERDUE = "commitment_overdue"
    PROCEDURE_OVERDUE = "procedure_overdue"
    """the time of a statutory procedure is over and its result was not told"""
    KNOWLEDGE_REVIEW = "knowledge_review"
    """an article waits for the person's review; the notices of articles carry `article` (id) and `name`"""
    KNOWLEDGE_SENT_BACK = "knowledge_sent_back"
    KNOWLEDGE_DUE = "knowledge_due"
    KNOWLEDGE_EXPIRED = "knowledge_expired"
    KNOWLEDGE_RECALLED = "knowledge_recalled"
    KNOWLEDGE_WRONG = "knowledge_wrong"
    QUALITY_SCORED = "quality_scored"
    """an own call was scored; the notices of quality carry `quality` (id of the check)"""
    QUALITY_APPEALED = "quality_appealed"
    QUALITY_DECIDED = "quality_decided"


@dataclass(frozen=True)
class NewNotice:
    """One message to one person."""

    user_id: int
    kind: NoticeKind
    ticket_id: int | None = None
    urgent: bool = False
    """About a ticket of the highest urgency: never waits for the morning."""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Person:
    id: int
    role: Role
    unit_id: int | None
    line: str | None


class Directory:
    """Who works where: read once for a whole sweep."""

    def __init__(self, people: Iterable[_Person]) -> None:
        """From the active accounts."""
        self._by_unit: dict[int, list[_Person]] = defaultdict(list)
        self._by_role: dict[Role, list[_Person]] = defaultdict(list)
        for person in people:
            self._by_role[person.role].append(person)
            if person.unit_id is not None and person.role.in_unit:
                self._by_unit[person.unit_id].append(person)

    @classmethod
    async def load(cls, session: AsyncSession) -> Directory:
        """The accounts that are switched on."""
        rows = await session.execute(select(User.id, User.role, User.unit_id, User.line).where(User.active).order_by(User.id))
        return cls(_Person(row.id, Role(row.role), row.unit_id, row.line) for row in rows)

    def of_unit(self, unit_id: int, line: str, *roles: Role) -> list[int]:
        """People of a handling unit with one of these roles (all of the unit's when none is named)."""
        return [person.id for person in self._by_unit.get(unit_id, ()) if person.role in (roles or UNIT) and person.line in (None, line)]

    def of_role(self, line: str | None, *roles: Role) -> list[int]:
        """People of the centre with one of these roles, responsible for this line."""
        return [person.id for role in roles for person in self._by_role.get(role, ()) if line is None or person.line in (None, line)]


async def give(core: Core, session: AsyncSession, notices: Iterable[NewNotice]) -> int:
    """Put messages in the inboxes; returns how many. The same person is told the same thing once per call."""
    unique = {(item.user_id, item.kind, item.ticket_id, tuple(sorted(item.data.items()))): item for item in notices}
    if not unique:
        return 0
    now = core.clock.now()
    law = rules.load().notices
    quiet = Quiet.parse(core.staff_quiet_hours, rest_days=law.rest_days_are_quiet)
    later = quiet.hand_over_at(now, await work_calendar(session))
    rows = [
        {
            "user_id": item.user_id,
            "kind": item.kind.value,
            "ticket_id": item.ticket_id,
            "data": dict(item.data),
            "created_at": now,
            "not_before": now if item.urgent or item.kind.value in law.at_once else later,
        }
        for item in unique.values()
    ]
    await session.execute(insert(StaffNotice), rows)
    return len(rows)


async def tell_people(
    core: Core, session: AsyncSession, users: Iterable[int], kind: NoticeKind, ticket: Ticket | None = None, **data: Any
) -> int:
    """The same message to several people."""
    urgent = ticket is not None and ticket.urgency == Urgency.EMERGENCY.value
    number = ticket.id if ticket is not None else None
    return await give(core, session, [NewNotice(user, kind, number, urgent, data) for user in dict.fromkeys(users)])


@dataclass(frozen=True)
class InboxLine:
    """A notice with what the person may see of its ticket."""

    notice: StaffNotice
    number: str
    title: str


def _seen(core: Core, actor: Actor) -> Any:
    """Handed over by now, and about no ticket that the person may not see (any more)."""
    reached = (StaffNotice.user_id == actor.user_id) & (StaffNotice.not_before <= core.clock.now())
    return reached & or_(StaffNotice.ticket_id.is_(None), visible(core, actor))


async def inbox(
    core: Core, session: AsyncSession, actor: Actor, *, unread: bool = False, before: int | None = None, limit: int = PAGE
) -> list[InboxLine]:
    """The person's notices, newest first; `before`: id of the last one of the page before."""
    statement = select(StaffNotice, Ticket.number, Ticket.title).outerjoin(Ticket, Ticket.id == StaffNotice.ticket_id)
    statement = statement.where(_seen(core, actor))
    if unread:
        statement = statement.where(StaffNotice.read_at.is_(None))
    if before is not None:
        statement = statement.where(StaffNotice.id < before)
    rows = await session.execute(statement.order_by(StaffNotice.id.desc()).limit(limit))
    return [InboxLine(row.StaffNotice, row.number or "", row.title or "") for row in rows]


async def count_unread(core: Core, session: AsyncSession, actor: Actor, *, most: int = 100) -> int:
    """How many wait for the person, at most `most`: the bell shows no more than 99+."""
    found = (
        select(StaffNotice.id)
        .outerjoin(Ticket, Ticket.id == StaffNotice.ticket_id)
        .where(_seen(core, actor), StaffNotice.read_at.is_(None))
        .limit(most)
    )
    return await session.scalar(select(func.count()).select_from(found.subquery())) or 0


async def mark_read(core: Core, session: AsyncSession, actor: Actor, notice_id: int | None = None) -> int:
    """Mark one notice, or all that the person has been given, as read; returns how many. Raises NotFound for somebody else's."""
    mine = (StaffNotice.user_id == actor.user_id) & (StaffNotice.not_before <= core.clock.now())
    if notice_id is not None:
        if await session.scalar(select(StaffNotice.id).where(mine, StaffNotice.id == notice_id)) is None:
            raise NotFound(_("没有找到这条提醒"))
        mine &= StaffNotice.id == notice_id
    now: datetime = core.clock.now()
    done = await session.execute(
        update(StaffNotice).where(mine, StaffNotice.read_at.is_(None)).values(read_at=now).returning(StaffNotice.id)
    )
    return len(done.all())
