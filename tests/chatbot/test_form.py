"""The complaint form, as tables of dialogues."""

from __future__ import annotations

import pytest

from chatbot.draft import Draft, Note, Outcome, Slot, Step
from chatbot.form import again, hear, open_draft
from chatbot.intents import Hint, Intent


def talk(*lines: str, caller_known: bool = False) -> Step:
    step = open_draft(lines[0], draft_id="d", caller_known=caller_known)
    for line in lines[1:]:
        step = hear(step.draft, line)
    return step


def values(step: Step) -> dict[str, str]:
    return {slot.value: value for slot, value in step.draft.values.items()}


THREE = {"what": "路灯坏了", "where": "建设路", "when": "昨天"}
ALL = {"what": "路灯坏了", "where": "人民广场东边", "when": "昨天", "name": "王女士", "phone": "13900002716"}


@pytest.mark.parametrize(
    ("lines", "outcome", "expected"),
    [
        pytest.param(("我要投诉", *ALL.values()), Outcome.CONFIRM, ALL, id="each-question-answered"),
        pytest.param((*ALL.values(), "对"), Outcome.SUBMIT, ALL, id="first-sentence-is-the-matter"),
        pytest.param(
            ("滨江壹号楼下从上周开始天天半夜施工", "跳过", "不用"),
            Outcome.CONFIRM,
            {"what": "滨江壹号楼下从上周开始天天半夜施工", "where": "滨江壹号楼下", "when": "从上周开始", "name": "", "phone": ""},
            id="what-was-said-is-not-asked",
        ),
        pytest.param(
            ("路灯坏了", "不知道", "记不清了", "不方便", "没有"),
            Outcome.CONFIRM,
            {"what": "路灯坏了", "where": "", "when": "", "name": "", "phone": ""},
            id="everything-skipped",
        ),
        pytest.param(("路灯坏了", "取消"), Outcome.CANCELLED, {"what": "路灯坏了"}, id="cancelled"),
        pytest.param(("路灯坏了", "人民广场东边", "算了，不投诉了"), Outcome.CANCELLED, None, id="cancelled-later"),
        pytest.param(
            ("路灯坏了", "建设路", "不对，是解放路"), Outcome.ASK, {"what": "路灯坏了", "where": "解放路"}, id="corrected-with-comma"
        ),
        pytest.param(("路灯坏了", "建设路", "不对是解放路"), Outcome.ASK, {"what": "路灯坏了", "where": "解放路"}, id="corrected-as-heard"),
        pytest.param(
            ("路灯坏了", "建设路", "不是建设路是解放路"), Outcome.ASK, {"what": "路灯坏了", "where": "解放路"}, id="corrected-not-but"
        ),
        pytest.param(
            ("路灯坏了", "建设路", "昨天", "地址错了，应该是解放路十号"),
            Outcome.ASK,
            {"what": "路灯坏了", "where": "解放路十号", "when": "昨天"},
            id="corrected-by-name",
        ),
        pytest.param((*ALL.values(), "电话错了", "13800002716"), Outcome.CONFIRM, {**ALL, "phone": "13800002716"}, id="number-given-anew"),
        pytest.param((*ALL.values(), "不对", "时间", "前天"), Outcome.CONFIRM, {**ALL, "when": "前天"}, id="which-item-then-value"),
        pytest.param((*ALL.values(), "不对", "前天晚上"), Outcome.CONFIRM, {**ALL, "when": "前天晚上"}, id="which-item-answered-by-value"),
        pytest.param(
            (*ALL.values(), "还有旁边的井盖也松了"),
            Outcome.CONFIRM,
            {**ALL, "what": "路灯坏了。还有旁边的井盖也松了"},
            id="supplement-at-the-end",
        ),
        pytest.param(("路灯坏了", "建设路", "昨天", "我姓李", "幺三九，零零零零，二七幺六"), Outcome.CONFIRM, None, id="spoken-number"),
        pytest.param(
            ("路灯坏了", "建设路", "昨天", "我叫李明，电话13900002716"),
            Outcome.CONFIRM,
            {"what": "路灯坏了", "where": "建设路", "when": "昨天", "name": "李明", "phone": "13900002716"},
            id="two-answers-in-one",
        ),
        pytest.param(("路灯坏了", "算了"), Outcome.CANCELLED, None, id="never-mind-the-place"),
        pytest.param(("路灯坏了", "建设路", "不说了"), Outcome.CANCELLED, None, id="never-mind-the-time"),
        pytest.param(("路灯坏了", "建设路", "昨天", "不登记了"), Outcome.CANCELLED, None, id="no-registration-at-the-name"),
        pytest.param(("路灯坏了", "建设路", "昨天", "跳过", "跳过", "算了"), Outcome.CANCELLED, None, id="never-mind-the-summary"),
        pytest.param(("路灯坏了", "建设路", "昨天", "算了"), Outcome.ASK, None, id="never-mind-at-the-name-is-asked-back"),
        pytest.param(("路灯坏了", "建设路", "昨天", "算了", "算了"), Outcome.CANCELLED, None, id="said-twice-is-meant"),
        pytest.param(("路灯坏了", "建设路", "昨天", "跳过", "不说了", "对"), Outcome.CANCELLED, None, id="cancel-yes"),
        pytest.param(("路灯坏了", "建设路", "昨天", "算了", "不是", "王"), Outcome.ASK, {**THREE, "name": "王"}, id="cancel-no"),
        pytest.param(("路灯坏了", "建设路", "昨天", "算了", "跳过"), Outcome.ASK, {**THREE, "name": ""}, id="only-not-the-name"),
        pytest.param(("路灯坏了", "建设路", "昨天", "匿名"), Outcome.CONFIRM, None, id="anonymous-is-not-asked-for-a-number"),
    ],
)  # fmt: skip
def test_dialogue(lines: tuple[str, ...], outcome: Outcome, expected: dict[str, str] | None) -> None:
    step = talk(*lines)
    assert step.outcome is outcome
    if expected is not None:
        assert values(step) == expected


