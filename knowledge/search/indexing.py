"""What search needs beside an article: the entries of its `search` column and its counted tokens, made when its text changes.

A change of the synonyms makes what was counted with other words stale; `refresh` counts it anew. Until then it is found by what it
was counted with, so that nothing disappears meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from knowledge.article.models import Article
from knowledge.search import document, words
from knowledge.search.synonyms import in_force
from knowledge.search.words import Synonyms

BATCH = 200


@dataclass(frozen=True)
class Counted:
    """The three columns."""

    lexemes: list[str]
    ranked: bytes
    indexed_by: str


def mark(synonyms: Synonyms) -> str:
    """By which rules and words an article was counted."""
    return f"{document.FORMAT}:{synonyms.fingerprint}"


def count(title: str, questions: list[str], spoken: str, body: dict[str, object], synonyms: Synonyms) -> Counted:
    """Everything for one article; about 15 ms."""
    lexemes = words.lexemes((title, *questions, spoken), synonyms)
    return Counted(lexemes, document.pack(*document.counted(title, questions, spoken, body, synonyms)), mark(synonyms))


async def index(session: AsyncSession, article: Article) -> None:
    """Set the columns from what the article says now."""
    with session.no_autoflush:  # the article is half changed here
        synonyms = await in_force(session)
    counted = count(article.title, article.questions, article.spoken, article.body, synonyms)
    article.search = func.array_to_tsvector(cast(counted.lexemes, ARRAY(Text)))
    article.ranked, article.indexed_by = counted.ranked, counted.indexed_by


async def refresh(database: Database) -> int:
    """Count anew what was counted with other words or by an older program. For the scheduler; returns how many."""
    total = 0
    while True:
        async with database.transaction() as session:
            synonyms = await in_force(session)
            stale = select(Article.id, Article.title, Article.questions, Article.spoken, Article.body)
            rows = list(
                await session.execute(
                    stale.where(Article.indexed_by != mark(synonyms)).order_by(Article.id).limit(BATCH).with_for_update(skip_locked=True)
                )
            )
            for row in rows:
                made = await asyncio.to_thread(count, row.title, row.questions, row.spoken, row.body, synonyms)
                columns = {
                    "search": func.array_to_tsvector(cast(made.lexemes, ARRAY(Text))),
                    "ranked": made.ranked,
                    "indexed_by": made.indexed_by,
                }
                await session.execute(update(Article).where(Article.id == row.id).values(**columns))
        total += len(rows)
        if len(rows) < BATCH:
            return total
