"""Figures by the API: the same numbers as the pages, the rows behind them page by page, and nobody sees more."""

from __future__ import annotations

from aiohttp.test_utils import TestServer

from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.statistics import brief as briefs
from ticketing.statistics.period import parse
from ticketing.ticket.states import Confidentiality, Kind

MONTH = "2026-11"


async def test_indicators_come_with_their_formulas(site: TestServer, program: Programs) -> None:
    leader, editor = await program("leader"), await program("editor")
    known = {each["key"]: each for each in (await leader.get("/statistics/indicators"))["items"]}
    assert known["closed"]["denominator"] == "受理的工单"
    assert known["closed"]["formula"].startswith("SELECT ")
    assert {each["group"] for each in (await editor.get("/statistics/indicators"))["items"]} == {"bot"}


async def test_figures_are_split_and_paged(site: TestServer, city: City, program: Programs) -> None:
    for _turn in range(3):
        await city.register()
    await city.register(category_code="0301")
    leader = await program("leader")
    path = f"/statistics/figures?period={MONTH}&indicators=received,closed"
    whole = await leader.get(path)
    assert [(each["indicator"], each["value"]) for each in whole["items"][0]["figures"]] == [("received", 4.0), ("closed", 0.0)]
    first = await leader.get(f"{path}&by=category&limit=1")
    second = await leader.get(f"{path}&by=category&limit=1&cursor={first['next']}")
    rows = [row for page in (first, second) for row in page["items"]]
    assert [(row["at"][0]["value"], row["figures"][0]["value"]) for row in rows] == [("0301", 1.0), ("0501", 3.0)]
    assert second["next"] is None
    refused = await leader.get(f"{path}&by=unit&cursor={first['next']}", 422)
    assert refused["errors"][0]["field"] == "cursor"


async def test_the_list_behind_a_figure_goes_on_without_repeating(site: TestServer, city: City, program: Programs) -> None:
    numbers = {(await city.register()).ticket.number for _turn in range(5)}
    await city.register(kind=Kind.REPORT, confidentiality=Confidentiality.SECRET)
    leader = await program("leader")
    seen: list[str] = []
    cursor = ""
    while True:
        page = await leader.get(f"/statistics/items?period={MONTH}&indicator=received&limit=2&cursor={cursor}")
        assert (page["count"], page["hidden"], page["figure"]["value"]) == (6, 1, 6.0)
        seen += [each["number"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert set(seen) == numbers


async def test_a_unit_counts_only_itself(site: TestServer, city: City, program: Programs) -> None:
    await city.register()
    clerk = await program("clerk")
    mine = await clerk.get(f"/statistics/figures?period={MONTH}&indicators=received")
    assert mine["items"][0]["figures"][0]["value"] == 0.0
    await clerk.get(f"/statistics/figures?period={MONTH}&indicators=received&unit={city.units['water']}", 422)
    await clerk.get(f"/statistics/figures?period={MONTH}&indicators=received&by=unit", 422)
    await clerk.get(f"/statistics/figures?period={MONTH}&indicators=calls", 403)
    assert (await clerk.get(f"/statistics/scores?period={MONTH}"))["items"] == []


async def test_periods_that_are_none_are_refused(site: TestServer, program: Programs) -> None:
    leader = await program("leader")
    for wrong in ("0001", "9999", "2026-13", "2026-W60", "2026-11-30..2026-11-01", "2000-01-01..2026-01-01"):
        refused = await leader.get(f"/statistics/figures?indicators=received&period={wrong}", 422)
        assert refused["errors"][0]["field"] in ("period", "last"), wrong


async def test_briefs_are_listed_read_and_issued(site: TestServer, city: City, program: Programs) -> None:
    await city.register()
    async with city.database.transaction() as session:
        for day in ("2026-11-10", "2026-11-11"):
            await briefs.issue(city.core, session, city.people["leader"], parse(day))
    leader, clerk = await program("leader"), await program("clerk")
    made = await leader.post("/briefs", {"period": "2026-11-12"}, 201)
    first = await leader.get("/briefs?kind=day&limit=2")
    rest = await leader.get(f"/briefs?kind=day&limit=2&cursor={first['next']}")
    assert [each["period"] for page in (first, rest) for each in page["items"]] == ["2026-11-12", "2026-11-11", "2026-11-10"]
    assert (await leader.get(f"/briefs/{made['id']}"))["content"]["figures"]
    await leader.post("/briefs", {"period": "2026-11-12"}, 422)
    await clerk.get("/briefs", 403)
    await clerk.get(f"/briefs/{made['id']}", 404)
