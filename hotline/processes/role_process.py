"""One supervised child: started, watched, restarted with growing pauses, stopped with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hotline.children import die_with_parent
from hotline.processes.log_files import RoleLog

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STABLE_AFTER_S = 60.0
"""Alive for this long: the next death counts as the first one again."""


def pause_before(restart: int) -> float:
    """Seconds to wait before the n-th restart in a row (1, 2, 4 … 30)."""
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(restart - 1, 10)))


class RoleProcess:
    """Keeps one role alive until `stop`."""

    def __init__(
        self,
        role: str,
        log_folder: Path,
        *,
        say: Callable[[str], None],
        stop_signal: int = signal.SIGTERM,
        name: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        """`say` writes one line for the person at the terminal. `name`, `environment`: of one of several processes of a role."""
        self.role = role
        self.name = name or role
        self.pid: int | None = None
        self.started = 0
        """How often it was started."""
        self.changed: Callable[[], None] = lambda: None
        """Called whenever the process number changes."""
        self._say = say
        self._environment = environment or {}
        self._log = RoleLog(log_folder, self.name)
        self._stop_signal = stop_signal
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep it alive."""
        self._task = asyncio.create_task(self._keep_alive(), name=f"role {self.name}")

    async def _keep_alive(self) -> None:
        restarts = 0
        while not self._stopping.is_set():
            born = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            restarts = 1 if time.monotonic() - born > STABLE_AFTER_S else restarts + 1
            pause = pause_before(restarts)
            self._say(f"{self.name} ended ({_how(code)}); starts again in {pause:.0f} s. Log: {self._log.path}")
            if code > 0:
                for line in self._log.last_lines[-3:]:
                    self._say(f"    {line[:300]}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self) -> int:
        """Start it and wait for its end; returns its exit code, negative for a signal."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hotline", "serve", "--role", self.role,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            # a session of its own: Ctrl-C at the terminal reaches the supervisor only, which then stops all in order
            start_new_session=True, preexec_fn=die_with_parent(), env={**os.environ, **self._environment},
        )  # fmt: skip
        self.pid = self._process.pid
        self.started += 1
        self.changed()
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        drain = asyncio.create_task(self._log.drain(self._process.stdout))
        code = await self._process.wait()
        self._sweep_up(self.pid)
        self.pid = None
        self.changed()
        # a grandchild may have inherited the pipe: do not wait for it for ever
        await asyncio.wait([drain], timeout=2)
        drain.cancel()
        return code

    @staticmethod
    def _sweep_up(pid: int) -> None:
        """Children of a role that was killed (Rasa, espeak) would hold its ports: end the rest of its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    async def stop(self, *, patience_s: float) -> None:
        """Ask it to end, and kill it when it has not ended in time."""
        self._stopping.set()
        if self._task is None:
            return
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self._stop_signal)
        done, _ = await asyncio.wait([self._task], timeout=patience_s)
        if not done and self._process is not None:
            self._say(f"{self.name} did not end within {patience_s:.0f} s and is killed")
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._task
        self._log.close()


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
