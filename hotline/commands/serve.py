"""`hotline serve`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from hotline.errors import NotFound
from hotline.processes.names import Role
from hotline.settings import Settings


def say(line: str) -> None:
    """One line with the time, at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
    sys.stdout.flush()


def serve_role(role: Role, settings: Settings) -> int:
    """Run one role, or the supervisor of all; returns the exit code."""
    if role is not Role.ALL:
        from hotline.processes import roles

        return roles.run(role, settings)
    from hotline.processes.privacy import private_files
    from hotline.processes.supervisor import Supervisor

    private_files(settings.data_dir)
    asyncio.run(Supervisor(settings, say=say).run())
    return 0


def drain(settings: Settings, name: str) -> None:
    """Ask a telephony process of the running service to drain. Raises `NotFound` when there is none of this name."""
    from hotline.processes.supervisor import status

    pid = status(settings.data_dir).get(name, {}).get("pid")
    if pid is None or not name.startswith("telephony"):
        raise NotFound(f"no process {name} runs on {settings.data_dir.resolve()}")
    os.kill(pid, signal.SIGUSR1)
    say(f"{name} (process {pid}) takes no new calls; it starts anew when its last call is over")
