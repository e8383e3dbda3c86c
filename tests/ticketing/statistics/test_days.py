"""Figures of kept days are those of the rows: on the month counted by hand, and after every kind of change of what is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.ticketing.conftest import City
from tests.ticketing.statistics.test_indicators import EXPECTED, NOVEMBER
from ticketing.statistics import day_fill, days
from ticketing.statistics.figures import EVERYTHING, Cut, Filter, compute, total
from ticketing.statistics.indicators import INDICATORS
from ticketing.statistics.scope import CITY, Scope
from ticketing.ticket.models import Ticket

CUTS = ((Cut.UNIT, Cut.CATEGORY), (Cut.DISTRICT, Cut.CHANNEL, Cut.DAY))
CHANGES = {
    "category": "UPDATE ticket SET category_code = (SELECT max(code) FROM category WHERE code <> ticket.category_code)",
    "district": "UPDATE ticket SET district = district || '东'",
    "channel": "UPDATE ticket SET channel = CASE channel WHEN 'web' THEN 'phone' ELSE 'web' END",
    "secret": "UPDATE ticket SET confidentiality = CASE confidentiality WHEN 'secret' THEN 'masked' ELSE 'secret' END",
    "invalid": "UPDATE ticket SET state = 'invalid' WHERE state = 'in_progress'",
    "reopened": "UPDATE ticket SET state = 'in_progress', closed_at = NULL WHERE state = 'closed'",
    "closed later": "UPDATE ticket SET closed_at = closed_at + interval '2 days' WHERE closed_at IS NOT NULL",
    "unmerged": "UPDATE ticket SET state = 'in_progress' WHERE state = 'merged'",
    "master": "UPDATE ticket SET state = 'in_progress', closed_at = NULL WHERE id IN (SELECT master_id FROM ticket)",
    "received": "UPDATE ticket SET received_at = received_at - interval '2 days'",
    "excluded": "UPDATE ticket SET excluded_from_rates = true, excluded_reason = '经审核属于不合理诉求', satisfaction = 'dissatisfied' "
    "WHERE satisfaction IS NOT NULL",
    "rated": "UPDATE ticket SET satisfaction = 'dissatisfied', solved = false WHERE satisfaction IS NOT NULL",
    "round": "UPDATE ticket SET round = round + 1",
    "no contact": "UPDATE ticket SET contact_by = 'none'",
    "repeat": "UPDATE ticket SET repeat_of_id = NULL WHERE repeat_of_id IS NOT NULL",
    "unit": "UPDATE assignment SET unit_id = (SELECT max(id) FROM unit WHERE id <> assignment.unit_id)",
    "cancelled": "UPDATE assignment SET state = 'cancelled' WHERE state = 'accepted'",
    "accepted": "UPDATE assignment SET accepted_at = accepted_at + interval '2 days' WHERE accepted_at IS NOT NULL",
    "lead": "UPDATE assignment SET lead = false WHERE lead",
    "late": "UPDATE deadline SET stopped_at = due_at + interval '1 hour', state = 'late' WHERE state = 'met'",
    "due": "UPDATE deadline SET due_at = due_at - interval '1 day', started_at = started_at - interval '3 days', "
    "white_at = white_at - interval '3 days', amber_at = amber_at - interval '3 days'",
    "clock gone": "DELETE FROM deadline WHERE kind IN ('handle', 'contact')",
    "clock cancelled": "UPDATE deadline SET state = 'cancelled' WHERE state IN ('met', 'late')",
    "callback": "UPDATE callback_task SET satisfaction = 'dissatisfied', solved = false WHERE satisfaction IS NOT NULL",
    "called later": "UPDATE callback_task SET finished_at = finished_at + interval '2 days' WHERE finished_at IS NOT NULL",
    "would not rate": "UPDATE callback_task SET state = 'refused', satisfaction = NULL, solved = NULL WHERE state = 'reached'",
    "no callback": "DELETE FROM callback_task",
    "card": "UPDATE card SET at = at - interval '1 day', unit_id = (SELECT max(id) FROM unit WHERE id <> card.unit_id)",
    "no card": "DELETE FROM card",
    "suspicion": "UPDATE finding SET state = 'dismissed', decided_by_id = (SELECT min(id) FROM staff), decided_at = now(), "
    "note = '已经核实，处理得没有问题'",
    "request": "UPDATE request SET state = 'refused' WHERE state = 'approved'",
    "facts": "UPDATE reply SET facts = CASE facts WHEN 'true' THEN 'cannot_verify' ELSE 'true' END",
    "sent back": "UPDATE reply SET accepted = false WHERE accepted",
}
"""What is done later to rows of days that are kept, each to all it fits."""


async def _lines(city: City, session: AsyncSession, scope: Scope = CITY, only: Filter = EVERYTHING) -> list[object]:
    """Numerators to six places: sums of sums are rounded otherwise than sums."""
    found: list[object] = []
    counted = [one for one in scope.indicators if one.source.moment]
    for cuts in CUTS:
        for line in await compute(city.core, session, scope, NOVEMBER, counted, by=cuts, only=only):
            found.append(
                (line.at, {key: (round(one.numerator or 0.0, 6), one.denominator, one.excluded) for key, one in line.figures.items()})
            )
    return found


async def _from_rows(city: City, session: AsyncSession, scope: Scope = CITY, only: Filter = EVERYTHING) -> list[object]:
    await session.execute(text("DELETE FROM figure_day"))
    session.info.clear()
    return await _lines(city, session, scope, only)


@pytest.fixture
async def kept(city: City, month: dict[str, Ticket]) -> dict[str, Ticket]:
    """The month with all its days kept."""
    assert await day_fill.run(city.core, city.database) >= 30 * len(days.kept_sources())
    return month


async def test_kept_days_say_what_was_counted_by_hand(city: City, kept: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        figures = await total(city.core, session, CITY, NOVEMBER, INDICATORS)
    assert {key: (figure.numerator, figure.denominator) for key, figure in figures.items()} == EXPECTED


async def test_cells_are_what_is_read(city: City, kept: dict[str, Ticket]) -> None:
    """Without this the other tests could pass with nobody reading a cell."""
    async with city.database.transaction() as session:
        await session.execute(
            text("UPDATE figure_cell SET sums = array_fill(1000::float8, ARRAY[cardinality(sums)]) WHERE family = 'unit'")
        )
        figures = await total(city.core, session, CITY, NOVEMBER, INDICATORS, only=Filter(category="03"))
    assert figures["received"].denominator >= 1000


async def test_any_later_change_is_counted_at_once_and_after_the_sweep(city: City, kept: dict[str, Ticket]) -> None:
    unread = []
    async with city.database.transaction() as session:
        before = await _lines(city, session)
        assert before == await _from_rows(city, session)
        await session.rollback()
    for name, change in CHANGES.items():
        async with city.database.transaction() as session:
            await session.execute(text(change))
            now = await _lines(city, session)
            assert now == await _from_rows(city, session), name
            if now == before:
                unread.append(name)
            await session.rollback()
    assert unread == [], "these change nothing that is counted here"
    async with city.database.transaction() as session:
        await session.execute(text(CHANGES["due"]))
        await session.execute(text(CHANGES["district"]))
    await day_fill.run(city.core, city.database)
    async with city.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM figure_change")) == 0
        now = await _lines(city, session)
        assert now != before
        assert now == await _from_rows(city, session)


async def test_more_changes_than_one_statement_takes_are_forgotten_piece_by_piece(
    city: City, kept: dict[str, Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_fill, "MOST_CHANGES", 3)
    async with city.database.transaction() as session:
        await session.execute(text(CHANGES["district"]))
        noted = int(await session.scalar(text("SELECT count(*) FROM figure_change")) or 0)
    assert noted > 6
    assert await day_fill.run(city.core, city.database, seconds=0) == 0  # out of time: the rest is for the next sweep
    async with city.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM figure_change")) == noted - 3
        assert await _lines(city, session) == await _from_rows(city, session)
        await session.rollback()
    assert await day_fill.run(city.core, city.database) > 0
    async with city.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM figure_change")) == 0
        assert await _lines(city, session) == await _from_rows(city, session)


async def test_units_lines_and_filters_read_the_same(city: City, kept: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        unit = int(await session.scalar(text("SELECT unit_id FROM assignment GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")) or 0)
    groups = CITY.groups
    asked = [
        (Scope(groups, unit_id=unit), EVERYTHING),
        (Scope(groups, line="12345"), EVERYTHING),
        (CITY, Filter(category="03")),
        (CITY, Filter(unit_id=unit, district="江畔区")),
        (CITY, Filter(channel="phone", line="12345")),
    ]
    for scope, only in asked:
        async with city.database.transaction() as session:
            assert await _lines(city, session, scope, only) == await _from_rows(city, session, scope, only), (scope, only)
            await session.rollback()


async def test_a_day_whose_rows_still_change_by_themselves_is_not_kept(city: City, kept: dict[str, Ticket]) -> None:
    """A response counts when the contact is due too: until then its day says something else every hour."""
    async with city.database.transaction() as session:
        await session.execute(
            text("UPDATE deadline SET due_at = :later WHERE kind = 'contact' AND state = 'met'"),
            {"later": city.clock.now() + timedelta(hours=3)},
        )
    await day_fill.run(city.core, city.database)
    async with city.database.transaction() as session:
        early = await _lines(city, session)
    city.clock.advance(hours=4)
    async with city.database.transaction() as session:
        now = await _lines(city, session)
        assert now != early
        assert now == await _from_rows(city, session)
