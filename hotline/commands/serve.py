"""`hotline serve`."""

from __future__ import annotations

import asyncio
import sys
import time

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
