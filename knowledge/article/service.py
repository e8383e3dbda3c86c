"""The steps of an article's life. Functions flush and never commit: the caller owns the transaction.

A person writes, the unit's chief passes it, another person of the centre publishes (four eyes). Editing a published article
makes a next version that waits for review while the published text stays live; publishing puts it into the article, recall
takes the article away at once. Which step starts where and who may do it stands in `life.STEPS`.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy import update as update_rows
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.events import ActorKind, record
from hotline.i18n import _
from knowledge.article.access import today_of
from knowledge.article.content import Content, current_content
from knowledge.article.life import STEPS, refuse_own, refuse_state, refuse_unless
from knowledge.article.models import LIVE, Article, ArticleKind, ArticleState, ArticleVersion, KnowledgeTopic
from knowledge.article.notices import CENTRE, CHIEFS, UNIT, tell
from knowledge.article.text import render
from knowledge.article.versions import add_version, draft_of, get_version, latest_version
from knowledge.search.indexing import index
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.people.permissions import may
from ticketing.supervision.notices import NoticeKind
from ticketing.ticket.models import Attachment

__all__ = [
    "Content",
    "collect",
    "confirm",
    "create",
    "current_content",
    "drop",
    "get_article",
    "helped",
    "latest_version",
    "mark_wrong",
    "pass_unit",
    "publish",
    "put_live",
    "recall",
    "render",
    "restore",
    "send_back",
    "submit",
    "update",
    "used",
]


async def get_article(session: AsyncSession, article_id: int, *, lock: bool = False) -> Article:
    """The article, whoever asks; pages and API take `access.access_article`. Raises NotFound."""
    statement = select(Article).where(Article.id == article_id)
    article = (await session.scalars(statement.with_for_update() if lock else statement)).first()
    if article is None:
        raise NotFound(_("没有找到这条知识"))
    return article


async def create(
    core: Core, session: AsyncSession, actor: Actor, slug: str, content: Content, *, unit_id: int | None = None, note: str = ""
) -> Article:
    """A new article, version 1, in editing. Raises InvalidInput, NotAllowed, Conflict (slug taken)."""
    return await _new(core, session, actor, "create", slug, content, unit_id, note)


async def collect(
    core: Core, session: AsyncSession, actor: Actor, slug: str, content: Content, *, unit_id: int | None = None, note: str = ""
) -> Article:
    """What somebody noted down (收集): a title and perhaps a question, for an editor to write. Raises like `create`."""
    return await _new(core, session, actor, "collect", slug, content, unit_id, note)


async def _new(
    core: Core, session: AsyncSession, actor: Actor, key: str, slug: str, content: Content, unit_id: int | None, note: str
) -> Article:
    acting = refuse_unless(actor, key, unit_id)
    content.check(collected=key == "collect")
    await _check_unit(session, unit_id)
    await _check_links(session, None, content)
    if await session.scalar(select(Article.id).where(Article.slug == slug)):
        raise Conflict(_("这个标识已经有一条知识了：{slug}").format(slug=slug))
    state = STEPS[key].targets[0]
    article = Article(slug=slug, state=state.value, unit_id=unit_id, version=1, draft_version=None, draft_state=None)
    await _apply(core, session, article, content)
    session.add(article)
    await session.flush()
    await add_version(core, session, acting, article, content, state, note=note)
    await _event(core, session, acting, article, STEPS[key].event, {"version": 1})
    return article


async def update(
    core: Core, session: AsyncSession, actor: Actor, article_id: int, content: Content, *, seen_version: int, note: str = ""
) -> ArticleVersion:
    """A next version. A published text stays live until the new one is published by somebody else.

    Args:
        seen_version: the latest version that the editor saw; raises Conflict when there is a newer one.
        note: what was changed, in the editor's words.
    """
    article = await get_article(session, article_id, lock=True)
    acting = refuse_unless(actor, "edit", article.unit_id)
    refuse_state(article, "edit")
    content.check()
    await _check_seen(session, article_id, seen_version)
    await _check_links(session, article.id, content)
    version = await add_version(core, session, acting, article, content, ArticleState.EDITING, note=note)
    await _show_draft(core, session, article, version)
    await _event(core, session, acting, article, "knowledge.edited", {"version": version.version})
    return version


async def restore(core: Core, session: AsyncSession, actor: Actor, article_id: int, version: int, *, seen_version: int) -> ArticleVersion:
    """An old version's content as a new draft, which goes through review like any other."""
    chosen = await get_version(session, article_id, version)
    note = _("恢复第{n}版的内容").format(n=version)
    return await update(core, session, actor, article_id, Content.loaded(chosen.content), seen_version=seen_version, note=note)


