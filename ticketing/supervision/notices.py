"""Messages to the staff: who is told and when, as each person wished (`wishes`). They are read in `inbox`.

Citizens are told by `ticketing.notice`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.calendar.service import work_calendar
from ticketing.context import Core
from ticketing.people.models import Role, User
from ticketing.supervision import rules
from ticketing.supervision.models import StaffNotice
from ticketing.supervision.quiet import Quiet
from ticketing.supervision.wishes import How, wishes_of
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Urgency

UNIT = (Role.CLERK, Role.CHIEF)


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
    NEW_WORK = "new_work"
    """派来新工单: the unit got a part; only for who wants to hear of it at once, the desk shows it anyway"""
    RETURNED = "returned"
    """退回: the review, the own chief or the citizen wants it done again"""
    DISPUTED = "disputed"
    """争议: for who rules, then for the units that the ruling names"""
    DECIDED = "decided"
    """what the person asked for was approved or refused; `request` (kind) and `approved`"""
    DIGEST = "digest"
    """汇总: `queues` and `groups` with their counts (`ticketing.supervision.digest`)"""


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
    """Put messages in the inboxes, as each person wished; returns how many. The same person is told the same thing once per call."""
    unique = {(item.user_id, item.kind, item.ticket_id, tuple(sorted(item.data.items()))): item for item in notices}
    if not unique:
        return 0
    now = core.clock.now()
    law = rules.load().notices
    city = Quiet.parse(core.staff_quiet_hours, rest_days=law.rest_days_are_quiet)
    calendar = await work_calendar(session)
    wishes = await wishes_of(session, User.id.in_({item.user_id for item in unique.values()}))
    later = {user: wish.hand_over_at(now, city, calendar) for user, wish in wishes.items()}
    rows = []
    for item in unique.values():
        wish, kind = wishes[item.user_id], item.kind.value
        at_once = item.urgent or kind in law.at_once
        if at_once or wish.is_kept(kind):
            how = How.NOW if at_once else wish.how(kind)
            waits = how is How.NOW and not at_once
            rows.append(
                {
                    "user_id": item.user_id,
                    "kind": kind,
                    "ticket_id": item.ticket_id,
                    "how": how.value,
                    "data": dict(item.data),
                    "created_at": now,
                    "not_before": later[item.user_id] if waits else now,
                }
            )
    if rows:
        await session.execute(insert(StaffNotice), rows)
    return len(rows)


async def tell_people(
    core: Core, session: AsyncSession, users: Iterable[int], kind: NoticeKind, ticket: Ticket | None = None, **data: Any
) -> int:
    """The same message to several people."""
    urgent = ticket is not None and ticket.urgency == Urgency.EMERGENCY.value
    number = ticket.id if ticket is not None else None
    return await give(core, session, [NewNotice(user, kind, number, urgent, data) for user in dict.fromkeys(users)])
