"""Category suggestions."""

from __future__ import annotations

from tests.ticketing.conftest import City
from ticketing.taxonomy.models import Category
from ticketing.taxonomy.service import suggest


async def test_the_rarer_and_longer_word_wins_and_silence_proposes_nothing(city: City) -> None:
    async with city.database.transaction() as session:
        session.add(Category(code="0306", group_name="03", name="排水与内涝", unit_id=city.units["water"], keywords="下水道 积水 施工"))
        await session.flush()
        night = await suggest(session, "工地半夜施工噪音太大")
        rain = await suggest(session, "下水道堵了，路上积水")
        nothing = await suggest(session, "你好")
    assert [item.category.code for item in night] == ["0501", "0306"]
    assert night[0].reasons == ("施工", "噪音")
    assert [(item.category.code, item.unit.name) for item in rain] == [("0306", "市供水集团")]
    assert nothing == []
