"""Calls that wait in files, when several telephony processes share the folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from hotline.database import Database
from telephony.flow.pending import PendingCall, PendingCalls, Said, Writer
from telephony.flow.record import pending_folder
from telephony.flow.recovery import pick_up
from ticketing.context import Core
from ticketing.conversation.models import Call


def a_call() -> PendingCall:
    said = [Said("1", "滨河路的路灯坏了", {})]
    return PendingCall(uuid4(), "sip-1", "13900001111", "12345", "PCMA", "x", datetime.now(UTC), said, owed="database")


async def test_a_living_process_is_left_its_own_calls_and_a_dead_ones_are_picked_up(core: Core, database: Database) -> None:
    folder = pending_folder(core.data_dir)
    other = Writer(folder)
    call = a_call()
    PendingCalls(folder, core.vault, other).write(call)
    assert await pick_up(core, database) == 0, "the caller is still talking to the other process"
    async with database.transaction() as session:
        assert list(await session.scalars(select(Call.id))) == []
    other.close()
    assert await pick_up(core, database) == 1
    async with database.transaction() as session:
        assert list(await session.scalars(select(Call.id))) == [call.call_id]
    assert [path.name for path in folder.iterdir() if other.name in path.name] == [], "its lock is cleared away"


def test_ones_own_and_old_files_are_nobody_elses(tmp_path: Path, core: Core) -> None:
    files = PendingCalls(tmp_path / "pending", core.vault)
    mine = a_call()
    files.write(mine)
    assert not files.anothers(files.all()[0])
    assert files.all()[0].writer == mine.writer != ""
    mine.writer = ""  # written before there were several processes
    assert not files.anothers(mine)
    mine.writer = "gone"
    assert not files.anothers(mine)
