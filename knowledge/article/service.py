"""The life of an article. Functions flush and never commit: the caller owns the transaction.

A person writes, another person publishes (four eyes). Editing a published article makes a next version that waits for
review while the published text stays live; publishing puts it into the article, recall takes the article away at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy import update as update_rows
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from knowledge.article.models import Article, ArticleState, ArticleVersion
from knowledge.article.text import FIELDS, render, spoken_fault
from knowledge.search.service import is_told
from knowledge.search.words import vector_text
from knowledge.seed.loader import SEED_DIR, SeedArticle, load_articles
from ticketing.context import Core
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Unit
from ticketing.people.permissions import may

__all__ = [
    "Content",
    "create",
    "current_content",
    "expire_due",
    "get_article",
    "publish",
    "published",
    "recall",
    "render",
    "submit",
    "update",
    "used",
]

_REVIEW_AHEAD = timedelta(days=30)


@dataclass(frozen=True)
class Content:
    """What a version says."""

    title: str
    scene: str
    spoken: str
    questions: tuple[str, ...]
    valid_from: date
    checked_on: date
    body: dict[str, Any] = field(default_factory=dict)
    kind: str = "guide"
    valid_until: date | None = None
    sample_data: bool = False

    def check(self) -> None:
        """Raises InvalidInput that names every field at fault."""
        faults: dict[str, str] = {}
        if not 2 <= len(self.title) <= 60:
            faults["title"] = _("标题应为2到60个字")
        if not self.scene:
            faults["scene"] = _("请选择场景")
        if not self.questions or any(not 2 <= len(question) <= 100 for question in self.questions):
            faults["questions"] = _("至少写一个市民会怎么问，每句2到100个字")
        if fault := spoken_fault(self.spoken):
            faults["spoken"] = fault
        if unknown := set(self.body) - {name for name, _heading in FIELDS}:
            faults["body"] = _("没有这些栏目：{names}").format(names="、".join(sorted(unknown)))
        if self.valid_until and self.valid_until < self.valid_from:
            faults["valid_until"] = _("失效日期不能早于生效日期")
        if self.kind not in ("guide", "question"):
            faults["kind"] = _("类别只能是办事指南或常见问题")
        if faults:
            raise InvalidInput(errors=faults)

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        plain = asdict(self)
        plain["questions"] = list(self.questions)
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in plain.items()}

    @classmethod
    def loaded(cls, stored: dict[str, Any]) -> Content:
        """From JSON as `stored` makes it."""
        known = {item.name for item in fields(cls)}
        values = {key: value for key, value in stored.items() if key in known}
        values["questions"] = tuple(values["questions"])
        for name in ("valid_from", "valid_until", "checked_on"):
            values[name] = date.fromisoformat(values[name]) if values.get(name) else None
        return cls(**values)


async def get_article(session: AsyncSession, article_id: int, *, lock: bool = False) -> Article:
    """The article. Raises NotFound."""
    statement = select(Article).where(Article.id == article_id)
    article = (await session.scalars(statement.with_for_update() if lock else statement)).first()
    if article is None:
        raise NotFound(_("没有找到这条知识"))
    return article


async def published(core: Core, session: AsyncSession, article_id: int) -> Article:
    """The article if citizens may read it today. Raises NotFound."""
    today = to_city(core.clock.now()).date()
    article = (await session.scalars(select(Article).where(Article.id == article_id, is_told(today)))).first()
    if article is None:
        raise NotFound(_("没有找到这条知识，可能已经更新或撤下"))
    return article


async def create(core: Core, session: AsyncSession, actor: Actor, slug: str, content: Content, *, unit_id: int | None = None) -> Article:
    """A new article, version 1, in editing. Raises InvalidInput, NotAllowed, Conflict (slug taken)."""
    _needs_writer(actor, unit_id)
    content.check()
    if await session.scalar(select(Article.id).where(Article.slug == slug)):
        raise Conflict(_("这个标识已经有一条知识了：{slug}").format(slug=slug))
    article = Article(slug=slug, state=ArticleState.EDITING.value, unit_id=unit_id, version=1)
    _apply(core, article, content)
    session.add(article)
    await session.flush()
    await _add_version(core, session, actor, article, 1, content)
    await _event(core, session, actor, article, "knowledge.created", {"version": 1})
    return article


async def update(
    core: Core, session: AsyncSession, actor: Actor, article_id: int, content: Content, *, seen_version: int
) -> ArticleVersion:
    """A next version. A published text stays live until the new one is published by somebody else.

    Args:
        seen_version: the latest version that the editor saw; raises Conflict when there is a newer one.
    """
    article = await get_article(session, article_id, lock=True)
    _needs_writer(actor, article.unit_id)
    content.check()
    latest = await latest_version(session, article_id)
    if latest.version != seen_version:
        raise Conflict(_("别人刚刚改过这条知识，请看过新的内容再改"))
    version = await _add_version(core, session, actor, article, latest.version + 1, content)
    if article.state != ArticleState.PUBLISHED.value:
        article.state = ArticleState.EDITING.value
        article.version = version.version
        _apply(core, article, content)
    await _event(core, session, actor, article, "knowledge.edited", {"version": version.version})
    return version


async def submit(core: Core, session: AsyncSession, actor: Actor, article_id: int) -> Article:
    """Send an unpublished article to review: the unit's own first, then the centre's."""
    article = await get_article(session, article_id, lock=True)
    _needs_writer(actor, article.unit_id)
    steps = {ArticleState.EDITING.value: ArticleState.UNIT_REVIEW, ArticleState.UNIT_REVIEW.value: ArticleState.CENTRE_REVIEW}
    if article.state not in steps:
        raise IllegalStep(_("这条知识现在不在编写或单位审核中"))
    target = steps[article.state]
    if target is ArticleState.UNIT_REVIEW and not (actor.role and actor.role.in_unit):
        target = ArticleState.CENTRE_REVIEW
    if article.state == ArticleState.UNIT_REVIEW.value and not may(actor, "knowledge.approve"):
        raise NotAllowed(_("单位审核由首席代表完成"))
    article.state = target.value
    await _event(core, session, actor, article, "knowledge.submitted", {"state": target.value})
    return article


async def publish(core: Core, session: AsyncSession, actor: Actor, article_id: int, *, version: int) -> Article:
    """Make `version` the one that citizens get, at once. Who wrote it cannot publish it (NotAllowed)."""
    if actor.role is not None and not may(actor, "knowledge.publish"):
        raise NotAllowed(_("你的岗位不能发布知识"))
    article = await get_article(session, article_id, lock=True)
    chosen = await _version(session, article_id, version)
    if actor.user_id is not None and chosen.author_id == actor.user_id:
        raise NotAllowed(_("自己写的内容要由另一个人发布"))
    if version < article.version and article.state == ArticleState.PUBLISHED.value:
        raise IllegalStep(_("不能发布比现在更旧的版本，请把旧内容存成新版本"))
    content = Content.loaded(chosen.content)
    _apply(core, article, content)
    article.version, article.state = version, ArticleState.PUBLISHED.value
    chosen.reviewer_id, chosen.published_at = actor.user_id, core.clock.now()
    await _event(core, session, actor, article, "knowledge.published", {"version": version})
    return article


async def recall(core: Core, session: AsyncSession, actor: Actor, article_id: int, reason: str) -> Article:
    """Take it away from citizens at once (the next question no longer finds it)."""
    if actor.role is not None and not may(actor, "knowledge.publish"):
        raise NotAllowed(_("你的岗位不能撤下知识"))
    if not reason.strip():
        raise InvalidInput(_("请写明撤下的原因"), field="reason")
    article = await get_article(session, article_id, lock=True)
    if article.state != ArticleState.PUBLISHED.value:
        raise IllegalStep(_("这条知识现在没有发布"))
    article.state, article.updated_at = ArticleState.RECALLED.value, core.clock.now()
    await _event(core, session, actor, article, "knowledge.recalled", {"reason": reason.strip()[:500]})
    return article


async def expire_due(core: Core, session: AsyncSession) -> int:
    """Mark published articles whose last day has passed. For the scheduler; returns how many. Search never waits for it."""
    today = to_city(core.clock.now()).date()
    due = select(Article).where(Article.state == ArticleState.PUBLISHED.value, Article.valid_until < today)
    articles = list(await session.scalars(due.with_for_update(skip_locked=True)))
    for article in articles:
        article.state, article.updated_at = ArticleState.EXPIRED.value, core.clock.now()
        await _event(core, session, SYSTEM, article, "knowledge.expired", {"valid_until": str(article.valid_until)})
    return len(articles)


async def due_for_review(core: Core, session: AsyncSession) -> list[Article]:
    """Published articles that end within 30 days, soonest first."""
    today = to_city(core.clock.now()).date()
    soon = select(Article).where(is_told(today), Article.valid_until <= today + _REVIEW_AHEAD)
    return list(await session.scalars(soon.order_by(Article.valid_until)))


async def used(session: AsyncSession, article: Article) -> None:
    """Count one answer given. `updated_at` stays: nothing was changed."""
    counted = update_rows(Article).where(Article.id == article.id).values(used_count=Article.used_count + 1)
    await session.execute(counted.execution_options(synchronize_session=False))


async def latest_version(session: AsyncSession, article_id: int) -> ArticleVersion:
    """The newest version, published or waiting."""
    newest = select(ArticleVersion).where(ArticleVersion.article_id == article_id).order_by(ArticleVersion.version.desc()).limit(1)
    return (await session.scalars(newest)).one()


def current_content(article: Article) -> Content:
    """What the article says now."""
    values = {item.name: getattr(article, item.name) for item in fields(Content)}
    return Content(**{**values, "questions": tuple(article.questions)})


async def load_seed(core: Core, session: AsyncSession, folder: Path | None = None) -> int:
    """Bring the article files of `folder` in, published. Returns how many articles were new or changed.

    A file that changed makes a next version, unless a person has edited the article since: then the person's text stays.
    Raises InvalidInput for a faulty file or an unknown unit; nothing is written then (the caller's transaction).
    """
    units = {unit.name: unit.id for unit in await session.scalars(select(Unit))}
    changed = 0
    for entry in load_articles(folder or SEED_DIR / "articles"):
        if entry.unit not in units:
            raise InvalidInput(_("知识“{slug}”的单位“{unit}”不存在，请先载入单位"), slug=entry.slug, unit=entry.unit)
        changed += await _bring(core, session, entry, units[entry.unit])
    return changed


async def _version(session: AsyncSession, article_id: int, version: int) -> ArticleVersion:
    statement = select(ArticleVersion).where(ArticleVersion.article_id == article_id, ArticleVersion.version == version)
    found = (await session.scalars(statement)).first()
    if found is None:
        raise NotFound(_("没有这个版本"))
    return found


async def _add_version(core: Core, session: AsyncSession, actor: Actor, article: Article, number: int, content: Content) -> ArticleVersion:
    version = ArticleVersion(
        article_id=article.id, version=number, content=content.stored(), created_at=core.clock.now(), author_id=actor.user_id
    )
    session.add(version)
    await session.flush()
    return version


def _apply(core: Core, article: Article, content: Content) -> None:
    for item in fields(Content):
        value = getattr(content, item.name)
        setattr(article, item.name, list(value) if isinstance(value, tuple) else value)
    article.search = func.to_tsvector("simple", vector_text(content.title, *content.questions, content.spoken))
    article.updated_at = core.clock.now()


def _needs_writer(actor: Actor, unit_id: int | None) -> None:
    if actor.role is None and actor.kind.value == "system":
        return
    if not may(actor, "knowledge.supply") and not may(actor, "knowledge.approve"):
        raise NotAllowed(_("你的岗位不能编写知识"))
    if actor.role and actor.role.in_unit and actor.unit_id != unit_id:
        raise NotAllowed(_("只能编写本单位的知识"))


async def _event(core: Core, session: AsyncSession, actor: Actor, article: Article, name: str, data: dict[str, Any]) -> None:
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="article", subject_id=article.id, who=actor.who, data=data)


async def _bring(core: Core, session: AsyncSession, entry: SeedArticle, unit_id: int) -> bool:
    content = _content(entry)
    article = (await session.scalars(select(Article).where(Article.slug == entry.slug))).first()
    if article is None:
        article = await create(core, session, SYSTEM, entry.slug, content, unit_id=unit_id)
        await publish(core, session, SYSTEM, article.id, version=1)
        return True
    edited = select(ArticleVersion.id).where(ArticleVersion.article_id == article.id, ArticleVersion.author_id.is_not(None))
    latest = await latest_version(session, article.id)
    if await session.scalar(edited.limit(1)) or latest.content == content.stored():
        return False
    version = await update(core, session, SYSTEM, article.id, content, seen_version=latest.version)
    await publish(core, session, SYSTEM, article.id, version=version.version)
    return True


def _content(entry: SeedArticle) -> Content:
    return Content(
        title=entry.title,
        scene=entry.scene,
        spoken=entry.spoken,
        questions=entry.questions,
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
        checked_on=entry.checked_on,
        body=entry.body.model_dump(mode="json"),
        kind=entry.kind,
        sample_data=entry.sample_data,
    )
