"""What people talk about: topics by category and by words, sudden rises, places. Secret tickets never come in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.statistics.figures import EVERYTHING, SECRET, Cut, Filter, compute
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.period import Period
from ticketing.statistics.scope import Scope
from ticketing.taxonomy.models import Category

EARLIER = 4
"""How many periods before are the yardstick of a rise."""
SIGNIFICANT = 3.0
"""Standard deviations from what chance does with counts (Poisson)."""
RISE_FACTOR, RISE_FEWEST = 1.5, 5
"""A rise also has to be worth a leader's time: half as much again, and at least so many tickets."""
MOST_TITLES = 20_000
"""Titles read for words; of more, every n-th is taken and the counts say so."""
FEWEST_TICKETS = 3
"""A word of fewer tickets, or a place of fewer people, is not shown: it might be a person's name or home."""
_DULL_WORDS = """
请问 反映 要求 希望 投诉 举报 咨询 求助 建议 问题 情况 市民 来电 有人 怎么 怎么办 什么 没有 一直 已经 无法 不能 可以 有关 相关 处理
解决 核实 部门 附近 小区 北门 南门 东门 西门 门口 旁边 对面 影响 居民 我们 他们 自己 这个 那个 时候 今天 昨天 现在 还是 因为 所以
"""
_DULL = frozenset(_DULL_WORDS.split())


@dataclass(frozen=True)
class Topic:
    """A category, with how it was before."""

    code: str
    count: int
    mean: float
    """Mean of the earlier periods."""
    deviations: float
    """(count - mean) / the deviation that chance gives."""

    @property
    def sudden(self) -> bool:
        """Whether it rose more than chance explains, and enough to matter."""
        return self.deviations >= SIGNIFICANT and self.count >= max(RISE_FEWEST, RISE_FACTOR * self.mean)


def deviations(count: float, earlier: Sequence[float]) -> float:
    """How many standard deviations `count` lies above the mean of `earlier`.

    Counts of independent appeals are Poisson: the variance of the count is its mean, that of the mean of k periods a k-th of it. Half a
    ticket is added to the mean, so that a first-ever topic does not divide by zero.
    """
    mean = sum(earlier) / len(earlier) if earlier else 0.0
    variance = max(mean, 0.5) * (1 + 1 / max(len(earlier), 1))
    return (count - mean) / sqrt(variance)


async def topics(core: Core, session: AsyncSession, scope: Scope, period: Period, *, only: Filter = EVERYTHING) -> list[Topic]:
    """Categories by number of appeals, most first, each against the mean of the four periods before."""
    received = [BY_KEY["received"]]

    async def counts(of: Period) -> dict[str, float]:
        lines = await compute(core, session, scope, of, received, by=(Cut.CATEGORY,), only=only)
        return {line.at[0]: line.figures["received"].denominator for line in lines if line.at[0] not in ("", SECRET)}

    now = await counts(period)
    before, past = [], period
    for _number in range(EARLIER):
        past = past.previous()
        before.append(await counts(past))
    found = []
    for code, count in now.items():
        earlier = [each.get(code, 0.0) for each in before]
        found.append(Topic(code, int(count), sum(earlier) / EARLIER, deviations(count, earlier)))
    return sorted(found, key=lambda topic: (-topic.count, topic.code))


_TITLES = text(
    """
    SELECT title FROM ticket
    WHERE received_at >= :start AND received_at < :end AND state NOT IN ('draft', 'invalid') AND confidentiality <> 'secret'
        AND (:line = '' OR line = :line) AND id % :every = 0
    """
)
_COUNT = text("SELECT count(*) FROM ticket WHERE received_at >= :start AND received_at < :end AND (:line = '' OR line = :line)")
_PLACES = text(
    """
    SELECT district, coalesce(nullif(street, ''), nullif(address, '')) AS place, count(*) AS n
    FROM ticket
    WHERE received_at >= :start AND received_at < :end AND state NOT IN ('draft', 'invalid') AND confidentiality <> 'secret'
        AND (:line = '' OR line = :line) AND coalesce(nullif(street, ''), nullif(address, '')) IS NOT NULL
    GROUP BY 1, 2 HAVING count(DISTINCT citizen_id) >= :fewest ORDER BY n DESC, 1, 2 LIMIT :most
    """
)


async def words(session: AsyncSession, period: Period, *, line: str = "", most: int = 20) -> list[tuple[str, int]]:
    """Words of the titles by the number of tickets that have them."""
    values = {"start": period.start, "end": period.end, "line": line}
    number = int(await session.scalar(_COUNT, values) or 0)
    every = max(1, -(-number // MOST_TITLES))
    titles = [row.title for row in await session.execute(_TITLES, {**values, "every": every})]
    known = [word for row in await session.execute(select(Category.keywords)) for word in (row.keywords or "").split()]
    counted = await asyncio.to_thread(count_words, titles, known)
    return [(word, every * count) for word, count in counted if count >= FEWEST_TICKETS][:most]


def count_words(titles: Iterable[str], known: Iterable[str] = ()) -> list[tuple[str, int]]:
    """Words of at least two characters with the number of titles that have them; dull ones and numbers are left out.

    `known`: the catalogue's words, which are never cut apart. No word is guessed that is in no dictionary: it might be a name.
    """
    tokenizer = _tokenizer()
    for word in known:
        tokenizer.add_word(word, freq=1_000_000)
    counter: Counter[str] = Counter()
    for title in titles:
        said = {word for word in tokenizer.cut(title, HMM=False) if len(word) >= 2 and word not in _DULL and word.isalpha()}
        counter.update(word for word in said if not word.isascii())
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    """Its dictionary takes a second to load: only who writes a brief pays, once."""
    import jieba

    jieba.setLogLevel("ERROR")
    return jieba.Tokenizer()


async def places(session: AsyncSession, period: Period, *, line: str = "", most: int = 15) -> list[tuple[str, str, int]]:
    """District, street or address, and number of appeals, most first; only places that at least three people named."""
    values = {"start": period.start, "end": period.end, "line": line, "fewest": FEWEST_TICKETS, "most": most}
    return [(row.district, row.place, int(row.n)) for row in await session.execute(_PLACES, values)]
