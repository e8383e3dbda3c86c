"""Starts every role as an operating-system process of its own, in order, and restarts whatever dies.

Order: bot and private PostgreSQL, then migrations (and the demo's seed), then web, telephony, the gateway, scheduler and edge. Later
deaths are mended one by one: the other roles wait for the database by themselves. One supervisor per data folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hotline.children import die_with_parent
from hotline.errors import HotlineError
from hotline.processes.log_files import RoleLog
from hotline.processes.postgres import PrivatePostgres
from hotline.processes.role_process import RoleProcess
from hotline.settings import Settings

STATUS_FILE = "supervisor.json"
"""In the data folder: {"pid": …, "roles": {"web": {"pid": …, "started": …}}}; for `hotline doctor` and the tests."""
_POSTGRES_PATIENCE_S = 90.0
_ROLE_PATIENCE_S = 15.0


class StartFailed(HotlineError):
    """The service cannot start; the text says why and what to do."""

    status, code = 503, "start_failed"


class Supervisor:
    """All roles of one installation on one machine."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        """`say` writes one line for the person at the terminal."""
        self.settings = settings
        self._say = say
        self._data_dir = settings.data_dir.resolve()
        self._logs = self._data_dir / "logs"
        self._roles: list[RoleProcess] = []
        self._stop = asyncio.Event()

    async def run(self, *, when_started: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run until SIGTERM, SIGINT or `stop`. Raises `StartFailed` when it cannot even begin."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        with self._only_one(), _stop_signals(self.stop):
            _check_ports(self.settings)
            try:
                await self._until_stopped(self._start_in_order(when_started))
                await self._stop.wait()
            finally:
                await self._stop_all()
                (self._data_dir / STATUS_FILE).unlink(missing_ok=True)

    def stop(self) -> None:
        """Ask for the end."""
        self._stop.set()

    async def _until_stopped(self, work: Awaitable[None]) -> None:
        """Await `work`, but give it up as soon as the end is asked for."""
        task, stopped = asyncio.ensure_future(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _start_in_order(self, when_started: Callable[[], Awaitable[None]] | None) -> None:
        private = self.settings.database_url is None
        if self.settings.bot_enabled:
            self._start("bot")  # first, since Rasa takes longest; it asks the database only when somebody talks
        if private:
            await self._start_postgres()
        if self.settings.demo:
            await self._once("migrations and demo data", "db", "upgrade", "--demo-data")
        elif private:
            await self._once("migrations", "db", "upgrade")
        self._start("web")
        for number, environment in enumerate(self.settings.telephony_environments, 1):
            self._start("telephony", name=f"telephony-{number}" if number > 1 else "", environment=environment)
        for role in ("webrtc", "scheduler", *(("edge",) if self.settings.edge_port else ())):
            self._start(role)
        if when_started:
            await when_started()

    def _start(
        self, role: str, stop_signal: int = signal.SIGTERM, *, name: str = "", environment: dict[str, str] | None = None
    ) -> RoleProcess:
        process = RoleProcess(role, self._logs, say=self._say, stop_signal=stop_signal, name=name, environment=environment)
        process.changed = self._write_status
        self._roles.append(process)
        process.start()
        return process

    async def _start_postgres(self) -> None:
        self._say("PostgreSQL: starting the private server")
        role = self._start("postgres", signal.SIGINT)
        server = PrivatePostgres.of(self._data_dir)
        for _ in range(int(_POSTGRES_PATIENCE_S / 0.2)):
            if role.pid and await asyncio.to_thread(server.answers):
                await asyncio.to_thread(server.create_database)
                return
            await asyncio.sleep(0.2)
        raise StartFailed(f"the private PostgreSQL does not answer; see {self._logs / 'postgres.log'}")

    async def _once(self, what: str, *arguments: str) -> None:
        """Run one `hotline` command to its end; raises `StartFailed` with its last words."""
        self._say(f"{what}: hotline {' '.join(arguments)}")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hotline", *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True, preexec_fn=die_with_parent(),
        )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - asked for above
        log = RoleLog(self._logs, "setup")
        try:
            await log.drain(process.stdout)
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        finally:
            log.close()
        if code != 0:
            raise StartFailed(f"{what} failed, see {log.path}:\n" + "\n".join(log.last_lines))

    async def _stop_all(self) -> None:
        """Everything else first, the database last."""
        databases = [role for role in self._roles if role.role == "postgres"]
        others = [role for role in self._roles if role.role != "postgres"]
        if others:
            await asyncio.gather(*(role.stop(patience_s=_ROLE_PATIENCE_S) for role in others))
        for role in databases:
            await role.stop(patience_s=_ROLE_PATIENCE_S)

    def _write_status(self) -> None:
        roles = {role.name: {"pid": role.pid, "started": role.started} for role in self._roles}
        path = self._data_dir / STATUS_FILE
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"pid": os.getpid(), "roles": roles}), encoding="utf-8")
        unfinished.replace(path)

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        with (self._data_dir / "supervisor.lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StartFailed(f"the service already runs on {self._data_dir}: stop it first, or set another HOTLINE_DATA_DIR") from None
            yield


def status(data_dir: Path) -> dict[str, dict[str, int | None]]:
    """The roles of the running supervisor with process number and number of starts; empty when none runs."""
    try:
        roles: dict[str, dict[str, int | None]] = json.loads((data_dir / STATUS_FILE).read_text(encoding="utf-8"))["roles"]
    except FileNotFoundError:
        return {}
    return roles


@contextlib.contextmanager
def _stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


@dataclass(frozen=True)
class FixedPort:
    """A port that a role will take."""

    setting: str
    host: str
    port: int
    kind: socket.SocketKind


def ports(settings: Settings) -> list[FixedPort]:
    """Every fixed port of the roles."""
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    return [
        FixedPort("HOTLINE_HTTP_PORT", settings.http_host, settings.http_port, tcp),
        FixedPort("HOTLINE_CONTROL_PORT", "127.0.0.1", settings.control_port, tcp),
        FixedPort("HOTLINE_ACTION_PORT", "127.0.0.1", settings.action_port, tcp),
        *(FixedPort("HOTLINE_RASA_PORT", "127.0.0.1", port, tcp) for port in settings.rasa_ports),
        *(FixedPort("HOTLINE_SIP_PORT", settings.sip_host, port, udp) for port in settings.sip_ports),
        *([FixedPort("HOTLINE_EDGE_PORT", settings.sip_host, settings.edge_port, udp)] if settings.edge_port else []),
        FixedPort("HOTLINE_WEBRTC_PORT", settings.http_host, settings.webrtc_port, tcp),
        FixedPort("HOTLINE_WEBRTC_SIP_PORT", settings.sip_host, settings.webrtc_sip_port, udp),
    ]


def port_problem(wanted: FixedPort) -> str:
    """Why the port cannot be had, and what to do; empty when it is free."""
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    with socket.socket(family, wanted.kind) as probe:
        if wanted.kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((wanted.host, wanted.port))
        except OSError as error:
            reason = error.strerror or str(error)
            return f"port {wanted.port} on {wanted.host} cannot be used ({reason}): stop the other program, or set {wanted.setting}"
    return ""


def _check_ports(settings: Settings) -> None:
    """Raises `StartFailed` naming every port that somebody else holds."""
    problems = [problem for wanted in ports(settings) if (problem := port_problem(wanted))]
    if problems:
        raise StartFailed("\n".join(problems))
