"""Similar open tickets at 100,000 open tickets: milliseconds of a look-up, and how many synthetic duplicates come among the first five.

Run: `.venv/bin/python -m benchmarks.similar [OPEN_TICKETS]`. Target: 100 ms.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import insert, text

from hotline.clock import SystemClock
from hotline.database import Database
from hotline.events import ActorKind
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, running
from hotline.security import Vault
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.suggestion.examples import read
from ticketing.suggestion.models import TicketSignature
from ticketing.suggestion.noise import Noise, frames
from ticketing.suggestion.similar import cells, similar_open
from ticketing.ticket.models import Ticket

SAMPLE = 200
BLOCK = 2_000


def appeals(count: int, chance: random.Random) -> list[tuple[str, str, str]]:
    """(content, address, category): each made of one or two examples, a time, a place with a house number."""
    corpus, wrap = read(), frames()
    noise = Noise(chance, frozenset("".join(example.text for example in corpus.examples)))
    found = []
    for _ in range(count):
        example = chance.choice(corpus.examples)
        second = chance.choice(corpus.examples)
        place = f"{chance.choice(wrap['places'])}{chance.randint(1, 400)}号"
        said = f"{chance.choice(wrap['times'])}，{noise.vary(example.text)}。{second.text if chance.random() < 0.5 else chance.choice(wrap['tails'])}"  # noqa: E501
        found.append((f"{place}{said}", place, example.category))
    return found


async def fill(database: Database, rows: list[tuple[str, str, str]]) -> None:
    """Tickets with their signatures, in blocks."""
    clock = SystemClock()
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO unit (code, name, level, active) VALUES ('u', '单位', 2, true)"))
        for code in {row[2] for row in rows}:
            await session.execute(
                text(
                    "INSERT INTO category (code, group_name, name, unit_id, keywords, active) SELECT :code, 'x', :code, id, '', true FROM unit"  # noqa: E501
                ),
                {"code": code},
            )
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        now = clock.now()
        tickets = [
            {
                "number": f"12345-20261101-{start + number:06d}", "query_code_hash": "x", "state": "registered", "line": "12345", "channel": "phone",  # noqa: E501
                "kind": "complaint", "category_code": category, "title": content[:40], "content": content, "address": address, "received_at": now, "updated_at": now,  # noqa: E501
                "extra": {},
            }
            for number, (content, address, category) in enumerate(block)
        ]  # fmt: skip
        async with database.transaction() as session:
            ids = list(await session.scalars(insert(Ticket).returning(Ticket.id, sort_by_parameter_order=True), tickets))
            signatures = [
                {"ticket_id": ticket, "cells": cells(content, address, category)}
                for ticket, (content, address, category) in zip(ids, block, strict=True)
            ]
            await session.execute(insert(TicketSignature), signatures)
    async with database.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text("VACUUM ANALYZE ticket_signature"))
        await plain.execute(text("VACUUM ANALYZE ticket"))


async def main(url: str, count: int) -> None:
    """Fill, ask, print."""
    chance = random.Random(7)
    database = Database(url)
    core = Core(SystemClock(), Vault([Fernet.generate_key().decode()], "k"), "secret", "12345", Path(tempfile.gettempdir()))
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
    rows = appeals(count, chance)
    await fill(database, rows)
    noise = Noise(chance, frozenset("".join(row[0] for row in rows[:500])))
    actor = Actor(ActorKind.STAFF, "bench", user_id=1, role=Role.DISPATCHER)
    for label, said in (
        ("the same words, misheard", lambda row: noise.misheard(row[0], 0.08)),
        ("half of it, other order", lambda row: _other(row[0], chance)),
    ):
        times, hits = [], 0
        for number in chance.sample(range(count), SAMPLE):
            row = rows[number]
            began = time.perf_counter()
            async with database.transaction() as session:
                found = await similar_open(core, session, actor, said(row), row[1], category=row[2])
            times.append(1000 * (time.perf_counter() - began))
            hits += any(item.number == f"12345-20261101-{number:06d}" for item in found)
        times.sort()
        print(
            f"{count} open, {label}: median {statistics.median(times):.1f} ms, p95 {times[int(0.95 * SAMPLE)]:.1f} ms, found {hits / SAMPLE:.0%}"  # noqa: E501
        )
    await database.close()


def _other(content: str, chance: random.Random) -> str:
    """About the same: some parts, in another order, with something new."""
    parts = [part for part in content.replace("，", "。").split("。") if part]
    chance.shuffle(parts)
    return "，".join([chance.choice(frames()["openers"]), *parts[: max(2, len(parts) * 2 // 3)], chance.choice(frames()["tails"])])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(PrivatePostgres(Path(folder))) as server:
        server.create_database("bench")
        asyncio.run(main(server.url("bench"), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
