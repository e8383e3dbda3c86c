"""The public page of figures: here, because it needs the staff's city with units and people."""

from __future__ import annotations

from tests.channels.staff import City, Opener
from tests.ticketing.statistics.month import NOW, staff_ids, write_month
from ticketing.people.actor import SYSTEM
from ticketing.statistics.brief import issue
from ticketing.statistics.period import parse


async def test_nothing_is_shown_before_a_month_was_issued(city: City, browser: Opener) -> None:
    citizen = await browser()
    assert "还没有公布数据" in await citizen.text("/figures")
    assert (await citizen.get("/figures?month=2026-11")).status == 404


async def test_citizens_see_the_issued_month_with_small_cells_covered(city: City, browser: Opener) -> None:
    city.clock.set(NOW)
    async with city.database.transaction() as session:
        await write_month(session, city.units, await staff_ids(session))
        await issue(city.core, session, SYSTEM, parse("2026-11"))
    citizen = await browser()
    page = await citizen.text("/figures?month=2026-11")
    assert "收到13件，受理12件" in page
    assert "77.8%" in page  # kept, with extensions
    assert "66.7%" in page  # and without
    assert "经审核不计入1件" in page
    assert page.count("少量") >= 3  # 云山区 has three, 其他 the secret one
    assert "T10" not in page
    for nonsense in ("2026-13", "2026", "x", "1999-01", "2026-11-01..2026-11-02"):
        assert (await citizen.get(f"/figures?month={nonsense}")).status == 404
