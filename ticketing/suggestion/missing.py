"""Which of the five elements of an appeal were not said yet: name and contact, time, place, object, course (domain.md 2.3)."""

from __future__ import annotations

import re

from ticketing.suggestion.places import says_where
from ticketing.ticket.states import Kind

ELEMENTS = ("contact", "time", "place", "object", "course")
KNOWN_CONTACT = frozenset({"phone", "wechat"})
"""Channels that tell by themselves how the citizen is reached."""
_PHONE = re.compile(r"1[3-9]\d{9}|0\d{2,3}-?\d{7,8}")
_TIME = re.compile(
    r"今天|昨天|前天|今早|今晚|昨晚|昨夜|今儿|昨儿|前儿|每天|天天|每晚|每到|这几天|最近|近期|近来|刚才|刚刚|现在|一直|长期|常年|半夜|凌晨|夜里|晚上|早上|早晨|清晨|上午|中午|下午|傍晚|白天|周末|一大早|平时|整晚|整夜|"
    r"(?:周|星期|礼拜)[一二三四五六日天末]?|去年|今年|前年|上个?月|这个?月|本月|年底|过年|春节|夏天|冬天|[0-9一二三四五六七八九十两几半数仨俩]+(?:多)?(?:个)?(?:年|月|天|日|周|星期|礼拜|小时|钟头|分钟|点|号)|好久|又|经常|老是|总是|从来|三天两头"
)
_OBJECT = re.compile(
    r"公司|店|厂|工地|物业|医院|学校|老师|司机|邻居|楼上|楼下|隔壁|老板|开发商|商家|机构|单位|部门|局|社区|村|路灯|电梯|车|狗|摊|饭|垃圾|井盖|水|电|气|暖|树|路|房|人|证|款|费|金|票|卡|药|疫苗|噪"
)


def missing_elements(text: str, kind: Kind, channel: str | None = None) -> list[str]:
    """What to ask for, in the order in which it is asked. A consultation needs no place, praise no time."""
    said = text.strip()
    absent = []
    if channel not in KNOWN_CONTACT and not _PHONE.search(said):
        absent.append("contact")
    if kind not in (Kind.CONSULT, Kind.SUGGESTION, Kind.PRAISE) and not _TIME.search(said):
        absent.append("time")
    if kind is not Kind.CONSULT and not says_where(said):
        absent.append("place")
    if not _OBJECT.search(said):
        absent.append("object")
    if kind not in (Kind.CONSULT, Kind.PRAISE) and len(re.sub(r"\W", "", said)) < 12:
        absent.append("course")
    return absent
