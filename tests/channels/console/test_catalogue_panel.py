"""The look-up in the dispatch dialog: by category and area, with co-units and reason; never the unit that is complained about."""

from __future__ import annotations

import pytest

from tests.channels.staff import City, Opener
from ticketing.taxonomy.models import DispatchRule

CONTENT = "江畔花园北门工地半夜两点还在打桩，施工噪声吵得睡不着"


@pytest.fixture
async def rules(city: City) -> City:
    """Noise in 云岭县 is the water supplier's, elsewhere the category's own unit's with the supplier's help."""
    plain = {"category_code": "0501", "valid_from": city.clock.now().date(), "dispatch_mode": "phone"}
    async with city.database.transaction() as session:
        session.add(DispatchRule(**plain, lead_unit_id=city.units["city"], co_unit_ids=[city.units["water"]], note="供水配合"))
        session.add(DispatchRule(**plain, lead_unit_id=city.units["water"], district="云岭县", co_unit_ids=[city.units["city"]]))
    return city


async def test_the_row_of_category_and_area_is_told_with_its_reason(rules: City, browser: Opener) -> None:
    number = (await rules.register(content=CONTENT)).ticket.number
    page = await browser("dispatcher")
    ask = f"/console/tickets/{number}/catalogue?category_code=0501&district="
    body = await page.text(ask + "全市")
    assert (f'data-value="{rules.units["city"]}"' in body, f'data-values="{rules.units["water"]}"' in body) == (True, True)
    assert "供水配合" in body
    other = await page.text(ask + "云岭县")
    assert (f'data-value="{rules.units["water"]}"' in other, "云岭县" in other) == (True, True)
    assert "归口单位" in await page.text(ask.replace("0501", "0301") + "全市")
    assert (await page.get(ask.replace("0501", "9999"))).status == 204
    assert (await (await browser("clerk")).get(ask)).status == 403
    assert f'hx-get="/console/tickets/{number}/catalogue"' in await page.text(f"/console/tickets/{number}")


async def test_the_unit_that_is_complained_about_is_named_and_not_proposed(rules: City, browser: Opener) -> None:
    number = (await rules.register(content=CONTENT, reported_unit_id=rules.units["city"])).ticket.number
    page = await browser("dispatcher")
    body = await page.text(f"/console/tickets/{number}/catalogue?category_code=0501&district=全市")
    assert f'data-value="{rules.units["city"]}"' not in body
    assert "市城市管理局是被反映单位" in body
    helped = await page.text(f"/console/tickets/{number}/catalogue?category_code=0501&district=云岭县")
    assert f'data-values="{rules.units["city"]}"' not in helped  # nor as a helper
