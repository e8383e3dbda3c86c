"""`hotline calendar` as an administrator runs it: a process of its own on a database of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from hotline.database import Database
from hotline.events import Event
from hotline.processes.postgres import PrivatePostgres
from ticketing.calendar.models import CalendarChange, CalendarDay
from ticketing.people.models import User

pytestmark = pytest.mark.slow  # real processes

LIST = {
    "year": 2027,
    "days": [{"name": "元旦", "date": "2027-01-01", "isOffDay": True}, {"name": "元旦", "date": "2027-01-04", "isOffDay": True}],
}


@dataclass
class Command:
    """Runs `hotline` with these settings; says the exit code and what it printed."""

    url: str
    environment: dict[str, str]

    def __call__(self, *arguments: str) -> tuple[int, str]:
        words = [sys.executable, "-m", "hotline", *arguments]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def command(server: PrivatePostgres, tmp_path: Path) -> Iterator[Command]:
    """`command("calendar", "show")`."""
    name = f"cli_{uuid4().hex}"
    server.create_database(name)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HOTLINE_")},
        "HOTLINE_DEMO": "true", "HOTLINE_DATA_DIR": str(tmp_path), "HOTLINE_DATABASE_URL": server.url(name),
    }  # fmt: skip

    yield Command(server.url(name), environment)
    server.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _written(url: str) -> tuple[int, list[str], list[str]]:
    database = Database(url)
    async with database.transaction() as session:
        days = len(list(await session.scalars(select(CalendarDay.day).where(CalendarDay.day >= date(2027, 1, 1)))))
        notes = list(await session.scalars(select(CalendarChange.note).where(CalendarChange.finished_at.is_not(None))))
        events = list(await session.scalars(select(Event.name).where(Event.subject == "calendar").order_by(Event.id)))
    await database.close()
    return days, notes, events


async def _add_administrator(url: str) -> None:
    database = Database(url)
    async with database.transaction() as session:
        session.add(User(login="chen", name="陈", staff_number="9001", role="admin", password_hash="x"))
    await database.close()


def test_an_administrator_imports_next_years_list(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "2027.json"
    file.write_text(json.dumps(LIST, ensure_ascii=False), encoding="utf-8")
    assert command("db", "upgrade")[0] == 0
    asyncio.run(_add_administrator(command.url))
    code, told = command("calendar", "show")
    assert (code, "2026: 365 days" in told) == (0, True), told
    code, told = command("calendar", "import", str(file))
    assert (code, "2027-01-04 rest 元旦" in told, "add --yes" in told) == (0, True, True), told
    assert asyncio.run(_written(command.url)) == (0, [], [])
    code, told = command("calendar", "import", str(file), "--yes", "--login", "nobody")
    assert (code != 0, "nobody" in told) == (True, True), told
    code, told = command("calendar", "import", str(file), "--yes", "--login", "chen", "--note", "国办发明电7号")
    assert (code, "written" in told) == (0, True), told
    assert asyncio.run(_written(command.url)) == (365, ["国办发明电7号"], ["calendar.changed", "calendar.recomputed"])
    code, told = command("calendar", "import", str(file), "--yes", "--login", "chen")
    assert (code, "nothing to change" in told) == (0, True), told


def test_a_faulty_list_and_a_package_without_the_year_are_told(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("date,is_work\n2027-02-30,1\n", encoding="utf-8")
    assert command("db", "upgrade")[0] == 0
    code, told = command("calendar", "import", str(file), "--yes")
    assert (code, "2027-02-30" in told) == (1, True), told
    code, told = command("calendar", "import", "--package", "--year", "2099")
    assert (code != 0, "2099" in told, "Traceback" in told) == (True, True, False), told
    assert command("calendar", "import")[0] == 2
