"""The gap list and the sampled checks against the real database."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from knowledge.article import service as articles
from knowledge.article.content import Content
from knowledge.article.models import Article, ArticleState
from knowledge.gap import checks, lists, service, work
from knowledge.gap.likeness import LEAST, alike, features
from knowledge.gap.models import AnswerCheck, Cause, Gap, GapSentence, GapState
from knowledge.gap.service import AGAIN, Asked
from tests.knowledge.conftest import People
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation
from ticketing.conversation.service import add_message, get_conversation, open_conversation
from ticketing.people.actor import SYSTEM


class Talk:
    """A web chat in which questions are asked."""

    def __init__(self, core: Core, database: Database) -> None:
        self.core, self.database = core, database
        self.id = uuid4()

    async def ask(self, text: str, cause: Cause = Cause.UNANSWERED, *, article: int | None = None) -> int:
        """Returns the group."""
        async with self.database.transaction() as session:
            await open_conversation(self.core, session, channel="web", conversation_id=self.id)
            message = await add_message(self.core, session, await get_conversation(session, self.id), Author.CITIZEN, text)
            gap = await service.note(self.core, session, Asked(self.id, message.id, text, "web", cause, article))
            return gap.id

    async def gap(self, gap_id: int) -> Gap:
        async with self.database.transaction() as session:
            return await service.get_gap(session, gap_id)


@pytest.fixture
def talk(core: Core, database: Database) -> Talk:
    return Talk(core, database)


async def _article(core: Core, database: Database, title: str = "居住证补办") -> Article:
    content = Content(
        title=title, scene="户籍与证件", spoken="带身份证到派出所补办。", questions=(title,), valid_from=date(2026, 1, 1),
        checked_on=date(2026, 11, 1), kind="question",
    )  # fmt: skip
    async with database.transaction() as session:
        made = await articles.create(core, session, SYSTEM, f"a-{uuid4().hex[:8]}", content)
        return await articles.publish(core, session, SYSTEM, made.id, version=1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("居住证丢了怎么补", "我的居住证丢了咋补办呀", True),
        ("居住证丢了怎么补", "身份证丢了怎么补", False),
        ("宠物狗打疫苗在哪里打", "请问宠物狗去哪打疫苗", True),
        ("帮我写一首诗", "今天天气怎么样", False),
    ],
)
def test_what_is_asked_counts_and_not_how_it_is_asked(one: str, other: str, same: bool) -> None:
    assert (alike(features(one), features(other)) >= LEAST) is same


async def test_like_questions_make_one_group_that_counts_and_others_another(talk: Talk, database: Database, clock: ManualClock) -> None:
    first = await talk.ask("居住证丢了怎么补")
    assert await talk.ask("我的居住证丢了咋补办呀", Cause.UNSURE) == first
    clock.advance(minutes=1)
    other = await talk.ask("宠物狗打疫苗在哪里打")
    assert other != first
    async with database.transaction() as session:
        by_count = await lists.groups(session)
        by_time = await lists.groups(session, order=lists.Order.RECENT)
    assert [(group.gap.id, group.gap.count) for group in by_count] == [(first, 2), (other, 1)]
    assert by_count[0].causes == {"unanswered": 1, "unsure": 1}
    assert by_count[0].title == "居住证丢了怎么补"
    assert by_time[0].gap.id == other


async def test_one_sentence_counts_once_and_keeps_its_worst_cause(talk: Talk, core: Core, database: Database) -> None:
    gap_id = await talk.ask("居住证丢了怎么补", Cause.UNSURE)
    for cause in (Cause.HANDED_OVER, Cause.UNANSWERED):
        async with database.transaction() as session:
            known = (await session.scalars(select(GapSentence))).one()
            await service.note(core, session, Asked(talk.id, known.message_id or 0, known.text, "web", cause))
    async with database.transaction() as session:
        assert (await session.scalars(select(GapSentence.cause))).all() == ["handed_over"]
    assert (await talk.gap(gap_id)).count == 1


async def test_the_same_question_from_many_at_once_makes_one_group(core: Core, database: Database) -> None:
    talks = [Talk(core, database) for _each in range(8)]
    found = await asyncio.gather(*(each.ask("居住证丢了怎么补") for each in talks))
    assert len(set(found)) == 1
    assert (await talks[0].gap(found[0])).count == 8


async def test_an_article_is_made_of_a_group_and_the_group_comes_back_only_when_that_did_not_help(
    talk: Talk, core: Core, database: Database, people: People
) -> None:
    gap_id = await talk.ask("居住证丢了怎么补")
    await talk.ask("居住证丢了咋补办")
    async with database.transaction() as session:
        article = await work.make_article(core, session, people.editor, gap_id)
        assert (article.title, article.state) == ("居住证丢了怎么补", ArticleState.COLLECTED.value)
        assert set(article.questions) == {"居住证丢了怎么补", "居住证丢了咋补办"}
    assert (await talk.gap(gap_id)).state == GapState.COVERED.value
    assert await talk.ask("居住证丢了怎么补啊") == gap_id
    assert (await talk.gap(gap_id)).state == GapState.COVERED.value, "its article is not published yet"
    async with database.transaction() as session:
        content = Content(
            title="居住证补办", scene="户籍与证件", spoken="到派出所补办。", questions=("居住证丢了怎么补",), valid_from=date(2026, 1, 1),
            checked_on=date(2026, 11, 1), kind="question",
        )  # fmt: skip
        version = await articles.update(core, session, SYSTEM, article.id, content, seen_version=1)
        await articles.publish(core, session, SYSTEM, article.id, version=version.version)
    await talk.ask("居住证丢了怎么补呢")
    back = await talk.gap(gap_id)
    assert (back.state, back.reopened, back.count) == (GapState.OPEN.value, 1, 4)


async def test_sentences_become_examples_of_an_article_as_a_version_that_somebody_else_publishes(
    talk: Talk, core: Core, database: Database, people: People
) -> None:
    article = await _article(core, database)
    gap_id = await talk.ask("居住卡不见了找谁", article=article.id)
    async with database.transaction() as session:
        _gap, version = await work.add_examples(core, session, people.editor, gap_id, article.id, ["居住卡不见了找谁", "不是这一组的话"])
    async with database.transaction() as session:
        live = await session.get_one(Article, article.id)
        assert (live.version, live.draft_version, live.questions) == (1, version, ["居住证补办"])
    await talk.ask("居住卡不见了找谁", article=article.id)
    assert (await talk.gap(gap_id)).state == GapState.COVERED.value
    async with database.transaction() as session:
        await articles.drop(core, session, people.editor, article.id, "写错了")
    await talk.ask("居住卡不见了找谁", article=article.id)
    assert (await talk.gap(gap_id)).state == GapState.OPEN.value, "the version that was to cover it was given up"


async def test_examples_must_be_new_and_from_the_group(talk: Talk, core: Core, database: Database, people: People) -> None:
    article = await _article(core, database)
    gap_id = await talk.ask("居住证补办")
    for chosen in ([], ["别处的话"], ["居住证补办"]):
        async with database.transaction() as session:
            with pytest.raises(InvalidInput):
                await work.add_examples(core, session, people.editor, gap_id, article.id, chosen)


async def test_no_need_wants_a_reason_and_comes_back_when_many_ask_again(
    talk: Talk, core: Core, database: Database, people: People
) -> None:
    gap_id = await talk.ask("帮我写一首关于春天的诗")
    async with database.transaction() as session:
        with pytest.raises(InvalidInput):
            await service.no_need(core, session, people.editor, gap_id, " ")
        await service.no_need(core, session, people.editor, gap_id, "与政务无关")
        with pytest.raises(IllegalStep):
            await service.no_need(core, session, people.editor, gap_id, "又一次")
    for _each in range(AGAIN - 1):
        await talk.ask("帮我写一首关于春天的诗")
    assert (await talk.gap(gap_id)).state == GapState.NO_NEED.value
    await talk.ask("帮我写一首关于春天的诗")
    assert (await talk.gap(gap_id)).state == GapState.OPEN.value


async def test_two_groups_can_be_made_one(talk: Talk, core: Core, database: Database, people: People) -> None:
    first, second = await talk.ask("居住证丢了怎么补"), await talk.ask("暂住卡没了重新搞一张")
    async with database.transaction() as session:
        into = await service.merge(core, session, people.editor, second, first)
        assert (into.id, into.count) == (first, 2)
    assert await talk.ask("暂住卡没了重新搞一张") == first


async def test_only_editors_work_on_gaps(talk: Talk, core: Core, database: Database, people: People) -> None:
    gap_id = await talk.ask("居住证丢了怎么补")
    for actor in (people.agent, people.clerk, people.chief):
        async with database.transaction() as session:
            for step in (
                service.no_need(core, session, actor, gap_id, "不用"),
                work.make_article(core, session, actor, gap_id),
                checks.draw(core, session, actor, str),
            ):
                with pytest.raises(NotAllowed):
                    await step


async def _answered(core: Core, database: Database, article: Article, conversation: UUID) -> None:
    async with database.transaction() as session:
        await open_conversation(core, session, channel="web", conversation_id=conversation)
        talk = await get_conversation(session, conversation)
        asked = await add_message(core, session, talk, Author.CITIZEN, "居住证丢了怎么补，我电话13900002716")
        await add_message(
            core, session, talk, Author.BOT, "带身份证补办。", article=(article.id, article.version), data={"reply_to": asked.id}
        )


async def test_drawn_answers_are_judged_once_and_wrong_ones_are_gaps(
    core: Core, database: Database, people: People, clock: ManualClock
) -> None:
    article = await _article(core, database)
    await _answered(core, database, article, uuid4())
    clock.advance(days=8)
    for _each in range(3):
        await _answered(core, database, article, uuid4())
    async with database.transaction() as session:
        assert await checks.draw(core, session, people.editor, lambda text: text.replace("13900002716", "****")) == 3
        assert await checks.draw(core, session, people.editor, str) == 0, "each answer is drawn once, old ones not at all"
        first, second, _third = await checks.to_judge(session)
        assert "13900002716" not in first.asked
        with pytest.raises(InvalidInput):
            await checks.judge(core, session, people.editor, first.id, right=False)
        await checks.judge(core, session, people.editor, first.id, right=False, remark="费用错了")
        await checks.judge(core, session, people.editor, second.id, right=True)
        with pytest.raises(IllegalStep):
            await checks.judge(core, session, people.editor, first.id, right=True)
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(AnswerCheck).where(AnswerCheck.result.is_not(None))) == 2
        sentence = (await session.scalars(select(GapSentence))).one()
        assert (sentence.cause, sentence.article_id, sentence.article_version) == ("judged_wrong", article.id, 1)
        assert sentence.text == first.asked


async def test_a_conversation_that_is_erased_leaves_no_words(talk: Talk, core: Core, database: Database) -> None:
    from hotline.schema import metadata
    from ticketing.retention.rules import Work, erase_conversations

    await talk.ask("居住证丢了怎么补")
    async with database.transaction() as session:
        await erase_conversations(Work(core, metadata), session, [talk.id])
    async with database.transaction() as session:
        assert "居住证" not in (await session.scalars(select(GapSentence.text))).one()
        assert (await session.get_one(Conversation, talk.id)).erased_at is not None
