"""Reading the event log from where one stopped, without missing an event that was numbered early and committed late.

Numbers of events are given before their transactions commit. So a tick only remembers a proposal: the highest number it
saw, and its own transaction number taken afterwards. A later tick reads up to that number once every transaction up to
that one is over: whoever holds a lower event number has a lower transaction number (`append_events` takes them in this
order). Nobody waits for anybody.
"""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Event
from ticketing.webhook.models import EventCursor

BATCH = 1000


async def next_events(session: AsyncSession, reader: str) -> list[Event] | None:
    """The next events for `reader`, at most `BATCH`; the cursor moves when the caller commits. None: somebody else reads.

    A reader that is new begins with what happens from now on.
    """
    cursor = await _cursor(session, reader)
    if cursor is None:
        return None
    found: list[Event] = []
    proposed, before = cursor.next_event_id, cursor.next_transaction
    if proposed is not None and before is not None and await _oldest_transaction(session) > before:
        mine = (Event.id > cursor.last_event_id) & (Event.id <= proposed)
        found = list(await session.scalars(select(Event).where(mine).order_by(Event.id).limit(BATCH)))
        full = len(found) == BATCH
        cursor.last_event_id = found[-1].id if full else proposed
        if not full:
            cursor.next_event_id = cursor.next_transaction = None
    if cursor.next_event_id is None:
        end = int(await session.scalar(text("SELECT max(id) FROM event")) or 0)
        if end > cursor.last_event_id:
            cursor.next_event_id = end
            cursor.next_transaction = int(str(await session.scalar(text("SELECT pg_current_xact_id()::text"))))
    await session.flush()
    return found


async def _cursor(session: AsyncSession, reader: str) -> EventCursor | None:
    statement = select(EventCursor).where(EventCursor.reader == reader)
    cursor = (await session.scalars(statement.with_for_update(skip_locked=True))).first()
    if cursor is not None:
        return cursor
    end = int(await session.scalar(text("SELECT max(id) FROM event")) or 0)
    made = insert(EventCursor).values(reader=reader, last_event_id=end).on_conflict_do_nothing().returning(EventCursor.reader)
    if await session.scalar(made) is None:
        return None  # another scheduler holds it
    return (await session.scalars(statement)).one()


async def _oldest_transaction(session: AsyncSession) -> int:
    """The number of the oldest transaction that is still under way, other than our own."""
    return int(str(await session.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))))
