"""The whole service as `script/demo` starts it: own ports, own data folder, real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotline.processes.postgres import PrivatePostgres
from hotline.processes.supervisor import status
from tests import kept
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
HAS_RASA = (ROOT / "chatbot" / "rasa" / ".venv" / "bin" / "python").exists()
"""Without Python 3.10 the service runs in its degraded mode, and what is about Rasa is skipped."""
_KEPT = ("prompts", *(("rasa/models",) if HAS_RASA else ()))
SMS_KEY = "key-of-the-end-to-end-tests"
"""What a provider of text messages shows when it brings one."""
_SECOND = 10
"""A second telephony process has its ports so much higher."""
START_S = 480.0
"""A first start on a busy machine trains Rasa and plays a month of appeals."""


def calls_in(since: str) -> str:
    """The part of a query that finds calls of citizens since then: the demo's callback robot calls as well, when it likes."""
    return f"FROM call WHERE direction = 'in' AND started_at >= '{since}'"


def until(condition: Callable[[], Any], *, within_s: float = 60.0, what: str = "it") -> Any:
    """Wait for a condition of another process; its value."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {within_s:.0f} s")
        time.sleep(0.1)
    return value


@dataclass
class Demo:
    """A running demo, and what tests do with it."""

    data_dir: Path
    http_port: int = field(default_factory=free_port)
    sip_port: int = field(default_factory=lambda: free_port(_SECOND))
    wechat_api_port: int = field(default_factory=free_port)
    """Where the service looks for the WeChat platform: a test may start the stand-in there."""
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def sip(self) -> str:
        return f"sip:12345@127.0.0.1:{self.sip_port}"

    @property
    def environment(self) -> dict[str, str]:
        """For every command that belongs to this demo."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOTLINE_")}
        ours = {
            "HOTLINE_DATA_DIR": str(self.data_dir),
            "HOTLINE_HTTP_PORT": str(self.http_port),
            "HOTLINE_SIP_PORT": str(self.sip_port),
            "HOTLINE_ACTION_PORT": str(self._inner[0]),
            "HOTLINE_RASA_PORT": str(self._inner[1]),
            "HOTLINE_CONTROL_PORT": str(self._inner[2]),
            "HOTLINE_WEBRTC_PORT": str(self._inner[3]),
            "HOTLINE_WEBRTC_SIP_PORT": str(self._inner[4]),
            "HOTLINE_SPEECH_MODEL": "synthetic",
            "HOTLINE_SMS_INBOUND_KEY": SMS_KEY,
            "HOTLINE_WECHAT_API_BASE": f"http://127.0.0.1:{self.wechat_api_port}",
        }
        return clean | ours | self.extra

    def __post_init__(self) -> None:
        self._inner = tuple(free_port(_SECOND) for _ in range(5))

    def start(self) -> None:
        """Start it and wait until `/readyz` says yes. The first of two that start at once makes what is kept, the other waits."""
        with kept.alone():
            if not kept.fetch(self.data_dir, *_KEPT):
                self._run()
                kept.keep(self.data_dir, *_KEPT)
                return
        self._run()
        with kept.alone():
            kept.keep(self.data_dir, *_KEPT)

    def _run(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(Path(__file__).with_name("starter.py")), "demo", "--offline"]
        with self.output.open("a") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, text=True)
        self.until_ready(within_s=START_S)

    def stop(self) -> int:
        """Ctrl-C, and wait for its end; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    @property
    def output(self) -> Path:
        """What the person at the terminal sees."""
        return self.data_dir / "terminal.txt"

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        return self._fetch(urllib.request.Request(self.url + path, headers=headers))

    def post_json(self, path: str, body: Any) -> tuple[int, Any]:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        status_code, content = self._fetch(request)
        return status_code, json.loads(content)

    @staticmethod
    def _fetch(request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read()

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; `{}` when nobody answers."""
        try:
            found: dict[str, Any] = json.loads(self.get("/readyz")[1])
        except (OSError, ValueError):
            return {}
        return found

    def until_ready(self, *, within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        while not self.readiness().get("ready"):
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the demo ended by itself:\n{self.output.read_text()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not ready within {within_s:.0f} s: {self.readiness()}\n{self.output.read_text()[-3000:]}")
            time.sleep(0.2)

    def pid(self, role: str) -> int | None:
        return status(self.data_dir)[role]["pid"]

    def kill(self, role: str) -> int:
        """kill -9; the number that the process had."""
        pid = until(lambda: self.pid(role), what=f"{role} running")
        os.kill(pid, signal.SIGKILL)
        return int(pid)

    def until_restarted(self, role: str, old: int, *, within_s: float = 90.0) -> None:
        """Until another process has the role and everything is ready again."""
        until(lambda: self.pid(role) not in (None, old), within_s=within_s, what=f"the restart of {role}")
        self.until_ready(within_s=within_s)

    def hotline(self, *arguments: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a `hotline` command as a person in a second terminal."""
        command = [sys.executable, "-m", "hotline", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=False)

    def sql(self, statement: str) -> list[str]:
        """Rows of a query, as lines of text with | between columns."""
        done = PrivatePostgres.of(self.data_dir).psql(statement, "hotline")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()
