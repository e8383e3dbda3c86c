"""The web process of the benchmarks: `python -m benchmarks._site DATABASE_URL KEY FOLDER` serves on a free port and prints it.

The limit of requests per token is lifted: eight clients stand for a whole city here. `BENCH_LOG` names a file for its log.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path

from aiohttp import web

from channels.api.limits import Limiter
from channels.api.run import PER_TOKEN
from channels.web.app import create_app
from hotline.assembly import Services
from hotline.clock import SystemClock
from hotline.database import Database
from hotline.security import Vault
from hotline.settings import Settings
from ticketing.context import Core


async def main(url: str, key: str, folder: Path) -> None:
    """Serve until killed."""
    vault = Vault([key], "k" * 32)
    core = Core(SystemClock(), vault, "secret", "12345", folder)
    settings = Settings(_env_file=None, demo=True, data_dir=folder)  # type: ignore[call-arg]
    app = create_app(Services(settings, core, Database(url, vault=vault)))
    app[PER_TOKEN] = Limiter(core.clock, per_minute=1e9, burst=10**9)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    gc.collect()
    gc.freeze()  # as hotline.processes.roles does
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    log = os.open(os.environ.get("BENCH_LOG", os.devnull), os.O_WRONLY | os.O_CREAT)
    os.dup2(log, sys.stdout.fileno())  # nobody reads the pipe, and a full one would stop us
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
