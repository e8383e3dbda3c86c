"""docs/demo.md against the project: what it tells a newcomer to say is understood, and its numbers and log-ins are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from knowledge.seed import load_articles
from ticketing.seed.entries import read_taxonomy, read_units
from ticketing.seed.loader import read_people

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
WORDS = {
    line.split()[0] for line in (ROOT / "telephony/speech/synthetic/model/graph/words.txt").read_text(encoding="utf-8").splitlines() if line
}
TABLE = [cell.strip() for line in PAGE.splitlines() if line.startswith("| ") and "·" in line for cell in line.split("|")[2].split("·")]
SAID = [*TABLE, *re.findall(r"--say (\S+)", PAGE)]


def in_vocabulary(sentence: str) -> bool:
    """Whether the sentence can be cut into words of the synthetic speech model."""
    reached = [True] + [False] * len(sentence)
    for end in range(1, len(sentence) + 1):
        reached[end] = any(reached[start] and sentence[start:end] in WORDS for start in range(end))
    return reached[-1]


@pytest.mark.parametrize("sentence", SAID)
def test_the_synthetic_model_has_the_words(sentence: str) -> None:
    assert in_vocabulary(sentence)


def test_a_sentence_outside_the_vocabulary_would_be_noticed() -> None:
    assert len(SAID) > 25
    assert not in_vocabulary("量子纠缠怎么办理")


def test_the_numbers_are_true() -> None:
    assert f"{len(read_units())} units, {len(read_people())} people, {len(read_taxonomy())} categories" in " ".join(PAGE.split())
    assert 90 <= len(load_articles()) < 100  # «almost a hundred guide articles»


def test_the_log_ins_and_the_category_exist() -> None:
    logins = {person.login for person in read_people()}
    named = set(re.findall(r"`((?:clerk|chief)-[a-z-]+|agent|dispatcher|clerk|chief|callback|supervisor|leader|quality)`", PAGE))
    assert {"agent", "dispatcher", "clerk", "chief", "callback", "clerk-water"} <= named <= logins
    assert ("0104", "路灯与户外广告") in {(category.code, category.l2) for category in read_taxonomy()}


def test_the_example_reply_passes_the_gate_and_the_bad_one_does_not() -> None:
    from ticketing.assignment.models import Facts
    from ticketing.assignment.service import ReplyDraft, check_reply

    [good] = re.findall(r"`(抢修人员.*?)`", PAGE)
    assert not check_reply(ReplyDraft(Facts.TRUE, good, "《城市照明管理规定》"))
    assert "measures" in check_reply(ReplyDraft(Facts.TRUE, "正在处理中", "《城市照明管理规定》"))
