"""Posters: each with its own scene, counted once for each scan, its tickets found; sheets that hold any name; the console's page."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import segno
from sqlalchemy import select

from channels.wechat import poster_pdf, posters
from channels.wechat.api import Client
from channels.wechat.models import Poster, PosterScan
from hotline.clock import ManualClock
from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.events import ActorKind
from tests.channels.wechat.test_answers import register
from tests.channels.wechat.world import World
from tests.simulators.wechat_api import CODE
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.tables.pdf import find_font


def _staff(role: Role) -> Actor:
    return Actor(ActorKind.STAFF, "某人 1001", None, role)


LEADER = _staff(Role.LEADER)
CITY = poster_pdf.City("云川市", "12345", "https://12345.example")


async def _street(world: World) -> int:
    async with world.services.database.transaction() as session:
        return (await session.scalars(select(Unit.id).where(Unit.level == 3).order_by(Unit.id))).first() or 0


async def _make(world: World, name: str = "便民服务大厅") -> Poster:
    wanted = posters.Wanted(await _street(world), name, "滨河路188号一楼")
    async with world.services.database.transaction() as session:
        return await posters.make(world.services.core, session, LEADER, wanted)


async def _figures(world: World, name: str) -> tuple[int, int, int]:
    async with world.services.database.transaction() as session:
        [found] = [row for row in await posters.listed(session, LEADER) if row.poster.name == name]
    return found.scans, found.newcomers, found.tickets


async def test_scans_and_tickets_are_counted_for_each_poster(city: World, clock: ManualClock) -> None:
    poster, other = await _make(city), await _make(city, "社区公告栏")
    newcomer, follower = city.account.fan(), city.account.fan()
    greeting = await city.platform.follow(newcomer, qr_scene=poster.scene)
    assert "便民服务大厅" in greeting.text
    await city.platform.scan(follower, poster.scene)
    await city.platform.scan(follower, poster.scene)  # the platform's repeat: the clock stands
    clock.advance(seconds=2)
    await city.platform.scan(follower, poster.scene)
    await city.platform.scan(follower, "p_unknown")
    await register(city, newcomer)
    assert await _figures(city, "便民服务大厅") == (3, 1, 1)
    assert await _figures(city, "社区公告栏") == (0, 0, 0)
    assert other.scene != poster.scene
    async with city.services.database.transaction() as session:
        await posters.switch(city.services.core, session, LEADER, poster.id, active=False)
    clock.advance(seconds=2)
    assert "便民服务大厅" in (await city.platform.scan(follower, poster.scene)).text, "it still hangs there"
    assert (await _figures(city, "便民服务大厅"))[0] == 4


async def test_a_units_common_poster_that_hung_before_is_counted_too(city: World) -> None:
    async with city.services.database.transaction() as session:
        unit = (await session.scalars(select(Unit).where(Unit.level == 3).order_by(Unit.id))).first()
        assert unit is not None
    await city.platform.follow(city.account.fan(), qr_scene=f"u_{unit.code}")
    assert await _figures(city, unit.name) == (1, 1, 0)
    async with city.services.database.transaction() as session:
        again = await posters.of_units(session, [unit], city.services.core.clock.now())
        rows = list(await session.scalars(select(Poster)))
        assert [each.id for each in again] == [each.id for each in rows], "made once"
        assert len(list(await session.scalars(select(PosterScan)))) == 1
        with pytest.raises(NotFound):
            await posters.units_for(session, ["nobody"])


async def test_the_platform_is_asked_once_for_each_code(city: World) -> None:
    client = Client.of(city.services.settings)
    assert client is not None
    poster = await _make(city)
    await posters.with_codes(client, [poster])
    await posters.with_codes(client, [poster])
    assert poster.code_url == f"http://weixin.qq.com/q/{poster.scene}"
    assert city.account.calls[CODE] == 1


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.LEADER, Role.ADMIN)])
async def test_only_leader_and_administrator_make_posters(city: World, role: Role) -> None:
    async with city.services.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await posters.make(city.services.core, session, _staff(role), posters.Wanted(1, "大厅"))
        with pytest.raises(NotAllowed):
            await posters.listed(session, _staff(role))


WRONG = [
    ({"name": "厅"}, "name"),
    ({"name": "长" * 41}, "name"),
    ({"place": "长" * 61}, "place"),
    ({"purpose": "a\x07"}, "purpose"),
    ({"unit_id": 9_999_999}, "unit_id"),
]


@pytest.mark.parametrize(("change", "field"), WRONG)
async def test_what_is_wrong_is_said_at_its_field(city: World, change: dict[str, Any], field: str) -> None:
    wanted = posters.Wanted(**{"unit_id": await _street(city), "name": "大厅", **change})
    async with city.services.database.transaction() as session:
        with pytest.raises(InvalidInput) as problem:
            await posters.make(city.services.core, session, LEADER, wanted)
    assert list(problem.value.errors) == [field]


@pytest.mark.parametrize(("paper", "box"), [("a4", "/MediaBox [0 0 595.28 841.89]"), ("a3", "/MediaBox [0 0 841.89 1190.55]")])
async def test_a_sheet_holds_the_longest_words_on_one_page(paper: str, box: str) -> None:
    long = poster_pdf.Sheet("http://weixin.qq.com/q/02abc", "区" * 30, "厅" * 40, "路" * 60, "用" * 30, "p_1")
    body = await poster_pdf.document([long, long], CITY, paper=paper, font=find_font())
    assert body.startswith(b"%PDF-")
    assert body.count(b"/Type /Page\n") == 2
    assert box.encode() in body


def test_the_drawn_code_is_the_code() -> None:
    drawn = poster_pdf.svg("http://weixin.qq.com/q/02abc")
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own drawing
    modules = len(segno.make_qr("http://weixin.qq.com/q/02abc", error="q", boost_error=False).matrix)
    assert root.get("width") == str(10 * (modules + 8)), "with the white border that the standard wants"


async def test_the_command_writes_a_page_for_each_unit(city: World, tmp_path: Path) -> None:
    from hotline.commands.posters import _write

    async with city.services.database.transaction() as session:
        codes = list(await session.scalars(select(Unit.code).where(Unit.level == 3).order_by(Unit.id).limit(2)))
    settings = city.services.settings.model_copy(update={"database_url": city.services.database.url})
    out = tmp_path / "posters.pdf"
    assert await _write(settings, out, codes, "a3") == 0
    assert out.read_bytes().count(b"/Type /Page\n") == 2
    assert await _write(settings, out, codes, "a0") == 1
    assert city.account.calls[CODE] == 2
