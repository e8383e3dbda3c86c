"""Search over what may be told to citizens: published articles that are valid today.

Two steps, both over the tables, so that an editor's change is found by the next question in every process: PostgreSQL finds
candidates by the rarest words, sounds and meanings of the question (GIN index over the `search` column), and `ranking` orders
them by what is counted beside each article. A process remembers only how rare words are (1 MB), read again when articles changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import ARRAY, ColumnElement, Float, Select, Text, cast, false, func, lateral, select, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.article.access import is_told
from knowledge.article.models import Article
from knowledge.search import words
from knowledge.search.document import Packed, sums, unpack
from knowledge.search.filters import ANY, CITY_WIDE, Filters
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
NEAR = 3.0
"""So close in score are two articles on one matter; of 246 held-out questions only 10 in 100 have the second one so close to the first."""
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
    near: bool = True
    """Whether it fits about as well as the first one, and belongs to the same scene: perhaps the same matter, elsewhere or for others."""


@dataclass(frozen=True)
class _Candidate:
    """What is known of an article before it is read."""

    id: int
    packed: Packed
    urgent: bool
    """An answer of an emergency topic."""
    district: str
    scene: str


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
    found = await _candidates(session, query, synonyms, statistics, is_told(today) & filters.condition())
    strange = elsewhere(synonyms)
    packed = [one.packed for one in found]
    ranked = rank(question, packed, statistics, strange)
    if filters.district:
        ranked = _own_first(ranked, found, filters.district, lambda some: rank(question, some, statistics, strange))
    near = _near(ranked, found)
    if any(one.urgent for one in found):
        shares = describe(question, packed, statistics)[:, FEATURES.index("share")]
        ranked = _topics_first(ranked, {place for place, one in enumerate(found) if one.urgent and shares[place] >= TOPIC_SHARE})
    return await _hits(session, ranked, found, near, today, limit)


async def _hits(
    session: AsyncSession, ranked: Ranked, found: Sequence[_Candidate], near: frozenset[int], today: date, limit: int
) -> list[Hit]:
    places = ranked.order[:limit]
    if not places:
        return []
    read = await session.scalars(select(Article).where(Article.id.in_([found[place].id for place in places]), is_told(today)))
    articles = {article.id: article for article in read}
    return [
        Hit(articles[found[place].id], _score(ranked, number), ranked.sure if number == 0 else 0.0, place in near)
        for number, place in enumerate(places)
        if found[place].id in articles
    ]


def _near(ranked: Ranked, found: Sequence[_Candidate]) -> frozenset[int]:
    """The best one, and what may be the same matter."""
    if not ranked.order:
        return frozenset()
    best = ranked.order[0]
    least = ranked.scores[0] - NEAR
    return frozenset(
        place
        for place, score in zip(ranked.order, ranked.scores, strict=True)
        if score >= least and found[place].scene == found[best].scene
    )


def _own_first(ranked: Ranked, found: Sequence[_Candidate], district: str, again: Callable[[Sequence[Packed]], Ranked]) -> Ranked:
    """The own district's article takes the place of the city's on the same matter (docs/decisions/0223)."""
    near = _near(ranked, found)
    own = next((place for place in ranked.order if place in near and found[place].district == district), None)
    if own is None:
        return ranked
    twins = [place for place in ranked.order if place in near and found[place].district == CITY_WIDE]
    others = [place for place in ranked.order if place not in twins and place != own]
    alone = again([found[place].packed for place in (own, *others)])
    scores = dict(zip(ranked.order, ranked.scores, strict=True))
    order = (own, *twins, *others)
    sure = alone.sure if alone.order[:1] == (0,) else 0.0
    return Ranked(order, tuple(scores[place] for place in order), max(sure, ranked.sure), max(alone.known, ranked.known))


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
) -> list[_Candidate]:
    """The articles that hold most of what is rare in the question."""
    entries, rarity = _entries(query, synonyms, statistics)
    if not entries:
        return []
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
    columns = select(Article.id, Article.ranked, Article.topic_id, Article.district, Article.scene)
    rows = (await session.execute(columns.join(best, best.c.id == Article.id).order_by(Article.id))).all()
    return [
        _Candidate(key, unpack(counted), topic is not None, district, scene) for key, counted, topic, district, scene in rows if counted
    ]


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
