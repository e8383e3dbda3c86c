"""Old conversations leave Rasa's tracker.db; those that go on, and a file in use, stay whole."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chatbot import tracker_store
from chatbot.tracker_store import keep_purged, purge
from hotline.clock import ManualClock

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """As Rasa 3.6 makes it: one conversation long over, one begun long ago that goes on."""
    path = tmp_path / "tracker.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id VARCHAR(255) NOT NULL, type_name VARCHAR(255) NOT NULL,"
            " timestamp FLOAT, intent_name VARCHAR(255), action_name VARCHAR(255), data TEXT)"
        )
        for sender, hours, words in (("over", 50, "OLD-WORDS"), ("over", 25, "OLD-WORDS"), ("on", 30, "BEGUN"), ("on", 1, "GOES-ON")):
            row = (sender, "user", (NOW - timedelta(hours=hours)).timestamp(), words)
            database.execute("INSERT INTO events (sender_id, type_name, timestamp, data) VALUES (?, ?, ?, ?)", row)
    return path


def rows(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [data for (data,) in database.execute("SELECT data FROM events ORDER BY id")]


def test_what_is_over_for_a_day_is_gone_from_the_file(store: Path) -> None:
    assert purge(store, NOW) == 2
    assert rows(store) == ["BEGUN", "GOES-ON"]
    assert b"OLD-WORDS" not in store.read_bytes()
    assert purge(store, NOW) == 0


def test_no_file_and_no_table_are_no_error(tmp_path: Path) -> None:
    assert purge(tmp_path / "none.db", NOW) == 0
    assert not (tmp_path / "none.db").exists()
    with closing(sqlite3.connect(tmp_path / "empty.db")):
        pass
    assert purge(tmp_path / "empty.db", NOW) == 0


async def test_it_goes_on_after_a_file_that_is_locked(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_store, "_BUSY_S", 0.05)
    monkeypatch.setattr(tracker_store, "EVERY_S", 0.05)
    with closing(sqlite3.connect(store, isolation_level=None)) as rasa:
        rasa.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            purge(store, NOW)
        task = asyncio.create_task(keep_purged(store, ManualClock(NOW)))
        done, _waiting = await asyncio.wait([task], timeout=0.3)
        assert not done
        rasa.execute("ROLLBACK")
    try:
        async with asyncio.timeout(10):
            while len(rows(store)) != 2:
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
