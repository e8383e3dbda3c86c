"""应急专题: packages of answers that go before all others while they are switched on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from knowledge.article.access import today_of
from knowledge.article.models import LIVE, Article, KnowledgeTopic
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure

LONGEST_MESSAGE = 200
_LIVE = [state.value for state in LIVE]


@dataclass(frozen=True)
class TopicLine:
    """A topic and how many of its answers are ready to be told."""

    topic: KnowledgeTopic
    ready: int
    articles: int


async def list_topics(session: AsyncSession) -> list[TopicLine]:
    """All packages, those that are on first."""
    ready = func.count(Article.id).filter(Article.state.in_(_LIVE))
    statement = select(KnowledgeTopic, ready, func.count(Article.id)).outerjoin(Article, Article.topic_id == KnowledgeTopic.id)
    rows = await session.execute(statement.group_by(KnowledgeTopic.id).order_by(KnowledgeTopic.active.desc(), KnowledgeTopic.name))
    return [TopicLine(*row) for row in rows]


async def active_topics(core: Core, session: AsyncSession) -> Sequence[KnowledgeTopic]:
    """What is on today: the portal says it above its pages."""
    lasting = KnowledgeTopic.active_until.is_(None) | (KnowledgeTopic.active_until >= today_of(core))
    return list(await session.scalars(select(KnowledgeTopic).where(KnowledgeTopic.active, lasting).order_by(KnowledgeTopic.id)))


async def announcement(core: Core, session: AsyncSession) -> str:
    """What every channel says first while packages are on: their messages; an empty string in quiet days."""
    return "".join(_sentence(topic.message) for topic in await active_topics(core, session) if topic.message)


def _sentence(words: str) -> str:
    return words if words.endswith(("。", "！", "？")) else words + "。"


async def save_topic(
    core: Core, session: AsyncSession, actor: Actor, *, name: str, message: str, topic_id: int | None = None
) -> KnowledgeTopic:
    """A new package, or other words for one. Raises NotAllowed, InvalidInput, Conflict (name taken), NotFound."""
    acting = ensure(actor, "knowledge.publish")
    name, message = " ".join(name.split()), message.strip()
    if not 2 <= len(name) <= 40:
        raise InvalidInput(_("专题名称应为2到40个字"), field="name")
    if len(message) > LONGEST_MESSAGE:
        raise InvalidInput(_("公告语最多{n}个字").format(n=LONGEST_MESSAGE), field="message")
    taken = await session.scalar(select(KnowledgeTopic.id).where(KnowledgeTopic.name == name))
    if taken is not None and taken != topic_id:
        raise Conflict(_("已经有这个名称的专题"))
    topic = await _topic(session, topic_id) if topic_id is not None else KnowledgeTopic(active=False)
    topic.name, topic.message = name, message
    session.add(topic)
    await _note(core, session, acting, topic, "knowledge.topic_saved")
    return topic


async def switch(core: Core, session: AsyncSession, actor: Actor, topic_id: int, *, on: bool, until: date | None = None) -> KnowledgeTopic:
    """Tell all its answers from the next question on, or none of them. They were reviewed before, so one person is enough.

    Raises InvalidInput when it would end before today, IllegalStep when it has nothing to tell.
    """
    acting = ensure(actor, "knowledge.publish")
    topic = await _topic(session, topic_id)
    if on:
        if until is not None and until < today_of(core):
            raise InvalidInput(_("失效日期不能早于今天"), field="until")
        ready = select(func.count()).where(Article.topic_id == topic.id, Article.state.in_(_LIVE))
        if not await session.scalar(ready):
            raise IllegalStep(_("这个专题还没有审核通过的答复，不能启用"))
    topic.active, topic.active_until = on, until if on else None
    await _note(core, session, acting, topic, "knowledge.topic_started" if on else "knowledge.topic_ended")
    return topic


async def _topic(session: AsyncSession, topic_id: int) -> KnowledgeTopic:
    topic = await session.get(KnowledgeTopic, topic_id, with_for_update=True)
    if topic is None:
        raise NotFound(_("没有找到这个专题"))
    return topic


async def _note(core: Core, session: AsyncSession, actor: Actor, topic: KnowledgeTopic, name: str) -> None:
    topic.changed_at, topic.changed_by_id = core.clock.now(), actor.user_id
    await session.flush()
    data = {"name": topic.name, "active_until": str(topic.active_until) if topic.active_until else ""}
    await record(session, at=core.clock.now(), name=name, subject="topic", subject_id=topic.id, who=actor.who, data=data)
