"""What somebody sees who starts the demo and looks around."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hotline.demo.secrets import read
from tests.e2e.demo import HAS_RASA, ROOT, Demo, until


def test_the_table_says_where_to_go(demo: Demo) -> None:
    shown = until(lambda: demo.output.read_text() if "登录 leader" in demo.output.read_text() else "", what="the table")
    for wanted in (f"{demo.url}/console", demo.sip, "demo-12345", "dispatcher", "synthetic", "只能听懂合成语音"):
        assert wanted in shown


def test_health_addresses(demo: Demo) -> None:
    assert json.loads(demo.get("/healthz")[1])["alive"] is True
    said = demo.readiness()
    assert (said["ready"], said["missing"]) == (True, [])
    assert [part["part"] for part in said["degraded"]] == ([] if HAS_RASA else ["bot"])
    code, metrics = demo.get("/metrics")
    assert code == 200
    assert b"hotline_database_up 1.0" in metrics
    assert b'hotline_tickets{state="in_progress"}' in metrics


def test_the_city_is_there(demo: Demo) -> None:
    assert int(demo.sql("SELECT count(*) FROM ticket")[0]) >= 190
    assert int(demo.sql("SELECT count(DISTINCT state) FROM ticket")[0]) >= 10
    assert int(demo.sql("SELECT count(*) FROM article WHERE state = 'published'")[0]) >= 30
    assert set(demo.sql("SELECT DISTINCT role FROM staff")) >= {"agent", "dispatcher", "clerk", "chief", "admin"}


def test_doctor_finds_nothing_to_do(demo: Demo) -> None:
    done = demo.hotline("doctor", "--json")
    findings = json.loads(done.stdout)
    assert {finding["part"] for finding in findings if not finding["ok"]} <= (set() if HAS_RASA else {"bot"})
    assert done.returncode == (0 if HAS_RASA else 1)


def test_ask_in_a_second_terminal(demo: Demo) -> None:
    done = demo.hotline("ask", "身份证丢了怎么补办", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert answer["replies"]
    assert any("身份证" in reply["text"] + "".join(reply["choices"]) for reply in answer["replies"])


def test_seeding_again_changes_nothing(demo: Demo) -> None:
    before = demo.sql("SELECT count(*), max(id) FROM ticket")
    done = demo.hotline("seed")
    assert done.returncode == 0, done.stderr
    assert demo.sql("SELECT count(*), max(id) FROM ticket") == before


def test_a_second_start_on_the_same_folder_is_refused_in_one_line(demo: Demo) -> None:
    done = demo.hotline("serve")
    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_are_readable_by_us_alone(demo: Demo) -> None:
    path = demo.data_dir / "secrets.env"
    assert path.stat().st_mode & 0o077 == 0
    keys = read(path)
    text = demo.output.read_text() + "".join(log.read_text(errors="replace") for log in (demo.data_dir / "logs").glob("*.log"))
    public = ("_APP_ID", "_WEBHOOK_PRIVATE_HOSTS")  # stand beside the keys and are none
    assert not [name for name, value in keys.items() if value and value in text and not name.endswith(public)]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("HOTLINE_HTTP_PORT", "eighty", "HOTLINE_HTTP_PORT"),
        ("HOTLINE_HTTP_PORT", "70000", "HOTLINE_HTTP_PORT"),
        ("HOTLINE_DATABASE_URL", "sqlite:///x", "HOTLINE_DATABASE_URL"),
        ("HOTLINE_ENCRYPTION_KEYS", "abc", "HOTLINE_ENCRYPTION_KEYS"),
        ("HOTLINE_WECHAT_AES_KEY", "short", "HOTLINE_WECHAT_AES_KEY"),
        ("HOTLINE_DEMO", "false", "HOTLINE_SECRET_KEY"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(tmp_path: Path, variable: str, value: str, said: str) -> None:
    environment = {**Demo(tmp_path).environment, variable: value}
    environment.setdefault("HOTLINE_DEMO", "true")
    command = [sys.executable, "-m", "hotline", "serve"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_everything_and_the_next_start_is_quick(demo: Demo) -> None:
    """The demo of the other tests is stopped and started again: its data, its ports, its processes."""
    tickets = demo.sql("SELECT count(*) FROM ticket")
    pids = [demo.pid(role) for role in ("postgres", "web", "telephony", "scheduler", *(["bot"] if HAS_RASA else []))]
    assert demo.process is not None
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(40) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", demo.http_port))
    demo.start()
    assert demo.sql("SELECT count(*) FROM ticket") == tickets
