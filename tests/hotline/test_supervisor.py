"""The supervisor with real children. Roles that need other packages are covered by tests/e2e; here the database is the subject."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotline.processes import role_process
from hotline.processes.log_files import RoleLog
from hotline.processes.role_process import RoleProcess, pause_before
from hotline.processes.supervisor import StartFailed, Supervisor, status
from hotline.settings import Settings

pytestmark = pytest.mark.slow
"""Starts and kills processes."""

ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], bool], *, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_pauses_grow_to_half_a_minute() -> None:
    assert [pause_before(restart) for restart in (1, 2, 3, 4, 5, 6, 100)] == [1, 2, 4, 8, 16, 30, 30]


@pytest.fixture
def postgres_role(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RoleProcess]:
    monkeypatch.setenv("HOTLINE_DEMO", "true")
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(home))
    monkeypatch.setattr(role_process, "FIRST_PAUSE_S", 0.05)
    said: list[str] = []
    role = RoleProcess("postgres", home / "logs", say=said.append, stop_signal=signal.SIGINT)
    yield role
    assert role.pid is None, said


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_killed_database_is_started_again(postgres_role: RoleProcess, home: Path) -> None:
    from hotline.processes.postgres import PrivatePostgres

    server = PrivatePostgres.of(home)
    postgres_role.start()
    await wait_until(server.answers)
    first = postgres_role.pid
    assert first is not None
    assert server.psql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").returncode == 0
    os.kill(first, signal.SIGKILL)
    await wait_until(lambda: postgres_role.pid not in (None, first) and server.answers())
    assert server.psql("SELECT n FROM kept").stdout.strip() == "7"
    await postgres_role.stop(patience_s=20)
    assert not server.answers()


async def test_what_a_role_writes_is_in_its_log_however_long_the_line(home: Path) -> None:
    log = RoleLog(home, "web")
    stream = asyncio.StreamReader()
    stream.feed_data(b"x" * 300_000 + "\n末行\xff\n无换行".encode("utf-8", "surrogateescape").replace(b"\xc3\xbf", b"\xff"))
    stream.feed_eof()
    await log.drain(stream)
    log.close()
    text = log.path.read_text(encoding="utf-8")
    assert text.count("x") == 300_000
    assert text.endswith("无换行\n")


async def test_a_taken_port_is_named_before_anything_starts(settings: Settings) -> None:
    listener = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        supervisor = Supervisor(settings.model_copy(update={"http_port": port, "sip_port": 45060}), say=lambda _line: None)
        with pytest.raises(StartFailed, match=f"port {port} .*HOTLINE_HTTP_PORT"):
            await supervisor.run()
        assert status(settings.data_dir) == {}
    finally:
        listener.close()


CHILD = """
import asyncio, sys
from pathlib import Path
from hotline.processes.role_process import RoleProcess
async def main():
    role = RoleProcess("postgres", Path(sys.argv[1]) / "logs", say=lambda line: None)
    role.changed = lambda: Path(sys.argv[1], "pid").write_text(str(role.pid))
    role.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_kill_9_of_the_supervisor_leaves_no_orphan(home: Path) -> None:
    environment = os.environ | {"HOTLINE_DEMO": "true", "HOTLINE_DATA_DIR": str(home)}
    supervisor = subprocess.Popen([sys.executable, "-c", CHILD, str(home)], env=environment, cwd=ROOT)
    try:
        note = home / "postgres" / "postmaster.pid"
        until(lambda: note.exists() and "ready" in note.read_text())
        postmaster = int((home / "pid").read_text())
        assert alive(postmaster)
    finally:
        supervisor.kill()
        supervisor.wait()
    until(lambda: not alive(postmaster))
    assert not note.exists(), "it was shut down in order"


def test_status_of_no_supervisor_is_empty(home: Path) -> None:
    assert status(home) == {}
    (home / "supervisor.json").write_text(json.dumps({"pid": 1, "roles": {"web": {"pid": 2, "started": 1}}}))
    assert status(home) == {"web": {"pid": 2, "started": 1}}
