"""The synonyms in force: rows that editors keep, or those that come with the program as long as there is no row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from knowledge.search.models import SearchSynonym, SynonymKind
from knowledge.search.words import Synonyms, shipped, simplify
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import may

MOST_WORDS, LONGEST_WORD = 40, 12


@dataclass(frozen=True)
class _Known:
    mark: tuple[Any, ...]
    synonyms: Synonyms


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()
"""Per database engine; compared with the table on each use, so that another process' change holds at once."""


async def in_force(session: AsyncSession) -> Synonyms:
    """The groups that hold now."""
    mark = tuple((await session.execute(select(func.count(), func.max(SearchSynonym.id), func.max(SearchSynonym.changed_at)))).one())
    if not mark[0]:
        return shipped()
    engine = session.get_bind()
    known = _known.get(engine)
    if known is None or known.mark != mark:
        rows = list(await session.scalars(select(SearchSynonym).order_by(SearchSynonym.id)))
        known = _Known(mark, _of(rows))
        _known[engine] = known
    return known.synonyms


def _of(rows: Iterable[SearchSynonym]) -> Synonyms:
    kept: dict[str, list[tuple[str, ...]]] = {kind.value: [] for kind in SynonymKind}
    for row in rows:
        kept[row.kind].append(tuple(row.words))
    return Synonyms(tuple(kept["spelling"]), tuple(kept["related"]))


async def listed(session: AsyncSession, containing: str = "") -> list[SearchSynonym]:
    """All groups, or those with a word that holds `containing`, in the order in which they were made."""
    rows = await session.scalars(select(SearchSynonym).order_by(SearchSynonym.kind.desc(), SearchSynonym.id))
    wanted = simplify(containing.strip())
    return [row for row in rows if not wanted or any(wanted in word for word in row.words)]


async def bring_shipped(core: Core, session: AsyncSession) -> int:
    """Write the groups of synonyms.yaml as rows, if there is none yet; returns how many were written."""
    if await session.scalar(select(SearchSynonym.id).limit(1)):
        return 0
    groups = shipped()
    now = core.clock.now()
    pairs = [(SynonymKind.SPELLING, group) for group in groups.spelling] + [(SynonymKind.RELATED, group) for group in groups.related]
    session.add_all([SearchSynonym(kind=kind.value, words=list(group), changed_at=now) for kind, group in pairs])
    await session.flush()
    return len(pairs)


async def keep(
    core: Core, session: AsyncSession, actor: Actor, kind: SynonymKind, typed: str, *, group_id: int | None = None
) -> SearchSynonym:
    """Add a group, or replace the words of one. `typed`: commas, blanks or 、 between. Raises InvalidInput, Conflict, NotFound."""
    _needs_editor(actor)
    await bring_shipped(core, session)
    words = _words(typed)
    row = await _row(session, group_id) if group_id is not None else SearchSynonym(kind=kind.value)
    if kind is SynonymKind.SPELLING:
        await _alone(session, words, group_id)
    row.kind, row.words, row.changed_at, row.changed_by_id = kind.value, words, core.clock.now(), actor.user_id
    session.add(row)
    await session.flush()
    await _event(core, session, actor, row, "knowledge.synonyms_kept")
    return row


async def drop(core: Core, session: AsyncSession, actor: Actor, group_id: int) -> None:
    """Take a group away. Raises NotFound."""
    _needs_editor(actor)
    row = await _row(session, group_id)
    await _event(core, session, actor, row, "knowledge.synonyms_dropped")
    await session.delete(row)
    await session.flush()


def _words(typed: str) -> list[str]:
    plain = simplify(typed)
    for mark in ",，、;；\n\r\t":
        plain = plain.replace(mark, " ")
    words = list(dict.fromkeys(plain.split()))
    if not 2 <= len(words) <= MOST_WORDS:
        raise InvalidInput(_("一组要写2到{n}个词，用顿号或空格隔开"), field="words", n=MOST_WORDS)
    if wrong := [word for word in words if not 1 <= len(word) <= LONGEST_WORD]:
        raise InvalidInput(_("“{word}”太长了，每个词最多{n}个字"), field="words", word=wrong[0], n=LONGEST_WORD)
    return words


async def _alone(session: AsyncSession, words: list[str], group_id: int | None) -> None:
    """A spelling belongs to one group: what would it be replaced by otherwise?"""
    others = await session.scalars(
        select(SearchSynonym).where(SearchSynonym.kind == SynonymKind.SPELLING.value, SearchSynonym.id != (group_id or 0))
    )
    for other in others:
        if both := set(words) & set(other.words):
            raise Conflict(_("“{word}”已经在“{group}”这一组里了").format(word=sorted(both)[0], group="、".join(other.words[:3])))


async def _row(session: AsyncSession, group_id: int) -> SearchSynonym:
    row = await session.get(SearchSynonym, group_id, with_for_update=True)
    if row is None:
        raise NotFound(_("这一组词已经不在了"))
    return row


def _needs_editor(actor: Actor) -> None:
    if actor.role is not None and not may(actor, "knowledge.publish"):
        raise NotAllowed(_("你的岗位不能修改同义词"))


async def _event(core: Core, session: AsyncSession, actor: Actor, row: SearchSynonym, name: str) -> None:
    data = {"kind": row.kind, "words": row.words}
    await record(session, at=core.clock.now(), name=name, subject="search_synonym", subject_id=row.id, who=actor.who, data=data)