def test_the_callers_number_is_not_asked_for() -> None:
    step = talk("路灯坏了", "建设路", "昨天", "王女士", caller_known=True)
    assert step.outcome is Outcome.CONFIRM
    assert Slot.PHONE not in step.draft.values


def test_a_number_spoken_in_two_parts_is_put_together() -> None:
    step = talk("路灯坏了", "建设路", "昨天", "王女士", "幺三九")
    assert step.notes == (Note.PHONE_MORE,)
    assert hear(step.draft, "零零零零二七幺六").draft.value(Slot.PHONE) == "13900002716"


def test_a_wrong_number_is_asked_again_and_then_done_without() -> None:
    step = talk("路灯坏了", "建设路", "昨天", "王女士", "我没听清")
    assert step.notes == (Note.PHONE_SHORT,)
    step = hear(hear(step.draft, "嗯哪个").draft, "什么")
    assert step.outcome is Outcome.CONFIRM
    assert step.draft.values[Slot.PHONE] == ""


def test_a_bare_district_and_a_vague_place_are_asked_for_once_more() -> None:
    for vague in ("青石区", "我家楼下"):
        step = talk("路灯坏了", vague if vague == "青石区" else "楼下")
        assert step.draft.asking is Slot.WHERE
        assert step.notes == (Note.WHERE_EXACTLY,)
        assert hear(step.draft, "楼下").draft.asking is Slot.WHEN


def test_a_wish_alone_is_no_matter() -> None:
    for wish in ("我要投诉", "我想反映一个问题", "帮我登记一下", "你好我要举报"):
        assert talk(wish).draft.asking is Slot.WHAT, wish
    assert talk("我要投诉楼上漏水").draft.asking is Slot.WHERE


def test_a_matter_that_is_not_told_is_asked_for_once_more() -> None:
    step = talk("我要投诉", "没有")
    assert step.notes == (Note.NEED_MATTER,)
    assert hear(step.draft, "不知道").draft.asking is Slot.WHERE


def test_an_unclear_answer_to_the_summary_never_loses_the_appeal() -> None:
    step = talk(*ALL.values())
    for _ in range(4):
        step = hear(step.draft, "啊？")
        if step.outcome is Outcome.SUBMIT:
            break
    assert step.outcome is Outcome.SUBMIT


def test_the_classifier_helps_where_words_are_unusual() -> None:
    step = talk(*ALL.values())
    assert hear(step.draft, "没毛病", Hint(Intent.AFFIRM, 0.9)).outcome is Outcome.SUBMIT
    assert hear(step.draft, "没毛病", Hint(Intent.AFFIRM, 0.2)).outcome is not Outcome.SUBMIT
    assert hear(talk("路灯坏了").draft, "说不准", Hint(Intent.SKIP, 0.9)).draft.asking is Slot.WHEN


