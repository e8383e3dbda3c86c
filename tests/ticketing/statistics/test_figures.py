"""Splits, filters, scopes and periods of figures."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from hotline.errors import InvalidInput, NotAllowed, Unavailable
from tests.ticketing.conftest import City
from ticketing.people.actor import Actor, citizen_actor
from ticketing.statistics import figures
from ticketing.statistics.document import FILE, document
from ticketing.statistics.drill import Part, drill
from ticketing.statistics.figures import SECRET, Cut, Filter, added, compute, fact, narrowed, total
from ticketing.statistics.indicators import BY_KEY, INDICATORS
from ticketing.statistics.period import Period, PeriodKind, containing, current, parse
from ticketing.statistics.scope import CITY, may_compare, scope_of
from ticketing.statistics.sources import SOURCES
from ticketing.ticket.models import Ticket

NOVEMBER = parse("2026-11")


def test_the_documentation_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "run script/indicators"


async def test_the_parts_of_a_split_add_up_to_the_whole(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        whole = await total(city.core, session, CITY, NOVEMBER, INDICATORS)
        for cut in Cut:
            lines = await compute(city.core, session, CITY, NOVEMBER, INDICATORS, by=(cut,))
            for one in INDICATORS:
                if one.value is not None and "percentile" in one.numerator_sql:
                    continue
                if not one.source.by_ticket and cut in (Cut.UNIT, Cut.GROUP, Cut.CATEGORY, Cut.DISTRICT):
                    continue  # calls have none: not split, rather than wrong
                assert sum(line.figures[one.key].denominator for line in lines) == whole[one.key].denominator, (cut, one.key)
                assert sum(line.figures[one.key].numerator or 0 for line in lines) == pytest.approx(whole[one.key].numerator), (
                    cut,
                    one.key,
                )
                if cut in (Cut.DAY, Cut.MONTH):  # nothing is left out by time
                    assert added(lines, [one])[one.key].value == pytest.approx(whole[one.key].value), (cut, one.key)


async def test_secret_tickets_are_in_totals_and_in_no_split(city: City, month: dict[str, Ticket]) -> None:
    one = BY_KEY["received"]
    async with city.database.transaction() as session:
        for cut in (Cut.UNIT, Cut.CATEGORY, Cut.GROUP, Cut.DISTRICT):
            lines = {
                line.at[0]: line.figures["received"].denominator
                for line in await compute(city.core, session, CITY, NOVEMBER, [one], by=(cut,))
            }
            assert lines[SECRET] == 1
        by_district = await total(city.core, session, CITY, NOVEMBER, [one], only=Filter(district="云山区"))
        by_unit = await drill(
            city.core, session, city.supervisor, BY_KEY["signed"], NOVEMBER, part=Part.DENOMINATOR, only=Filter(unit_id=city.units["city"])
        )
    assert by_district["received"].denominator == 3  # T3 T12 T13; not the secret T10
    assert by_unit.hidden == 0


async def test_merged_tickets_count_once_for_units_and_every_person_in_demand(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        demand = await drill(city.core, session, city.supervisor, BY_KEY["received"], NOVEMBER)
        unit = await total(
            city.core, session, CITY, NOVEMBER, [BY_KEY["assigned"]], only=Filter(unit_id=city.units["city"], category="0501")
        )
    assert month["T8"].number in {item.number for item in demand.items}
    assert unit["assigned"].denominator == 4  # T1 T3 T9 T13: T8 lies in T1; T10 is secret, T12 of another category


async def test_filters_and_their_lists_agree(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        for only in (
            Filter(category="03"),
            Filter(category="0501"),
            Filter(channel="wechat"),
            Filter(line="12345"),
            Filter(district="江畔区"),
        ):
            for key in ("received", "on_time", "satisfied", "yellow"):
                figure = (await total(city.core, session, CITY, NOVEMBER, [BY_KEY[key]], only=only))[key]
                listed = await drill(city.core, session, city.supervisor, BY_KEY[key], NOVEMBER, part=Part.DENOMINATOR, only=only)
                assert listed.count == figure.denominator, (only, key)


async def test_lesson_19_days_are_cut_by_the_zone(city: City, month: dict[str, Ticket]) -> None:
    """T15 came at 23:59 of the city (15:59 UTC), T16 one minute later: the next day, the next month."""
    async with city.database.transaction() as session:
        lines = await compute(city.core, session, CITY, parse("2026-11-30..2026-12-01"), [BY_KEY["received"]], by=(Cut.DAY,))
        november = await total(city.core, session, CITY, NOVEMBER, [BY_KEY["received"]])
        december = await total(city.core, session, CITY, parse("2026-12"), [BY_KEY["received"]])
    assert {line.at[0]: line.figures["received"].denominator for line in lines} == {"2026-11-30": 1, "2026-12-01": 1}
    assert (november["received"].denominator, december["received"].denominator) == (13, 1)


def test_lesson_19_no_statement_knows_an_offset() -> None:
    for source in SOURCES:
        assert "+08" not in fact(source, CITY, Filter())
        assert "interval '8 hours'" not in source.sql


async def test_lesson_17_no_statistic_is_kept_on_the_ticket_and_no_trigger_computes_one(city: City) -> None:
    async with city.database.transaction() as session:
        triggers = await session.scalars(
            text("SELECT tgname FROM pg_trigger WHERE tgrelid IN ('ticket'::regclass, 'assignment'::regclass) AND NOT tgisinternal")
        )
        assert not [name for name in triggers if "statistic" in name]


@pytest.mark.parametrize(
    ("key", "first", "last", "kind"),
    [
        ("2026-11-18", date(2026, 11, 18), date(2026, 11, 18), PeriodKind.DAY),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 3), PeriodKind.WEEK),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29), PeriodKind.MONTH),
        ("2026", date(2026, 1, 1), date(2026, 12, 31), PeriodKind.YEAR),
        ("2026-11-02..2026-11-18", date(2026, 11, 2), date(2026, 11, 18), PeriodKind.FREE),
    ],
)
def test_periods(key: str, first: date, last: date, kind: PeriodKind) -> None:
    period = parse(key)
    assert (period.first, period.last, period.kind, period.key) == (first, last, kind, key)
    assert period.previous().last.toordinal() == first.toordinal() - 1
    assert period.next().previous() == period
    assert period.start.utcoffset() == period.end.utcoffset()


@pytest.mark.parametrize("key", ["", "2026-13", "20", "2026-W60", "x..y", "2026-11-18..2026-11-01", "1990-01-01..2030-01-01", "99999-01"])
def test_nonsense_is_no_period(key: str) -> None:
    with pytest.raises(InvalidInput):
        parse(key)


def test_the_current_period_is_the_citys() -> None:
    """31 December 17:00 UTC is already January in the city."""
    assert current(PeriodKind.YEAR, datetime(2026, 12, 31, 17, tzinfo=UTC)).first == date(2027, 1, 1)
    assert containing(PeriodKind.WEEK, date(2026, 11, 22)).first == date(2026, 11, 16)


async def test_own_figures_of_an_agent(city: City, month: dict[str, Ticket]) -> None:
    scope = scope_of(city.agent)
    async with city.database.transaction() as session:
        figures = await total(city.core, session, scope, NOVEMBER, [BY_KEY["received"]])
    assert figures["received"].denominator == 12  # all but T10, which somebody else registered
    with pytest.raises(NotAllowed):
        scope.check(BY_KEY["on_time"])


async def test_own_figures_of_a_callback_clerk(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        found = await drill(city.core, session, city.callback, BY_KEY["satisfied"], NOVEMBER, part=Part.DENOMINATOR)
    assert found.count == 5  # T1 T2 T2' T10 T14: T4 was rated on the spot


async def test_a_unit_sees_its_own(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        figures = await total(
            city.core, session, scope_of(city.water_clerk), NOVEMBER, [BY_KEY["on_time"]], only=Filter(unit_id=city.units["city"])
        )
    assert figures["on_time"].denominator == 0  # the filter cannot reach beyond the scope


async def test_people_of_a_line_see_its_line(city: City, month: dict[str, Ticket]) -> None:
    bound = Actor(city.dispatcher.kind, "线路", city.dispatcher.user_id, city.dispatcher.role, None, "12319")
    async with city.database.transaction() as session:
        figures = await total(city.core, session, scope_of(bound), NOVEMBER, [BY_KEY["received"]])
    assert figures["received"].denominator == 0


async def test_what_takes_too_long_is_said_with_a_way_out(city: City) -> None:
    async with city.database.transaction() as session:
        await session.execute(text("SET LOCAL statement_timeout = 50"))
        with pytest.raises(Unavailable, match="缩短时段"):
            await figures._execute(session, text("SELECT pg_sleep(60)"), {})
        await session.rollback()


def test_citizens_have_no_scope(city: City) -> None:
    with pytest.raises(NotAllowed):
        scope_of(citizen_actor())
    assert not may_compare(city.clerk)
    assert may_compare(city.leader)


def test_what_was_not_put_in_a_place_is_not_opened() -> None:
    assert narrowed(Filter(), Cut.UNIT, SECRET) is None
    assert narrowed(Filter(), Cut.DAY, "2026-11-18") is None
    assert narrowed(Filter(channel="web"), Cut.UNIT, "7") == Filter(channel="web", unit_id=7)


def test_a_period_must_run_forward() -> None:
    with pytest.raises(InvalidInput):
        Period(PeriodKind.FREE, date(2026, 2, 1), date(2026, 1, 1))
