"""The small city with its fixed month."""

from __future__ import annotations

import pytest

from tests.ticketing.conftest import City
from tests.ticketing.statistics.month import NOW, staff_ids, write_month
from ticketing.ticket.models import Ticket


@pytest.fixture
async def month(city: City) -> dict[str, Ticket]:
    """The tickets of the month by name; the clock stands on 1 December, 10:00."""
    city.clock.set(NOW)
    async with city.database.transaction() as session:
        return await write_month(session, city.units, await staff_ids(session))
