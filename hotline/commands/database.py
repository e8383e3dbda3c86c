"""`hotline db upgrade` and `hotline seed`."""

from __future__ import annotations

import asyncio
import sys

from hotline import logs, migrations
from hotline.assembly import make_database
from hotline.errors import NotAllowed
from hotline.settings import Settings


def upgrade(settings: Settings) -> None:
    """Bring the schema to the newest version."""
    asyncio.run(_upgrade(settings))
    sys.stdout.write(f"database schema: {migrations.head()}\n")


async def _upgrade(settings: Settings) -> None:
    database = make_database(settings)
    try:
        await database.ping()
        await migrations.upgrade(database)
    finally:
        await database.close()


def seed(settings: Settings) -> None:
    """Fill in the demo city; refused outside the demo."""
    if not settings.demo:
        raise NotAllowed("the demo data belongs in a demo only: set HOTLINE_DEMO=true")
    from hotline.demo.seed import seed as fill_in

    logs.configure("seed", level=settings.log_level)
    asyncio.run(fill_in(settings))