async def submit(
    core: Core, session: AsyncSession, actor: Actor, article_id: int, *, unit_note: str = "", seen_version: int | None = None
) -> Article:
    """Send the draft to review: the unit's own first, then the centre's.

    Args:
        unit_note: on what the centre's editor relies when the unit has agreed already (letter, number, name); such a draft goes
            straight to the centre. So do articles of no unit, answers of an emergency topic, and what the unit's chief hands in.
        seen_version: refused with Conflict when there is a newer one.
    """
    article, draft, acting = await _draft(session, actor, article_id, "submit", seen_version)
    Content.loaded(draft.content).check_complete()
    centre = not (acting.role and acting.role.in_unit)
    unit_note = unit_note.strip()[:500] if centre else ""
    direct = article.unit_id is None or Content.loaded(draft.content).kind == ArticleKind.EMERGENCY.value or unit_note
    if article.unit_id is not None and may(acting, "knowledge.approve"):  # the chief hands it in: that is the unit's review
        direct, own = True, draft.author_id == acting.user_id
        unit_note, draft.unit_reviewer_id = (_("首席代表本人编写"), None) if own else ("", acting.user_id)
    draft.unit_note = unit_note
    _move(core, article, draft, ArticleState.CENTRE_REVIEW if direct else ArticleState.UNIT_REVIEW)
    data = {"state": draft.state, "version": draft.version, **({"unit_note": unit_note} if unit_note else {})}
    await _event(core, session, acting, article, "knowledge.submitted", data)
    centre_roles, unit_roles = (CENTRE, ()) if direct else ((), CHIEFS)
    await tell(core, session, article, NoticeKind.KNOWLEDGE_REVIEW, centre=centre_roles, unit=unit_roles, but=draft.author_id)
    return article


async def pass_unit(core: Core, session: AsyncSession, actor: Actor, article_id: int, *, seen_version: int | None = None) -> Article:
    """单位审核通过: the unit's chief, who did not write it, hands it on to the centre."""
    article, draft, acting = await _draft(session, actor, article_id, "pass", seen_version)
    refuse_own(acting, "pass", draft)
    draft.unit_reviewer_id = acting.user_id
    _move(core, article, draft, ArticleState.CENTRE_REVIEW)
    await _event(core, session, acting, article, "knowledge.passed", {"version": draft.version})
    await tell(core, session, article, NoticeKind.KNOWLEDGE_REVIEW, centre=CENTRE, but=draft.author_id)
    return article


async def send_back(
    core: Core, session: AsyncSession, actor: Actor, article_id: int, reason: str, *, seen_version: int | None = None
) -> Article:
    """退回修改, also of a version that waits for its hour. The reason is needed; the author reads it in the editor."""
    article, draft, acting = await _draft(session, actor, article_id, "send_back", seen_version)
    words = _reason(reason)
    draft.note, draft.publish_at, draft.unit_reviewer_id = words, None, None
    _move(core, article, draft, ArticleState.EDITING)
    await _event(core, session, acting, article, "knowledge.sent_back", {"version": draft.version, "reason": words})
    await tell(core, session, article, NoticeKind.KNOWLEDGE_SENT_BACK, users=(draft.author_id,), but=acting.user_id)
    return article


async def publish(core: Core, session: AsyncSession, actor: Actor, article_id: int, *, version: int, at: datetime | None = None) -> Article:
    """Make the draft `version` the one that citizens get: at once, or at the moment `at`. Who wrote it cannot publish it (NotAllowed).

    The system may publish a draft from any state: what came with the program was reviewed as a file.
    """
    article = await get_article(session, article_id, lock=True)
    acting = refuse_unless(actor, "publish", article.unit_id)
    draft = await get_version(session, article_id, version)
    if draft.version != article.draft_version:
        raise Conflict(_("这不是正在审核的版本，请看过新的内容再发布"))
    if actor.kind is not ActorKind.SYSTEM:
        refuse_state(article, "publish")
    refuse_own(acting, "publish", draft)
    draft.reviewer_id = acting.user_id
    if at is not None and at > core.clock.now():
        draft.publish_at = at
        _move(core, article, draft, ArticleState.SCHEDULED)
        await _event(core, session, acting, article, "knowledge.scheduled", {"version": version, "publish_at": at.isoformat()})
        return article
    await put_live(core, session, acting, article, draft)
    return article


