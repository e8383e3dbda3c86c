"""The name of a machine: kept, its own, or as it was set."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from hotline.instance import instance_of
from hotline.settings import Settings
from telephony.process import worker_name


def at(settings: Settings, folder: Path, **changes: object) -> Settings:
    return settings.model_copy(update={"data_dir": folder, **changes})


def test_two_machines_have_names_of_their_own_and_keep_them(settings: Settings, tmp_path: Path) -> None:
    here, there = at(settings, tmp_path / "here"), at(settings, tmp_path / "there")
    assert worker_name(here) != worker_name(there), "the same port"
    assert worker_name(here) == worker_name(at(settings, tmp_path / "here")), "after a restart"
    assert worker_name(here) != worker_name(at(settings, tmp_path / "here", sip_port=settings.sip_port + 10))


def test_machines_that_share_a_folder_are_named_by_the_setting(settings: Settings, tmp_path: Path) -> None:
    names = {worker_name(at(settings, tmp_path, instance=name)) for name in ("", "east", "west")}
    assert len(names) == 3
    with pytest.raises(ValidationError):
        Settings(instance="two words")


def test_processes_that_ask_at_once_get_one_name(settings: Settings, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda number: instance_of(at(settings, tmp_path)), range(40)))
    assert len(names) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["instance"]
