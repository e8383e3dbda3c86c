"""Names of the city in place of what sounds like them, and nothing else changed."""

from __future__ import annotations

import time

import pytest
import yaml

from telephony.speech.domain_words import DomainWords, spoken_names
from telephony.speech.models import seeded_words
from ticketing.seed.entries import SEED_DIR


@pytest.fixture(scope="module")
def words() -> DomainWords:
    return DomainWords(seeded_words())


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("江 盼 花园 的 路灯 坏了", "江畔花园 的 路灯 坏了"),
        ("崔 湖 小区 电梯", "翠湖小区 电梯"),
        ("脆 湖 小 区", "翠湖小区"),
        ("学 员 路 积水", "学院路 积水"),
        ("宾 和 路", "滨河路"),  # bin he is bing he for a recogniser, and for half of the country
        ("在 石桥 蔡 市场", "在 石桥菜市场"),
        ("站 到 经营", "占道经营"),
        ("生 太 环境 局", "生态环境局"),
        ("政府 服务 中心", "政务服务中心"),
        ("事 人民 医院", "事 人民医院"),
    ],
)
def test_a_name_that_sounds_the_same_is_written(words: DomainWords, heard: str, meant: str) -> None:
    assert words.correct(heard.split()) == meant


@pytest.mark.parametrize(
    "heard",
    [
        "和平 解决",  # holds 和平街, but across a word
        "平湖 小区",  # another estate
        "白河 路",
        "市 第二 中学",  # not the first one
        "环城 南路",  # not the eastern one
        "是 税务局 吗",
        "医疗 废物",  # a category is not guessed
        "文化馆",
        "我们 小区 门口",
        "小 区",
        "hello 一 二 三",
        "",
    ],
)
def test_what_is_something_else_stays(words: DomainWords, heard: str) -> None:
    assert words.correct(heard.split()) == heard


def test_a_name_that_was_heard_rightly_is_not_written_over() -> None:
    words = DomainWords(["人民路", "仁民路"])
    assert words.correct(["人民路"]) == "人民路"
    assert words.correct(["人民", "路"]) == "人民路"
    assert words.correct(["人敏", "路"]) == "人敏 路", "two names sound like it: neither is chosen"


def test_a_long_name_wins_over_the_short_one_in_it() -> None:
    words = DomainWords(["滨河街道", "滨河街道办事处"])
    assert words.correct(["冰", "河", "街道", "办", "事", "处"]) == "滨河街道办事处"


def test_names_as_they_are_said() -> None:
    assert spoken_names(["市城市管理局", "占道经营与市容秩序", "丰和街道办事处", "路", "A座", "市人民医院"]) == (
        "城市管理局", "占道经营", "市容秩序", "丰和街道办事处", "人民医院",
    )  # fmt: skip


def test_without_names_nothing_changes() -> None:
    assert DomainWords().correct(["江", "盼", "花园"]) == "江 盼 花园"


def test_what_was_written_rightly_is_left_alone(words: DomainWords) -> None:
    """Sentences of citizens, cut character by character: the worst case for a name that begins anywhere."""
    frames = yaml.safe_load((SEED_DIR.parent / "suggestion" / "data" / "frames.yaml").read_text(encoding="utf-8"))
    sentences = [text for texts in frames.values() for text in texts]
    assert len(sentences) > 30
    changed = [text for text in sentences if words.correct(list(text)).replace(" ", "") != text.replace(" ", "")]
    assert changed == []


def test_a_large_city_costs_nothing_noticeable() -> None:
    """20,000 names and a sentence of 30 words: 5 ms of processor time at most beside the 100 ms of sound."""
    characters = sorted(set("".join(seeded_words())))
    size = len(characters)
    names = [characters[n % size] + characters[n * 7 % size] + characters[n * 31 // size % size] + "花园" for n in range(20_000)]
    words = DomainWords(names)
    sentence = list("我想反映一下昨天晚上江盼花园门口的路灯坏了请你们尽快派人")
    began = time.process_time()
    for _ in range(50):
        words.correct(sentence)
    assert (time.process_time() - began) / 50 < 0.005