async def put_live(core: Core, session: AsyncSession, actor: Actor, article: Article, draft: ArticleVersion) -> None:
    """Put a version that was passed into the article; the one before it becomes 已修订. For `publish` and the sweep."""
    now = core.clock.now()
    if article.version != draft.version:
        await _end_live(session, article, ArticleState.REVISED, now)
    draft.publish_at, draft.published_at = None, now
    draft.state = ArticleState.PUBLISHED.value
    await _apply(core, session, article, Content.loaded(draft.content))
    article.version, article.state = draft.version, ArticleState.PUBLISHED.value
    article.draft_version = article.draft_state = None
    await _event(core, session, actor, article, "knowledge.published", {"version": draft.version})


async def recall(core: Core, session: AsyncSession, actor: Actor, article_id: int, reason: str) -> Article:
    """Take it away from citizens at once (the next question no longer finds it). A draft beside it goes on."""
    article = await get_article(session, article_id, lock=True)
    acting = refuse_unless(actor, "recall", article.unit_id)
    words = _reason(reason)
    refuse_state(article, "recall")
    await end_live(core, session, article, ArticleState.RECALLED)
    await _event(core, session, acting, article, "knowledge.recalled", {"version": article.version, "reason": words})
    told = (*CENTRE, Role.AGENT)
    await tell(core, session, article, NoticeKind.KNOWLEDGE_RECALLED, centre=told, unit=UNIT, but=acting.user_id, urgent=True)
    return article


async def confirm(
    core: Core, session: AsyncSession, actor: Actor, article_id: int, *, valid_until: date | None, seen_version: int
) -> ArticleVersion:
    """复核无误: the same text, checked today and valid longer, as a version that only waits for review (a clerk's for both).

    Raises InvalidInput when it would end before today, Conflict when there is a newer version or a draft.
    """
    article = await get_article(session, article_id, lock=True)
    acting = refuse_unless(actor, "confirm", article.unit_id)
    refuse_state(article, "confirm")
    await _check_seen(session, article_id, seen_version)
    today = today_of(core)
    if valid_until is not None and valid_until < today:
        raise InvalidInput(_("失效日期不能早于今天"), field="valid_until")
    content = replace(current_content(article), checked_on=today, valid_until=valid_until)
    content.check()
    by_clerk = acting.role is not None and acting.role.in_unit and not may(acting, "knowledge.approve")
    state = ArticleState.UNIT_REVIEW if by_clerk else ArticleState.CENTRE_REVIEW
    version = await add_version(core, session, acting, article, content, state, note=_("复核无误，延长有效期"))
    await _event(core, session, acting, article, "knowledge.confirmed", {"version": version.version, "valid_until": str(valid_until)})
    centre_roles, unit_roles = ((), CHIEFS) if by_clerk else (CENTRE, ())
    await tell(core, session, article, NoticeKind.KNOWLEDGE_REVIEW, centre=centre_roles, unit=unit_roles, but=acting.user_id)
    return version


async def drop(
    core: Core, session: AsyncSession, actor: Actor, article_id: int, reason: str, *, seen_version: int | None = None
) -> Article:
    """Give a draft up. What is published stays; an article that never was published is put away."""
    article, draft, acting = await _draft(session, actor, article_id, "drop", seen_version)
    words = _reason(reason)
    never = article.version == draft.version
    draft.state = (ArticleState.RECALLED if never else ArticleState.REVISED).value
    draft.publish_at, draft.ended_at = None, core.clock.now()
    if never:
        article.state, article.updated_at = ArticleState.RECALLED.value, core.clock.now()
    article.draft_version = article.draft_state = None
    await _event(core, session, acting, article, "knowledge.dropped", {"version": draft.version, "reason": words})
    return article


async def mark_wrong(core: Core, session: AsyncSession, actor: Actor, article: Article, reason: str) -> None:
    """A colleague says that the text is wrong: counted, and told to the editors by the event. Raises NotAllowed, InvalidInput."""
    acting = refuse_unless(actor, "wrong", article.unit_id)
    words = _reason(reason)
    counted = update_rows(Article).where(Article.id == article.id).values(wrong_count=Article.wrong_count + 1)
    await session.execute(counted.execution_options(synchronize_session=False))
    await _event(core, session, acting, article, "knowledge.marked_wrong", {"version": article.version, "reason": words})
    await tell(core, session, article, NoticeKind.KNOWLEDGE_WRONG, centre=CENTRE, unit=UNIT, but=acting.user_id)


