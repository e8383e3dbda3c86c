"""I08: what carries a marking of secrecy is refused politely and stored nowhere; what was spoken is flagged."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from chatbot.dialogue import Dialogue
from hotline.errors import InvalidInput
from hotline.schema import metadata
from tests.ticketing.conftest import City
from ticketing.conversation.models import Author, Message
from ticketing.conversation.service import add_message, open_conversation
from ticketing.secrecy import FLAG, OWN, WITHHELD, SecretContent, is_secret, refuse_secret
from ticketing.ticket.states import Channel

SECRET = "附上绝密★文件：某部兵力部署图如下，请转交"


@pytest.mark.parametrize("words", [SECRET, "密级：机密", "绝 密 ★", "秘-密-级-文-件"])
def test_markings_are_found_also_when_spaced_out(city: City, words: str) -> None:
    with pytest.raises(SecretContent, match="没有保存"):
        refuse_secret(city.core, "路灯坏了", words)


@pytest.mark.parametrize("words", ["部队大院夜里施工噪音大", "举报有人泄露机密", "这是我的秘密花园餐厅", ""])
def test_topics_are_no_markings(city: City, words: str) -> None:
    assert not is_secret(city.core, words)


def test_the_city_keeps_its_own_list_and_a_broken_one_is_said(city: City) -> None:
    own = city.core.data_dir / OWN
    own.write_text("- 云川基地\n")
    assert is_secret(city.core, "云川基地的图")
    assert not is_secret(city.core, SECRET)
    own.write_text("words: 云川\n")
    with pytest.raises(InvalidInput, match="格式不对"):
        is_secret(city.core, "x云川")


@pytest.mark.parametrize("channel", [Channel.WEB, Channel.WECHAT, Channel.OPEN311, Channel.STAFF])
async def test_registration_refuses_and_stores_nothing(city: City, channel: Channel) -> None:
    with pytest.raises(SecretContent):
        await city.register(channel=channel, content=SECRET)
    assert await nowhere(city)


async def test_a_phone_call_is_registered_and_flagged(city: City) -> None:
    made = await city.register(channel=Channel.PHONE, content=SECRET)
    assert made.ticket.extra[FLAG] is True


async def talk(city: City, channel: str) -> UUID:
    async with city.database.transaction() as session:
        return (await open_conversation(city.core, session, channel=channel, conversation_id=uuid4())).id


async def test_the_bot_refuses_politely_and_the_text_is_nowhere(city: City) -> None:
    dialogue = Dialogue(city.core, city.database, None)
    turn = await dialogue.turn(await talk(city, "web"), SECRET)
    assert "没有保存" in turn.answers[0].text
    assert await nowhere(city)
    async with city.database.transaction() as session:
        said = (await session.scalars(select(Message).where(Message.author == Author.CITIZEN.value))).one()
    assert (said.text, said.data[FLAG]) == (WITHHELD, True)
    await dialogue.close()


async def test_what_was_spoken_is_kept_and_flagged(city: City) -> None:
    async with city.database.transaction() as session:
        call = await open_conversation(city.core, session, channel="phone", conversation_id=uuid4())
        said = await add_message(city.core, session, call, Author.CITIZEN, SECRET, data={"confidence": 0.9})
    assert (said.text, said.data) == (SECRET, {"confidence": 0.9, FLAG: True})


async def nowhere(city: City) -> bool:
    async with city.database.transaction() as session:
        for table in metadata.sorted_tables:
            if "兵力部署" in str((await session.execute(text(f'SELECT * FROM "{table.name}"'))).all()):
                return False
    return True
