"""`hotline first-administrator`."""

from __future__ import annotations

import asyncio
import sys

from hotline.assembly import make_core, make_database
from hotline.settings import Settings
from ticketing.people.accounts import Made
from ticketing.people.first import first_administrator


def make(settings: Settings, *, login: str, name: str, staff_number: str, centre: str) -> None:
    """Make the account and print its one-time password, the only time that it is shown."""
    made = asyncio.run(_make(settings, login, name, staff_number, centre or f"{settings.city_name}政务服务便民热线中心"))
    sys.stdout.write(f"account: {made.user.login}\none-time password: {made.password}\n")
    sys.stdout.write(f"log in at {settings.web_url}/console and choose an own password\n")


async def _make(settings: Settings, login: str, name: str, staff_number: str, centre: str) -> Made:
    core, database = make_core(settings), make_database(settings)
    try:
        async with database.transaction() as session:
            return await first_administrator(core, session, login=login, name=name, staff_number=staff_number, centre=centre)
    finally:
        await database.close()