def test_a_draft_survives_json() -> None:
    import json

    draft = talk("路灯坏了", "建设路", "昨天", "王女士", "幺三九").draft
    assert Draft.loaded(json.loads(json.dumps(draft.stored()))) == draft
    assert Draft.loaded({**draft.stored(), "from_an_older_release": 1}) == draft


def test_again_asks_the_same_question() -> None:
    assert again(talk("路灯坏了").draft).draft.asking is Slot.WHERE
    assert again(talk(*ALL.values()).draft).outcome is Outcome.CONFIRM


def test_a_huge_answer_is_cut() -> None:
    step = talk("路灯坏了" * 5000)
    assert len(step.draft.value(Slot.WHAT)) <= 4800


FOUR = tuple(ALL.values())[:4]


@pytest.mark.parametrize(
    ("lines", "outcome", "phone"),
    [
        pytest.param((*FOUR, "13900002716，不对，是13800002716"), Outcome.CONFIRM, "13800002716", id="corrected-at-once"),
        pytest.param((*FOUR, "不是13900002716，是13800002716"), Outcome.CONFIRM, "13800002716", id="not-but"),
        pytest.param((*FOUR, "幺三九零零零零二七幺六错了最后两位是八六"), Outcome.CONFIRM, "13900002786", id="ending-at-once"),
        pytest.param((*ALL.values(), "不对，最后两位是八六"), Outcome.CONFIRM, "13900002786", id="ending-at-the-summary"),
        pytest.param((*ALL.values(), "电话最后两位不是一六，是八六"), Outcome.CONFIRM, "13900002786", id="ending-not-but"),
        pytest.param((*ALL.values(), "电话错了，后四位应该是一二三"), Outcome.ASK, "", id="ending-of-another-length-is-asked"),
        pytest.param((*ALL.values(), "那辆车车牌最后两位是八六"), Outcome.CONFIRM, "13900002716", id="ending-of-something-else"),
        pytest.param((*FOUR, "13900002716，他们态度不对，店里13800002716"), Outcome.CONFIRM, "13900002716", id="wrong-manners"),
    ],
)
def test_a_number_corrected_in_part_or_in_one_breath(lines: tuple[str, ...], outcome: Outcome, phone: str) -> None:
    step = talk(*lines)
    assert (step.outcome, step.draft.value(Slot.PHONE)) == (outcome, phone)


def test_who_is_concerned_is_asked_where_it_matters_and_kept() -> None:
    step = open_draft("健身房办的卡不给退钱", draft_id="d")
    for said in ("滨江壹号三号楼", "上周三"):
        step = hear(step.draft, said)
    assert step.draft.asking is Slot.CONCERNED
    step = hear(step.draft, "就是那个美力健身房")
    assert step.draft.value(Slot.CONCERNED) == "美力健身房"
    assert step.draft.asking is Slot.NAME
    step = hear(step.draft, "不对，是动力健身房")
    assert step.draft.value(Slot.CONCERNED) == "动力健身房"


def test_a_party_that_was_named_is_not_asked_for_and_a_hole_in_the_road_has_none() -> None:
    named = open_draft("学而优培训学校收了钱跑路了", draft_id="d").draft
    assert named.value(Slot.CONCERNED) == "学而优培训学校"
    step = open_draft("门口那条路全是坑", draft_id="d")
    for said in ("滨河路", "昨天"):
        step = hear(step.draft, said)
    assert step.draft.asking is Slot.NAME


def test_it_may_be_left_out_and_a_number_given_instead_is_kept() -> None:
    step = open_draft("老板拖欠工资三个月", draft_id="d")
    for said in ("开发区科创大道", "上个月开始"):
        step = hear(step.draft, said)
    assert step.draft.asking is Slot.CONCERNED
    step = hear(step.draft, "13900002716")
    assert step.draft.asking is Slot.CONCERNED
    assert step.draft.value(Slot.PHONE) == "13900002716"
    step = hear(step.draft, "不知道")
    assert step.draft.value(Slot.CONCERNED) == ""
    assert step.draft.asking is Slot.NAME


def test_spoken_dates_are_kept_as_said_with_the_day_beside() -> None:
    step = open_draft("路灯坏了很久没人修", draft_id="d", begun="2026-11-22T09:00:00+00:00")
    step = hear(step.draft, "滨河路")
    step = hear(step.draft, "昨晚八点多")
    assert step.draft.value(Slot.WHEN) == "昨晚八点多"
    assert step.draft.occurred == "昨晚八点多（11月21日20点左右）"
    step = hear(step.draft, "不对，是前天下午")
    assert step.draft.occurred == "前天下午（11月20日）"
