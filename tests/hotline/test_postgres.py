from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hotline.processes.postgres import PostgresError, PrivatePostgres, running


def until(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def postmaster(server: PrivatePostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split("\n", 1)[0])


def test_a_long_folder_name_gets_a_short_socket(home: Path) -> None:
    deep = home / ("long-" * 30)
    deep.mkdir()
    with running(PrivatePostgres(deep, fast=True)) as server:
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= 107
        assert server.psql("SELECT 1").stdout.strip() == "1"


def test_only_the_owner_may_enter_the_socket_folder(server: PrivatePostgres) -> None:
    assert server.socket_dir.stat().st_mode & 0o077 == 0
    assert server.data.stat().st_mode & 0o077 == 0


def test_it_does_not_run_as_root(server: PrivatePostgres) -> None:
    assert Path(f"/proc/{postmaster(server)}").stat().st_uid != 0


def test_a_killed_server_comes_back_with_every_committed_row(home: Path) -> None:
    server = PrivatePostgres(home)
    with running(server):
        server.create_database()
        server.psql("CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)", "hotline")
        os.kill(postmaster(server), signal.SIGKILL)
        until(lambda: not server.answers())
    assert (server.data / "postmaster.pid").exists(), "kill -9 leaves the file"
    with running(server):
        assert server.psql("SELECT count(*) FROM kept", "hotline").stdout.strip() == "1000"


def test_a_number_that_now_belongs_to_another_program_does_not_keep_it_from_starting(home: Path) -> None:
    server = PrivatePostgres(home, fast=True)
    server.prepare()
    other = subprocess.Popen(["sleep", "60"])
    try:
        note = server.data / "postmaster.pid"
        note.write_text(f"{other.pid}\n{server.data}\n0\n5432\n\n\n\n")
        with running(server):
            assert postmaster(server) != other.pid
        assert other.poll() is None, "the other program must be left alone"
    finally:
        other.kill()
        other.wait()


def test_a_forgotten_server_on_the_same_files_is_ended_first(home: Path) -> None:
    server = PrivatePostgres(home, fast=True)
    with running(server):
        old = postmaster(server)
        with running(server):
            assert postmaster(server) != old


def test_a_folder_of_somebody_else_is_refused(home: Path) -> None:
    (home / "run").symlink_to("/usr")
    with pytest.raises(PostgresError, match="belongs to somebody else"):
        PrivatePostgres(home, fast=True).prepare()
