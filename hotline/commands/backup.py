"""`hotline backup` and `hotline restore`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hotline import backup
from hotline.assembly import Services, owner_url
from hotline.processes.heartbeat import beat
from hotline.settings import Settings
from ticketing.audit.verify import Verdict


def make_backup(settings: Settings, folder: Path) -> int:
    """Make a backup; the exit code is 1 when an attachment is missing or damaged."""
    manifest = asyncio.run(_make(settings, folder))
    total = sum(entry.bytes for entry in manifest.entries)
    sys.stdout.write(f"{folder}: {len(manifest.entries)} files, {total / 1_000_000:.1f} MB\n")
    for key in manifest.missing:
        sys.stdout.write(f"MISSING or damaged in the store: {key}\n")
    return 1 if manifest.missing else 0


async def _make(settings: Settings, folder: Path) -> backup.Manifest:
    services = Services.of(settings)
    try:
        manifest = await backup.make(services, folder)
        await beat(
            services, "backup", "backup", files=len(manifest.entries), missing=len(manifest.missing)
        )  # the health page tells its age
        return manifest
    finally:
        await services.close()


def check_backup(folder: Path) -> None:
    """Say that a backup is whole, or raise."""
    manifest = backup.check(folder)
    sys.stdout.write(f"{folder}: whole, {len(manifest.entries)} files of {manifest.made_at}\n")


def restore_backup(settings: Settings, folder: Path) -> int:
    """Restore and verify; the exit code is 1 when the event log is broken."""
    verdict = asyncio.run(_restore(settings, folder))
    told = f"BROKEN at {verdict.broken.where}: {verdict.broken.why}" if verdict.broken else "the log is whole"
    sys.stdout.write(f"restored; events {verdict.events}, seals {verdict.seals}: {told}\n")
    return 0 if verdict.whole else 1


async def _restore(settings: Settings, folder: Path) -> Verdict:
    services = Services.of(settings)
    try:
        return await backup.restore(services, folder, owner_url(settings))
    finally:
        await services.close()
