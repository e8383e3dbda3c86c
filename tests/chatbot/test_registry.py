"""The registry of models: what is in use, the way back, refusals; without Rasa."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chatbot import fallback
from chatbot.intents import Intent
from chatbot.learned import Learned
from chatbot.learning import evaluation
from chatbot.learning.registry import KEPT, ModelInfo, Registry, Report
from hotline.errors import Conflict, NotFound


def report(right: int, total: int = 100, **changes: Any) -> Report:
    plain = Report(right, total, {"ask_guide": (right, total)}, 0, 0, 0, "the-same")
    return replace(plain, **changes)


def weights(*, intents: tuple[str, ...], likes: str) -> bytes:
    """A classifier that takes any sentence with a question mark for the intent `likes`."""
    inside = io.BytesIO()
    table = np.full((2, len(intents)), -4.0, np.float16)
    table[0, intents.index(likes)] = 9.0
    np.savez(inside, vocabulary=np.array("@ask"), idf=np.ones(1), weights=table, intents=np.array(intents))
    return inside.getvalue()


def put(registry: Registry, folder: Path, number: int, likes: str = "ask_guide", *, right: int = 90) -> str:
    name = f"m2026112{number % 10}-{number:06}"
    archive = folder / f"made-{number}.tar.gz"
    content = weights(intents=("ask_guide", "file_complaint"), likes=likes)
    registry.folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as packed:
        member = tarfile.TarInfo("components/train_MannerClassifier0/intents.npz")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))
    registry.add(archive, ModelInfo(name, f"2026-11-22T10:00:{number:02}+00:00", f"hash-{number}", 10, 1.0, report(right)))
    return name


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def test_a_new_model_is_in_use_only_when_promoted_and_there_is_a_way_back(registry: Registry, tmp_path: Path) -> None:
    assert registry.live() is None
    first, second = put(registry, tmp_path, 1), put(registry, tmp_path, 2)
    assert registry.live() is None
    registry.promote(first)
    registry.promote(second)
    assert registry.live() == second
    assert [info.name for info in registry.models()] == [second, first]
    assert registry.rollback() == first
    assert registry.live() == first
    assert registry.find(second).refused  # the nightly training does not bring it back
    assert registry.rollback(second) == second
    assert not registry.find(second).refused
    assert registry.find(first).refused
    with pytest.raises(NotFound):
        registry.promote("no-such-model")
    assert registry.live() == second


def test_nothing_to_go_back_to_is_said(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        registry.rollback()
    registry.promote(put(registry, tmp_path, 1))
    with pytest.raises(NotFound):
        registry.rollback()


def test_old_models_go_and_the_one_in_use_stays(registry: Registry, tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        registry.promote(put(registry, tmp_path, number))
    kept = [info.name for info in registry.models()]
    assert len(kept) == KEPT
    assert registry.live() == kept[0]
    assert len(list(registry.folder.glob("*.npz"))) == KEPT


def test_two_cannot_train_at_once(registry: Registry) -> None:
    with registry.locked(), pytest.raises(Conflict), Registry(registry.folder).locked():
        pass
    with registry.locked():
        pass


def test_without_rasa_the_model_in_use_understands_and_a_switch_is_noticed(registry: Registry, tmp_path: Path) -> None:
    learned = Learned(registry)
    assert learned.classify("我要投诉").intent is fallback.classify("我要投诉").intent
    first, second = put(registry, tmp_path, 1), put(registry, tmp_path, 2, likes="file_complaint")
    registry.promote(first)
    assert learned.classify("这个怎么弄呢？").intent is Intent.ASK_GUIDE
    registry.promote(second)
    assert learned.classify("这个怎么弄呢？").intent is Intent.FILE_COMPLAINT
    registry.classifier(second).write_bytes(b"broken")
    registry.rollback()
    assert learned.classify("这个怎么弄呢？").intent is Intent.ASK_GUIDE
    registry.rollback()
    assert learned.classify("我要投诉").intent is fallback.classify("我要投诉").intent  # unreadable: rules and examples answer


def test_a_worse_model_is_refused_and_a_slightly_different_one_is_not() -> None:
    assert evaluation.refusal(report(90), None) == ""
    assert evaluation.refusal(report(80), None)
    assert evaluation.refusal(report(89), report(90)) == ""
    assert "变差" in evaluation.refusal(report(87), report(90))
    assert evaluation.refusal(report(95, missed_danger=1), report(90))
    assert evaluation.refusal(report(95, guide_as_complaint=3), report(90))
    assert evaluation.refusal(report(86), replace(report(99), heldout="other sentences")) == ""


def test_a_report_survives_being_stored() -> None:
    info = ModelInfo("m1", "2026-11-22T10:00:00+00:00", "h", 5, 2.0, replace(report(90), wrong=(("a", "b", "c"),)), "", {"greet": 3})
    assert ModelInfo.loaded(info.stored()) == info


def test_rules_count_before_the_model() -> None:
    judged = evaluation.judge([("emergency", "救命啊着火了"), ("greet", "你好")], ["greet", "greet"])
    assert (judged.right, judged.missed_danger) == (2, 0)


def test_many_small_losses_are_measured_against_the_best_and_not_the_last(registry: Registry, tmp_path: Path) -> None:
    best = put(registry, tmp_path, 0, right=95)
    registry.promote(best)
    for number in range(1, KEPT + 4):
        registry.promote(put(registry, tmp_path, number, right=94))
    held = registry.best("the-same")
    assert held is not None
    assert held.right == 95
    assert best in [info.name for info in registry.models()]
    assert evaluation.refusal(report(93), report(94)) == ""
    assert evaluation.refusal(report(93), held)
    assert registry.best("others") is None
