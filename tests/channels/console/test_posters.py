"""The posters' page: made by the leader, printed, withdrawn; in the demonstration the paper says that it is a sample."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from channels.wechat.models import Poster
from hotline.events import history
from tests.channels.console.test_people import save
from tests.channels.staff import City, Opener
from ticketing.people.models import Unit

PAGE = "/console/posters"


async def _unit(city: City) -> Unit:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Unit).where(Unit.level > 1).order_by(Unit.id))).first() or Unit()


async def test_a_poster_is_made_printed_and_withdrawn(browser: Opener, city: City) -> None:
    leader, unit = await browser("leader"), await _unit(city)
    assert "还没有海报" in await leader.text(PAGE)
    typed = {"unit_id": str(unit.id), "name": "<b>大厅</b>", "place": "滨河路188号一楼"}
    assert (await save(leader, PAGE, PAGE, **typed))[0] == 303
    body = await leader.text(PAGE)
    assert "&lt;b&gt;大厅&lt;/b&gt;" in body
    assert "扫码 0 次，新关注 0 人，工单 0 件" in body
    assert "样张" in body
    async with city.database.transaction() as session:
        poster = (await session.scalars(select(Poster))).one()
    pdf, svg = ("application/pdf", b"%PDF"), ("image/svg+xml", b"<?xml")
    for form, (kind, begins) in (("a4.pdf", pdf), ("a3.pdf", pdf), ("code.svg", svg)):
        answer = await leader.get(f"{PAGE}/{poster.id}/{form}")
        assert (answer.status, answer.content_type) == (200, kind)
        assert (await answer.read()).startswith(begins)
        assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (await save(leader, PAGE, f"{PAGE}/{poster.id}/withdraw"))[0] == 303
    body = await (await browser("admin")).text(PAGE)
    assert "已停用" in body
    assert f"{PAGE}/{poster.id}/a4.pdf" not in body
    async with city.database.transaction() as session:
        assert [event.name for event in await history(session, "poster", poster.id)] == ["poster.made", "poster.withdrawn"]


async def test_without_an_account_there_is_no_code_but_in_the_demonstration(
    browser: Opener, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, unit = await browser("leader"), await _unit(city)
    await save(leader, PAGE, PAGE, unit_id=str(unit.id), name="大厅")
    async with city.database.transaction() as session:
        poster = (await session.scalars(select(Poster))).one()
    monkeypatch.setitem(city.settings.__dict__, "demo", False)
    answer = await leader.get(f"{PAGE}/{poster.id}/a4.pdf")
    assert answer.status == 503
    assert "HOTLINE_WECHAT_APP_ID" in await answer.text()
    async with city.database.transaction() as session:
        (await session.get_one(Poster, poster.id)).code_url = "http://weixin.qq.com/q/02abc"
    assert (await leader.get(f"{PAGE}/{poster.id}/a4.pdf")).status == 200, "what the platform said once is kept"


async def test_a_form_with_a_mistake_comes_back_complete(browser: Opener, city: City) -> None:
    leader = await browser("leader")
    typed = {"unit_id": "", "name": "厅", "place": "滨河路188号一楼", "purpose": "有话好说"}
    status, body = await save(leader, PAGE, PAGE, **typed)
    assert status == 422
    assert "名称应为2到40个字" in body
    assert 'value="滨河路188号一楼"' in body
    assert 'value="有话好说"' in body
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Poster))).all() == []
