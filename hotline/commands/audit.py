"""`hotline audit …`: verify the event log, seal it now, print the days' roots."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date

from sqlalchemy import select

from hotline.assembly import Services
from hotline.errors import NotFound
from hotline.settings import Settings
from ticketing.audit import report, seal
from ticketing.audit.verify import Verdict, verify
from ticketing.ticket.models import Ticket


def verify_log(settings: Settings, *, number: str | None, first: date | None, last: date | None, as_json: bool) -> int:
    """Verify and say what was found; the exit code is 1 when something is broken."""
    verdict = asyncio.run(_verify(settings, number, first, last))
    if as_json:
        broken = {"where": verdict.broken.where, "why": verdict.broken.why} if verdict.broken else None
        counts = {"events": verdict.events, "seals": verdict.seals, "days": verdict.days, "unsealed": verdict.unsealed}
        sys.stdout.write(json.dumps({"whole": verdict.whole, **counts, "broken": broken}) + "\n")
    else:
        sys.stdout.write(f"events {verdict.events}, seals {verdict.seals}, days {verdict.days}, not yet sealed {verdict.unsealed}\n")
        sys.stdout.write(f"BROKEN at {verdict.broken.where}: {verdict.broken.why}\n" if verdict.broken else "the log is whole\n")
    return 0 if verdict.whole else 1


async def _verify(settings: Settings, number: str | None, first: date | None, last: date | None) -> Verdict:
    services = Services.of(settings)
    try:
        ticket_id = None
        if number:
            async with services.database.transaction() as session:
                ticket_id = await session.scalar(select(Ticket.id).where(Ticket.number == number))
            if ticket_id is None:
                raise NotFound(f"there is no ticket {number}")
        return await verify(services.database, ticket_id=ticket_id, first_day=first, last_day=last)
    finally:
        await services.close()


def seal_now(settings: Settings) -> None:
    """Seal what can be sealed, as the scheduler does every minute."""
    sys.stdout.write(f"sealed {asyncio.run(_seal(settings))} events\n")


async def _seal(settings: Settings) -> int:
    services = Services.of(settings)
    try:
        return await seal.run(services.core, services.database)
    finally:
        await services.close()


def print_roots(settings: Settings, days: int) -> None:
    """The roots of the last days."""
    sys.stdout.write(asyncio.run(_roots(settings, days)))


async def _roots(settings: Settings, days: int) -> str:
    services = Services.of(settings)
    try:
        async with services.database.transaction() as session:
            return report.as_text(await report.days(session, limit=days), settings.city_name)
    finally:
        await services.close()
