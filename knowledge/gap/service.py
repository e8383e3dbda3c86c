"""The gap list: noted in the turn's own transaction, grouped by likeness, closed by an editor, open again when it comes back.

Functions flush and never commit: the caller owns the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Select, bindparam, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from knowledge.article.access import is_told
from knowledge.article.models import Article, ArticleState
from knowledge.gap.likeness import LEAST, alike, cells
from knowledge.gap.models import Cause, Gap, GapSentence, GapState
from ticketing.context import Core
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.permissions import ensure

SIGNED = 6
"""Sentences of one group that later ones are compared with."""
_CANDIDATES = 60
_MEMORY = timedelta(days=365)
AGAIN = 5
"""So often must a question come after «no need» until the editors see it again."""
_GONE = (ArticleState.RECALLED, ArticleState.EXPIRED)
_LOCK = 7_120_005
"""Advisory lock of grouping: two like questions at once make one group."""


@dataclass(frozen=True)
class Asked:
    """A question that was not answered well. `text`: personal data covered already."""

    conversation_id: UUID
    message_id: int
    text: str
    channel: str
    cause: Cause
    article_id: int | None = None
    article_version: int | None = None
    score: float = 0.0


async def note(core: Core, session: AsyncSession, asked: Asked) -> Gap:
    """Put the sentence on the list, in the group of its like, or note the worse cause of one that is there already."""
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    known = (await session.scalars(select(GapSentence).where(GapSentence.message_id == asked.message_id))).first()
    if known is not None:
        if asked.cause.weight > Cause(known.cause).weight:
            known.cause = asked.cause.value
        return await session.get_one(Gap, known.gap_id)
    now = core.clock.now()
    gap = await _like(session, asked, now) or await _new(session, now)
    signed = await session.scalar(select(func.count()).where(GapSentence.gap_id == gap.id, func.cardinality(GapSentence.cells) > 0))
    session.add(
        GapSentence(
            gap_id=gap.id, conversation_id=asked.conversation_id, message_id=asked.message_id, text=asked.text[:500], channel=asked.channel,
            at=now, cause=asked.cause.value, article_id=asked.article_id, article_version=asked.article_version, score=asked.score,
            cells=cells(asked.text) if (signed or 0) < SIGNED else [],
        )
    )  # fmt: skip
    gap.count, gap.last_at = gap.count + 1, now
    if await _comes_back(session, gap, now):
        await _reopen(core, session, gap)
    await session.flush()
    return gap


async def _new(session: AsyncSession, now: datetime) -> Gap:
    gap = Gap(first_at=now, last_at=now, state=GapState.OPEN.value, count=0, count_at_close=0, reason="", reopened=0)
    session.add(gap)
    await session.flush()
    return gap


async def _like(session: AsyncSession, asked: Asked, now: datetime) -> Gap | None:
    """The group with the sentence that is most like this one."""
    looked_for = cells(asked.text)
    if not looked_for:
        return None
    best, found = LEAST, None
    mine = frozenset(looked_for)
    for row in await session.execute(_candidates(looked_for, now)):
        score = alike(mine, frozenset(row.cells), asked.article_id, row.article_id)
        if score >= best:
            best, found = score, row.gap_id
    return (await session.scalars(select(Gap).where(Gap.id == found).with_for_update())).one() if found else None


def _candidates(looked_for: list[int], now: datetime) -> Select[int, list[int], int | None]:
    mine = cast(bindparam("looked_for", looked_for, type_=ARRAY(Integer)), ARRAY(Integer))
    cell = func.unnest(GapSentence.cells).column_valued("cell")
    shared = select(func.count(cell)).where(cell == func.any(mine)).correlate(GapSentence).scalar_subquery()
    return (
        select(GapSentence.gap_id, GapSentence.cells, GapSentence.article_id)
        .where(GapSentence.cells.op("&&")(mine), GapSentence.at > now - _MEMORY)
        .order_by(shared.desc(), GapSentence.id)
        .limit(_CANDIDATES)
    )


async def _comes_back(session: AsyncSession, gap: Gap, now: datetime) -> bool:
    """A covered question comes back when its article is told and did not help; an unneeded one when it is asked again and again."""
    if gap.state == GapState.COVERED.value:
        article = await session.get_one(Article, gap.article_id)
        if article.version < (gap.article_version or 0):
            return article.draft_version is None  # the version that was to cover it was given up
        told = await session.scalar(select(Article.id).where(Article.id == article.id, is_told(to_city(now).date())))
        return told is not None or ArticleState(article.state) in _GONE
    return gap.state == GapState.NO_NEED.value and gap.count - gap.count_at_close >= AGAIN


async def _reopen(core: Core, session: AsyncSession, gap: Gap) -> None:
    was = gap.state
    gap.state, gap.reopened = GapState.OPEN.value, gap.reopened + 1
    await _event(core, session, SYSTEM, gap, "knowledge.gap_reopened", {"was": was})


async def get_gap(session: AsyncSession, gap_id: int, *, lock: bool = False) -> Gap:
    """The group. Raises NotFound."""
    statement = select(Gap).where(Gap.id == gap_id)
    gap = (await session.scalars(statement.with_for_update() if lock else statement)).first()
    if gap is None:
        raise NotFound(_("没有找到这组问题"))
    return gap


async def cover(core: Core, session: AsyncSession, actor: Actor, gap_id: int, *, article_id: int, version: int) -> Gap:
    """An article (or a new version of one) was written for it. Raises IllegalStep when somebody closed it before."""
    gap = await open_gap(session, actor, gap_id)
    gap.article_id, gap.article_version = article_id, version
    return await _close(core, session, actor, gap, GapState.COVERED)


async def no_need(core: Core, session: AsyncSession, actor: Actor, gap_id: int, reason: str) -> Gap:
    """Nothing has to be written, because …. Raises InvalidInput without a reason, IllegalStep when it is closed."""
    ensure(actor, "knowledge.gaps")
    if not 2 <= len(reason.strip()) <= 200:
        raise InvalidInput(_("请用2到200个字写明为什么不用处理"), field="reason")
    gap = await open_gap(session, actor, gap_id)
    gap.reason = reason.strip()
    return await _close(core, session, actor, gap, GapState.NO_NEED)


async def reopen(core: Core, session: AsyncSession, actor: Actor, gap_id: int) -> Gap:
    """An editor takes a closed group up again."""
    ensure(actor, "knowledge.gaps")
    gap = await get_gap(session, gap_id, lock=True)
    if gap.state == GapState.OPEN.value:
        raise IllegalStep(_("这组问题现在就在待处理里"))
    await _reopen(core, session, gap)
    return gap


async def merge(core: Core, session: AsyncSession, actor: Actor, gap_id: int, into_id: int) -> Gap:
    """The two groups ask the same: the sentences go over, the emptied group is gone. Raises Conflict for a group into itself."""
    ensure(actor, "knowledge.gaps")
    if gap_id == into_id:
        raise Conflict(_("不能并入自己"))
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    gap, into = [await get_gap(session, each, lock=True) for each in (gap_id, into_id)]
    if GapState.OPEN.value != gap.state or into.state != GapState.OPEN.value:
        raise IllegalStep(_("只能合并两组待处理的问题"))
    await session.execute(update(GapSentence).where(GapSentence.gap_id == gap.id).values(gap_id=into.id))
    into.count, into.first_at, into.last_at = into.count + gap.count, min(into.first_at, gap.first_at), max(into.last_at, gap.last_at)
    await _event(core, session, actor, into, "knowledge.gap_merged", {"from": gap.id})
    await session.delete(gap)
    await session.flush()
    return into


async def open_gap(session: AsyncSession, actor: Actor, gap_id: int) -> Gap:
    """An open group, locked, for somebody who may work on it. Raises NotAllowed, NotFound, IllegalStep when it is closed."""
    ensure(actor, "knowledge.gaps")
    gap = await get_gap(session, gap_id, lock=True)
    if gap.state != GapState.OPEN.value:
        raise IllegalStep(_("别人已经处理了这组问题"))
    return gap


async def _close(core: Core, session: AsyncSession, actor: Actor, gap: Gap, state: GapState) -> Gap:
    gap.state, gap.count_at_close = state.value, gap.count
    gap.closed_at, gap.closed_by_id = core.clock.now(), actor.user_id
    await _event(core, session, actor, gap, f"knowledge.gap_{state.value}", {"article": gap.article_id} if gap.article_id else {})
    return gap


async def _event(core: Core, session: AsyncSession, actor: Actor, gap: Gap, name: str, data: dict[str, int | str | None]) -> None:
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="gap", subject_id=gap.id, who=actor.who, data=data)


__all__ = ["AGAIN", "Asked", "cover", "get_gap", "merge", "no_need", "note", "open_gap", "reopen"]
