"""Keys of the demo. Made once into `secrets.env` of the data folder, so that nobody has to think of any."""

from __future__ import annotations

import os
import secrets
import string
from pathlib import Path

from cryptography.fernet import Fernet

FILE_NAME = "secrets.env"


def _make() -> dict[str, str]:
    alphabet = string.ascii_letters + string.digits
    return {
        "HOTLINE_SECRET_KEY": secrets.token_urlsafe(48),
        "HOTLINE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        # the WeChat channel is on in the demo; no platform knows these
        "HOTLINE_WECHAT_TOKEN": secrets.token_hex(16),
        "HOTLINE_WECHAT_APP_ID": "wxdemo" + secrets.token_hex(6),
        "HOTLINE_WECHAT_APP_SECRET": secrets.token_hex(16),
        "HOTLINE_WECHAT_AES_KEY": "".join(secrets.choice(alphabet) for _ in range(43)),
        # `hotline wechat chat` plays the platform there
        "HOTLINE_WECHAT_API_BASE": "http://127.0.0.1:8086",
        # the other systems of the demo city (hotline.demo.neighbour)
        "HOTLINE_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
    }


def read(path: Path) -> dict[str, str]:
    """The keys of the file; empty when there is none."""
    if not path.exists():
        return {}
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in lines}


def ensure(data_dir: Path) -> Path:
    """Write every key that is not there yet, readable by us alone; keys that are there never change."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / FILE_NAME
    known = read(path)
    missing = {name: value for name, value in _make().items() if name not in known}
    if missing:
        known |= missing
        unfinished = path.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text(
            "# Keys of this demo. Whoever has them can read the personal data in its database.\n" + _lines(known), encoding="utf-8"
        )
        unfinished.replace(path)
    return path


def load(data_dir: Path) -> None:
    """Put the keys into the environment of this process and its children. What is set there already wins."""
    for name, value in read(ensure(data_dir)).items():
        os.environ.setdefault(name, value)


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
