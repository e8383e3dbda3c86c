"""Articles as a table: out as they are told, in as drafts that go through review like any other.

`register` makes the kind known to `ticketing.tables`, with its check of every row before one is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from knowledge.article.access import worked_on_by
from knowledge.article.content import AUDIENCES, Content, current_content
from knowledge.article.models import Article, ArticleKind
from knowledge.article.service import create, update
from knowledge.article.text import FIELDS, SPOKEN_PARTS, lines_of
from knowledge.article.versions import latest_version
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.tables import exports, kinds
from ticketing.tables.cells import day_of
from ticketing.tables.imports import Change, Importer
from ticketing.tables.reader import Line
from ticketing.tables.table import Column, Row

KIND = "articles"
KEEPERS = (Role.EDITOR, Role.CLERK, Role.CHIEF)
PIECE = 200
_LISTS = ("materials", "procedure")
_LIMITS = {"statutory": "法定时限", "promised": "承诺时限"}
_KINDS = {"办事指南": "guide", "常见问题": "question", "公告": "notice", "应急专题": "emergency"}
_BODY = tuple((name, heading) for name, heading in FIELDS if name != "time_limit")
COLUMNS = (
    Column("slug", "标识", 22), Column("title", "标题", 30), Column("kind", "类别", 10), Column("scene", "场景", 16),
    Column("also_scenes", "另列场景", 16), Column("unit", "单位代码", 14), Column("district", "适用地区", 12),
    Column("audiences", "适用对象", 14), Column("questions", "市民问法", 40), Column("spoken", "口头答复", 40),
    *(Column(f"spoken_{name}", f"口头：{heading}", 24) for name, heading in SPOKEN_PARTS.items()),
    *(Column(f"limit_{name}", heading, 20) for name, heading in _LIMITS.items()),
    *(Column(f"body_{name}", heading, 30) for name, heading in _BODY),
    Column("source", "来源", 24), Column("checked_on", "核对日期", 12), Column("valid_from", "生效日期", 12),
    Column("valid_until", "失效日期", 12),
)  # fmt: skip
REQUIRED = frozenset({"slug", "title", "scene", "questions", "spoken", "checked_on", "valid_from"})


def register() -> None:
    """Make the kind known; called once by whoever offers tables (web application, command line)."""
    exports.add(KIND, "知识", KEEPERS, COLUMNS, _rows)
    kinds.IMPORTERS[KIND] = ArticleImporter


async def _rows(session: AsyncSession, actor: Actor) -> AsyncIterator[Sequence[Row]]:
    units = {unit.id: unit.code for unit in await session.scalars(select(Unit))}
    last = 0
    while True:
        statement = select(Article).where(worked_on_by(actor), Article.id > last).order_by(Article.id).limit(PIECE)
        articles = list(await session.scalars(statement))
        if not articles:
            return
        yield [_row(article, units.get(article.unit_id or 0, "")) for article in articles]
        last = articles[-1].id


def _row(article: Article, unit: str) -> Row:
    content = current_content(article)
    limits = content.body.get("time_limit")
    limits = limits if isinstance(limits, dict) else {"promised": str(limits or "")}
    named = {code: words for words, code in _KINDS.items()}
    return [
        article.slug, content.title, named[content.kind], content.scene, "、".join(content.also_scenes), unit, content.district,
        "、".join(AUDIENCES[each] for each in content.audiences), "\n".join(content.questions), content.spoken,
        *(content.spoken_parts.get(name, "") for name in SPOKEN_PARTS), *(str(limits.get(name) or "") for name in _LIMITS),
        *("\n".join(lines_of(content.body.get(name))) for name, _heading in _BODY), content.source, content.checked_on,
        content.valid_from, content.valid_until,
    ]  # fmt: skip


class ArticleImporter(Importer):
    """Articles, by their 标识. A new or changed one becomes a draft; what is published stays until the draft is reviewed."""

    kind, roles, columns, required = KIND, KEEPERS, COLUMNS, REQUIRED
    max_rows = 2000

    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """One article. Files and topics are not in a table: a known article keeps its own."""
        cells, slug = line.cells, line.cells["slug"].strip()
        if not slug or len(slug) > 60 or not all(char.isascii() and (char.isalnum() or char == "-") for char in slug):
            raise InvalidInput(_("标识用小写字母、数字和横线"), field="slug")
        article = (await session.scalars(select(Article).where(Article.slug == slug.lower()))).first()
        if article is None:
            unit = await kinds.unit_by_code(session, cells["unit"], "unit") if cells.get("unit") else None
            content = _content(cells)
            await create(core, session, actor, slug.lower(), content, unit_id=unit.id if unit else None, note=_("表格导入"))
            return Change.NEW, ""
        latest = await latest_version(session, article.id)
        before = Content.loaded(latest.content)
        content = _content(cells, before)
        if content == before or _same_text(content, before):
            return Change.SAME, ""
        await update(core, session, actor, article.id, content, seen_version=latest.version, note=_("表格导入"))
        return Change.CHANGED, ""


def _same_text(one: Content, other: Content) -> bool:
    """Equal but for how an empty or single field is kept."""
    return _row_of(one) == _row_of(other)


def _row_of(content: Content) -> dict[str, Any]:
    stored = content.stored()
    stored["body"] = {name: lines_of(value) for name, value in content.body.items() if lines_of(value)}
    return stored


def _content(cells: Any, before: Content | None = None) -> Content:
    def text(name: str) -> str:
        return str(cells.get(name) or "").strip().replace("\r\n", "\n")

    def day(name: str) -> date | None:
        return day_of(text(name), name) if text(name) else None

    body: dict[str, Any] = {}
    for name, _heading in _BODY:
        if value := text(f"body_{name}"):
            body[name] = _lines(value) if name in _LISTS else value
    if limits := {name: text(f"limit_{name}") for name in _LIMITS if text(f"limit_{name}")}:
        body["time_limit"] = limits
    valid_from, checked_on = day("valid_from"), day("checked_on")
    if valid_from is None or checked_on is None:
        name = "valid_from" if valid_from is None else "checked_on"
        raise InvalidInput(_("请填日期，例如2027-01-01"), field=name)
    return Content(
        title=text("title"), kind=_kind(text("kind"), before), scene=text("scene"), also_scenes=tuple(_words(text("also_scenes"))),
        district=text("district"), audiences=_audiences(text("audiences")), questions=tuple(_lines(text("questions"))),
        spoken=text("spoken"), spoken_parts={name: words for name in SPOKEN_PARTS if (words := text(f"spoken_{name}"))}, body=body,
        source=text("source"), checked_on=checked_on, valid_from=valid_from, valid_until=day("valid_until"),
        sample_data=before.sample_data if before else False, files=before.files if before else (),
        topic_id=before.topic_id if before else None,
    )  # fmt: skip


def _kind(words: str, before: Content | None) -> str:
    if not words:
        return before.kind if before else ArticleKind.GUIDE.value
    code = _KINDS.get(words, words)
    if code not in _KINDS.values():
        raise InvalidInput(_("类别只能是办事指南、常见问题、公告或应急专题"), field="kind")
    return code


def _audiences(words: str) -> tuple[str, ...]:
    codes = {label: code for code, label in AUDIENCES.items()}
    return tuple(codes.get(word, word) for word in _words(words))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.replace("，", "、").replace(",", "、").split("、") if word.strip()]
