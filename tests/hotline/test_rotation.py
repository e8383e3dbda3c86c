"""Keys change while the service runs: nothing is lost, nothing stays under the old key, and what is stopped half-way goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, select, text

from hotline.database import Database
from hotline.events import enqueue
from hotline.rotation import BY_PERSON, places, rehash, remaining, rotate
from hotline.schema import metadata
from hotline.security import InvalidToken, Vault
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import add_contact, by_caller, by_openid, person, set_id_number
from ticketing.context import Core
from ticketing.conversation.calls import caller_numbers, start_call
from ticketing.conversation.models import Call, Conversation, InboundMessage
from ticketing.conversation.service import open_conversation
from ticketing.people.models import Role, Unit, User

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
NUMBERS = [f"+8613900002{number:03}" for number in range(7)]


@pytest.fixture
def old(core: Core) -> Core:
    return replace(core, vault=Vault([OLD], "lookup-one"))


@pytest.fixture
def both(core: Core) -> Core:
    return replace(core, vault=Vault([NEW, OLD], "lookup-one"))


@pytest.fixture
def new(core: Core) -> Core:
    return replace(core, vault=Vault([NEW], "lookup-one"))


async def fill(core: Core, database: Database) -> None:
    """Real rows of every kind that holds something sealed."""
    async with database.transaction() as session:
        for number in NUMBERS:
            await add_contact(core, session, await by_caller(core, session, number), name="周敏")
        await set_id_number(core, session, (await session.scalars(select(Citizen).limit(1))).one(), "11010519491231002X")
        wechat = await by_openid(core, session, "o-123")
        conversation = await open_conversation(core, session, channel="wechat", party="o-123", citizen_id=wechat.id)
        conversation.draft = {"form": {"slots": []}, "sealed": core.vault.seal("手机号").decode()}
        for caller in ("110", "13900002000"):
            await start_call(core, session, sip_call_id="x", caller=caller, called="12345", codec="PCMA", worker="t", transcriber=None)
        now = core.clock.now()
        session.add(
            InboundMessage(
                channel="wechat", external_id=str(uuid4()), body_sealed=core.vault.seal("<xml/>"), body_hash="x", received_at=now,
                state="answered", answer=core.vault.seal("编号").decode(),
            )
        )  # fmt: skip
        payload = {
            "text_sealed": core.vault.seal("你好").decode(),
            "deep": [{"media_sealed": core.vault.seal("图").decode()}],
            "plain": "sealed",
        }
        await enqueue(session, at=now, channel="wechat", kind="text", recipient="1", payload=payload, dedupe_key="one")
        session.add(Unit(id=1, code="centre", name="中心", level=1))
        await session.flush()
        session.add(
            User(login="agent", name="林晓雨", staff_number="1001", role=Role.AGENT.value, unit_id=1, password_hash="-",
                 totp_sealed=core.vault.seal("SECRET"), totp_step=1)
        )  # fmt: skip


async def everything(core: Core, database: Database) -> list[object]:
    """All that was sealed, in clear."""
    async with database.transaction() as session:
        people = [person(core, citizen, masked=False) for citizen in await session.scalars(select(Citizen).order_by(Citizen.id))]
        calls = list(await session.scalars(select(Call).order_by(Call.started_at, Call.called)))
        numbers = sorted((await caller_numbers(core, session, calls)).values())
        inbound = (await session.scalars(select(InboundMessage))).one()
        payload = (await session.execute(text("SELECT payload FROM outbox"))).scalar_one()
        draft = (await session.scalars(select(Conversation.draft).where(Conversation.draft.is_not(None)))).one()
        user = (await session.scalars(select(User))).one()
    assert inbound.answer is not None
    assert user.totp_sealed is not None
    opened = core.vault.open
    return [
        people, numbers, opened(inbound.body_sealed), opened(inbound.answer.encode()), opened(payload["text_sealed"].encode()),
        opened(payload["deep"][0]["media_sealed"].encode()), payload["plain"], opened(draft["sealed"].encode()), opened(user.totp_sealed),
    ]  # fmt: skip


async def run(core: Core, database: Database) -> dict[str, tuple[int, int, int]]:
    return {each.place: (each.resealed, each.unreadable, each.waiting) async for each in rotate(database, core.vault, batch=2)}


async def test_everything_moves_to_the_new_key_and_the_old_one_can_go(old: Core, both: Core, new: Core, database: Database) -> None:
    await fill(old, database)
    before = await everything(old, database)
    with pytest.raises(InvalidToken):
        await everything(new, database)
    fields = await _fields(database)
    done = await run(both, database)
    assert done["citizen.data_key_sealed"] == (8, 0, 0)
    assert done["call.caller_sealed"] == (1, 0, 0)
    assert done["staff.totp_sealed"] == (1, 0, 0)
    assert done["outbox.payload"] == (1, 0, 0)
    assert not any(unreadable or waiting for _resealed, unreadable, waiting in done.values())
    assert await everything(new, database) == before
    assert await _fields(database) == fields  # the fields themselves were not touched: only their keys were wrapped anew
    assert set((await run(both, database)).values()) == {(0, 0, 0)}


async def _fields(database: Database) -> list[object]:
    async with database.transaction() as session:
        return list(
            await session.execute(text("SELECT name_sealed, phone_sealed, openid_sealed, id_number_sealed FROM citizen ORDER BY id"))
        )


async def test_a_run_that_was_stopped_goes_on(old: Core, both: Core, new: Core, database: Database) -> None:
    await fill(old, database)
    stopped = rotate(database, both.vault, batch=2)
    await anext(stopped)
    await stopped.aclose()
    async with database.transaction() as session:
        left = await remaining(session, both.vault)
    assert sum(left.values()) > 0
    await run(both, database)
    async with database.transaction() as session:
        assert not any((await remaining(session, both.vault)).values())
    assert await everything(new, database)


async def test_the_service_goes_on_writing_while_keys_change(old: Core, both: Core, new: Core, database: Database) -> None:
    await fill(old, database)

    async def write() -> None:
        for number in range(30):
            async with database.transaction() as session:
                citizen = await by_caller(both, session, f"+8613911{number:06}")
                await add_contact(both, session, citizen, name="新来的")
                known = await by_caller(both, session, NUMBERS[number % len(NUMBERS)])
                known.needs = "elderly"

    await asyncio.gather(write(), run(both, database))
    await run(both, database)
    async with database.transaction() as session:
        people = [person(new, citizen, masked=False) for citizen in await session.scalars(select(Citizen))]
    assert len(people) == 38
    assert all(each.name or not each.phone for each in people)


async def test_what_no_key_opens_is_reported_and_left_as_it_is(old: Core, new: Core, database: Database) -> None:
    await fill(old, database)
    done = await run(new, database)  # the operator forgot the old key
    assert done["citizen.data_key_sealed"] == (0, 8, 8)
    assert await everything(old, database)


async def test_people_are_found_under_the_old_and_the_new_lookup_key_and_never_made_twice(core: Core, database: Database) -> None:
    first, two = (replace(core, vault=Vault([OLD], keys[0], keys[1:])) for keys in (("lookup-one",), ("lookup-two", "lookup-one")))
    await fill(first, database)
    async with database.transaction() as session:
        ids = [(await by_caller(first, session, number)).id for number in NUMBERS]
        assert [(await by_caller(two, session, number)).id for number in NUMBERS] == ids
        wechat = (await by_openid(two, session, "o-123")).id
    progress = [each async for each in rehash(two, database, batch=3)]
    assert progress[-1] == (8, 8)
    last = replace(core, vault=Vault([OLD], "lookup-two"))
    async with database.transaction() as session:
        assert [(await by_caller(last, session, number)).id for number in NUMBERS] == ids
        assert (await by_openid(last, session, "o-123")).id == wechat
        again = await open_conversation(last, session, channel="wechat", party="o-123", citizen_id=wechat)
        assert again.draft is not None  # the live conversation was found, no second one opened
    assert [each async for each in rehash(last, database)][-1] == (8, 0)


def test_every_sealed_column_is_known_to_the_rotation() -> None:
    sealed = {(table.name, column.name) for table in metadata.sorted_tables for column in table.columns if column.name.endswith("_sealed")}
    covered = {(place.table.name, place.column) for place in places()} | BY_PERSON
    assert sealed <= covered
    assert sealed >= BY_PERSON
    assert all(isinstance(metadata.tables[table].c[column].type, LargeBinary) for table, column in BY_PERSON)
