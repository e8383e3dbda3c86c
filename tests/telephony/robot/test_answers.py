"""What counts as an answer. A wrong 满意 would close a ticket over the citizen's head: what is not clear is nothing."""

from __future__ import annotations

import pytest

from hotline.errors import NotAllowed
from hotline.settings import Settings
from telephony.outbound import citizen_route
from telephony.robot.answers import by_key, by_words, somebody_else, wants_person
from ticketing.callback import rules

RULES = rules.load()
SCALE = RULES.scales["three"]
FIVE = RULES.scales["five"]
QUESTIONS = {question.key: question for question in RULES.questions}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("解决了", "yes"), ("已经解决了", "yes"), ("是的", "yes"), ("对", "yes"), ("嗯", "yes"),
        ("没有", "no"), ("没解决", "no"), ("还没有解决", "no"), ("没有解决", "no"), ("不是", "no"), ("没有联系过", "no"),
        ("不是没有", None), ("这个怎么说呢", None), ("", None), ("喂", None), ("喂，解决了", "yes"), ("你好像没解决", "no"),
    ],
)  # fmt: skip
def test_yes_and_no(text: str, answer: str | None) -> None:
    assert by_words(QUESTIONS["solved"], text, SCALE) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("非常满意", "very_satisfied"), ("很满意", "very_satisfied"), ("满意", "satisfied"), ("还满意吧", "satisfied"),
        ("不满意", "dissatisfied"), ("不太满意", "dissatisfied"), ("非常不满意", "dissatisfied"), ("太差了", "dissatisfied"),
        ("差不多", None), ("你说呢", None), ("路灯修好了", None),
    ],
)  # fmt: skip
def test_three_steps(text: str, answer: str | None) -> None:
    assert by_words(QUESTIONS["satisfaction"], text, SCALE) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("基本满意", "fairly_satisfied"), ("非常满意", "very_satisfied"), ("非常不满意", "very_dissatisfied"), ("不满意", "dissatisfied"),
        ("不太满意", None), ("满意", "satisfied"),
    ],
)  # fmt: skip
def test_five_steps_need_the_very_word(text: str, answer: str | None) -> None:
    assert by_words(QUESTIONS["satisfaction"], text, FIVE) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [("挺好的", "good"), ("一般", "fair"), ("不好", "bad"), ("不太好", "bad"), ("那个", None), ("你好", None), ("您好，还行", "fair")],
)
def test_choices(text: str, answer: str | None) -> None:
    assert by_words(QUESTIONS["attitude"], text, SCALE) == answer


def test_keys_follow_the_order_in_which_they_are_read_out() -> None:
    assert [by_key(QUESTIONS["satisfaction"], key, SCALE) for key in "1234*#"] == [
        "very_satisfied", "satisfied", "dissatisfied", None, None, None,
    ]  # fmt: skip
    assert [by_key(QUESTIONS["solved"], key, SCALE) for key in "123"] == ["yes", "no", None]


def test_other_ways_out() -> None:
    assert wants_person("给我转人工")
    assert somebody_else("你打错了吧")
    assert not wants_person("满意")
    assert not somebody_else("是我反映的")


def test_only_citizens_numbers_are_dialled(settings: Settings) -> None:
    open_ = settings.model_copy(update={"outbound_uri": "sip:{number}@127.0.0.1:5060"})
    assert citizen_route(open_, "13900002716") == "sip:13900002716@127.0.0.1:5060"
    for bad in ("0012025550123", "95588", "1", "", "13x", "13900002716@evil", "١٣٩٠٠٠٠٢٧١٦", "13９00002716"):
        with pytest.raises(NotAllowed):
            citizen_route(open_, bad)
    with pytest.raises(NotAllowed):
        citizen_route(settings, "13900002716")
