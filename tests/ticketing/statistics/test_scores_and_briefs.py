"""Score cards, hot topics, briefs and published figures."""

from __future__ import annotations

import asyncio
import io
from datetime import date

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from hotline.errors import InvalidInput, NotAllowed, NotFound
from tests.ticketing.conftest import City
from ticketing.people.actor import SYSTEM, Actor
from ticketing.statistics import brief as briefs
from ticketing.statistics import scores
from ticketing.statistics.figures import Figure
from ticketing.statistics.hot import Topic, count_words, deviations
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.models import Brief
from ticketing.statistics.period import parse
from ticketing.statistics.published import cover, publish, published_month, published_months
from ticketing.statistics.scope import CITY
from ticketing.statistics.scores import Band, band_of, score_cards, score_of
from ticketing.ticket.models import Ticket

NOVEMBER = parse("2026-11")


def figures(**parts: tuple[float, float]) -> dict[str, Figure]:
    values = dict.fromkeys((*scores.WEIGHTS, "assigned", "yellow", "red"), (0.0, 0.0)) | parts
    return {key: Figure(BY_KEY[key], *value) for key, value in values.items()}


def test_the_score_is_the_weighted_sum_minus_the_cards() -> None:
    made = figures(
        signed=(9, 10),
        contacted=(8, 10),
        on_time=(19, 20),
        solved=(9, 10),
        satisfied=(8, 10),
        first_pass=(10, 10),
        yellow=(2, 2),
        red=(1, 1),
    )
    # 0.15*90 + 0.10*80 + 0.25*95 + 0.25*90 + 0.15*80 + 0.10*100 = 13.5 + 8 + 23.75 + 22.5 + 12 + 10 = 89.75; minus 2 and 3
    assert score_of(made) == pytest.approx(84.75)


def test_a_component_without_any_row_gives_its_weight_to_the_others() -> None:
    made = figures(signed=(10, 10), on_time=(5, 10))
    assert score_of(made) == pytest.approx((0.15 * 100 + 0.25 * 50) / 0.40)
    assert score_of(figures()) is None
    assert score_of(figures(signed=(0, 10), red=(9, 9))) == 0.0


@pytest.mark.parametrize(
    ("score", "satisfied", "band"),
    [
        (95, 80, Band.EXCELLENT),
        (99, 79.9, Band.GOOD),
        (99, None, Band.GOOD),
        (94.9, 99, Band.GOOD),
        (75, 0, Band.GOOD),
        (74.9, 99, Band.FAIR),
        (60, 0, Band.FAIR),
        (59.9, 99, Band.FAIL),
    ],
)
def test_bands(score: float, satisfied: float | None, band: Band) -> None:
    assert band_of(score, satisfied) is band


async def test_a_small_sample_has_no_rank(city: City, month: dict[str, Ticket], monkeypatch: pytest.MonkeyPatch) -> None:
    async with city.database.transaction() as session:
        small = await score_cards(city.core, session, CITY, NOVEMBER)
        monkeypatch.setattr(scores, "SMALL_SAMPLE", 3)
        ranked = await score_cards(city.core, session, CITY, NOVEMBER)
    assert [(card.rank, card.band) for card in small] == [(None, None), (None, None)]
    best, worst = ranked
    assert (best.unit_id, best.rank, worst.unit_id, worst.rank) == (city.units["city"], 1, city.units["water"], 2)
    # the water company, without the returned one: signed 1 of 2 (T2 late), contacted 2 of 2, on time 1 of 2, solved and satisfied 1 of 2,
    # replies 1 of 1; one yellow card: 0.15*50 + 0.10*100 + 0.25*50 + 0.25*50 + 0.15*50 + 0.10*100 - 1 = 59
    assert worst.score == pytest.approx(59.0)
    assert worst.figures["assigned"].denominator == 3  # T2, T9 (came back), T11
    # the city administration, without the secret T10: signed 5 of 5 (T1 T3 T9 T12 T13), contacted 3 of 4 (T9 not), on time 5 of 6
    # (T1 T3 T12 T13 T14, not T9), solved 2 of 2 and satisfied 2 of 2 (T1 T14; T12 is left out), replies 4 of 5 (T3 sent back);
    # T9: yellow and red. 15 + 7.5 + 20.8333 + 25 + 15 + 8 - 1 - 3 = 87.3333
    assert best.score == pytest.approx(87.3333, abs=0.001)


def test_a_rise_must_be_more_than_chance_and_worth_a_word() -> None:
    assert deviations(20, [10, 10, 10, 10]) == pytest.approx(10 / (10 * 1.25) ** 0.5)
    assert not Topic("0501", 12, 10.0, deviations(12, [10] * 4)).sudden
    assert Topic("0501", 25, 10.0, deviations(25, [10] * 4)).sudden
    assert not Topic("0501", 4, 0.0, deviations(4, [0] * 4)).sudden  # too few to matter
    assert Topic("0501", 8, 0.0, deviations(8, [0] * 4)).sudden
    assert not Topic("0501", 1150, 1000.0, deviations(1150, [1000] * 4)).sudden  # significant, but not half as much again


def test_words_are_counted_by_title_without_dull_ones_and_numbers() -> None:
    found = dict(count_words(["小区门口的路灯不亮", "请问路灯坏了，路灯什么时候修", "13912345678说路灯坏了"], ["路灯"]))
    assert found["路灯"] == 3
    assert "请问" not in found
    assert not any(character.isdigit() for word in found for character in word)


