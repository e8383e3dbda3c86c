"""What benchmarks of the web share: the CPU of processes from /proc, a web process, and accounts to ask it with."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import select, text

from benchmarks._million import seed
from hotline.clock import SystemClock
from hotline.database import Database
from hotline.migrations import initial
from hotline.security import Vault, hash_token
from ticketing.access_token import service as tokens
from ticketing.access_token.models import TokenScope
from ticketing.calendar.service import load_official
from ticketing.context import Core
from ticketing.deadline.book import load_policies
from ticketing.people.actor import staff_actor
from ticketing.people.models import LoginSession, Role, User
from ticketing.statistics import day_fill
from ticketing.ticket import workflow_versions

KEY = Fernet.generate_key().decode()
"""Of this run: what was sealed in an earlier one is not read."""
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def opened(url: str) -> tuple[Core, Database]:
    """A database with the keys of this run, without limit of time."""
    vault = Vault([KEY], "k" * 32)
    core = Core(SystemClock(), vault, "secret", "12345", Path(tempfile.gettempdir()))
    return core, Database(url, vault=vault, statement_timeout_ms=0)


async def fill(url: str, tickets: int, open_tickets: int) -> None:
    """Tables, tickets and kept figures for an empty database."""
    core, database = opened(url)
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
    made = await seed(database, tickets=tickets, open_tickets=open_tickets, say=lambda _line: None)
    print(f"seeded in {made.seconds:.0f} s: {made.rows}", flush=True)
    began = time.perf_counter()
    kept = await day_fill.run(core, database, seconds=3600)
    print(f"{kept} days of figures kept in {time.perf_counter() - began:.0f} s", flush=True)
    await database.close()


def _cpu(pid: int | str) -> float:
    """Milliseconds of CPU of all threads of a process that lasts, to the nanosecond."""
    spent = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            spent += int(path.read_text().split()[0])
        except OSError:
            continue  # ended meanwhile
    return spent / 1e6


def cpu_of(pid: int) -> float:
    """Milliseconds of CPU of one process."""
    return _cpu(pid)


def cpu_of_server(postmaster: int) -> float:
    """Of the server with its backends and workers, also those that have ended (these to the clock tick)."""
    total = _cpu(postmaster)
    ended = Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()[13:15]
    total += TICK_MS * sum(int(value) for value in ended)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            stat = path.read_text()
        except OSError:
            continue  # ended meanwhile
        if stat.rsplit(")", 1)[1].split()[1] == str(postmaster):
            total += _cpu(path.parent.name)
    return total


@contextmanager
def site(url: str, key: str, folder: str) -> Iterator[tuple[int, str]]:
    """The web process: its id and address."""
    command = [sys.executable, "-m", "benchmarks._site", url, key, folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield process.pid, f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


async def prepare(core: Core, database: Database) -> tuple[dict[str, str], int]:
    """What every installation has, tokens and sessions; returns them with the id of the server's first process."""
    found = {}
    async with database.transaction() as session:
        await load_official(core, session)
        await load_policies(core, session)
        await workflow_versions.seed(core, session)
        for role in Role:
            user = (await session.scalars(select(User).where(User.login == f"bench-{role.value}"))).one()
            secret, now = os.urandom(8).hex(), core.clock.now()
            ends = now + timedelta(hours=8)
            session.add(
                LoginSession(
                    token_hash=hash_token(secret), user_id=user.id, csrf_token=secret, created_at=now, seen_at=now, expires_at=ends
                )
            )
            found[role.value] = f"hotline_staff={secret}"
            if role is Role.DISPATCHER:
                made = await tokens.issue(core, session, staff_actor(user), name="bench", scope=TokenScope.WRITE, days=1)
                found["api"] = made.text
        pid = int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)
        parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return found, parent
