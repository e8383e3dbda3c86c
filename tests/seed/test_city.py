"""Units, people and categories: the files fit together, faulty files are refused by name, loading twice changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.security import verify_password
from ticketing.context import Core
from ticketing.people.models import Role, Unit, User
from ticketing.seed.entries import read_taxonomy, read_units
from ticketing.seed.loader import load_people, load_taxonomy, load_units, read_people
from ticketing.taxonomy.models import Category

LOGINS = {role.value for role in Role}


def test_the_catalogue_is_twelve_by_six() -> None:
    groups = [category.l1 for category in read_taxonomy()]
    assert len(groups) == 72
    assert all(groups.count(group) == 6 for group in set(groups))
    assert all(category.code.startswith(category.l1[:2]) for category in read_taxonomy())


def test_every_category_has_a_unit_and_words_of_its_own() -> None:
    units = {unit.name for unit in read_units()}
    for category in read_taxonomy():
        assert category.department in units, category.code
        assert len(set(category.keywords)) == len(category.keywords) >= 8, category.code


def test_the_gazetteers_districts_and_streets_are_units() -> None:
    units = {unit.name: unit for unit in read_units()}
    districts = {name for name, unit in units.items() if name.startswith(("临江区", "青石区", "南湖区", "高新区", "云岭县"))}
    assert len(districts) == 5
    assert all(units[name].level == 2 for name in districts)
    streets = [unit for unit in units.values() if unit.level == 3]
    assert len(streets) == 12
    assert {unit.parent for unit in streets} == {units[name].code for name in districts}


def test_there_is_a_log_in_for_every_role_and_the_roles_fit_their_units() -> None:
    people = {person.login: person for person in read_people()}
    codes = {unit.code: unit for unit in read_units()}
    assert set(people) >= LOGINS | {"agent2", "clerk-water", "chief-water"}
    assert all(people[login].role.value == login for login in LOGINS)
    assert people["clerk"].unit == people["chief"].unit == "city-management"
    for person in people.values():
        assert person.unit in codes, person.login
        assert person.role.in_unit == (person.unit != "centre"), person.login
    assert len({person.name for person in people.values()}) == len(people)


def test_every_unit_that_gets_appeals_has_a_clerk_and_a_chief() -> None:
    staffed = {(person.unit, person.role) for person in read_people()}
    names = {unit.name: unit for unit in read_units()}
    for category in read_taxonomy():
        unit = names[category.department]
        if unit.active:
            assert (unit.code, Role.CLERK) in staffed, unit.name
            assert (unit.code, Role.CHIEF) in staffed, unit.name


async def test_loading_twice_changes_nothing(core: Core, database: Database) -> None:
    seen = []
    for _round in range(2):
        async with database.transaction() as session:
            await load_units(core, session)
            await load_taxonomy(core, session)
            await load_people(core, session, "demo-12345")
        async with database.transaction() as session:
            users = [(user.login, user.password_hash) for user in await session.scalars(select(User).order_by(User.id))]
            counts = [await session.scalar(select(func.count()).select_from(table)) for table in (Unit, Category)]
            seen.append((users, counts))
    assert seen[0] == seen[1]
    assert seen[0][1] == [len(read_units()), 72]


async def test_what_an_administrator_changed_stays(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        await load_units(core, session)
        (await session.scalars(select(Unit).where(Unit.code == "parks"))).one().active = False
    async with database.transaction() as session:
        await load_units(core, session)
    async with database.transaction() as session:
        assert not (await session.scalars(select(Unit).where(Unit.code == "parks"))).one().active


async def test_a_new_demo_password_reaches_everybody_who_still_has_the_old_one(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        await load_units(core, session)
        people = await load_people(core, session, "demo-12345")
        people["leader"].password_hash = "chosen by the person"
    async with database.transaction() as session:
        await load_people(core, session, "another-password")
    async with database.transaction() as session:
        stored = {user.login: user.password_hash for user in await session.scalars(select(User))}
    assert verify_password(stored["agent"], "another-password")
    assert stored["clerk"] == stored["agent"]
    assert stored["leader"] == "chosen by the person"


async def test_a_category_of_an_unknown_unit_is_refused_and_nothing_is_written(core: Core, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.json"
    entry = {"l1": "01 城市管理", "code": "0101", "l2": "占道经营", "department": "市火星局", "keywords": ["摆摊"]}
    path.write_text(json.dumps([entry]), encoding="utf-8")

    async def load() -> None:
        async with database.transaction() as session:
            await load_units(core, session)
            await load_taxonomy(core, session, path)

    with pytest.raises(InvalidInput, match=r"0101.*市火星局"):
        await load()
    async with database.transaction() as session:
        assert not await session.scalar(select(func.count()).select_from(Unit))


async def test_a_person_of_an_unknown_unit_is_refused(core: Core, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text('- {login: x, name: 某人, staff_number: "1001", role: agent, unit: moon}', encoding="utf-8")
    with pytest.raises(InvalidInput, match="moon"):
        async with database.transaction() as session:
            await load_people(core, session, "demo-12345", path)


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_units, "- {code: a, name: 甲单位, level: 4}", "level"),
        (read_units, "- {code: a, name: 甲单位, level: 2}\n- {code: a, name: 乙单位, level: 2}", "出现了两次"),
        (read_units, "- {code: a, name: 甲街道, level: 3}", "上级不对"),
        (read_units, "- {code: a, name: 甲街道, level: 3, parent: b}", "上级不对"),
        (read_units, "[]", "不为空的列表"),
        (read_units, "- 甲单位", "第1条"),
        (read_units, "- {code: a, name: [}", "格式不对"),
        (read_people, '- {login: Agent, name: 某人, staff_number: "1001", role: agent, unit: centre}', "login"),
        (read_people, '- {login: a, name: 某人, staff_number: "1001", role: boss, unit: centre}', "role"),
        (
            read_people,
            '- {login: a, name: 甲乙, staff_number: "1001", role: agent, unit: centre}\n'
            '- {login: b, name: 丙丁, staff_number: "1001", role: agent, unit: centre}',
            "用了两次",
        ),
        (read_taxonomy, "- {l1: 城市管理, code: '0101', l2: 占道, department: 局, keywords: [摆摊]}", "l1"),
        (read_taxonomy, "- {l1: 01 城市管理, code: '0101', l2: 占道, department: 局, keywords: [两 个词]}", "空格"),
    ],
)
def test_a_faulty_file_is_refused_by_name_and_entry(read: Callable[[Path], object], text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"units\.yaml"):
        read_units(tmp_path / "units.yaml")
