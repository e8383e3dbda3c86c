"""Knowledge search at 100,000 articles: milliseconds of a question, and what a process remembers.

Run: `.venv/bin/python -m benchmarks.knowledge [ARTICLES]`. Target: p95 under 30 ms.

Synthetic articles are made of the real ones: title, some of their example questions, the short answer, and a place, a year and two
words of their own. So common words stand in thousands of articles, which is what a search fears most.
"""

from __future__ import annotations

import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

from sqlalchemy import ARRAY, LargeBinary, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, running
from knowledge.search import document, words
from knowledge.search.filters import Filters
from knowledge.search.indexing import mark
from knowledge.search.service import listing, search
from knowledge.seed.loader import SeedArticle, load_articles, load_heldout

TODAY = date(2026, 11, 22)
BLOCK = 2_000
ROUNDS = 2
HELDOUT = Path(__file__).parent / "heldout" / "questions.yaml"
_INSERT = text(
    "INSERT INTO article (slug, version, state, kind, title, scene, questions, spoken, body, sample_data, checked_on, valid_from,"
    " used_count, updated_at, search, ranked, indexed_by) SELECT :slug, 1, 'published', 'guide', :title, :scene, '[]', :spoken, '{}', true,"
    " '2026-11-01', '2026-01-01', 0, now(), array_to_tsvector(:lexemes), :ranked, :mark"
).bindparams(bindparam("lexemes", type_=ARRAY(Text)), bindparam("ranked", type_=LargeBinary))


class Maker:
    """Makes articles; what a sentence counts is computed once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[str], list[str], list[str]]] = {}
        self._chance = random.Random(5)
        self._articles: list[SeedArticle] = load_articles()

    def _parts(self, sentence: str) -> tuple[list[str], list[str], list[str]]:
        if sentence not in self._known:
            normalised = words.normalise(sentence)
            self._known[sentence] = (words.tokens(normalised), list(words.sounds(normalised)), words.lexemes([sentence]))
        return self._known[sentence]

    def make(self, number: int) -> dict[str, object]:
        """One row."""
        like = self._chance.choice(self._articles)
        own = "".join(chr(0x4E00 + self._chance.randrange(6000)) for _ in range(4))
        sentences = [like.title, *self._chance.sample(like.questions, min(5, len(like.questions))), like.spoken, own]
        counts: Counter[str] = Counter()
        heard: Counter[str] = Counter()
        lexemes: dict[str, None] = {}
        for sentence in sentences:
            tokens, sounds, entries = self._parts(sentence)
            counts.update(tokens)
            heard.update(sounds)
            lexemes.update(dict.fromkeys(entries))
        return {
            "slug": f"s{number}", "title": f"{like.title}{own}", "scene": like.scene, "spoken": like.spoken, "lexemes": list(lexemes),
            "ranked": document.pack(counts, heard), "mark": mark(words.shipped()),
        }  # fmt: skip


async def fill(database: Database, articles: int) -> float:
    """The articles, their index and its statistics; returns the seconds."""
    began = time.monotonic()
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
        await connection.exec_driver_sql("DROP INDEX ix_article_search")
    maker = Maker()
    for start in range(0, articles, BLOCK):
        async with database.transaction() as session:
            await session.execute(_INSERT, [maker.make(number) for number in range(start, min(start + BLOCK, articles))])
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("CREATE INDEX ix_article_search ON article USING gin (search)")
        await connection.exec_driver_sql("ANALYZE article")
    return time.monotonic() - began


async def asked(session: AsyncSession, kind: str, question: str) -> int:
    """One look-up; how many were found."""
    if kind == "question":
        return len(await search(session, question, today=TODAY))
    if kind == "filtered":
        return len(await search(session, question, today=TODAY, filters=Filters(scene="社保与医保", district="临江区")))
    return len(list(await session.scalars(listing(question, TODAY).limit(50))))


async def measure(database: Database, kind: str, questions: list[str]) -> str:
    """A row of the table."""
    wall, cpu, found = [], [], 0
    for question in questions:
        async with database.transaction() as session:
            start, spent = time.perf_counter(), time.process_time()
            found += bool(await asked(session, kind, question))
            wall.append(1000 * (time.perf_counter() - start))
            cpu.append(1000 * (time.process_time() - spent))
    ordered = sorted(wall)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    times = " | ".join(f"{value:.1f}" for value in (statistics.median(ordered), p95, ordered[-1], statistics.mean(cpu)))
    return f"| {kind} | {len(questions)} | {found} | {times} |"


async def main(url: str, articles: int) -> None:
    """Fill, ask, tell."""
    database = Database(url, statement_timeout_ms=0)
    print(f"{articles} articles made in {await fill(database, articles):.0f} s", flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with database.transaction() as session:
        began = time.perf_counter()
        await search(session, "护照怎么办", today=TODAY)
        print(f"first question (reads how rare words are): {1000 * (time.perf_counter() - began):.0f} ms", flush=True)
        size = await session.scalar(text("SELECT pg_size_pretty(pg_total_relation_size('article'))"))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(f"table with indexes {size}; the process grew by {grown} MB", flush=True)
    questions = [entry.question for entry in load_heldout(HELDOUT)]
    short = [question[2 : 4 + place % 5] for place, question in enumerate(questions[:100]) if len(question) > 8]
    print("| what | asked | found something | p50 ms | p95 ms | max ms | own CPU ms |\n|---|---|---|---|---|---|---|", flush=True)
    for kind, what in (("question", questions * ROUNDS), ("filtered", questions), ("listing", short)):
        print(await measure(database, kind, what), flush=True)
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(PrivatePostgres(Path(folder))) as server:
        server.create_database("bench")
        asyncio.run(main(server.url("bench"), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
