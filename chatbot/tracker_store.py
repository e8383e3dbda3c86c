"""Rasa's tracker.db keeps what citizens said in clear: conversations that rest are taken out of it.

Everything that has to last is in our own database, sealed; Rasa only needs the conversations that are going on.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from hotline import logs
from hotline.clock import Clock

LOG = logs.get(__name__)
KEEP = timedelta(hours=24)
EVERY_S = 3600.0
_BUSY_S = 2.0
"""How long Rasa, which writes with every turn, is waited for."""


def purge(path: Path, now: datetime) -> int:
    """Delete the conversations whose last event is older than a day; returns how many events went.

    The freed pages are overwritten. Raises sqlite3.Error when the file is busy or damaged; no file is no error.
    """
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=_BUSY_S)) as store, store:
        if store.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'events'").fetchone() is None:
            return 0
        store.execute("PRAGMA secure_delete = ON")
        gone = store.execute(
            "DELETE FROM events WHERE sender_id IN (SELECT sender_id FROM events GROUP BY sender_id HAVING max(timestamp) < ?)",
            ((now - KEEP).timestamp(),),
        )
        return gone.rowcount


async def keep_purged(path: Path, clock: Clock) -> None:
    """Purge now and every hour until cancelled. A failure is logged and tried again an hour later."""
    while True:
        try:
            if gone := await asyncio.to_thread(purge, path, clock.now()):
                LOG.info("tracker.purged", events=gone)
        except sqlite3.Error as error:
            LOG.warning("tracker.not_purged", reason=str(error))
        await asyncio.sleep(EVERY_S)
