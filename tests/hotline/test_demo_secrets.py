from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotline.demo import secrets
from hotline.settings import Settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in secrets._make():
        monkeypatch.setenv(name, "so that it is put back afterwards")
        monkeypatch.delenv(name)


def test_the_demo_starts_on_its_own_keys_and_keeps_them(tmp_path: Path) -> None:
    secrets.load(tmp_path)
    first = Settings(demo=True)
    assert len(first.secret) >= 32
    assert first.wechat_token.get_secret_value()
    kept = (tmp_path / "secrets.env").read_text()
    secrets.load(tmp_path)
    assert (tmp_path / "secrets.env").read_text() == kept
    assert (tmp_path / "secrets.env").stat().st_mode & 0o077 == 0


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_WECHAT_TOKEN", "mine")
    secrets.load(tmp_path)
    assert os.environ["HOTLINE_WECHAT_TOKEN"] == "mine"


def test_a_key_of_a_newer_version_is_added_and_the_others_stay(tmp_path: Path) -> None:
    path = secrets.ensure(tmp_path)
    old = secrets.read(path)
    path.write_text("".join(f"{name}={value}\n" for name, value in old.items() if name != "HOTLINE_WECHAT_AES_KEY"))
    secrets.ensure(tmp_path)
    new = secrets.read(path)
    assert len(new.pop("HOTLINE_WECHAT_AES_KEY")) == 43
    assert new.items() <= old.items()
