"""Deleting bytes for good: after the rows are gone, only when nobody else has them, and verified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from hotline import logs
from hotline.errors import HotlineError
from ticketing.attachment.models import FileRemoval
from ticketing.attachment.store import DiskStore
from ticketing.ticket.models import Attachment

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from hotline.database import Database
    from ticketing.context import Core

LOG = logs.get(__name__)
BACKUP_LOCK = 0x6261636B7570  # "backup": while somebody holds it nothing is removed
_ORPHAN_AGE = timedelta(days=1)
_LONGEST_PAUSE = timedelta(hours=6)


async def request_removals(core: Core, session: AsyncSession, place: str, keys: Sequence[str], *, why: str) -> None:
    """Ask for files to be removed once this transaction is committed. `place`: store or data."""
    now = core.clock.now()
    session.add_all([FileRemoval(place=place, key=key, why=why, requested_at=now, not_before=now) for key in dict.fromkeys(keys)])
    await session.flush()


async def run(core: Core, database: Database, *, limit: int = 500) -> int:
    """Remove what was asked for; returns how many files are verified to be gone. For the scheduler."""
    gone = 0
    for _ in range(limit):
        async with database.transaction() as session:
            if not await session.scalar(select(func.pg_try_advisory_xact_lock_shared(BACKUP_LOCK))):
                break  # a backup runs: what its dump names must still be there when it comes to the files
            ready = select(FileRemoval).where(FileRemoval.not_before <= core.clock.now()).order_by(FileRemoval.not_before)
            removal = (await session.scalars(ready.limit(1).with_for_update(skip_locked=True))).first()
            if removal is None:
                break
            gone += await _one(core, session, removal)
    return gone


async def sweep_orphans(core: Core, database: Database) -> int:
    """Ask for the removal of files on disk that no row names: their transaction was rolled back. Returns how many.

    A file that is being kept again at this moment stays: `run` looks for rows under the lock of the content.
    """
    if not isinstance(core.files, DiskStore):
        return 0  # a store elsewhere has a life cycle of its own; see docs/retention.md
    keys = await core.files.untouched_since(core.clock.now() - _ORPHAN_AGE)
    found = 0
    for start in range(0, len(keys), 1000):
        page = keys[start : start + 1000]
        async with database.transaction() as session:
            known = set(await session.scalars(select(Attachment.path).where(Attachment.path.in_(page))))
            asked = set(await session.scalars(select(FileRemoval.key).where(FileRemoval.key.in_(page))))
            orphans = [key for key in page if key not in known | asked]
            await request_removals(core, session, "store", orphans, why="orphan")
        found += len(orphans)
    return found


async def _one(core: Core, session: AsyncSession, removal: FileRemoval) -> int:
    store = core.files if removal.place == "store" else DiskStore(core.data_dir)
    if removal.place == "store":
        content = removal.key.rsplit("/", 1)[-1]
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"file:{content}", 0))))
        if await session.scalar(select(exists().where(Attachment.path == removal.key))):
            await session.delete(removal)  # somebody else has the same file
            return 0
    try:
        await store.delete(removal.key)
        if await store.exists(removal.key):
            raise OSError("it is still there")
    except (HotlineError, OSError) as error:
        removal.attempts += 1
        removal.last_error = type(error).__name__
        removal.not_before = core.clock.now() + min(timedelta(minutes=2**removal.attempts), _LONGEST_PAUSE)
        LOG.warning("file.not_removed", removal=removal.id, attempts=removal.attempts, error=type(error).__name__)
        return 0
    await session.delete(removal)
    return 1
