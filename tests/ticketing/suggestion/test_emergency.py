"""Danger: one source for bot, telephone and suggestion. What is over, feared, asked or a figure of speech raises no alarm."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hotline.errors import InvalidInput
from ticketing.suggestion import danger, danger_training
from ticketing.suggestion.emergency import Alarm, Danger, Rules, alarm_in, danger_in, doubt_in, rules, sensitive_words, suspicion_in


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("我家厨房一股煤气味", "gas"),
        ("挖机把燃气管挖破了嗤嗤响", "gas"),
        ("楼道里煤气味特别大", "gas"),
        ("楼下着火了快来", "119"),
        ("我妈被困电梯里出不来", "119"),
        ("困在电梯里半小时了还没人来", "119"),
        ("工地塌了有人被埋", "119"),
        ("有人要跳楼在楼顶", "110"),
        ("我不想活了", "110"),
        ("我想结束生命", "110"),
        ("孩子爸爸打我，我怕", "110"),
        ("有人拿刀砍人", "110"),
        ("路口两辆车相撞有人流血", "122"),
        ("孩子掉进河里了", "120"),
        ("老人晕倒在路边没人管", "120"),
        ("高压线断了掉地上冒火花", "power"),
        ("路灯杆漏电狗被电死了", "power"),
        ("井盖没了黑灯瞎火的", None),
        ("路面突然塌了个大洞", None),
        ("房子要塌了", None),
    ],
)
def test_a_danger_has_its_line(text: str, line: str | None) -> None:
    alarm = alarm_in(text)
    assert alarm is not None
    assert alarm.line == line


@pytest.mark.parametrize(
    "text",
    [
        "煤气费怎么交",
        "消防验收手续",
        "自杀式降价",
        "跳楼价大甩卖是虚假宣传",
        "去年着火的房子没修",
        "灭火器过期了",
        "老公打我怎么申请离婚证明",
        "担心会爆炸",
        "楼道堆杂物万一起火怎么办",
        "家里着火了想申请救助补助",
        "触电身亡赔偿怎么算",
        "上个月车祸理赔",
        "电动车充电容易着火",
        "井盖响得睡不着",
        "燃气漏气报警器怎么装",
        "饭店生意火爆排队",
        "救护车收费太贵",
        "电梯经常困人",
        "消防演练什么时候搞",
        "",
    ],
)
def test_what_is_no_danger_now(text: str) -> None:
    assert alarm_in(text) is None


def test_the_bot_interrupts_only_where_there_is_a_number_to_call() -> None:
    assert danger_in("楼下着火了") is Danger.FIRE
    assert danger_in("井盖没了") is None
    assert alarm_in("井盖没了") is not None


@pytest.mark.parametrize("text", ["我叫孙丽华", "我叫马超", "本人叫高大勇", "我叫张伟。"])
def test_a_name_is_no_danger(text: str) -> None:
    """«我叫…» is also how somebody says what was done to them; told to the form it is a name."""
    assert alarm_in(text) is None
    assert suspicion_in(text) is None


def test_sensitive_words_by_theme() -> None:
    assert sensitive_words("几百户业主要拉横幅，找媒体曝光") == {"群体": ("几百户", "拉横幅"), "媒体": ("找媒体", "曝光")}
    assert sensitive_words("路灯坏了") == {}
    assert sensitive_words("门口卖炸串的占道，楼下炸鸡店油烟大") == {}
    assert sensitive_words("再不管我就把楼炸掉") == {"极端": ("炸掉",)}


def test_faulty_rules_are_refused_with_a_reason() -> None:
    words = {"innocent": "x", "guards": "x", "now": "x", "urgent": "x"}
    with pytest.raises(InvalidInput, match="999"):
        Rules.of({**words, "rules": [{"danger": "fire", "line": "999", "words": ["火"]}]})
    with pytest.raises(InvalidInput):
        Rules.of({**words, "rules": [{"danger": "fire", "line": "119", "words": ["("]}]})
    with pytest.raises(InvalidInput):
        Rules.of({**words, "rules": [{"danger": "nothing", "line": None, "words": ["x"]}]})


def test_every_kind_that_the_classifier_knows_has_its_line() -> None:
    for kind in danger.model().kinds:
        if kind != danger.CALM:
            assert rules().of_kind(Danger(kind)).danger is Danger(kind)


def test_the_classifier_was_made_from_the_present_sentences() -> None:
    """Else run `python -m ticketing.suggestion.danger_training`."""
    assert danger_training.stamp_of() == danger_training.stamp()


def _heldout() -> dict[str, list[str]]:
    path = Path(__file__).parents[3] / "benchmarks" / "heldout" / "emergencies.yaml"
    found: dict[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("name", "told", "suspected"), [("first", 0.9, 0.98), ("second", 0.75, 0.98), ("plain", 0.9, 0.98)])
def test_danger_in_other_words_is_told_or_suspected(name: str, told: float, suspected: float) -> None:
    """Measured 22 November 2026: told 91, 79 and 94 %, suspected all; what the assistant asks is measured in benchmarks.bot_quality."""
    lines = _heldout()[name]
    missed = [line for line in lines if danger_in(line) is None and suspicion_in(line) is None]
    assert len(lines) - len(missed) >= suspected * len(lines), missed
    assert sum(danger_in(line) is not None for line in lines) >= told * len(lines)


def test_what_only_sounds_like_danger_is_left_alone() -> None:
    """Measured 22 November 2026: 2 of 120 told, 1 more asked without a second ear."""
    lines = _heldout()["calm"]
    assert len(told := [line for line in lines if danger_in(line)]) <= 3, told
    assert len(asked := [line for line in lines if danger_in(line) or doubt_in(line)]) <= 6, asked


def test_nothing_held_out_is_learned() -> None:
    learned = {line for lines in danger_training.sentences().values() for line in lines}
    assert not learned & {line for lines in _heldout().values() for line in lines}


def test_where_a_number_was_told_nothing_is_asked() -> None:
    assert danger_in("楼下着火了") is Danger.FIRE
    assert doubt_in("楼下着火了") is None
    assert doubt_in("路灯坏了") is None
    assert suspicion_in("路灯坏了") is None


def test_people_in_danger_go_before_the_cable_that_fell() -> None:
    alarm = alarm_in("高压线断了有个人被电倒在地上没有反应了")
    assert alarm is not None
    assert alarm.bot


def test_an_alarm_without_a_certain_word_names_its_kind() -> None:
    assert Alarm(Danger.RESCUE, "119", "", bot=True).told == "有人被困"
    assert Alarm(Danger.FIRE, "119", "着火", bot=True).told == "着火"
