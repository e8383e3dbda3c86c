"""The versions of an article: reading them, adding one, and what differs between two."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.i18n import _, texts
from knowledge.article.content import AUDIENCES, Content
from knowledge.article.models import Article, ArticleState, ArticleVersion
from knowledge.article.text import FIELDS, SPOKEN_PARTS, lines_of
from ticketing.context import Core
from ticketing.people.actor import Actor

HEADINGS = texts({
    "title": "标题", "kind": "类别", "scene": "场景", "also_scenes": "另列入的场景", "district": "适用地区", "audiences": "适用对象",
    "spoken": "电话里怎么说", "questions": "市民会这样问", "valid_from": "生效日期", "valid_until": "失效日期", "checked_on": "核对日期",
    "sample_data": "示例数据", "files": "附件", "topic_id": "所属专题", "source": "来源",
})  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A run of text on one side of a comparison."""

    text: str
    changed: bool


@dataclass(frozen=True)
class FieldDiff:
    """One field that differs, with both sides in pieces."""

    field: str
    heading: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]


async def latest_version(session: AsyncSession, article_id: int) -> ArticleVersion:
    """The newest version, published or waiting."""
    newest = select(ArticleVersion).where(ArticleVersion.article_id == article_id).order_by(ArticleVersion.version.desc()).limit(1)
    return (await session.scalars(newest)).one()


async def get_version(session: AsyncSession, article_id: int, version: int) -> ArticleVersion:
    """One version. Raises NotFound."""
    statement = select(ArticleVersion).where(ArticleVersion.article_id == article_id, ArticleVersion.version == version)
    found = (await session.scalars(statement)).first()
    if found is None:
        raise NotFound(_("没有这个版本"))
    return found


async def list_versions(session: AsyncSession, article_id: int, *, limit: int = 100, before: int | None = None) -> list[ArticleVersion]:
    """Newest first; `before`: only older ones than this number."""
    statement = select(ArticleVersion).where(ArticleVersion.article_id == article_id)
    if before is not None:
        statement = statement.where(ArticleVersion.version < before)
    return list(await session.scalars(statement.order_by(ArticleVersion.version.desc()).limit(limit)))


async def draft_of(session: AsyncSession, article: Article) -> ArticleVersion | None:
    """The version that is worked on, if any."""
    return await get_version(session, article.id, article.draft_version) if article.draft_version is not None else None


async def add_version(
    core: Core, session: AsyncSession, actor: Actor, article: Article, content: Content, state: ArticleState, *, note: str = ""
) -> ArticleVersion:
    """A further version, which is now the one worked on; the draft before it, if any, is kept as revised."""
    number = 1
    if article.id is not None and (numbers := await _newest_number(session, article.id)):
        number = numbers + 1
    if (draft := await draft_of(session, article)) is not None:
        draft.state, draft.publish_at, draft.ended_at = ArticleState.REVISED.value, None, core.clock.now()
        await session.flush()
    version = ArticleVersion(
        article_id=article.id, version=number, state=state.value, content=content.stored(), note=note[:500],
        created_at=core.clock.now(), author_id=actor.user_id,
    )  # fmt: skip
    session.add(version)
    article.draft_version, article.draft_state = number, state.value
    await session.flush()
    return version


async def _newest_number(session: AsyncSession, article_id: int) -> int:
    newest = select(ArticleVersion.version).where(ArticleVersion.article_id == article_id).order_by(ArticleVersion.version.desc())
    return int(await session.scalar(newest.limit(1)) or 0)


def compare(before: Content, after: Content) -> list[FieldDiff]:
    """The fields that differ, in the order of the form, character by character."""
    old, new = _flat(before), _flat(after)
    found = []
    for key, (heading, text) in new.items():
        was = old[key][1]
        if was != text:
            left, right = _pieces(was, text)
            found.append(FieldDiff(key, heading, left, right))
    return found


def _flat(content: Content) -> dict[str, tuple[str, str]]:
    stored = content.stored()
    flat = {name: (_(heading), _text(name, stored[name])) for name, heading in HEADINGS.items()}
    for name, heading in SPOKEN_PARTS.items():
        flat[f"spoken_parts.{name}"] = (_("电话里怎么说") + "：" + _(heading), content.spoken_parts.get(name, ""))
    for name, heading in FIELDS:
        flat[f"body.{name}"] = (_(heading), "\n".join(lines_of(content.body.get(name))))
    return flat


def _text(name: str, value: Any) -> str:
    if name == "audiences":
        return "、".join(_(AUDIENCES[each]) for each in value)
    if isinstance(value, list):
        return "\n".join(str(each) for each in value)
    if isinstance(value, bool):
        return _("是") if value else _("否")
    return "" if value is None else str(value)


def _pieces(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    left, right = [], []
    for kind, a1, a2, b1, b2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if a2 > a1:
            left.append(Piece(before[a1:a2], kind != "equal"))
        if b2 > b1:
            right.append(Piece(after[b1:b2], kind != "equal"))
    return tuple(left), tuple(right)
