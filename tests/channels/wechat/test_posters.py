"""Posters: the unit's scene on the code that the platform makes, and nothing of a name that breaks the page."""

from __future__ import annotations

import base64

import pytest
from sqlalchemy import select

from channels.wechat.api import Client
from channels.wechat.posters import document, units_for
from hotline.errors import NotFound
from tests.channels.wechat.world import World
from ticketing.people.models import Unit


async def test_each_units_poster_has_its_own_code(city: World) -> None:
    client = Client.of(city.services.settings)
    assert client is not None
    async with city.services.database.transaction() as session:
        unit = (await session.scalars(select(Unit).order_by(Unit.id))).first()
        assert unit is not None
        unit.name = "<b>街道</b>"
        [found] = await units_for(session, [unit.code])
        with pytest.raises(NotFound):
            await units_for(session, ["nobody"])
        text = await document(client, [found], city="云川市", line="12345")
    picture = base64.b64decode(text.split("base64,")[1].split('"')[0])
    assert picture == b"\xff\xd8" + f"Tu_{found.code}".encode()
    assert "&lt;b&gt;街道" in text
    assert text.count("<section>") == 1
