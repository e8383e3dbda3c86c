"""How long one turn of the dialogue takes: search alone, without Rasa, with the real Rasa; and what memory Rasa holds.

    python -m benchmarks.bot_turn [--turns 200] [--processes 2] [--without-rasa]

Runs a private PostgreSQL with every seeded article, and the bot process's work in this process with Rasa as its children. What is right
and wrong is the business of benchmarks/bot_quality.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet

from chatbot import training
from chatbot.dialogue import Dialogue
from chatbot.learned import Learned
from chatbot.process import run
from chatbot.rasa_files import RasaFiles
from chatbot.rasa_pool import RasaPool
from hotline import migrations
from hotline.assembly import Services
from hotline.processes.postgres import PrivatePostgres, running
from hotline.settings import Settings
from knowledge.article.seeding import load_seed
from knowledge.search.service import search
from knowledge.seed.loader import load_articles, load_heldout
from ticketing.conversation.service import open_conversation
from ticketing.people.models import Unit

LINES = (
    "身份证丢了怎么补办",
    "门口那条路全是坑",
    "青石区建设路",
    "上个星期",
    "跳过",
    "跳过",
    "取消登记",
    "护照多久能办好",
    "查进度",
    "谢谢",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def told(name: str, seconds: list[float], wall: float) -> None:
    ordered = sorted(1000 * second for second in seconds)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{name:40} {len(ordered):5} turns  p50 {statistics.median(ordered):7.1f} ms  p95 {p95:7.1f} ms  {len(ordered) / wall:6.1f}/s")


async def fill(services: Services) -> None:
    await migrations.upgrade(services.database)
    async with services.database.transaction() as session:
        for number, name in enumerate(sorted({article.unit for article in load_articles()})):
            session.add(Unit(code=f"U{number:03}", name=name, level=2))
        await session.flush()
        print(f"articles: {await load_seed(services.core, session)}")


async def measure_search(services: Services) -> None:
    seconds = []
    began = time.perf_counter()
    async with services.database.transaction() as session:
        await search(session, "护照", today=date(2026, 11, 22))  # reads how rare words are
        for entry in load_heldout():
            start = time.perf_counter()
            await search(session, entry.question, today=date(2026, 11, 22))
            seconds.append(time.perf_counter() - start)
    told("search", seconds, time.perf_counter() - began)


def rasas() -> list[tuple[int, float]]:
    """Resident megabytes and CPU seconds of each Rasa, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            status = (entry / "status").read_text() if entry.name.isdigit() else ""
            if not status or int(status.split("PPid:")[1].split()[0]) != os.getpid() or "start.py" not in (entry / "cmdline").read_text():
                continue
            ticks = (entry / "stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            continue  # it ended meanwhile
        found.append((int(status.split("VmRSS:")[1].split()[0]) // 1024, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")))
    return found


async def converse(services: Services, dialogue: Dialogue, turns: int, at_once: int, name: str) -> None:
    seconds: list[float] = []
    degraded = 0

    async def citizen(count: int) -> None:
        nonlocal degraded
        conversation: UUID | None = None
        for number in range(count):
            if number % len(LINES) == 0:
                async with services.database.transaction() as session:
                    conversation = (await open_conversation(services.core, session, channel="web")).id
            assert conversation is not None
            start = time.perf_counter()
            turn = await dialogue.turn(conversation, LINES[number % len(LINES)])
            seconds.append(time.perf_counter() - start)
            degraded += turn.degraded

    began, own, theirs = time.perf_counter(), time.process_time(), sum(cpu for _memory, cpu in rasas())
    await asyncio.gather(*(citizen(max(turns // at_once, len(LINES))) for _ in range(at_once)))
    told(f"{name}, {at_once} at once", seconds, time.perf_counter() - began)
    own, theirs = time.process_time() - own, sum(cpu for _memory, cpu in rasas()) - theirs
    through = max(1, len(seconds) - degraded) if name == "with Rasa" else len(seconds)
    print(f"  CPU of a turn: {1000 * own / len(seconds):.1f} ms here, {1000 * theirs / through:.1f} ms in Rasa (PostgreSQL not counted)")
    if degraded and name == "with Rasa":
        print(f"  answered without Rasa because it was too slow or too busy: {degraded}")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110 - Rasa has no event to wait for
            await asyncio.sleep(0.1)


async def main(options: argparse.Namespace, services: Services) -> None:
    await fill(services)
    await measure_search(services)
    alone = Dialogue(services.core, services.database, None)
    for at_once in (1, 4, 16):
        await converse(services, alone, options.turns, at_once, "without Rasa")
    if options.without_rasa or not RasaFiles.of(services.settings).python.exists():
        print("with Rasa: left out")
        return
    start = time.perf_counter()
    kept = Path(__file__).parents[1] / ".tools" / "quality" / "rasa" / "models"  # what benchmarks/bot_quality.py trained
    if kept.exists():
        shutil.copytree(kept, training.registry_of(services.settings).folder)
    await asyncio.to_thread(training.train, services.settings)
    print(f"training: {time.perf_counter() - start:.1f} s")
    work = asyncio.create_task(run(services))
    client = RasaPool.of(services.settings)
    assert client is not None
    start = time.perf_counter()
    await until(client.ready)
    print(f"Rasa ready after {time.perf_counter() - start:.1f} s")
    together = Dialogue(services.core, services.database, client, learned=Learned(RasaFiles.of(services.settings).registry))
    for at_once in (1, 4, 16):
        await converse(services, together, options.turns, at_once, "with Rasa")
    print(f"  Rasa: {', '.join(f'{memory} MB' for memory, _cpu in rasas())} resident")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await together.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without-rasa", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(PrivatePostgres(Path(folder) / "pg", fast=True)) as server:
        server.create_database("bench")
        made = Services.of(
            Settings(
                demo=True,
                data_dir=Path(folder) / "data",
                database_url=server.url("bench"),
                secret_key="benchmark-secret-key-of-forty-characters",  # noqa: S106 - thrown away with the folder
                encryption_keys=(Fernet.generate_key().decode(),),  # type: ignore[arg-type]
                action_port=free_port(),
                rasa_port=free_port(),
                bot_processes=chosen.processes,
            )
        )

        async def all_of_it() -> None:
            try:
                await main(chosen, made)
            finally:
                await made.close()

        asyncio.run(all_of_it())
