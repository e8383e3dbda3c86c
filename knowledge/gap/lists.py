"""Reading the gap list: groups with their sentences, by count or by recency. Sentences of secret matters are nobody's here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from knowledge.gap.models import Gap, GapSentence, GapState
from ticketing.ticket.access import of_secret

SHOWN = 8
"""Sentences of a group in the list."""
EXAMPLES = 12
"""Sentences that an article takes over as similar questions."""


class Order(StrEnum):
    """What comes first."""

    COUNT = "count"
    RECENT = "recent"


@dataclass(frozen=True)
class Group:
    """One group as the editors see it."""

    gap: Gap
    sentences: tuple[GapSentence, ...]
    """The newest ones, no words twice."""
    causes: dict[str, int]
    nearest_id: int | None
    """The article that was told or nearest most often."""

    @property
    def title(self) -> str:
        """What it is about: its shortest telling sentence."""
        oldest_first = [one.text for one in reversed(self.sentences)]
        return min([text for text in oldest_first if len(text) >= 4] or oldest_first, key=len, default="")


async def groups(
    session: AsyncSession,
    *,
    state: GapState | None = GapState.OPEN,
    order: Order = Order.COUNT,
    since: datetime | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Group]:
    """Groups that still have sentences. Raises InvalidInput for a page that is not there."""
    if not 0 <= offset <= 100_000 or not 1 <= limit <= 201:
        raise InvalidInput(_("没有这一页"))
    by = (Gap.count.desc(), Gap.last_at.desc()) if order is Order.COUNT else (Gap.last_at.desc(),)
    statement = select(Gap).where(_shown(state, since)).order_by(*by, Gap.id).limit(limit).offset(offset)
    found = list(await session.scalars(statement))
    sentences = await _sentences(session, [gap.id for gap in found])
    return [_group(gap, sentences.get(gap.id, [])) for gap in found]


async def group(session: AsyncSession, gap: Gap, limit: int = 200) -> Group:
    """One group with up to `limit` of its sentences."""
    return _group(gap, list(await session.scalars(_newest(GapSentence.gap_id == gap.id).limit(limit))), limit)


async def counts(session: AsyncSession) -> dict[str, int]:
    """How many groups by state."""
    rows = await session.execute(select(Gap.state, func.count()).where(_shown(None, None)).group_by(Gap.state))
    return dict(rows.all())


def _shown(state: GapState | None, since: datetime | None) -> ColumnElement[bool]:
    shown: ColumnElement[bool] = (
        select(GapSentence.id).where(GapSentence.gap_id == Gap.id, ~of_secret(GapSentence.conversation_id)).exists()
    )
    if state is not None:
        shown &= Gap.state == state.value
    return shown if since is None else shown & (Gap.last_at >= since)


def _newest(condition: ColumnElement[bool]) -> Select[GapSentence]:
    return select(GapSentence).where(condition, ~of_secret(GapSentence.conversation_id)).order_by(GapSentence.id.desc())


async def _sentences(session: AsyncSession, ids: list[int]) -> dict[int, list[GapSentence]]:
    place = func.row_number().over(partition_by=GapSentence.gap_id, order_by=GapSentence.id.desc()).label("place")
    ranked = select(GapSentence.id, place).where(GapSentence.gap_id.in_(ids), ~of_secret(GapSentence.conversation_id)).subquery()
    chosen = select(ranked.c.id).where(ranked.c.place <= 5 * SHOWN)
    found: dict[int, list[GapSentence]] = {}
    for sentence in await session.scalars(_newest(GapSentence.id.in_(chosen))):
        found.setdefault(sentence.gap_id, []).append(sentence)
    return found


def _group(gap: Gap, sentences: list[GapSentence], limit: int = SHOWN) -> Group:
    different = {sentence.text: sentence for sentence in reversed(sentences)}
    nearest = Counter(one.article_id for one in sentences if one.article_id is not None).most_common(1)
    newest = sorted(different.values(), key=lambda one: -one.id)[:limit]
    return Group(gap, tuple(newest), dict(Counter(one.cause for one in sentences)), nearest[0][0] if nearest else None)


def examples(group: Group, most: int = EXAMPLES) -> tuple[str, ...]:
    """Its sentences as similar questions of an article: no covered numbers, none longer than an example may be."""
    fitting = [one.text.strip(" ，。！？?!") for one in group.sentences]
    return tuple(dict.fromkeys(text for text in fitting if 2 <= len(text) <= 100 and "*" not in text))[:most]
