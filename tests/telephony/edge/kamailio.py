"""Runs the city's own Kamailio configuration on loopback, for tests."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hotline.processes.edge import Edge
from tests.ports import free_port
from tests.telephony.sip.test_third_parties import listens

KAMAILIO = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
KAMCMD = shutil.which("kamcmd") or shutil.which("kamcmd", path="/usr/sbin")
POSTGRES_MODULE = next(Path("/usr/lib").glob("*/kamailio/modules/db_postgres.so"), None)


class Running:
    """A Kamailio that runs."""

    def __init__(self, edge: Edge, log: Path) -> None:
        self.edge = edge
        self.log = log
        self.host, _, port = edge.listen.partition(":")
        self.port = int(port)

    async def command(self, *words: str) -> str:
        """What kamcmd says."""
        assert KAMCMD
        process = await asyncio.create_subprocess_exec(
            KAMCMD, "-s", f"unix:{self.edge.control}", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        return output.decode()

    async def state_of(self, port: int) -> str:
        """The dispatcher's flags of a process: AP active and probing, IP inactive …"""
        lines = [line.strip() for line in (await self.command("dispatcher.list")).splitlines()]
        at = next(number for number, line in enumerate(lines) if line.startswith("URI:") and f":{port}" in line)
        return next(line for line in lines[at:] if line.startswith("FLAGS:")).removeprefix("FLAGS: ")

    async def until(self, port: int, state: str, *, within_s: float = 15.0) -> None:
        """Until the dispatcher thinks so of this process."""
        async with asyncio.timeout(within_s):
            while await self.state_of(port) != state:
                await asyncio.sleep(0.05)

    def complaints(self) -> list[str]:
        """Errors in its log."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if "ERROR" in line or "CRITICAL" in line]


@asynccontextmanager
async def running(edge: Edge) -> AsyncIterator[Running]:
    """Start it and wait until it listens; `folder` of the edge is replaced by a short one. Ended by its id."""
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        edge = replace(edge, folder=Path(folder))
        edge.write_list()
        log = Path(folder) / "kamailio.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *edge.arguments(), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=edge.environment()
            )
        found = Running(edge, log)
        try:
            async with asyncio.timeout(15):
                while not (await listens(found.port) and edge.control.exists()):
                    assert process.returncode is None, log.read_text(errors="replace")[-3000:]
                    await asyncio.sleep(0.05)
            yield found
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()


def an_edge(processes: list[int], **options: object) -> Edge:
    """An edge on a free port of loopback; the callers' machine is its trunk."""
    given: dict[str, Any] = {"trunks": ("127.0.0.1",), **options}
    return Edge(Path(), f"127.0.0.1:{free_port()}", tuple(f"127.0.0.1:{port}" for port in processes), **given)
