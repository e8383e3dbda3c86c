"""The table of steps, and that nothing is told outside its state and its days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE, ManualClock, to_city
from hotline.database import Database
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from knowledge.article import service, sweep
from knowledge.article.access import access_article, is_told, live_article, live_articles, visible_articles
from knowledge.article.life import STEPS, offered
from knowledge.article.models import LIVE, Article, ArticleState, ArticleVersion, KnowledgeTopic
from knowledge.article.versions import draft_of, latest_version
from knowledge.search.service import search
from tests.knowledge.conftest import People
from tests.knowledge.test_article import CONTENT, TODAY, published
from ticketing.context import Core
from ticketing.people.actor import SYSTEM
from ticketing.supervision.models import StaffNotice

SPECIFIED = "collected -> editing -> unit_review -> centre_review -> published -> due_for_review -> revised / expired -> recalled"
"""domain.md 4a."""


def test_the_life_is_that_of_the_specification() -> None:
    ways = {(source, target) for step in STEPS.values() for source in step.sources for target in step.targets}
    words = [[ArticleState(name) for name in part.split(" / ")] for part in SPECIFIED.split(" -> ")]
    for before, after in pairwise(words[:-1]):
        assert {(source, target) for source in before for target in after} <= ways
    assert {source for source, target in ways if target is ArticleState.RECALLED} >= set(LIVE)  # recalled from wherever it is told
    ours = set(ArticleState) - {name for part in words for name in part}
    assert ours == {ArticleState.SCHEDULED}


def test_nothing_becomes_live_but_by_the_second_person_or_the_clock() -> None:
    doors = {key for key, step in STEPS.items() if ArticleState.PUBLISHED in step.targets}
    assert doors == {"publish", "go_live"}
    assert STEPS["publish"].another
    assert STEPS["go_live"].sources == (ArticleState.SCHEDULED,)
    assert {key for key, step in STEPS.items() if ArticleState.SCHEDULED in step.targets} == {"publish"}


async def test_only_what_is_live_and_within_its_days_is_told(core: Core, database: Database, people: People, clock: ManualClock) -> None:
    """Every state against every arrangement of days and topics: the door, the list and the search agree."""
    today = to_city(clock.now()).date()
    days = [today + timedelta(days=offset) for offset in (-2, -1, 0, 1, 2)]
    topics = [None, (True, None), (True, today), (True, today - timedelta(days=1)), (False, None)]
    async with database.transaction() as session:
        article = await service.create(core, session, SYSTEM, "kite", CONTENT)
        await service.publish(core, session, SYSTEM, article.id, version=1)
        topic = KnowledgeTopic(name="台风", active=True, changed_at=clock.now())
        session.add(topic)
        await session.flush()
        for state in ArticleState:
            for start in days:
                for end in (None, *(day for day in days if day >= start)):
                    for arranged in topics if state in LIVE else topics[:2]:
                        if arranged is not None:
                            topic.active, topic.active_until = arranged
                        values = {"state": state.value, "valid_from": start, "valid_until": end, "topic_id": topic.id if arranged else None}
                        await session.flush()
                        await session.execute(update(Article).where(Article.id == article.id).values(**values))
                        on = arranged is None or (arranged[0] and (arranged[1] is None or arranged[1] >= today))
                        told = state in LIVE and start <= today and (end is None or end >= today) and on
                        found = await session.scalar(select(func.count()).select_from(live_articles(core).subquery()))
                        assert bool(found) is told, (state, start, end, arranged)
                        if told != (start == days[0] and state in LIVE):  # search is slower: only where the answer turns
                            assert bool(await search(session, "放风筝要许可吗", today=today)) is told


async def test_recall_is_heard_by_another_process_at_once(core: Core, database: Database, people: People) -> None:
    article_id = await published(core, database, people)
    async with database.transaction() as bots:
        assert await search(bots, "放风筝", today=TODAY)
    async with database.transaction() as session:
        await service.recall(core, session, people.editor, article_id, "法规变了")
    async with database.transaction() as bots:
        assert await search(bots, "放风筝", today=TODAY) == []
        with pytest.raises(NotFound):
            await live_article(core, bots, article_id)
        kinds = {(notice.user_id, notice.kind) for notice in await bots.scalars(select(StaffNotice))}
    assert (people.agent.user_id, "knowledge_recalled") in kinds
    assert (people.editor.user_id, "knowledge_recalled") not in kinds


async def test_a_scheduled_version_waits_and_the_old_one_is_told_until_then(
    core: Core, database: Database, people: People, clock: ManualClock
) -> None:
    article_id = await published(core, database, people)
    moment = clock.now() + timedelta(hours=3)
    async with database.transaction() as session:
        changed = replace(CONTENT, spoken="放风筝现在需要许可。")
        await service.update(core, session, people.editor, article_id, changed, seen_version=1)
        await service.submit(core, session, people.editor, article_id)
        article = await service.publish(core, session, people.other_editor, article_id, version=2, at=moment)
        assert (article.version, article.state, article.draft_state) == (1, "published", "scheduled")
        assert await sweep.go_live(core, session) == 0
        assert (await live_article(core, session, article_id)).spoken == CONTENT.spoken
    clock.advance(hours=3)
    assert await sweep.run(core, database) == 1
    async with database.transaction() as session:
        article = await live_article(core, session, article_id)
        assert (article.spoken, article.version, article.draft_state) == ("放风筝现在需要许可。", 2, None)
        states = {row.version: row.state for row in await session.scalars(select(ArticleVersion))}
    assert states == {1: "revised", 2: "published"}


async def test_a_scheduled_version_can_be_held_back(core: Core, database: Database, people: People, clock: ManualClock) -> None:
    async with database.transaction() as session:
        article = await service.create(core, session, people.editor, "kite", CONTENT)
        await service.submit(core, session, people.editor, article.id)
        await service.publish(core, session, people.other_editor, article.id, version=1, at=clock.now() + timedelta(hours=1))
        with pytest.raises(InvalidInput):
            await service.send_back(core, session, people.other_editor, article.id, " ")
        await service.send_back(core, session, people.other_editor, article.id, "日期不对")
        assert (article.state, article.draft_state) == ("editing", "editing")
    clock.advance(hours=2)
    assert await sweep.run(core, database) == 0


async def test_expiry_and_review_are_reminded_once(core: Core, database: Database, people: People, clock: ManualClock) -> None:
    end = to_city(clock.now()).date() + timedelta(days=40)
    async with database.transaction() as session:
        content = replace(CONTENT, valid_from=end - timedelta(days=400), valid_until=end)
        article = await service.create(core, session, SYSTEM, "kite", content, unit_id=people.unit_id)
        await service.publish(core, session, SYSTEM, article.id, version=1)
        article_id = article.id

    async def told() -> list[str]:
        async with database.transaction() as session:
            mine = select(StaffNotice.kind).where(StaffNotice.user_id == people.chief.user_id).order_by(StaffNotice.id)
            return list(await session.scalars(mine))

    assert await sweep.run(core, database) == 0
    clock.advance(days=10)
    assert (await sweep.run(core, database), await sweep.run(core, database)) == (1, 0)
    assert await told() == ["knowledge_due"]
    async with database.transaction() as session:
        assert (await live_article(core, session, article_id)).state == "due_for_review"
    clock.advance(days=24)  # nobody swept for a day: the last call comes all the same
    assert (await sweep.run(core, database), await sweep.run(core, database)) == (1, 0)
    assert await told() == ["knowledge_due", "knowledge_due"]
    clock.advance(days=7)
    async with database.transaction() as session:
        with pytest.raises(NotFound):  # before any sweep
            await live_article(core, session, article_id)
    assert (await sweep.run(core, database), await sweep.run(core, database)) == (1, 0)
    assert (await told())[-1] == "knowledge_expired"
    async with database.transaction() as session:
        assert [row.state for row in await session.scalars(select(ArticleVersion))] == ["expired"]


async def test_confirming_asks_a_second_person_and_prolongs(core: Core, database: Database, people: People, clock: ManualClock) -> None:
    article_id = await published(core, database, people)
    later = to_city(clock.now()).date() + timedelta(days=500)
    async with database.transaction() as session:
        await service.confirm(core, session, people.editor, article_id, valid_until=later, seen_version=1)
        with pytest.raises(IllegalStep):
            await service.confirm(core, session, people.editor, article_id, valid_until=later, seen_version=2)
        with pytest.raises(NotAllowed):
            await service.publish(core, session, people.editor, article_id, version=2)
        article = await service.publish(core, session, people.other_editor, article_id, version=2)
        assert (article.valid_until, article.spoken) == (later, CONTENT.spoken)


async def test_an_old_version_comes_back_as_a_draft(core: Core, database: Database, people: People) -> None:
    article_id = await published(core, database, people)
    async with database.transaction() as session:
        changed = replace(CONTENT, spoken="放风筝现在需要许可。")
        await service.update(core, session, people.editor, article_id, changed, seen_version=1)
        await service.submit(core, session, people.editor, article_id)
        await service.publish(core, session, people.other_editor, article_id, version=2)
        version = await service.restore(core, session, people.editor, article_id, 1, seen_version=2)
        article = await live_article(core, session, article_id)
        assert (version.version, version.state, article.spoken) == (3, "editing", changed.spoken)
        assert version.content == CONTENT.stored()
        await service.drop(core, session, people.editor, article_id, "不用了")
        assert (article.state, article.draft_state) == ("published", None)


async def test_an_incomplete_guide_is_not_submitted(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        article = await service.create(core, session, people.editor, "kite", replace(CONTENT, body={"fee": "不收费"}))
        with pytest.raises(InvalidInput, match="办理条件、所需材料、办理流程、办理时限、咨询电话、办理依据、办理地点"):
            await service.submit(core, session, people.editor, article.id)


async def test_a_units_agreement_outside_is_written_down(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        article = await service.create(core, session, people.editor, "kite", CONTENT, unit_id=people.unit_id)
        await service.submit(core, session, people.editor, article.id, unit_note="公安局复函〔2026〕8号")
        assert article.state == "centre_review"
        last = (await history(session, "article", article.id))[-1]
        assert last.data["unit_note"] == "公安局复函〔2026〕8号"
        other = await service.create(core, session, people.clerk, "kite2", CONTENT, unit_id=people.unit_id)
        await service.submit(core, session, people.clerk, other.id, unit_note="自己说的")
        assert other.state == "unit_review"  # a unit cannot vouch for itself


async def test_what_the_chief_hands_in_has_passed_the_unit(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        clerks = await service.create(core, session, people.clerk, "kite", CONTENT, unit_id=people.unit_id)
        await service.submit(core, session, people.chief, clerks.id)
        own = await service.create(core, session, people.chief, "kite2", CONTENT, unit_id=people.unit_id)
        await service.submit(core, session, people.chief, own.id)
        assert (clerks.state, own.state) == ("centre_review", "centre_review")
        reviewed = [(await latest_version(session, each.id)) for each in (clerks, own)]
        assert [(each.unit_reviewer_id, each.unit_note) for each in reviewed] == [
            (people.chief.user_id, ""),
            (None, "首席代表本人编写"),
        ]
        await service.publish(core, session, people.editor, clerks.id, version=1)
        await service.confirm(core, session, people.clerk, clerks.id, valid_until=None, seen_version=1)
        assert clerks.draft_state == "unit_review"


async def test_who_sees_what_is_not_published(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        ours = await service.create(core, session, people.clerk, "kite", CONTENT, unit_id=people.unit_id)
        centres = await service.create(core, session, people.editor, "kite2", CONTENT)
        seen = {}
        for name in ("editor", "clerk", "chief", "agent"):
            actor = getattr(people, name)
            seen[name] = {article.slug for article in await session.scalars(visible_articles(core, actor))}
            for article in (ours, centres):
                if article.slug not in seen[name]:
                    with pytest.raises(NotFound):
                        await access_article(core, session, actor, article.id)
        assert seen == {"editor": {"kite", "kite2"}, "clerk": {"kite"}, "chief": {"kite"}, "agent": set()}


async def test_what_is_offered_is_accepted(core: Core, database: Database, people: People) -> None:
    """For each person and state: a step that is not offered is refused, one that is offered passes the same guards."""
    calls = {
        "submit": lambda s, a, n: service.submit(core, s, a, n),
        "pass": lambda s, a, n: service.pass_unit(core, s, a, n),
        "send_back": lambda s, a, n: service.send_back(core, s, a, n, "理由"),
        "recall": lambda s, a, n: service.recall(core, s, a, n, "理由"),
        "drop": lambda s, a, n: service.drop(core, s, a, n, "理由"),
    }
    async with database.transaction() as session:
        article = await service.create(core, session, people.clerk, "kite", CONTENT, unit_id=people.unit_id)
        article_id = article.id
        for state in ("editing", "unit_review", "centre_review", "published"):
            draft = await latest_version(session, article_id)
            live = state == "published"
            draft.state, article.state = state, state
            article.draft_state, article.draft_version = (None, None) if live else (state, 1)
            await session.flush()
            for actor in (people.editor, people.clerk, people.chief, people.agent):
                keys = {step.key for step in offered(actor, article, await draft_of(session, article))}
                for key, call in calls.items():
                    nested = await session.begin_nested()
                    try:
                        await call(session, actor, article_id)
                        done = True
                    except (NotAllowed, IllegalStep):
                        done = False
                    await nested.rollback()
                    session.expire_all()
                    article = await service.get_article(session, article_id)
                    assert done is (key in keys), (state, actor.label, key)


async def test_a_question_collected_by_an_agent_needs_only_a_title(core: Core, database: Database, people: People) -> None:
    bare = replace(CONTENT, spoken="", questions=(), body={}, kind="question")
    async with database.transaction() as session:
        article = await service.collect(core, session, people.agent, "kite", bare)
        assert article.state == "collected"
        with pytest.raises(NotAllowed):
            await service.update(core, session, people.agent, article.id, CONTENT, seen_version=1)
        await service.update(core, session, people.editor, article.id, CONTENT, seen_version=1)
        assert (article.state, article.spoken) == ("editing", CONTENT.spoken)
        assert await session.scalar(select(func.count()).where(is_told(date(2026, 11, 18)))) == 0


def test_review_is_due_thirty_days_before_the_end_or_after_a_year() -> None:
    assert replace(CONTENT, valid_until=None).review_on == date(2027, 11, 1)
    assert replace(CONTENT, valid_until=date(2027, 3, 31)).review_on == date(2027, 3, 1)
    short = replace(CONTENT, valid_from=date(2026, 11, 18), valid_until=date(2026, 11, 24))
    assert short.review_on == date(2026, 11, 22)  # a notice of a week is not due at once
    assert datetime(2026, 11, 18, tzinfo=CITY_ZONE).date() == TODAY


async def test_answers_of_a_topic_go_before_all_others(core: Core, database: Database, people: People, clock: ManualClock) -> None:
    async def first(session: AsyncSession, question: str) -> str:
        return (await search(session, question, today=TODAY))[0].article.slug

    asked = "明天学校停课吗"
    async with database.transaction() as session:
        others = (
            ("school", "学校作息和停课安排", asked),
            ("heating", "供暖报停", "暖气怎么报停"),
            ("passport", "护照首次申领", "护照怎么办"),
        )
        for slug, title, question in others:
            content = replace(CONTENT, title=title, questions=(question,), body={})
            made = await service.create(core, session, SYSTEM, slug, content)
            await service.publish(core, session, SYSTEM, made.id, version=1)
        topic = KnowledgeTopic(name="台风", active=False, changed_at=clock.now())
        session.add(topic)
        await session.flush()
        urgent = replace(CONTENT, title="台风期间学校停课", questions=("台风来了学校停课吗",), kind="emergency", topic_id=topic.id, body={})
        made = await service.create(core, session, SYSTEM, "typhoon", urgent)
        await service.publish(core, session, SYSTEM, made.id, version=1)
        topic_id = topic.id
    async with database.transaction() as session:
        assert await first(session, asked) == "school"
        (await session.get_one(KnowledgeTopic, topic_id)).active = True
    async with database.transaction() as session:
        assert await first(session, asked) == "typhoon"
        assert await first(session, "暖气怎么报停") == "heating"  # another matter
