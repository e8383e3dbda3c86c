"""Events keep no word of a citizen in clear, pages read them all the same, and the chain outlives the key."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from hotline import sealed_words
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, Event, history, record
from hotline.security import Vault

DATA = {
    "reason": "邻居张三说他电话是13900002716",
    "unit": 3,
    "from": "closed",
    "phone": "13900002716",
    "after": {"title": "楼道", "urgency": "top"},
}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6).filter(lambda name: name != sealed_words.SEALED), VALUES, max_size=4))
def test_joining_what_was_split_gives_the_data_back(data: dict[str, object]) -> None:
    assert sealed_words.join(*sealed_words.split(data)) == data


@pytest.mark.parametrize(
    "code", ["closed", "12345-20261118-00871", "2026-11-18T10:00:00+08:00", "2026-11-18", "0501", "A", "", "a/b.c_d:1"]
)
def test_codes_stay_readable_for_statistics(code: str) -> None:
    assert sealed_words.is_code(code)


@pytest.mark.parametrize(
    "words", ["好", "no heat", "13900002716", "+8613900002716", "0531-88881234", "11010119900307123X", "Zhang San", "a@b.cn"]
)
def test_words_names_and_numbers_of_people_are_sealed(words: str) -> None:
    assert not sealed_words.is_code(words)


async def test_what_is_stored_holds_no_word_and_what_is_read_is_what_was_said(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=1, who=SYSTEM, data=DATA)
    async with database.transaction() as session:
        raw = str(await session.scalar(text("SELECT data::text FROM event")))
        event = (await history(session, "ticket", 1))[0]
        unit = await session.scalar(select(Event.data["unit"].as_integer()))
    assert not any(word in raw for word in ("张三", "139", "楼道"))
    assert event.data == DATA
    assert unit == 3


async def test_with_the_key_destroyed_the_words_are_gone_and_later_ones_are_not_kept(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=1, who=SYSTEM, data=DATA)
        assert await sealed_words.destroy_keys(session, clock.now(), "ticket", ["1", "2"]) == 1
        await record(session, at=clock.now(), name="x.z", subject="ticket", subject_id=1, who=SYSTEM, data=DATA)
        await record(session, at=clock.now(), name="x.z", subject="ticket", subject_id=2, who=SYSTEM, data=DATA)
    async with database.transaction() as session:
        events = await history(session, "ticket", 1) + await history(session, "ticket", 2)
    assert [event.data for event in events] == [{"unit": 3, "from": "closed", "after": {"urgency": "top"}}] * 3


async def test_two_first_words_at_once_are_sealed_with_one_key(database: Database, clock: ManualClock) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as session:
            await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=1, who=SYSTEM, data={"note": f"第{number}次"})

    await asyncio.gather(*(write(number) for number in range(8)))
    async with database.transaction() as session:
        events = await history(session, "ticket", 1)
    assert [event.seq for event in events] == list(range(1, 9))
    assert {event.data["note"] for event in events} == {f"第{number}次" for number in range(8)}


async def test_keys_can_be_sealed_anew_with_another_master_key(database: Database, clock: ManualClock, core: object) -> None:
    from cryptography.fernet import Fernet

    old = database._sessions.kw["info"]["vault"]
    async with database.transaction() as session:
        await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=1, who=SYSTEM, data=DATA)
        before = await session.scalar(select(sealed_words.EventKey.key_sealed))
        assert await sealed_words.rewrap_keys(session, old) is None
        assert await session.scalar(select(sealed_words.EventKey.key_sealed)) != before
        assert (await history(session, "ticket", 1))[0].data == DATA
    stranger = Database(database.url, vault=Vault([Fernet.generate_key().decode()], "k"))
    async with stranger.transaction() as session:
        assert "reason" not in (await history(session, "ticket", 1))[0].data
    await stranger.close()


async def test_without_keys_no_word_is_written(database: Database, clock: ManualClock) -> None:
    keyless = Database(database.url)
    with pytest.raises(RuntimeError, match="vault"):
        async with keyless.transaction() as session:
            await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=1, who=SYSTEM, data=DATA)
    await keyless.close()
