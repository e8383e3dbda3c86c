"""What the machine makes of a text: measured on appeals that were written apart from what it learned from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import gettempdir

import pytest

from ticketing.suggestion import store
from ticketing.suggestion.catalogue import from_seed
from ticketing.suggestion.examples import Example, parse_line, read
from ticketing.suggestion.features import features, normalise
from ticketing.suggestion.model import load, save
from ticketing.suggestion.noise import Noise
from ticketing.suggestion.service import Suggestion, compose
from ticketing.ticket.states import Kind, Urgency

HOME = Path(gettempdir()) / "hotline-suggestion"
"""Only used where the source tree has no model of its own (.tools)."""
SETS = ("heldout", "heldout2")


@lru_cache(maxsize=2)
def heldout(name: str = "heldout") -> tuple[Example, ...]:
    whole = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
    lines = [line.split(" ", 1) for line in whole.splitlines() if line and not line.startswith("#")]
    return tuple(parse_line(text, code) for code, text in lines)


def proposed(text: str, channel: str | None = None, address: str = "") -> Suggestion:
    return compose(store.get(HOME), from_seed(), text, channel=channel, address=address)


@pytest.mark.parametrize("name", SETS)
def test_the_held_out_appeals_share_no_sentence_with_the_examples(name: str) -> None:
    known = {normalise(example.text) for example in read().examples}
    appeals = heldout(name)
    assert len(appeals) >= 350
    assert len({example.category for example in appeals}) == 72
    assert not [example.text for example in appeals if normalise(example.text) in known]
    longest = max(len(_shared_run(normalise(example.text), known)) for example in appeals[::9])
    assert longest <= 12


def _shared_run(text: str, known: set[str]) -> str:
    for size in range(min(len(text), 20), 7, -1):
        for start in range(len(text) - size + 1):
            part = text[start : start + size]
            if any(part in other for other in known):
                return part
    return ""


@pytest.mark.parametrize("name", SETS)
def test_category_unit_and_kind_are_right_as_often_as_promised(name: str) -> None:
    catalogue = from_seed()
    found = [(example, proposed(example.text)) for example in heldout(name)]
    among_three = [example.category in [guess.code for guess in item.categories] for example, item in found]
    unit_first = [
        item.units[0].unit.name == catalogue.resolve(catalogue.owners[example.category], item.place).name for example, item in found
    ]
    kind = [example.kind is item.kind for example, item in found]
    assert sum(among_three) / len(found) >= 0.97
    assert sum(unit_first) / len(found) >= 0.87
    assert sum(kind) / len(found) >= 0.87


def test_wrong_characters_of_the_right_sound_cost_little() -> None:
    import random

    noise = Noise(random.Random(3), frozenset("".join(example.text for example in read().examples)))
    sample = heldout()[::3]
    right = [example.category in [guess.code for guess in proposed(noise.misheard(example.text, 0.1)).categories] for example in sample]
    assert sum(right) / len(sample) >= 0.93


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("停水了", "0301"),
        ("电梯又把人关里头了", "0203"),
        ("工头跑了三个月没给钱", "0601"),
        ("楼下烧烤摊半夜还在吵", "1003"),
        ("环保局管管工地噪音，半夜打桩", "0501"),
        ("小区里跳广场舞的音响太大", "1003"),
        ("这家店没有营业执照", "0906"),
        ("占道摆摊的堵了人行道", "0101"),
        ("举报镇干部贪污受贿", "1206"),
    ],
)
def test_confusable_matters(text: str, category: str) -> None:
    assert proposed(text).categories[0].code == category


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("身份证丢了怎么补办", Kind.CONSULT),
        ("建议在公园里多装几盏路灯", Kind.SUGGESTION),
        ("表扬公交车司机拾金不昧", Kind.PRAISE),
        ("我要举报黑诊所无证行医", Kind.REPORT),
        ("求求你们帮帮我，没饭吃了", Kind.HELP),
        ("我要投诉物业乱收费", Kind.COMPLAINT),
        ("怎么举报违法建设", Kind.CONSULT),
    ],
)
def test_kinds_that_are_said_in_so_many_words(text: str, kind: Kind) -> None:
    assert proposed(text).kind is kind


def test_danger_that_no_certain_word_tells_puts_no_empty_word_first() -> None:
    found = proposed("孩子掉井里了")
    assert found.alarm is not None
    assert "" not in found.words


def test_the_words_that_decided_stand_in_the_text() -> None:
    found = proposed("我们小区的电梯又坏了，困住人了")
    assert found.words
    assert all(word in "我们小区的电梯又坏了困住人了" for word in found.words)
    assert any("电梯" in word for word in found.words)


def test_the_street_office_of_the_place_leads_in_village_and_community_matters() -> None:
    assert proposed("居委会不给盖章，天天没人", address="文昌苑3号楼").units[0].unit.name == "文昌街道办事处"
    unknown = proposed("村委会的账三年没公开过了")
    assert not unknown.units[0].unit.active


def test_the_reported_unit_is_left_out() -> None:
    found = proposed("城管局的执法人员收黑钱，占道摆摊的都不管")
    assert found.reported == "city-management"
    assert "city-management" not in [guess.unit.code for guess in found.units]
    assert proposed("城管局来管管占道摆摊的").units[0].unit.code == "city-management"


def test_what_is_missing_is_asked_for() -> None:
    assert set(proposed("停水了").missing) >= {"contact", "time", "place"}
    assert "contact" not in proposed("停水了", channel="phone").missing
    whole = "江畔花园3号楼从昨天早上开始停水，一直没有通知，我电话13900002716"
    assert proposed(whole).missing == ()
    assert "place" not in proposed("身份证丢了怎么补办").missing


def test_secrecy_that_is_wished_is_heard() -> None:
    assert proposed("我要举报老板偷排废水，请替我保密").confidential
    assert proposed("举报我们局长受贿").confidential
    assert not proposed("路灯坏了").confidential


@pytest.mark.parametrize("text", ["", "，。！", "hello world", "啊", "1234567", "，" * 3000, "垃" * 5000, "😀😀", "\u0000"])
def test_anything_may_be_said(text: str) -> None:
    answer = proposed(text).answer()
    assert set(answer) == {
        "kind", "category", "categories", "urgency", "emergency_line", "confidential", "units", "missing", "words"
    }  # fmt: skip
    assert len(answer["units"]) <= 3


def test_urgency() -> None:
    assert proposed("楼道里煤气味特别大").urgency is Urgency.EMERGENCY
    assert proposed("停水三天了，家里有瘫痪老人").urgency is Urgency.URGENT
    assert proposed("路灯坏了").urgency is Urgency.NORMAL


def test_shares_of_the_categories_are_probabilities() -> None:
    model = store.get(HOME)
    shares = model.category_shares(model.read("路灯坏了"))
    assert sum(shares.values()) == pytest.approx(1)
    assert len(shares) == 72


def test_a_model_of_other_sources_or_a_broken_file_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save(store.get(HOME).learned, path, "now")
    assert load(path, "now") is not None
    assert load(path, "later") is None
    path.write_bytes(path.read_bytes()[:5000])
    assert load(path, "now") is None
    assert load(tmp_path / "none.npz", "now") is None


def test_a_wrong_character_of_the_same_sound_leaves_the_sounds() -> None:
    assert set(features("路灯不亮")) & set(features("陆登不亮")) >= {"~lu den", "~den bu"}
