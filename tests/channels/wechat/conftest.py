"""Fixtures of the WeChat tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hotline.database import Database
from hotline.settings import Settings
from tests.channels.wechat.world import World, build
from ticketing.context import Core


@pytest.fixture
async def world(settings: Settings, core: Core, database: Database) -> AsyncIterator[World]:
    """Safe mode, a scripted dialogue, a short budget so that slowness shows quickly."""
    async with build(settings, core, database, wechat_budget_s=0.4) as made:
        yield made
