"""What time alone does to articles. For the scheduler; citizens never wait for it, since `access.is_told` looks at the dates itself."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.events import record
from knowledge.article.access import today_of
from knowledge.article.models import LIVE, Article, ArticleState, ArticleVersion, KnowledgeTopic
from knowledge.article.notices import CENTRE, UNIT, tell
from knowledge.article.service import end_live, put_live, set_live_state
from knowledge.article.versions import get_version
from ticketing.context import Core
from ticketing.people.actor import SYSTEM
from ticketing.supervision.notices import NoticeKind

BATCH = 200
LAST_CALL = timedelta(days=7)
"""So long before its last day an article is called to mind once more."""
_LIVE = [state.value for state in LIVE]


async def run(core: Core, database: Database) -> int:
    """Publish what is due, mark what ends or must be looked at, end topics; returns how many articles and topics changed."""
    total = 0
    for part in (go_live, expire_due, fall_due, end_topics):
        while True:
            async with database.transaction() as session:
                changed = await part(core, session)
            total += changed
            if changed < BATCH:
                break
    return total


async def go_live(core: Core, session: AsyncSession) -> int:
    """Publish the versions whose moment has come, earliest first."""
    due = (
        select(Article)
        .join(ArticleVersion, (ArticleVersion.article_id == Article.id) & (ArticleVersion.version == Article.draft_version))
        .where(ArticleVersion.state == ArticleState.SCHEDULED.value, ArticleVersion.publish_at <= core.clock.now())
        .order_by(ArticleVersion.publish_at)
    )
    articles = list(await session.scalars(due.limit(BATCH).with_for_update(skip_locked=True)))
    for article in articles:
        await put_live(core, session, SYSTEM, article, await get_version(session, article.id, article.draft_version or 0))
    return len(articles)


async def expire_due(core: Core, session: AsyncSession) -> int:
    """Mark articles whose last day has passed, and tell editors and unit."""
    due = select(Article).where(Article.state.in_(_LIVE), Article.valid_until < today_of(core)).order_by(Article.id)
    articles = list(await session.scalars(due.limit(BATCH).with_for_update(skip_locked=True)))
    for article in articles:
        await end_live(core, session, article, ArticleState.EXPIRED)
        await _event(core, session, article, "knowledge.expired", valid_until=str(article.valid_until))
        await tell(core, session, article, NoticeKind.KNOWLEDGE_EXPIRED, centre=CENTRE, unit=UNIT)
    return len(articles)


async def fall_due(core: Core, session: AsyncSession) -> int:
    """Mark articles that must be looked at; remind again a week before the last day. They stay shown."""
    today = today_of(core)
    first = (Article.state == ArticleState.PUBLISHED.value) & (Article.review_on <= today)
    soon = (Article.valid_until <= today + LAST_CALL) & (Article.review_on < Article.valid_until - LAST_CALL.days)
    again = (Article.state == ArticleState.DUE_FOR_REVIEW.value) & soon
    due = select(Article).where(first | again, Article.draft_state.is_(None) | first).order_by(Article.id)
    articles = list(await session.scalars(due.limit(BATCH).with_for_update(skip_locked=True)))
    for article in articles:
        if article.state == ArticleState.PUBLISHED.value:
            await set_live_state(session, article, ArticleState.DUE_FOR_REVIEW)
            await _event(core, session, article, "knowledge.due_for_review", review_on=str(article.review_on))
        elif article.valid_until is not None:
            article.review_on = article.valid_until - LAST_CALL  # reminded once more: that was the last time
        await tell(core, session, article, NoticeKind.KNOWLEDGE_DUE, centre=CENTRE, unit=UNIT)
    return len(articles)


async def end_topics(core: Core, session: AsyncSession) -> int:
    """Switch off the topic packages whose last day has passed."""
    due = select(KnowledgeTopic).where(KnowledgeTopic.active, KnowledgeTopic.active_until < today_of(core))
    topics = list(await session.scalars(due.limit(BATCH).with_for_update(skip_locked=True)))
    for topic in topics:
        topic.active, topic.changed_at, topic.changed_by_id = False, core.clock.now(), None
        await session.flush()
        await record(
            session, at=core.clock.now(), name="knowledge.topic_ended", subject="topic", subject_id=topic.id, who=SYSTEM.who,
            data={"active_until": str(topic.active_until)},
        )  # fmt: skip
    return len(topics)


async def _event(core: Core, session: AsyncSession, article: Article, name: str, **data: str) -> None:
    await session.flush()
    values = {"version": article.version, **data}
    await record(session, at=core.clock.now(), name=name, subject="article", subject_id=article.id, who=SYSTEM.who, data=values)
