"""Examples of editors with their conflicts, and the life of a training, without Rasa."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from chatbot.intents import Intent
from chatbot.learning import evaluation, examples, jobs
from chatbot.learning.models import BotTraining, Purpose, TrainingState
from hotline.clock import CITY_ZONE, ManualClock
from hotline.database import Database
from hotline.errors import Conflict, InvalidInput, NotAllowed, NotFound
from hotline.settings import Settings
from knowledge.article.models import Article, ArticleState
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Role, User


@pytest.fixture
async def editor(database: Database) -> Actor:
    async with database.transaction() as session:
        user = User(login="ed", name="编辑", staff_number="E1", role=Role.EDITOR.value, password_hash="x")
        session.add(user)
        await session.flush()
        return staff_actor(user)


async def test_an_example_is_learned_or_held_out_and_can_be_taken_away(core: Core, database: Database, editor: Actor) -> None:
    async with database.transaction() as session:
        kept = await examples.add(core, session, editor, Intent.FILE_COMPLAINT, "楼下的铁皮棚子夜里哐当响")
        await examples.add(core, session, editor, Intent.QUERY_PROGRESS, "我那档子事儿批了没", purpose=Purpose.CHECK)
        assert await examples.for_training(session) == {Intent.FILE_COMPLAINT: ["楼下的铁皮棚子夜里哐当响"]}
        assert await examples.for_checking(session) == [("query_progress", "我那档子事儿批了没")]
        await examples.remove(core, session, editor, kept.id)
        assert await examples.for_training(session) == {}
        with pytest.raises(NotFound):
            await examples.remove(core, session, editor, kept.id)


async def test_the_citys_own_published_questions_are_learned_and_the_shipped_ones_once(core: Core, database: Database) -> None:
    held_out = next(line for intent, line in evaluation.heldout() if intent == Intent.ASK_GUIDE.value)
    async with database.transaction() as session:
        assert await examples.for_training(session) == {}
        shipped = (await session.scalars(select(Article).order_by(Article.id))).first()
        assert shipped is not None
        shipped.questions = [*shipped.questions, "云川的老年公交卡去哪儿盖章", held_out]
        await session.flush()
        assert await examples.for_training(session) == {Intent.ASK_GUIDE: ["云川的老年公交卡去哪儿盖章"]}
        shipped.state = ArticleState.RECALLED.value
        await session.flush()
        assert await examples.for_training(session) == {}


@pytest.mark.parametrize(
    ("intent", "text", "where"),
    [
        (Intent.ASK_GUIDE, "门口那条路全是坑", "反映问题"),
        (Intent.FILE_COMPLAINT, "身份证丢了怎么补办", "知识"),
        (Intent.FILE_COMPLAINT, "有人把车停在我们单元门口堵死了", "检验句"),
    ],
)
async def test_the_same_sentence_elsewhere_is_refused_whatever_is_ticked(
    core: Core, database: Database, editor: Actor, intent: Intent, text: str, where: str
) -> None:
    async with database.transaction() as session:
        with pytest.raises(InvalidInput, match=where):
            await examples.add(core, session, editor, intent, text, anyway=True)


async def test_a_nearly_same_sentence_is_shown_and_may_be_added_all_the_same(core: Core, database: Database, editor: Actor) -> None:
    near = "我家门口的路坑坑洼洼的呀"
    async with database.transaction() as session:
        with pytest.raises(InvalidInput, match="坑坑洼洼") as refused:
            await examples.add(core, session, editor, Intent.FEEDBACK, near)
        assert refused.value.field == "anyway"
        assert (await examples.add(core, session, editor, Intent.FEEDBACK, near, anyway=True)).intent == "feedback"


async def test_only_those_who_train_may(core: Core, database: Database, editor: Actor) -> None:
    stranger = Actor(editor.kind, "话务员", user_id=editor.user_id, role=Role.AGENT)
    async with database.transaction() as session:
        with pytest.raises(NotAllowed):
            await examples.add(core, session, stranger, Intent.GREET, "吃了吗您")
        with pytest.raises(NotAllowed):
            await jobs.ask(core, session, stranger)


async def test_one_training_at_a_time_and_what_cannot_be_done_is_said(
    core: Core, database: Database, editor: Actor, settings: Settings
) -> None:
    async with database.transaction() as session:
        await jobs.ask(core, session, editor, back_to="m-gone")
    with pytest.raises(Conflict):
        async with database.transaction() as session:
            await jobs.ask(core, session, editor)
    assert await jobs.run_next(core, database, settings)
    assert not await jobs.run_next(core, database, settings)
    async with database.transaction() as session:
        done = (await jobs.recent(session))[0]
        assert (done.state, done.model) == (TrainingState.FAILED.value, None)
        assert "m-gone" in done.progress
        await jobs.ask(core, session, editor)


async def test_a_training_whose_process_died_does_not_block_the_next(
    core: Core, database: Database, editor: Actor, settings: Settings, clock: ManualClock
) -> None:
    async with database.transaction() as session:
        row = await jobs.ask(core, session, editor)
        running = {"state": TrainingState.RUNNING.value, "beat_at": core.clock.now()}
        await session.execute(update(BotTraining).where(BotTraining.id == row.id).values(**running))
    assert not await jobs.run_next(core, database, settings)
    clock.set(clock.now() + jobs.DEAD_AFTER + timedelta(seconds=1))
    assert not await jobs.run_next(core, database, settings)
    async with database.transaction() as session:
        assert (await session.scalars(select(BotTraining.state))).one() == TrainingState.FAILED.value


async def test_the_night_asks_once(core: Core, database: Database, clock: ManualClock) -> None:
    for moment, wanted in (((18, 22), False), ((19, 3), True), ((19, 4), False), ((19, 10), False)):
        clock.set(datetime(2026, 11, *moment, 10, tzinfo=CITY_ZONE))
        async with database.transaction() as session:
            assert await jobs.nightly(core, session) is wanted, moment