async def test_a_brief_says_the_figures_and_is_never_changed(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        first = await briefs.issue(city.core, session, SYSTEM, NOVEMBER)
    assert first.content["figures"]["on_time"]["numerator"] == 7
    assert [each["number"] for each in first.content["overdue"]] == [month["T9"].number]
    assert dict(first.content["words"])["施工"] >= 3
    assert "T10" not in str(first.content)  # the secret ticket is in the sums only
    assert "夜间施工噪声扰民" not in str(first.content)  # nothing that a citizen wrote is kept for ever
    for statement in ("UPDATE brief SET content = '{}'", "DELETE FROM brief"):
        with pytest.raises(DBAPIError, match="never changed"):
            async with city.database.transaction() as session:
                await session.execute(text(statement))
    with pytest.raises(InvalidInput):
        async with city.database.transaction() as session:
            await briefs.issue(city.core, session, city.supervisor, NOVEMBER)
    async with city.database.transaction() as session:
        second = await briefs.issue(city.core, session, city.supervisor, NOVEMBER, reason="补录了回访结果")
    assert (first.version, second.version, second.issued_by_id) == (1, 2, city.supervisor.user_id)


async def test_who_may_issue_and_read(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        made = await briefs.issue(city.core, session, SYSTEM, NOVEMBER)
    for who in ("agent", "clerk", "quality", "admin", "callback"):
        async with city.database.transaction() as session:
            with pytest.raises(NotFound):
                await briefs.access_brief(session, city.people[who], made.id)
        with pytest.raises(NotAllowed):
            async with city.database.transaction() as session:
                await briefs.issue(city.core, session, city.people[who], NOVEMBER, reason="我要重新生成")
    bound = Actor(city.leader.kind, "线路领导", city.leader.user_id, city.leader.role, None, "12319")
    async with city.database.transaction() as session:
        with pytest.raises(NotFound):
            await briefs.access_brief(session, bound, made.id)
        assert (await briefs.access_brief(session, city.leader, made.id)).id == made.id
    with pytest.raises(InvalidInput):
        async with city.database.transaction() as session:
            await briefs.issue(city.core, session, SYSTEM, parse("2026-12"))  # not over yet


async def test_the_scheduler_issues_each_period_once_also_when_there_are_two(city: City, month: dict[str, Ticket]) -> None:
    counts = await asyncio.gather(
        briefs.issue_due(city.core, city.database), briefs.issue_due(city.core, city.database), return_exceptions=True
    )
    assert all(isinstance(count, (int, InvalidInput)) for count in counts), counts
    async with city.database.transaction() as session:
        made = [(row.kind, row.first, row.version) for row in await session.scalars(select(Brief).order_by(Brief.kind))]
    assert made == [
        ("day", date(2026, 11, 30), 1),
        ("month", date(2026, 11, 1), 1),
        ("week", date(2026, 11, 23), 1),
    ]  # no year yet: 2025 had no ticket
    assert await briefs.issue_due(city.core, city.database) == 0


async def test_nothing_is_issued_before_half_an_hour_is_over(city: City, month: dict[str, Ticket]) -> None:
    city.clock.set(city.clock.now().replace(hour=16, minute=10))  # 2 December 00:10 in the city
    await briefs.issue_due(city.core, city.database)
    async with city.database.transaction() as session:
        days = [row.first for row in await session.scalars(select(Brief).where(Brief.kind == "day"))]
    assert days == [date(2026, 11, 30)]


def test_small_cells_are_covered_and_cannot_be_computed_back() -> None:
    shown = {cell.name: cell.count for cell in cover([("a", 50), ("b", 9), ("c", 3), ("d", 0)])}
    assert shown == {"a": 50, "b": None, "c": None, "d": 0}  # b too: a total minus the others would tell c
    assert [cell.count for cell in cover([("a", 50), ("b", 2), ("c", 3)])] == [50, None, None]
    assert [cell.count for cell in cover([("a", 50), ("b", 5)])] == [50, 5]


async def test_published_figures_are_the_issued_ones(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        assert await published_months(session) == []
        made = await briefs.issue(city.core, session, SYSTEM, NOVEMBER)
        found = publish(made)
        assert (await published_month(session, date(2026, 11, 1))) == found
    assert (found.received, found.accepted) == (13, 12)
    rates = {rate.indicator.key: rate for rate in found.rates}
    assert (rates["satisfied"].denominator, rates["satisfied"].excluded) == (6, 1)
    assert rates["on_time"].value != rates["on_time_original"].value  # with and without extensions
    assert {cell.name: cell.count for cell in found.districts} == {"江畔区": 9, "云山区": None, "其他": None}


async def test_the_spreadsheet_holds_what_was_issued(city: City, month: dict[str, Ticket], tmp_path: object) -> None:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from ticketing.tables.statistics import brief_tables
    from ticketing.tables.writer import write_xlsx

    async with city.database.transaction() as session:
        made = await briefs.issue(city.core, session, SYSTEM, NOVEMBER)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "b.xlsx"
        await write_xlsx(brief_tables(made.content, "由某人导出"), path)
        book = load_workbook(io.BytesIO(path.read_bytes()))
    rows = {row[0].value: (row[1].value, row[3].value, row[4].value) for row in book["指标"].iter_rows(min_row=2)}
    assert rows["按时办结率"] == (77.78, 7, 9)
    assert book["单位评分"].max_row == 3
