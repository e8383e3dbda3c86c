"""Where Rasa's project, environment, model and state are, and with which arguments and surroundings Rasa is started."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chatbot.learning.registry import Registry
from chatbot.rasa_client import derive
from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.settings import Settings

PROJECT = Path(__file__).parent / "rasa"
CHANNEL = "hotline_channel.TokenInput"
"""In chatbot/rasa, beside start.py."""
ACTIONS_PATH = "/rasa/actions"


@dataclass(frozen=True)
class RasaFiles:
    """Paths of one installation."""

    home: Path
    """data_dir/rasa: model, tracker store, endpoints."""

    @classmethod
    def of(cls, settings: Settings) -> RasaFiles:
        """The paths for these settings; nothing is made."""
        return cls(settings.data_dir.resolve() / "rasa")

    @property
    def python(self) -> Path:
        """The interpreter of Rasa's own environment."""
        return PROJECT / ".venv" / "bin" / "python"

    @property
    def registry(self) -> Registry:
        """The trained models."""
        return Registry(self.home / "models")

    @property
    def model(self) -> Path | None:
        """The model in use, None when there is none."""
        name = self.registry.live()
        return self.registry.path(name) if name else None

    @property
    def endpoints(self) -> Path:
        """Rasa's endpoints file, written at each start because it holds a secret."""
        return self.home / "endpoints.yml"

    @property
    def credentials(self) -> Path:
        """Rasa's channels, written at each start because the only one has a token."""
        return self.home / "credentials.yml"

    @property
    def tracker(self) -> Path:
        """SQLite database in which all Rasa processes keep conversations, so that they survive a restart and a change of process."""
        return self.home / "tracker.db"

    def need_python(self) -> Path:
        """The interpreter; raises Unavailable with what to do when it is missing."""
        if not self.python.exists():
            raise Unavailable(_("没有Rasa的Python 3.10环境（chatbot/rasa/.venv），请运行 script/bootstrap"))
        return self.python

    def environment(self) -> dict[str, str]:
        """The environment of Rasa's processes: no telemetry, no proxy, no other secret of ours, caches in its own folder."""
        cache = self.home / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "HOTLINE_CITY_DIR") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "TMPDIR": str(cache),  # jieba keeps its dictionary there
            "MPLCONFIGDIR": str(cache),
            "PYTHONPATH": str(PROJECT / "stub"),
            "PYTHONUNBUFFERED": "1",
            "RASA_TELEMETRY_ENABLED": "false",
            "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
            "SANIC_WORKERS": "1",
        }

    def write_endpoints(self, settings: Settings) -> None:
        """Write the endpoints and the credentials file, readable by this user only."""
        endpoints = {
            "action_endpoint": {
                "url": f"http://127.0.0.1:{settings.action_port}{ACTIONS_PATH}",
                "headers": {"Authorization": f"Bearer {action_key(settings)}"},
                "enable_selective_domain": True,
            },
            "tracker_store": {"type": "SQL", "dialect": "sqlite", "db": str(self.tracker)},
        }
        self.home.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.tracker)) as store:
            store.execute("PRAGMA journal_mode = WAL")  # kept in the file: several processes read while one writes
        _write_private(self.endpoints, endpoints)
        _write_private(self.credentials, {CHANNEL: {"token": derive(settings.secret, "rasa-channel")}})

    def serve_arguments(self, settings: Settings, port: int) -> list[str]:
        """Arguments of `rasa run` for the process on this port."""
        return [
            "run",
            "--enable-api",
            "--auth-token",
            derive(settings.secret, "rasa-api"),
            "--model",
            str(self.model or ""),
            "--endpoints",
            str(self.endpoints),
            "--credentials",
            str(self.credentials),
            "--interface",
            "127.0.0.1",
            "--port",
            str(port),
        ]


def _write_private(path: Path, content: object) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(content, out, indent=2)  # JSON is YAML
    draft.replace(path)


def action_key(settings: Settings) -> str:
    """What Rasa shows at our action endpoint, so that no other program on the host can act."""
    return derive(settings.secret, "rasa-actions")
