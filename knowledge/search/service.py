"""Search over what may be told to citizens: published articles that are valid today.

Each process keeps one index per database. Before every question one cheap query asks whether the published articles are
still the indexed ones, so that an editor's change is heard on the next question, in every process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Select, String, cast, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.article.models import Article, ArticleState
from knowledge.search import words
from knowledge.search.bm25 import Index

MIDDLE = 0.30
"""At and above: offer as a choice. Below: as good as not found. Measured, see docs/decisions on the bot's thresholds."""
HIGH = 0.60
"""At and above: answer at once."""
LEAD = 1.12
"""A high first hit is answered at once only when it is this much better than the second one."""


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


def is_told(today: date) -> ColumnElement[bool]:
    """The condition under which an article is shown or spoken."""
    still = Article.valid_until.is_(None) | (Article.valid_until >= today)
    return (Article.state == ArticleState.PUBLISHED.value) & (Article.valid_from <= today) & still


async def search(session: AsyncSession, query: str, *, limit: int = 3, today: date) -> list[Hit]:
    """The best articles for a citizen's question, best first; an empty list when nothing shares anything with it."""
    index = await _current_index(session, today)
    best: dict[int, float] = {}
    for wording in words.wordings(query):
        for key, score in index.rank(words.tokens(wording))[: limit + 3]:
            best[key] = max(score, best.get(key, 0.0))
    ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
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
    rows = await session.execute(select(Article.id, Article.title, Article.questions).where(is_told(today)))
    return Index.of({row.id: document(row.title, row.questions) for row in rows})


def document(title: str, questions: list[str]) -> list[str]:
    """What ranking sees of an article: title and example questions. The answer's text is left out on purpose: it names
    neighbouring matters, and measured worse."""  # noqa: D205, D209 - one thought
    return [token for text in (title, *questions) for wording in words.wordings(text) for token in words.tokens(wording)]
