"""Writes the snapshot of this version: the demo city in a database made by the migrations, dumped with its schema.

tests/hotline/test_migrations.py upgrades every snapshot to the newest schema. The first line holds the hash of migration 0001,
by which the test knows a snapshot of a version that is not released yet and whose 0001 was written anew since.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import subprocess
import sys
import tomllib
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from hotline import migrations  # noqa: E402 - after the path
from hotline.assembly import Services  # noqa: E402
from hotline.clock import CITY_ZONE, ManualClock  # noqa: E402
from hotline.database import Database  # noqa: E402
from hotline.demo.seed import seed  # noqa: E402
from hotline.migrations import initial  # noqa: E402
from hotline.processes.postgres import PrivatePostgres, binaries, running  # noqa: E402
from hotline.settings import Settings  # noqa: E402

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=CITY_ZONE)
NAME = "snapshot"
MOST_BYTES = 2_000_000
"""The repository keeps one for each release."""


async def _fill(server: PrivatePostgres, folder: Path) -> None:
    database = Database(server.url(NAME))
    await migrations.upgrade(database)
    await database.close()
    keys = (Fernet.generate_key().decode(),)  # thrown away: nobody needs to read the demo's people
    settings = Settings(demo=True, data_dir=folder, secret_key="snapshot-" * 5, encryption_keys=keys, database_url=server.url(NAME))
    services = Services.of(settings, ManualClock(NOW))
    try:
        await seed(services, progress=print)
    finally:
        await services.close()


def main() -> int:
    """Write the file and say where it is; 1 when it is too large."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    target = ROOT / "tests" / "seed" / "releases" / f"{version}.sql.gz"
    with TemporaryDirectory(prefix="hotline-") as home, running(PrivatePostgres(Path(home) / "pg", fast=True)) as server:
        server.create_database(NAME)
        asyncio.run(_fill(server, Path(home) / "data"))
        arguments = [str(binaries() / "pg_dump"), "--no-owner", "--no-privileges", server.url(NAME)]
        dump = subprocess.run(arguments, check=True, capture_output=True).stdout
    mark = hashlib.sha256(initial.FILE.read_bytes()).hexdigest()
    body = gzip.compress(f"-- 0001: {mark}\n".encode() + dump, mtime=0)
    if len(body) > MOST_BYTES:
        print(f"{len(body)} bytes are too many for the repository", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)
    print(f"{target}: {len(body)} bytes")
    return 0


sys.exit(main())