async def used(session: AsyncSession, article: Article) -> None:
    """Count one answer given. `updated_at` stays: nothing was changed."""
    counted = update_rows(Article).where(Article.id == article.id).values(used_count=Article.used_count + 1)
    await session.execute(counted.execution_options(synchronize_session=False))


async def helped(session: AsyncSession, article_id: int) -> None:
    """Count one citizen whom it helped. `updated_at` stays."""
    counted = update_rows(Article).where(Article.id == article_id).values(helpful_count=Article.helpful_count + 1)
    await session.execute(counted.execution_options(synchronize_session=False))


async def end_live(core: Core, session: AsyncSession, article: Article, state: ArticleState) -> None:
    """The live version is told no longer: `state` is recalled or expired."""
    now = core.clock.now()
    await _end_live(session, article, state, now)
    article.state, article.updated_at = state.value, now


async def set_live_state(session: AsyncSession, article: Article, state: ArticleState) -> None:
    """The live version is due for review, and goes on being told."""
    await session.execute(
        update_rows(ArticleVersion)
        .where(ArticleVersion.article_id == article.id, ArticleVersion.version == article.version)
        .values(state=state.value)
    )
    article.state = state.value


async def _end_live(session: AsyncSession, article: Article, state: ArticleState, now: datetime) -> None:
    live = ArticleVersion.state.in_([each.value for each in LIVE])
    before = (await session.scalars(select(ArticleVersion).where(ArticleVersion.article_id == article.id, live))).first()
    if before is not None:
        before.state, before.ended_at = state.value, now
        await session.flush()


async def _draft(
    session: AsyncSession, actor: Actor, article_id: int, key: str, seen_version: int | None
) -> tuple[Article, ArticleVersion, Actor]:
    article = await get_article(session, article_id, lock=True)
    acting = refuse_unless(actor, key, article.unit_id)
    refuse_state(article, key)
    if seen_version is not None:
        await _check_seen(session, article_id, seen_version)
    draft = await draft_of(session, article)
    if draft is None:
        raise NotFound(_("没有这个版本"))
    return article, draft, acting


def _move(core: Core, article: Article, draft: ArticleVersion, state: ArticleState) -> None:
    draft.state = article.draft_state = state.value
    if article.version == draft.version:
        article.state, article.updated_at = state.value, core.clock.now()


async def _show_draft(core: Core, session: AsyncSession, article: Article, version: ArticleVersion) -> None:
    """Before the first publication the article's row shows its newest draft."""
    if not ArticleState(article.state).is_work:
        return
    article.version, article.state = version.version, version.state
    await _apply(core, session, article, Content.loaded(version.content))


async def _check_seen(session: AsyncSession, article_id: int, seen_version: int) -> None:
    if (await latest_version(session, article_id)).version != seen_version:
        raise Conflict(_("别人刚刚改过这条知识，请看过新的内容再改"))


async def _check_unit(session: AsyncSession, unit_id: int | None) -> None:
    if unit_id is not None and await session.get(Unit, unit_id) is None:
        raise InvalidInput(_("没有这个单位"), field="unit_id")


async def _check_links(session: AsyncSession, article_id: int | None, content: Content) -> None:
    """The topic exists, and the files are this article's own: nobody shows somebody else's attachment by its id."""
    if content.topic_id is not None and await session.get(KnowledgeTopic, content.topic_id) is None:
        raise InvalidInput(_("没有找到这个专题"), field="topic_id")
    if content.files:
        mine = select(Attachment.id).where(Attachment.article_id == article_id) if article_id is not None else None
        known = {str(row) for row in await session.scalars(mine)} if mine is not None else set()
        if set(content.files) - known:
            raise InvalidInput(_("没有找到这个附件"), field="files")


def _reason(reason: str) -> str:
    words = reason.strip()[:500]
    if not words:
        raise InvalidInput(_("请写明原因"), field="reason")
    return words


async def _apply(core: Core, session: AsyncSession, article: Article, content: Content) -> None:
    for item in fields(Content):
        value = getattr(content, item.name)
        setattr(article, item.name, list(value) if isinstance(value, tuple) else value)
    article.review_on = content.review_on
    await index(session, article)
    article.updated_at = core.clock.now()


async def _event(core: Core, session: AsyncSession, actor: Actor, article: Article, name: str, data: dict[str, Any]) -> None:
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="article", subject_id=article.id, who=actor.who, data=data)
