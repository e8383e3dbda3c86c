"""Every person has a data key of their own: sealing, erasing by destroying it, and the database's last word."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.security import InvalidToken, Vault, key_id
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import (
    add_contact,
    by_caller,
    by_contact,
    by_openid,
    destroy_key,
    id_number,
    openid,
    person,
    person_vault,
    set_id_number,
    valid_id_number,
)
from ticketing.context import Core
from ticketing.conversation.calls import caller_numbers, start_call

ID_NUMBER = "11010519491231002X"


def vault(*keys: str, lookup: str = "lookup") -> Vault:
    return Vault(keys, lookup)


def test_the_key_that_sealed_is_named_in_front_and_an_unknown_one_is_refused() -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = vault(first).seal("周敏")
    assert sealed.startswith(key_id(first).encode() + b".")
    assert "周敏".encode() not in sealed
    assert vault(second, first).open(sealed) == "周敏"
    for bad in (sealed[:-3], b"", b".", b"zz.\xff", key_id(second).encode() + sealed[8:]):
        with pytest.raises(InvalidToken):
            vault(second).open(bad)


def test_resealing_moves_to_the_newest_key_and_leaves_what_is_there_already() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = vault(old).seal("周敏")
    ring = vault(new, old)
    moved = ring.reseal(sealed)
    assert not ring.is_current(sealed)
    assert ring.is_current(moved)
    assert ring.reseal(moved) == moved
    assert vault(new).open(moved) == "周敏"


def test_a_field_cannot_be_passed_off_as_another_or_as_anothers() -> None:
    ring = vault(Fernet.generate_key().decode())
    mine, wrapped = ring.new_person()
    other, _wrapped = ring.new_person()
    sealed = mine.seal("周敏", "name")
    assert ring.for_person(wrapped).open(sealed, "name") == "周敏"
    for reader, field in ((mine, "phone"), (other, "name")):
        with pytest.raises(InvalidToken):
            reader.open(sealed, field)
    with pytest.raises(InvalidToken):
        mine.open(b"short", "name")


async def test_two_people_have_two_keys_and_the_master_key_alone_opens_no_field(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        first = await by_contact(core, session, name="周敏", phone="139 0000 2716")
        second = await by_contact(core, session, name="周敏", phone="139 0000 2716")
        assert first is not None
        assert second is not None
        assert first.data_key_sealed != second.data_key_sealed
        assert first.name_sealed is not None
        assert first.phone_hash == second.phone_hash
        with pytest.raises(InvalidToken):
            core.vault.open(first.name_sealed)
        shown = person(core, first, masked=False)
        assert (shown.name, shown.phone) == ("周敏", "13900002716")


async def test_no_private_text_stands_in_clear_in_the_row(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        citizen = await by_caller(core, session, "+8613900002716")
        await add_contact(core, session, citizen, name="周敏")
        await set_id_number(core, session, citizen, ID_NUMBER)
        row = (await session.execute(text("SELECT to_jsonb(citizen)::text FROM citizen"))).scalar_one()
    for private in ("13900002716", "周敏", ID_NUMBER, "周敏".encode().hex(), b"13900002716".hex()):
        assert private not in row


async def test_erasing_a_person_leaves_nothing_readable_and_stays_so(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        citizen = await by_caller(core, session, "+8613900002716")
        await add_contact(core, session, citizen, name="周敏")
        seals = person_vault(core, citizen)
        assert seals is not None
        elsewhere = seals.seal("我住滨河路5号", "content")
        old = citizen.name_sealed
        assert await destroy_key(core, session, citizen)
        assert not await destroy_key(core, session, citizen)
    async with database.transaction() as session:
        citizen = (await session.scalars(select(Citizen))).one()
        assert person(core, citizen, masked=False) == person(core, citizen, masked=False).__class__("", "", False, True)
        await add_contact(core, session, citizen, name="周敏", phone="13900002716")
        assert (citizen.name_sealed, citizen.phone_sealed, person_vault(core, citizen)) == (None, None, None)
        again = await by_caller(core, session, "+8613900002716")  # the same person calls again: a new row, a new key
        assert again.id != citizen.id
        fresh = person_vault(core, again)
        assert fresh is not None
        for sealed, field in ((elsewhere, "content"), (old, "name")):
            assert sealed is not None
            with pytest.raises(InvalidToken):
                fresh.open(sealed, field)


async def test_calls_are_sealed_by_the_callers_key_and_forgotten_with_it(core: Core, database: Database) -> None:
    async def ring(caller: str | None) -> object:
        async with database.transaction() as session:
            return (
                await start_call(core, session, sip_call_id="x", caller=caller, called="12345", codec="PCMA", worker="t", transcriber=None)
            )[1]

    known, short, withheld = await ring("13900002716"), await ring("110"), await ring(None)
    async with database.transaction() as session:
        calls = [known, short, withheld]
        numbers = await caller_numbers(core, session, calls)  # type: ignore[arg-type]
        assert list(numbers.values()) == ["+8613900002716", "110"]
        citizen = (await session.scalars(select(Citizen))).one()
        await destroy_key(core, session, citizen)
        assert list((await caller_numbers(core, session, calls)).values()) == ["110"]  # type: ignore[arg-type]


async def test_openids_come_back_and_are_found_again(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        first, second = await by_openid(core, session, "o-123"), await by_openid(core, session, "o-123")
        assert first.id == second.id
        assert openid(core, first) == "o-123"


async def test_identity_numbers_are_checked_sealed_and_masked(core: Core, database: Database) -> None:
    assert valid_id_number(ID_NUMBER)
    assert not valid_id_number("110105194912310021")
    async with database.transaction() as session:
        citizen = await by_contact(core, session, name="周敏")
        assert citizen is not None
        assert id_number(core, citizen) == ""
        await set_id_number(core, session, citizen, " 11010519491231002x ")
        assert (id_number(core, citizen), id_number(core, citizen, masked=False)) == ("110***********002X", ID_NUMBER)
        with pytest.raises(InvalidInput):
            await set_id_number(core, session, citizen, "110105194912310021")


@pytest.mark.parametrize("values", [{"data_key_sealed": None}, {"erased_at": text("now()")}])
async def test_the_database_refuses_fields_without_a_key_and_half_erased_people(
    core: Core, database: Database, values: dict[str, object]
) -> None:
    async with database.transaction() as session:
        await by_caller(core, session, "+8613900002716")
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await session.execute(update(Citizen).values(**values))
