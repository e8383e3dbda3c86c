"""The digest (汇总): one message in the morning of a working day with what waits for a person, by numbers and links.

Swept each minute. That a person's digest of a day was made is a row of its own (`StaffDigest`), written in the transaction of the
message: two schedulers at once, a crash, a changed hour make no second one. Nothing to say: the row without a message.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import logs
from hotline.clock import to_city
from hotline.database import Database
from hotline.errors import Unavailable
from ticketing.calendar.service import work_calendar
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Role, User
from ticketing.supervision.inbox import seen
from ticketing.supervision.models import StaffDigest, StaffNotice
from ticketing.supervision.notices import NoticeKind
from ticketing.supervision.wishes import How, Wish, load, wishes_of
from ticketing.ticket.lists import count_tickets
from ticketing.ticket.models import Ticket

KEPT = timedelta(days=60)
"""How long it is remembered that a digest was made."""
_FIRST = timedelta(days=7)
"""How far back the first digest of a person looks."""
_log = logs.get(__name__)


async def run(core: Core, database: Database) -> int:
    """Make the digests that are due; returns how many messages were written. One person's failure stops nobody else's."""
    made = 0
    for user_id in await _due(core, database):
        try:
            async with database.transaction() as session:
                made += await make(core, session, user_id)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - one bad account must not keep the others waiting; it is logged and tried again
            _log.exception("digest.failed", user=user_id)
    return made


async def _due(core: Core, database: Database) -> list[int]:
    """Whose hour has come today and who has no digest of today yet; nobody on a rest day."""
    now = core.clock.now()
    local = to_city(now)
    async with database.transaction() as session:
        if not (await work_calendar(session)).is_work(local.date()):
            return []
        done = select(StaffDigest.user_id).where(StaffDigest.day == local.date())
        wishes = await wishes_of(session, User.active, User.id.not_in(done))
        await session.execute(delete(StaffDigest).where(StaffDigest.day < local.date() - KEPT))
    return sorted(user for user, wish in wishes.items() if _has_come(wish, local))


def _has_come(wish: Wish, local: datetime) -> bool:
    """Whether the hour of the digest has come and is not long over."""
    hour = datetime.combine(local.date(), wish.digest_at, local.tzinfo)
    return wish.digest and hour <= local < hour + timedelta(hours=load().digest.late_hours)


async def make(core: Core, session: AsyncSession, user_id: int) -> int:
    """Today's digest of one person; 0 when it was made before or there is nothing to say."""
    today = to_city(core.clock.now()).date()
    claim = insert(StaffDigest).values(user_id=user_id, day=today, made_at=core.clock.now())
    if (await session.scalar(claim.on_conflict_do_nothing().returning(StaffDigest.user_id))) is None:
        return 0
    user = await session.get_one(User, user_id)
    data = await contents(core, session, staff_actor(user), since=await _last(core, session, user_id, today))
    if not data:
        return 0
    now = core.clock.now()
    notice = StaffNotice(
        user_id=user_id,
        kind=NoticeKind.DIGEST.value,
        how=How.NOW.value,
        data={"day": today.isoformat(), **data},
        created_at=now,
        not_before=now,
    )
    session.add(notice)
    await session.flush()
    (await session.get_one(StaffDigest, (user_id, today))).notice_id = notice.id
    return 1


async def contents(core: Core, session: AsyncSession, actor: Actor, *, since: datetime) -> dict[str, Any]:
    """What the digest says: tickets by queue, and unread notices for the digest by group; empty when there is nothing."""
    rules = load()
    queues = list(rules.digest.queues.get(Role(actor.role), ())) if actor.role is not None else []
    waiting = {queue.value: count for queue, count in (await count_tickets(core, session, actor, queues)).items() if count}
    unread = (
        select(StaffNotice.kind, func.count().label("unread"))
        .outerjoin(Ticket, Ticket.id == StaffNotice.ticket_id)
        .where(seen(core, actor), StaffNotice.how == How.DIGEST.value, StaffNotice.read_at.is_(None), StaffNotice.created_at > since)
    )
    groups: dict[str, int] = {}
    for row in await session.execute(unread.group_by(StaffNotice.kind)):
        group = rules.group_of.get(row.kind, "")
        groups[group] = groups.get(group, 0) + row.unread
    return {name: counts for name, counts in (("queues", waiting), ("groups", groups)) if counts}


async def _last(core: Core, session: AsyncSession, user_id: int, today: date) -> datetime:
    """When the digest before was made."""
    before = select(func.max(StaffDigest.made_at)).where(StaffDigest.user_id == user_id, StaffDigest.day < today)
    found: datetime | None = await session.scalar(before)
    return found or core.clock.now() - _FIRST


__all__ = ["contents", "make", "run"]
