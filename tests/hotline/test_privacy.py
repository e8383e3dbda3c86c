"""Nobody else on the machine reads what the service writes: the modes of what real processes leave behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotline.processes.postgres import PrivatePostgres, running
from tests.ports import free_port

pytestmark = pytest.mark.slow
"""Starts processes."""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_role_closes_old_folders_and_writes_for_itself_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("rasa", "attachments"):
        (data / name).mkdir(parents=True, mode=0o755)
    (data / "attachments" / "old.jpg").write_bytes(b"old")
    port = free_port()
    environment = {
        **os.environ,
        "HOTLINE_DEMO": "true",
        "HOTLINE_DATA_DIR": str(data),
        "HOTLINE_BOT_ENABLED": "false",
        "HOTLINE_ACTION_PORT": str(port),
    }
    role = subprocess.Popen([sys.executable, "-m", "hotline", "serve", "--role", "bot"], env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert role.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "Umask:\t0077" in Path(f"/proc/{role.pid}/status").read_text()
        assert mode(data / "rasa") == mode(data / "attachments") == 0o700
    finally:
        role.send_signal(signal.SIGTERM)
        role.wait(20)


def test_the_private_database_starts_in_a_folder_made_for_one_account(tmp_path: Path) -> None:
    """As root the server runs under an account of its own, which must pass through the closed folder, and may not read it."""
    before = os.umask(0o077)
    try:
        home = tmp_path / "closed" / "data"
        home.mkdir(parents=True)
        with running(PrivatePostgres(home, fast=True)) as server:
            assert server.psql("SELECT 1").stdout.strip() == "1"
        assert not mode(home) & (stat.S_IROTH | stat.S_IWOTH)
    finally:
        os.umask(before)
