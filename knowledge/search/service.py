"""Search over what may be told to citizens: published articles that are valid today.

Two steps, both over the tables, so that an editor's change is found by the next question in every process: PostgreSQL finds
candidates by the rarest words, sounds and meanings of the question (GIN index over the `search` column), and `ranking` orders
them by what is counted beside each article. A process remembers only how rare words are (1 MB), read again when articles changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import ARRAY, ColumnElement, Float, Select, Text, and_, cast, false, func, lateral, select, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.article.access import is_told
from knowledge.article.models import Article
from knowledge.search import words
from knowledge.search.document import Packed, sums, unpack
from knowledge.search.ranking import FEATURES, Question, Ranked, Statistics, describe, elsewhere, rank
from knowledge.search.synonyms import in_force
from knowledge.search.words import Synonyms

SURE = 0.7
"""At and above: the first hit is told as the answer. Measured (docs/bot-quality.md)."""
MIDDLE = 0.3
"""At and above: offer as a choice. Below: as good as not found."""
CANDIDATES = 48
MOST_ROWS, MOST_ENTRIES, MOST_OF_ONE = 1200, 24, 150
"""How much PostgreSQL looks at for candidates: rows in all, entries of the question, rows of one entry."""
TOPIC_SHARE = 0.5
"""An answer of an emergency topic that holds so much of the question, counted by rarity, goes before all others."""
SAMPLE = 4000
"""Up to so many articles are read to learn how rare words are."""
PATIENCE_S = 600.0
"""So old may the statistics of a bigger collection be: a few new articles hardly change them."""


@dataclass(frozen=True)
class Hit:
    """One article that fits."""

    article: Article
    score: float
    """0 to 1, comparable between questions: how likely the question is about what was found (see MIDDLE)."""
    sure: float = 0.0
    """0 to 1: how likely this is the answer; only of the first one."""


@dataclass(frozen=True)
class Filters:
    """Only articles of this scene, unit, district (or the whole city) and audience (or everybody); empty: all."""

    scene: str = ""
    unit_id: int | None = None
    district: str = ""
    audience: str = ""

    def condition(self) -> ColumnElement[bool]:
        """As SQL."""
        parts: list[ColumnElement[bool]] = [true()]
        if self.scene:
            parts.append((Article.scene == self.scene) | Article.also_scenes.contains([self.scene]))
        if self.unit_id is not None:
            parts.append(Article.unit_id == self.unit_id)
        if self.district:
            parts.append(Article.district.in_(("", self.district)))
        if self.audience:
            parts.append((func.jsonb_array_length(Article.audiences) == 0) | Article.audiences.contains([self.audience]))
        return and_(*parts)


ANY = Filters()


@dataclass(frozen=True)
class _Learnt:
    mark: tuple[Any, ...]
    at: datetime
    statistics: Statistics


_learnt: WeakKeyDictionary[Any, _Learnt] = WeakKeyDictionary()
"""Per database engine."""


def is_sure(hits: Sequence[Hit]) -> bool:
    """Whether the first hit may be told as the answer without asking back."""
    return bool(hits) and hits[0].sure >= SURE


async def search(session: AsyncSession, query: str, *, limit: int = 3, today: date, filters: Filters = ANY) -> list[Hit]:
    """The best articles for a citizen's question, best first; an empty list when nothing shares anything with it."""
    synonyms = await in_force(session)
    statistics = await _statistics(session, today)
    question = Question.of(query, synonyms)
    keys, packed, urgent = await _candidates(session, query, synonyms, statistics, is_told(today) & filters.condition())
    ranked = rank(question, packed, statistics, elsewhere(synonyms))
    if urgent:
        shares = describe(question, packed, statistics)[:, FEATURES.index("share")]
        ranked = _topics_first(ranked, {place for place, key in enumerate(keys) if key in urgent and shares[place] >= TOPIC_SHARE})
    chosen = [keys[place] for place in ranked.order[:limit]]
    if not chosen:
        return []
    found = await session.scalars(select(Article).where(Article.id.in_(chosen), is_told(today)))
    articles = {article.id: article for article in found}
    return [
        Hit(articles[key], _score(ranked, place), ranked.sure if place == 0 else 0.0) for place, key in enumerate(chosen) if key in articles
    ]


def _topics_first(ranked: Ranked, urgent: set[int]) -> Ranked:
    """Answers of an emergency topic that hold most of what was asked go before all others (docs/decisions/0173).

    One that was not the best by itself is offered first, not told as the answer.
    """
    order = (*(place for place in ranked.order if place in urgent), *(place for place in ranked.order if place not in urgent))
    if order == ranked.order:
        return ranked
    scores = dict(zip(ranked.order, ranked.scores, strict=True))
    return Ranked(order, tuple(scores[place] for place in order), min(ranked.sure, SURE / 2), ranked.known)


