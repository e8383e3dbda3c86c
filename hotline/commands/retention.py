"""`hotline retention …` and `hotline person …`: what is kept how long, holds, and erasing a person by two people."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.assembly import Services
from hotline.errors import NotFound
from hotline.schema import metadata
from hotline.settings import Settings
from ticketing.attachment import removal
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import User
from ticketing.retention.person import confirm_erasure, hold, release, request_erasure
from ticketing.retention.rules import Work
from ticketing.retention.run import Outcome, run
from ticketing.ticket.models import Ticket

Step = Callable[[Work, AsyncSession, Actor], Awaitable[str]]


def run_policies(settings: Settings, *, dry: bool, kinds: Sequence[str], as_json: bool) -> int:
    """Apply the policies or show what is due; the exit code is 1 when one of them failed."""
    outcomes = asyncio.run(_run(settings, dry, kinds))
    if as_json:
        rows = [
            {"kind": each.kind, "ending": each.ending, "keep_days": each.keep_days, "count": each.count, "samples": list(each.samples),
             "failed": each.failed}
            for each in outcomes
        ]  # fmt: skip
        sys.stdout.write(json.dumps({"dry_run": dry, "kinds": rows}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("dry run: nothing is written\n" if dry else "")
        for each in outcomes:
            shown = "  FAILED, see the log" if each.failed else "  " + " ".join(each.samples)
            sys.stdout.write(f"{each.kind:<16} {each.ending:<10} after {each.keep_days:>5} days {each.count:>8}{shown}\n")
    return 1 if any(each.failed for each in outcomes) else 0


async def _run(settings: Settings, dry: bool, kinds: Sequence[str]) -> list[Outcome]:
    services = Services.of(settings)
    try:
        outcomes = await run(services.core, services.database, metadata, dry=dry, kinds=kinds)
        if not dry:
            await removal.run(services.core, services.database, limit=100_000)
        return outcomes
    finally:
        await services.close()


def keep(settings: Settings, number: str, *, by: str, reason: str) -> None:
    """Put a ticket on hold, or with an empty reason end its hold."""

    async def step(work: Work, session: AsyncSession, actor: Actor) -> str:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).first()
        if ticket is None:
            raise NotFound(f"there is no ticket {number}")
        if reason:
            await hold(work, session, actor, ticket, reason)
            return f"{number} is on hold: no policy and no erasure touches it"
        await release(work, session, actor, ticket)
        return f"{number} is released: the policies apply again"

    _as_staff(settings, by, step)


def ask_erasure(settings: Settings, *, number: str, phone_hash: str, by: str, reason: str) -> None:
    """Ask for a person to be erased; somebody else confirms."""

    async def step(work: Work, session: AsyncSession, actor: Actor) -> str:
        rows = await request_erasure(work, session, actor, reason=reason, number=number, phone_hash=phone_hash)
        return "\n".join(f"asked for: hotline person confirm {row.id} --by STAFF_NUMBER (another person)" for row in rows)

    _as_staff(settings, by, step)


def confirm(settings: Settings, erasure_id: int, *, by: str) -> None:
    """Confirm and erase."""

    async def step(work: Work, session: AsyncSession, actor: Actor) -> str:
        count = await confirm_erasure(work, session, actor, erasure_id)
        return f"erased: {count} tickets; the event chain stays whole (hotline audit verify)"

    _as_staff(settings, by, step)


def _as_staff(settings: Settings, by: str, step: Step) -> None:
    sys.stdout.write(asyncio.run(_take(settings, by, step)) + "\n")


async def _take(settings: Settings, by: str, step: Step) -> str:
    services = Services.of(settings)
    try:
        async with services.database.transaction() as session:
            user = (await session.scalars(select(User).where(User.staff_number == by, User.active))).first()
            if user is None:
                raise NotFound(f"there is no active account with staff number {by}")
            said = await step(Work(services.core, metadata), session, staff_actor(user))
        await removal.run(services.core, services.database)
        return said
    finally:
        await services.close()
