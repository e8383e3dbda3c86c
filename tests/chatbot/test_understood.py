"""What a form is filled with from all that a caller said."""

from __future__ import annotations

import pytest

from chatbot.draft import Draft, Slot
from chatbot.understood import Understood, understand


def test_facts_are_gathered_from_all_sentences() -> None:
    said = ["喂你好", "转人工", "临江区滨河路188号的路灯坏了三天了", "嗯", "我姓周", "电话幺三九零零零零二七幺六", "晚上看不见路"]
    found = understand(None, said)
    assert found.content == "临江区滨河路188号的路灯坏了三天了。晚上看不见路"
    assert (found.district, found.name, found.phone) == ("临江区", "周", "13900002716")
    assert found.address.startswith("临江区滨河路188号")


def test_what_the_caller_confirmed_to_the_assistant_comes_first() -> None:
    form = Draft(id="x", values={Slot.WHERE: "滨河路190号", Slot.NAME: "周女士", Slot.WHAT: "路灯不亮"})
    found = understand(form, ["临江区滨河路188号的路灯坏了"])
    assert (found.address, found.name) == ("滨河路190号", "周女士")
    assert understand(form, []).content == "路灯不亮"


@pytest.mark.parametrize("said", [[], ["嗯"], ["好的", "谢谢"], ["转人工"]])
def test_nothing_said_fills_nothing(said: list[str]) -> None:
    assert understand(None, said) == Understood()


def test_a_sentence_that_comes_twice_stands_once_and_a_flood_has_an_end() -> None:
    assert understand(None, ["路灯坏了没人修", "路灯坏了没人修。"]).content == "路灯坏了没人修"
    assert len(understand(None, [f"第{number}盏路灯坏了没人修" for number in range(2000)]).content) <= 4800
