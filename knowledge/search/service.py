"""Search over what may be told to citizens: published articles that are valid today.

Each process keeps one index per database. Before every question one cheap query asks whether the published articles are
still the indexed ones, so that an editor's change is heard on the next question, in every process.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Select, String, cast, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.article.access import is_told
from knowledge.article.models import Article
from knowledge.search import words
from knowledge.search.bm25 import Index

MIDDLE = 2.2
"""At and above: offer as a choice. Below: as good as not found. These numbers were measured (docs/bot.md)."""
FLOOR = 4.0
"""A first hit below this is never the answer, however alone it stands."""
HIGH = 2.0
"""A first hit whose score, less RIVAL times the second one's, reaches this is the answer."""
RIVAL = 0.7
LEAD = 1.12
"""… and only when it is this much better than the second one: three articles on one fund are a choice."""
SPOKEN_WEIGHT = 0.8
BODY_WEIGHT = 0.3
_SEARCHED = ("conditions", "materials", "procedure", "online")


@dataclass(frozen=True)
class Hit:
    """One article that fits; `score` is comparable between questions (see MIDDLE and HIGH)."""

    article: Article
    score: float


@dataclass(frozen=True)
class _Cached:
    fingerprint: str
    index: Index


_indexes: WeakKeyDictionary[Any, _Cached] = WeakKeyDictionary()
"""Per database engine. A cache only: what it holds is checked against the database on each question."""


def is_sure(hits: Sequence[Hit]) -> bool:
    """Whether the first hit may be told as the answer without asking back."""
    if not hits:
        return False
    rival = hits[1].score if len(hits) > 1 else 0.0
    best = hits[0].score
    return best >= FLOOR and best - RIVAL * rival >= HIGH and best >= LEAD * rival


async def search(session: AsyncSession, query: str, *, limit: int = 3, today: date) -> list[Hit]:
    """The best articles for a citizen's question, best first; an empty list when nothing shares anything with it."""
    index = await _current_index(session, today)
    ranked = index.rank(words.tokens(words.normalise(query)))[:limit]
    if not ranked:
        return []
    found = await session.scalars(select(Article).where(Article.id.in_([key for key, _ in ranked]), is_told(today)))
    articles = {article.id: article for article in found}
    return [Hit(articles[key], score) for key, score in ranked if key in articles]


def listing(query: str, today: date) -> Select[Article]:
    """All told articles that hold every character pair of `query`, for pages with a search box (2 to 6 characters typed).

    An empty query lists all. Uses the `search` column and its index.
    """
    statement = select(Article).where(is_told(today)).order_by(Article.scene, Article.title)
    return statement.where(matches(query)) if query.strip() else statement


def matches(query: str) -> ColumnElement[bool]:
    """The condition «the article's text holds all of these words»: bigrams, so that words inside longer runs are found."""
    found = list(words.grams(words.normalise(query)))
    pairs = [token for token in found if len(token) > 1] or found
    return Article.search.op("@@")(func.plainto_tsquery("simple", " ".join(pairs)))


async def _current_index(session: AsyncSession, today: date) -> Index:
    engine = session.get_bind()
    state = func.md5(
        func.string_agg(
            cast(Article.id, String) + ":" + cast(Article.version, String) + ":" + cast(Article.updated_at, String),
            aggregate_order_by(literal(","), Article.id),
        )
    )
    fingerprint = f"{await session.scalar(select(state).where(is_told(today)))}"
    cached = _indexes.get(engine)
    if cached is None or cached.fingerprint != fingerprint:
        cached = _Cached(fingerprint, await _build(session, today))
        _indexes[engine] = cached
    return cached.index


async def _build(session: AsyncSession, today: date) -> Index:
    columns = select(Article.id, Article.title, Article.questions, Article.spoken, Article.body)
    rows = list(await session.execute(columns.where(is_told(today))))

    def build() -> Index:
        return Index.of({row.id: document(row.title, row.questions, row.spoken, row.body) for row in rows})

    return await asyncio.to_thread(build)  # half a second of computing: a call in this process must not stutter


def document(title: str, questions: list[str], spoken: str = "", body: dict[str, Any] | None = None) -> dict[str, float]:
    """What ranking sees of an article: token to weighted count. Title and example questions count most, since they are in
    the citizens' words; the answer's text counts a little. Weights measured on the held-out questions (docs/bot.md).
    """  # noqa: D205 - one thought
    counts: Counter[str] = Counter()
    for text in (title, *questions):
        counts.update(words.tokens(words.normalise(text)))
    weighted = {token: float(count) for token, count in counts.items()}
    answer = [line for name in _SEARCHED for line in _texts((body or {}).get(name))]
    for weight, texts in ((SPOKEN_WEIGHT, [spoken]), (BODY_WEIGHT, answer)):
        for text in texts:
            for token in words.tokens(words.normalise(text)):
                weighted[token] = weighted.get(token, 0.0) + weight
    return weighted


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(text) for text in value.values()]
    return [str(text) for text in value] if isinstance(value, list) else [str(value)] if value else []
