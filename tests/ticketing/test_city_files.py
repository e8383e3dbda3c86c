"""A city that is not the invented one: its own districts, roads and places, in every process that asks for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from hotline.commands.doctor import _city
from hotline.settings import Settings, SettingsError

ASKS = """
import json
from chatbot.places import gazetteer
from telephony.speech.models import seeded_words
from ticketing.suggestion.features import normalise
from ticketing.suggestion.places import districts, locate
from ticketing.supervision.places import place_keys
from ticketing.ticket.area import areas
place = locate("东风路的路灯坏了")
print(json.dumps({
    "form": districts(), "staff": areas(), "bot": gazetteer().find("在青松花园门口"), "locate": [place.street, place.district],
    "heard": [word for word in ("青松花园", "江畔花园") if word in seeded_words()], "matter": normalise("东风路的路灯坏了"),
    "same": place_keys("青松花园3栋"),
}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lists = {
        "city": "青河市", "districts": ["河东区", "河西区"], "streets_and_towns": ["东风街道"], "roads": ["东风路"],
        "places": ["青松花园"],
    }  # fmt: skip
    units = [
        {"code": "east", "name": "河东区人民政府", "level": 2},
        {"code": "west", "name": "河西区人民政府", "level": 2},
        {"code": "east-dongfeng", "name": "东风街道办事处", "level": 3, "parent": "east"},
    ]
    (tmp_path / "gazetteer.json").write_text(json.dumps(lists, ensure_ascii=False), encoding="utf-8")
    (tmp_path / "streets.yaml").write_text(yaml.safe_dump({"东风街道": ["东风路", "青松花园"]}, allow_unicode=True), encoding="utf-8")
    (tmp_path / "units.yaml").write_text(yaml.safe_dump(units, allow_unicode=True), encoding="utf-8")
    return tmp_path


def test_forms_bot_telephone_and_suggestion_know_the_citys_own_names(folder: Path) -> None:
    # a process of its own: each of them reads the names once
    environment = {**os.environ, "HOTLINE_CITY_DIR": str(folder)}
    said = subprocess.run([sys.executable, "-c", ASKS], env=environment, capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(said.stdout)
    assert found["form"] == ["河东区", "河西区"]
    assert found["staff"] == ["河东区", "河西区", "全市", "不详"]
    assert found["bot"].startswith("青松花园")
    assert found["locate"] == ["东风街道", "河东区"]
    assert found["heard"] == ["青松花园"]
    assert "东风路" not in found["matter"]
    assert any("青松花园" in key for key in found["same"])


def test_a_folder_that_lacks_a_file_is_refused_at_start(folder: Path) -> None:
    (folder / "streets.yaml").unlink()
    with pytest.raises((SettingsError, ValueError), match=r"streets\.yaml"):
        Settings(_env_file=None, demo=True, city_dir=folder)


def test_the_doctor_sees_a_city_that_forgot_its_names(folder: Path) -> None:
    keys = {"secret_key": "s" * 40, "encryption_keys": Fernet.generate_key().decode()}
    forgot = Settings(_env_file=None, **keys)
    assert [(found.part, found.ok) for found in _city(forgot)] == [("city", False)]
    assert [found.ok for found in _city(Settings(_env_file=None, city_dir=folder, **keys))] == [True]
    assert list(_city(Settings(_env_file=None, demo=True))) == []
