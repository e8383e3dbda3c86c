"""How talks by voice end, over real SIP calls: anger and what is not understood lead to a person, who was
answered is asked whether it helped.

As in test_real_dialogues: espeak speaks, Vosk with the synthetic model hears, the dialogue is the real one without Rasa.
"""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hotline.database import Database
from telephony.client import Caller
from tests.chatbot.conftest import template
from tests.telephony.flow.test_real_call import Hotline, citizen_said, hotline
from tests.telephony.flow.test_real_dialogues import LONGEST_S, NUMBER, assert_heard, tell, the_bot_said
from ticketing.callback.models import ReturnCall
from ticketing.conversation.models import Conversation, Message

__all__ = ["hotline", "template"]
pytestmark = pytest.mark.slow
"""Calls last as long as calls do."""


async def handed_over_because(database: Database) -> str | None:
    """Why the assistant asked for a person; nobody is on duty, so that a return call is owed as well."""
    async with database.transaction() as session:
        assert (await session.scalars(select(ReturnCall.reason))).one() == "nobody_on_duty"
        return (await session.scalars(select(Conversation.handover_reason))).one()


async def test_anger_at_the_assistant_leads_to_a_person(hotline: Hotline, database: Database) -> None:
    async with Caller(hotline.address, number=NUMBER) as caller:
        await tell(hotline, caller, "垃圾机器人")
        await caller.hear(LONGEST_S)
    await hotline.all_over()
    assert_heard(await citizen_said(database), ("垃圾机器人",))
    assert await handed_over_because(database) == "angry"


async def test_two_misses_offer_a_person_who_is_taken(hotline: Hotline, database: Database) -> None:
    lines = ("小明和海燕睡觉了吗", "海燕和小明记得吗", "好")  # nobody has written an article on that, and the model knows the words
    async with Caller(hotline.address, number=NUMBER) as caller:
        await tell(hotline, caller, *lines)
        await caller.hear(LONGEST_S)
    await hotline.all_over()
    said = await the_bot_said(database)
    assert said.index("没有找到合适的答案") < said.index("需要为您转人工吗")
    assert await handed_over_because(database) == "not_understood"


async def test_who_was_answered_is_asked_at_the_end_whether_it_helped(hotline: Hotline, database: Database) -> None:
    lines = ("护照怎么换", "谢谢再见", "没有用")
    async with Caller(hotline.address, number=NUMBER) as caller:
        await tell(hotline, caller, *lines)
        await caller.hear(LONGEST_S)
    await hotline.all_over()
    said = await the_bot_said(database)
    assert said.index("普通护照") < said.index("刚才的回答有帮助吗") < said.index("再见")
    async with database.transaction() as session:
        told = (await session.scalars(select(Message).where(Message.article_id.is_not(None)))).first()
    assert told is not None
    assert told.data["useful"] is False
