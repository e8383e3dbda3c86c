"""Places and times in what a citizen says. Places are data: ticketing/seed/gazetteer.json holds the city's names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hotline.errors import InvalidInput
from ticketing.seed.entries import city_file

_LISTS = ("districts", "streets_and_towns", "roads", "places")

_TAIL = (
    r"(?:(?:和|与|跟|交|到)?[\u4e00-\u9fff]{0,4}(?:路口|交叉口|交叉路口|十字路口)|"
    r"(?:小区)?[0-9一二三四五六七八九十百零]{1,5}(?:号楼|号|栋|幢|期|弄|巷|单元|室|楼)(?:[0-9一二三四五六七八九十百零]{1,5}(?:单元|室|号|楼|层))*)?"
    r"(?:的?(?:门口|楼下|楼上|对面|旁边|附近|后面|前面|里面|大门口|东门|西门|南门|北门|东侧|西侧|南侧|北侧|工地|广场|地下室|地下车库|车库|电梯|中间|一带))?"
)
_GENERIC = re.compile(
    r"(?<![\u4e00-\u9fff])(?:在|位于|地址是|地点是|就在|是)?"
    r"((?!这|那|哪|某|有|我|一)[\u4e00-\u9fff]{2,5}(?:路|街|大道|小区|花园|广场|公园|中学|小学|医院|市场|大厦|商场|村|镇|乡|社区|幼儿园|车站|工地)"
    + _TAIL
    + ")"
)
_POINTING = re.compile(r"[这那哪条我们给你他有人个把被不了]|马路|什么|建议")
"""«That road there» is no place that a clerk could find."""
_TIME = re.compile(
    r"(?:从|自从)?(?:今天|昨天|前天|大前天|今早|今晚|昨晚|每天|天天|每晚|这几天|最近|近来|上周|这周|上个?月|这个月|上个?星期|去年|今年|周[一二三四五六日末天]|星期[一二三四五六日天]|"
    r"[0-9一二三四五六七八九十两]{1,3}(?:月份?|号(?![楼院栋])|日)|(?:[0-9一二三四五六七八九十两]{1,3}|好几|几|半)个?多?(?:月|天|周|星期|小时|年)多?(?:前|以前|之前|了)|刚才|刚刚|现在|一直|半夜|凌晨|夜里|晚上|早上|上午|中午|下午|傍晚|白天)"
    r"(?:的|到|至|以后|之后|开始|都|大概|大约|差不多)?"
    r"(?:(?:[0-9一二三四五六七八九十两]{1,3}(?:个)?(?:月|号|日|点|点半|时)(?:多|左右|钟|半)?)|(?:今天|昨天|半夜|凌晨|夜里|晚上|早上|上午|中午|下午|傍晚|白天))*(?:开始|左右)?"
)


@dataclass(frozen=True)
class Gazetteer:
    """Names of the city, longest first."""

    names: tuple[str, ...]
    districts: frozenset[str]

    @classmethod
    def of(cls, lists: Mapping[str, Any]) -> Gazetteer:
        """From the lists of the file; raises InvalidInput when one is missing or holds something else than names."""
        for key in _LISTS:
            if not isinstance(lists.get(key), list) or not all(isinstance(name, str) and name for name in lists[key]):
                raise InvalidInput("gazetteer.json needs the list `{key}` of names", key=key)
        names = {name for key in _LISTS for name in lists[key]}
        return cls(tuple(sorted(names, key=lambda name: (-len(name), name))), frozenset(lists["districts"]))

    def districts_in(self, text: str) -> str:
        """The first district named in `text`, or an empty string."""
        return next((name for name in self.districts if name in text), "")

    def find(self, text: str) -> str:
        """The place that `text` names, with its house number or corner; an empty string when there is none."""
        known = [(text.find(name), name) for name in self.names if name in text]
        if known:
            return _with_tail(text, known)
        found = _GENERIC.search(text)
        return "" if found is None or _POINTING.search(found[1]) else found[1]

    def is_district_only(self, place: str) -> bool:
        """Whether `place` says no more than a district."""
        return place in self.districts


def _with_tail(text: str, known: Sequence[tuple[int, str]]) -> str:
    start = min(position for position, _name in known)
    end = start
    for position, name in sorted(known):
        if position - end <= 3:
            end = max(end, position + len(name))
    tail = re.compile(_TAIL).match(text, end)
    return text[start : tail.end() if tail else end]


_ANCHOR = re.compile(
    r"天|周|星期|[0-9一二三四五六七八九十两]个?月|上个?月|这个月|年|[0-9一二三四五六七八九十]+[日号]|今早|今晚|昨晚|每|最近|近来|刚|现在|一直|小时|[0-9一二三四五六七八九十两]点"
)


def find_time(text: str, *, anchored: bool = False) -> str:
    """The words that say when (昨天晚上十点), or an empty string.

    Args:
        anchored: only words that name a day or a habit; «at night» alone says too little to spare the question.
    """
    found = max((match[0] for match in _TIME.finditer(text)), key=len, default="").strip()
    return "" if anchored and not _ANCHOR.search(found) else found


@lru_cache(maxsize=1)
def gazetteer() -> Gazetteer:
    """The city's names."""
    return Gazetteer.of(json.loads(city_file("gazetteer.json").read_text(encoding="utf-8")))
