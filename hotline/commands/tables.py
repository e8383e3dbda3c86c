"""`hotline import` and `hotline export`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.assembly import make_core, make_database
from hotline.errors import InvalidInput, NotFound
from hotline.settings import Settings
from knowledge.article import tables as article_tables
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Role, User
from ticketing.tables import imports
from ticketing.tables.exports import EXPORTERS, export
from ticketing.tables.imports import Preview
from ticketing.tables.writer import write_csv, write_xlsx


def import_file(settings: Settings, kind: str, file: Path, *, dry_run: bool, login: str = "") -> int:
    """Check, and unless it is a dry run apply, a file. Returns the exit code: 1 when a row cannot be imported."""
    return asyncio.run(_import(settings, kind, file.read_bytes(), dry_run=dry_run, login=login))


async def _import(settings: Settings, kind: str, content: bytes, *, dry_run: bool, login: str) -> int:
    article_tables.register()
    core, database = make_core(settings), make_database(settings)
    try:
        async with database.transaction() as session:
            actor = await _actor(session, login, imports.importer(kind).roles)
        preview = await imports.check(core, database, actor, kind, content)
        if preview.ok and not dry_run:
            async with database.transaction() as session:
                preview = await imports.apply(core, session, actor, kind, content)
        _report(preview, written=preview.ok and not dry_run)
        return 0 if preview.ok else 1
    finally:
        await database.close()


def _report(preview: Preview, *, written: bool) -> None:
    for outcome in preview.faulty:
        for key, text in outcome.errors.items():
            sys.stdout.write(f"line {outcome.line.number}{f', {key}' if key else ''}: {text}\n")
    if preview.problem:
        sys.stdout.write(f"{preview.problem}\n")
    if preview.unknown:
        sys.stdout.write(f"columns not read: {', '.join(preview.unknown)}\n")
    counts = ", ".join(f"{number} {key}" for key, number in preview.counts.items())
    sys.stdout.write(f"{'imported' if written else 'nothing written'}: {counts}, {len(preview.faulty)} with errors\n")
    for outcome in preview.outcomes:
        if written and outcome.secret:
            sys.stdout.write(f"one-time password of {outcome.line.cells['login']}: {outcome.secret}\n")


def export_file(settings: Settings, kind: str, file: Path, *, login: str = "") -> None:
    """Write a table to a file; its ending says which kind of file."""
    if file.suffix.lower() not in (".xlsx", ".csv"):
        raise InvalidInput("the file must end in .xlsx or .csv", field="file")
    asyncio.run(_export(settings, kind, file, login))


async def _export(settings: Settings, kind: str, file: Path, login: str) -> None:
    article_tables.register()
    core, database = make_core(settings), make_database(settings)
    try:
        if kind not in EXPORTERS:
            raise InvalidInput(f"no such table: {kind}; there are {', '.join(EXPORTERS)}", field="kind")
        async with database.transaction() as session:
            actor = await _actor(session, login, EXPORTERS[kind])
        async with database.transaction() as session:
            table = await export(core, session, actor, kind)
            rows = await (write_csv(table, file) if file.suffix.lower() == ".csv" else write_xlsx([table], file))
        sys.stdout.write(f"{file}: {rows} rows\n")
    finally:
        await database.close()


async def _actor(session: AsyncSession, login: str, roles: tuple[Role, ...]) -> Actor:
    """Whose name stands in the log: the account that is named, else the first active one that may."""
    statement = select(User).where(User.active)
    statement = statement.where(User.login == login) if login else statement.where(User.role.in_([role.value for role in roles]))
    user = (await session.scalars(statement.order_by(User.id).limit(1))).first()
    if user is None:
        raise NotFound("no such active account: name one with --as LOGIN")
    return staff_actor(user)