def _score(ranked: Ranked, place: int) -> float:
    """All that is offered shares the first one's chance of being about this at all, a little less each."""
    return max(ranked.known, ranked.sure) * (1 - 0.01 * min(place, 50))


async def _candidates(
    session: AsyncSession, query: str, synonyms: Synonyms, statistics: Statistics, allowed: ColumnElement[bool]
) -> tuple[list[int], list[Packed], set[int]]:
    """(ids, counted tokens) of the articles that hold most of what is rare in the question, and which are of a topic."""
    entries, rarity = _entries(query, synonyms, statistics)
    if not entries:
        return [], [], set()
    asked = select(
        func.unnest(cast([_quoted(entry) for entry in entries], ARRAY(Text))).label("entry"),
        func.unnest(cast(rarity, ARRAY(Float))).label("rarity"),
    ).subquery("asked")
    holds = Article.search.op("@@")(cast(asked.c.entry, TSQUERY))
    holders = lateral(select(Article.id).where(holds, allowed).limit(MOST_OF_ONE)).alias("holder")
    best = (
        select(holders.c.id, func.sum(asked.c.rarity).label("shared"))
        .select_from(asked.join(holders, true()))
        .group_by(holders.c.id)
        .order_by(func.sum(asked.c.rarity).desc(), holders.c.id)
        .limit(CANDIDATES)
        .subquery("best")
    )
    columns = select(Article.id, Article.ranked, Article.topic_id)
    rows = (await session.execute(columns.join(best, best.c.id == Article.id).order_by(Article.id))).all()
    found = [(key, unpack(kept)) for key, kept, _topic in rows if kept]
    urgent = {key for key, _kept, topic in rows if topic is not None}
    return [key for key, _packed in found], [packed for _key, packed in found], urgent


def _entries(query: str, synonyms: Synonyms, statistics: Statistics) -> tuple[list[str], list[float]]:
    """The question's rarest entries of the index with their rarity, as many as MOST_ROWS allows."""
    lexemes = words.lexemes([query], synonyms)
    if not lexemes:
        return [], []
    numbers = np.array([sums([lexeme])[0] for lexeme in lexemes], np.uint32)
    held, rarity = statistics.held(numbers), statistics.rarity(numbers)
    order = np.argsort(-rarity, kind="stable")
    unknown = [int(place) for place in order if held[place] == 0][:MOST_ENTRIES]  # of a new article, or of one outside the sample
    known: list[int] = []
    rows = 0.0
    for place in (int(place) for place in order if held[place] > 0):
        rows += min(float(held[place]), MOST_OF_ONE)
        if known and (rows > MOST_ROWS or len(known) == MOST_ENTRIES):
            break
        known.append(place)
    chosen = unknown + known
    return [lexemes[place] for place in chosen], [float(rarity[place]) for place in chosen]


def listing(query: str, today: date, filters: Filters = ANY) -> Select[Article]:
    """All told articles that hold every character pair of `query`, for pages with a search box (2 to 6 characters typed).

    An empty query lists all. Uses the `search` column and its index.
    """
    statement = select(Article).where(is_told(today), filters.condition()).order_by(Article.scene, Article.title)
    return statement.where(matches(query)) if query.strip() else statement


def matches(query: str) -> ColumnElement[bool]:
    """The condition «the article's text holds all of these words»: bigrams, so that words inside longer runs are found."""
    found = list(dict.fromkeys(words.grams(words.normalise(query))))
    pairs = [token for token in found if len(token) > 1] or found
    if not pairs:
        return false()
    return Article.search.op("@@")(cast(" & ".join(_quoted(pair) for pair in pairs), TSQUERY))


def _quoted(lexeme: str) -> str:
    """As a tsquery that is exactly this entry, whatever signs an editor's synonym holds."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


async def _statistics(session: AsyncSession, today: date) -> Statistics:
    """How rare words are among the articles now; of more than SAMPLE articles from a sample, as it was up to PATIENCE_S ago."""
    engine = session.get_bind()
    known = _learnt.get(engine)
    newest, last, now = (await session.execute(select(func.max(Article.updated_at), func.max(Article.id), func.clock_timestamp()))).one()
    mark = (newest, last, today)
    if known is not None:
        settled = known.statistics.articles > SAMPLE and (now - known.at).total_seconds() < PATIENCE_S
        if known.mark == mark or settled:
            return known.statistics
    told = int(await session.scalar(select(func.count()).select_from(Article).where(is_told(today))) or 0)
    sample = select(Article.ranked).where(is_told(today), Article.ranked.is_not(None))
    if told > SAMPLE:
        sample = sample.where(Article.id % (told // SAMPLE + 1) == 0)
    kept = list(await session.scalars(sample.limit(SAMPLE)))
    statistics = await asyncio.to_thread(lambda: Statistics.of([unpack(one) for one in kept if one], max(told, len(kept))))
    _learnt[engine] = _Learnt(mark, now, statistics)
    return statistics
