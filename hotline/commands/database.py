"""`hotline db upgrade` and `hotline seed`."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy.engine import make_url

from hotline import logs, migrations
from hotline.assembly import Services, database_url, make_core, make_database, owner_url
from hotline.database import Database
from hotline.errors import NotAllowed
from hotline.settings import Settings
from ticketing.calendar.service import load_official
from ticketing.call_flow import versions as call_flow_versions
from ticketing.deadline.book import load_policies
from ticketing.suggestion import store
from ticketing.ticket import workflow_versions


def upgrade(settings: Settings) -> None:
    """Bring the schema to the newest version, and the reference data that the service cannot run without."""
    asyncio.run(_upgrade(settings))
    store.get(settings.data_dir)  # learned now (half a minute), not when the first appeal waits for it
    sys.stdout.write(f"database schema: {migrations.head()}\n")


async def _upgrade(settings: Settings) -> None:
    await _upgrade_schema(settings)
    database = make_database(settings)
    try:
        await database.ping()
        async with database.transaction() as session:
            core = make_core(settings)
            await workflow_versions.seed(core, session)
            await call_flow_versions.seed(core, session)
            await load_official(core, session)
            await load_policies(core, session)
    finally:
        await database.close()


async def _upgrade_schema(settings: Settings) -> None:
    """As the owner of the tables; the service's own role gets what it needs and no more."""
    owner, service = owner_url(settings), database_url(settings)
    database = Database(owner)
    try:
        await database.ping()
        await migrations.upgrade(database)
        role = make_url(service).username
        if role and role != make_url(owner).username:
            await migrations.grant(database, role)
    finally:
        await database.close()


def seed(settings: Settings) -> None:
    """Fill in the demo city; refused outside the demo."""
    if not settings.demo:
        raise NotAllowed("the demo data belongs in a demo only: set HOTLINE_DEMO=true")
    logs.configure("seed", level=settings.log_level)
    asyncio.run(_seed(settings))


async def _seed(settings: Settings) -> None:
    from hotline.commands.serve import say
    from hotline.demo.seed import seed as fill_in

    services = Services.of(settings)
    try:
        await services.database.ping()
        await fill_in(services, progress=say)
    finally:
        await services.close()
