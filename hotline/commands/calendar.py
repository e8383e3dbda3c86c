"""`hotline calendar show|import|recompute`: the working days of the city."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from hotline.assembly import Services
    from ticketing.calendar.changes import Preview
    from ticketing.calendar.lists import DayList
    from ticketing.people.actor import Actor

app = typer.Typer(help="The calendar of working days.", no_args_is_help=True)


@app.command()
def show() -> None:
    """Print which years are known and how many open clocks wait to be computed anew."""
    asyncio.run(_with_services(_show))


@app.command("import")
def import_list(
    file: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="JSON or CSV; see docs/deadlines.md.")] = None,
    package: Annotated[bool, typer.Option("--package", help="Take the list of the installed package chinesecalendar.")] = False,
    year: Annotated[list[int] | None, typer.Option(help="The list covers this year whole: its other days follow the week.")] = None,
    login: Annotated[str, typer.Option(help="Log-in of the administrator who imports it.")] = "admin",
    note: Annotated[str, typer.Option(help="Stands in the event log, for example the number of the notice.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Write it. Without this it is only shown what would change.")] = False,
) -> None:
    """Show what a list of holidays and make-up days changes; with --yes write it and compute every open clock anew."""
    if package == (file is not None):
        raise typer.BadParameter("name a file, or --package")
    content = file.read_bytes() if file else None

    async def work(services: Services) -> None:
        await _import(services, content, set(year or ()), login, note, yes=yes)

    asyncio.run(_with_services(work))


@app.command()
def recompute() -> None:
    """Compute every open clock anew that an older calendar computed. The scheduler does the same by itself."""
    asyncio.run(_with_services(_recompute))


async def _with_services(work: Callable[[Services], Awaitable[None]]) -> None:
    from hotline.assembly import Services
    from hotline.commands.environment import find_settings

    services = Services.of(find_settings())
    try:
        await services.database.ping()
        await work(services)
    finally:
        await services.close()


async def _show(services: Services) -> None:
    from sqlalchemy import func, select

    from ticketing.calendar import changes, versions
    from ticketing.deadline.models import OPEN, Deadline

    async with services.database.transaction() as session:
        version = (await versions.current(session)).calendar
        stale = select(func.count()).select_from(Deadline).where(Deadline.state.in_(OPEN), Deadline.calendar_version < version)
        for year, days in (await changes.years_known(session)).items():
            _say(f"{year}: {days} days")
        _say(f"version {version}, {await session.scalar(stale)} open clocks of an older version")


async def _import(services: Services, content: bytes | None, years: set[int], login: str, note: str, *, yes: bool) -> None:
    from ticketing.calendar import changes, lists

    core = services.core
    wanted: DayList = lists.read(content, years=years) if content is not None else changes.from_package(core, years=years)
    async with services.database.transaction() as session:
        found = await changes.preview(session, wanted)
        _print(found)
        if found.errors:
            raise typer.Exit(1)
        if found.is_empty or not yes:
            _say("nothing to change" if found.is_empty else "nothing written; add --yes to write it")
            return
        change = await changes.apply(core, session, await _administrator(session, login), wanted, base_version=found.version, note=note)
        _say(f"calendar version {change.version} written")
    await _recompute(services)


async def _recompute(services: Services) -> None:
    from ticketing.deadline import recompute

    result = await recompute.run(services.core, services.database)
    _say(f"{result.computed} clocks computed anew, {result.moved} with another due time")
    if result.left:
        _say("some tickets are being worked on; the scheduler takes them within a minute")


def _print(found: Preview) -> None:
    for error in found.errors:
        _say(f"error: {error}")
    for before, after in found.changed:
        _say(f"change: {before.day} {_word(before.is_work)} {before.name} -> {_word(after.is_work)} {after.name}")
    for day in found.special:
        _say(f"new: {day.day} {_word(day.is_work)} {day.name}")
    _say(f"{len(found.added)} new days, {len(found.changed)} changed, {found.same} as they are")


def _word(is_work: bool) -> str:
    return "work" if is_work else "rest"


async def _administrator(session: AsyncSession, login: str) -> Actor:
    from sqlalchemy import select

    from hotline.errors import NotFound
    from ticketing.people.actor import staff_actor
    from ticketing.people.models import User

    user = (await session.scalars(select(User).where(User.login == login, User.active))).first()
    if user is None:
        raise NotFound("no such account: {login}", login=login)
    return staff_actor(user)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
