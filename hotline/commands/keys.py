"""`hotline keys`: how much lies under old keys, sealing it again, hashing people again."""

from __future__ import annotations

import asyncio

import typer

from hotline.assembly import make_core, make_database
from hotline.rotation import Progress, rehash, remaining, rotate, rotate_recordings, stale_recordings
from hotline.settings import Settings


def show_status(settings: Settings) -> int:
    """Print the newest key's id and what is not under it; returns 1 when something is not."""

    async def run() -> dict[str, int]:
        database = make_database(settings)
        try:
            async with database.transaction() as session:
                counted = await remaining(session, make_core(settings).vault)
            return counted | {"recordings": await asyncio.to_thread(stale_recordings, settings.data_dir, make_core(settings).vault)}
        finally:
            await database.close()

    waiting = {name: count for name, count in asyncio.run(run()).items() if count}
    typer.echo(f"newest key: {make_core(settings).vault.key_id} (of {len(settings.encryption_keys)})")
    for name, count in waiting.items():
        typer.echo(f"  {name}: {count} under an older key")
    if not waiting:
        typer.echo("everything is under the newest key; older ones can be taken out of HOTLINE_ENCRYPTION_KEYS")
    return 1 if waiting else 0


def reseal(settings: Settings, batch: int) -> int:
    """Seal again what is under older keys; returns 1 when something could not be opened or is left."""

    async def run() -> int:
        database, left, vault = make_database(settings), 0, make_core(settings).vault
        try:
            async for progress in rotate(database, vault, batch=batch):
                left += _say(progress)
            left += _say(await asyncio.to_thread(rotate_recordings, settings.data_dir, vault))
        finally:
            await database.close()
        return left

    if left := asyncio.run(run()):
        typer.echo(
            f"{left} rows are not under the newest key: is every key in HOTLINE_ENCRYPTION_KEYS, every process restarted? Run it again"
        )
        return 1
    typer.echo("done: older keys can be taken out of HOTLINE_ENCRYPTION_KEYS")
    return 0


def _say(progress: Progress) -> int:
    if progress.resealed or progress.waiting:
        typer.echo(f"{progress.place}: {progress.resealed} sealed again, {progress.unreadable} unreadable, {progress.waiting} left")
    return progress.waiting


def hash_again(settings: Settings, batch: int) -> int:
    """Hash numbers and openids with the newest lookup key."""

    async def run() -> tuple[int, int]:
        database, done = make_database(settings), (0, 0)
        try:
            async for progress in rehash(make_core(settings), database, batch=batch):
                done = progress
        finally:
            await database.close()
        return done

    seen, changed = asyncio.run(run())
    typer.echo(f"{seen} people looked at, {changed} hashed again; older keys can be taken out of HOTLINE_LOOKUP_KEYS")
    return 0
