"""The citizens' side of the web application (tests/channels/public.py), and the staff who work on their tickets."""

import pytest

from hotline.database import Database
from tests.channels.office import Office
from tests.channels.public import articles, city, client, make_ticket, template
from ticketing.context import Core

__all__ = ["articles", "city", "client", "make_ticket", "office", "template"]


@pytest.fixture
async def office(city: Database, core: Core) -> Office:
    return await Office(core, city).hire()
