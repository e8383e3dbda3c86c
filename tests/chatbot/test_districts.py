"""Answers that differ by district: nobody is told another district's rule, and who did not say where they live is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select

from channels.console.readings import readings
from chatbot.dialogue import Turn
from chatbot.districts import heard, settle
from hotline.database import Database
from knowledge.article import service
from knowledge.article.content import current_content
from knowledge.article.models import Article
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.people.actor import staff_actor
from ticketing.people.models import Role, User

Begin = Callable[[str], Awaitable[UUID]]
Say = Callable[..., Awaitable[Turn]]
CHANNELS = ("web", "wechat", "phone")
QUESTION = "高龄津贴怎么领"
IN_QINGSHI, IN_YUNLING = "青石区的老人在街道领，每月三百三十元。", "云岭县的老人在镇里领，每月一百一十元。"


@pytest.fixture(autouse=True)
async def two_districts(core: Core, database: Database) -> None:
    """Two districts have a rule of their own beside the city's; one of them has a matter that the city does not know."""
    async with database.transaction() as session:
        people = [
            User(login=login, name=login, staff_number=login, role=Role.EDITOR.value, unit_id=None, password_hash="x")
            for login in ("writes", "publishes")
        ]
        session.add_all(people)
        await session.flush()
        writes, publishes = (staff_actor(one) for one in people)
        city = current_content((await session.scalars(select(Article).where(Article.slug == "senior-allowance"))).one())
        own = {"spoken_parts": {}, "files": ()}
        kites = {"title": "放风筝场地预约", "questions": ("放风筝的场地怎么预约", "去哪里预约放风筝")}
        for slug, content in (
            ("allowance-qs", replace(city, district="青石区", spoken=IN_QINGSHI, **own)),
            ("allowance-yl", replace(city, district="云岭县", title="云岭县高龄老人津贴", spoken=IN_YUNLING, **own)),
            ("kites-qs", replace(city, district="青石区", spoken="青石区的风筝场要预约。", **own, **kites)),
        ):
            article = await service.create(core, session, writes, slug, content)
            await service.submit(core, session, writes, article.id)
            await service.publish(core, session, publishes, article.id, version=1)


async def slug_of(database: Database, turn: Turn) -> str:
    async with database.transaction() as session:
        return str(await session.scalar(select(Article.slug).where(Article.id == turn.answers[0].article_id)))


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("place", "slug"),
    [("我在青石区", "allowance-qs"), ("云岭县", "allowance-yl"), ("南湖", "senior-allowance"), ("不清楚", "senior-allowance")],
)
async def test_who_did_not_say_where_is_asked(begin: Begin, say: Say, database: Database, channel: str, place: str, slug: str) -> None:
    conversation = await begin(channel)
    asked = await say(conversation, QUESTION)
    assert asked.answers[0].article_id is None
    assert "您在哪个区" in asked.answers[0].text
    assert set(asked.answers[0].choices) == {"临江区", "青石区", "南湖区", "高新区", "云岭县", "不清楚"}
    assert await slug_of(database, await say(conversation, place)) == slug


async def test_a_district_that_was_named_once_is_not_asked_again(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("wechat")
    assert await slug_of(database, await say(conversation, "青石区高龄津贴怎么领")) == "allowance-qs"
    assert await slug_of(database, await say(conversation, "放风筝的场地怎么预约")) == "kites-qs"
    assert await slug_of(database, await say(conversation, "那云岭县高龄津贴怎么领")) == "allowance-yl"


async def test_what_holds_in_one_district_only_is_not_told_to_the_others(begin: Begin, say: Say) -> None:
    elsewhere = await say(await begin("web"), "南湖区放风筝的场地怎么预约")
    assert elsewhere.answers[0].article_id is None
    assert "青石区" not in elsewhere.answers[0].text
    conversation = await begin("web")
    unknown = await say(conversation, "放风筝的场地怎么预约", "不清楚")
    assert unknown.answers[0].article_id is None
    assert unknown.answers[0].choices[0] == "放风筝场地预约（青石区）"
    assert (await say(conversation, "1")).answers[0].article_id is not None


async def test_a_district_chosen_on_the_portal_counts(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    async with database.transaction() as session:
        kept = await session.get_one(Conversation, conversation)
        settle(kept, "云岭县")
        settle(kept, "'; DROP TABLE")
    assert await slug_of(database, await say(conversation, QUESTION)) == "allowance-yl"


async def test_another_question_instead_of_the_district_is_answered(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    assert await slug_of(database, await say(conversation, QUESTION, "身份证丢了怎么补办")) == "id-card-lost"


async def test_agents_get_the_own_districts_article_too(begin: Begin, say: Say, core: Core, database: Database) -> None:
    async with database.transaction() as session:
        talk = await session.get_one(Conversation, await begin("phone"))
        unknown = await readings(core, session, talk, [QUESTION])
        known = await readings(core, session, talk, ["我是云岭县的", "您好", QUESTION])
    assert {"高龄津贴（青石区）", "云岭县高龄老人津贴（云岭县）"} < {one.title for one in unknown}
    assert known[0].article.slug == "allowance-yl"
    assert "allowance-qs" not in {one.article.slug for one in known}


def test_what_is_heard_as_a_district() -> None:
    state: dict[str, object] = {}
    assert (heard(state, "我住南湖"), state) == ("南湖区", {"district": "南湖区"})
    assert heard({}, "建设路那边") == "临江区"  # the street lies there
    assert heard({}, "这个我不知道") == ""
    assert heard({}, "护照怎么办") is None
