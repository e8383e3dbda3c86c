"""Replies of the demo's units: the same measures, told differently each time, as people write them.

Two matters are left as they stand in matters.yaml, so that 疑点 shows what copying looks like (docs/demo.md).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hotline.demo.content import Matter
from ticketing.assignment.service import ReplyDraft

COPIED = frozenset({"0105", "0902"})
"""Categories whose units paste the same reply every time."""
_FIRST = (
    "{day}接到工单，当日就安排经办人逐项核实。",
    "针对“{place}”的这件诉求，{day}由科室负责人牵头核查。",
    "{day}先和市民通话了解细节，再逐条核对。",
    "经办人员查阅了此前的办理记录，并于{day}重新核对。",
    "本件由分管领导阅批，{day}启动办理。",
    "“{place}”的情况列入本周重点，{day}开始处理。",
    "按首接负责的要求，{day}由值班人员先行处置。",
)
_LAST = (
    "办理经过已向市民逐项说明，市民没有提出其他意见。",
    "有关材料已经存档，可供回访时核对。",
    "经办人下个月再回头看一次，发现反复立即处理。",
    "这件事的做法已写入科室工作提示，避免同类问题再出现。",
    "如再有类似情况，市民可以直接联系经办科室，当天受理。",
)


def reply_to(matter: Matter, place: str, day: date, serial: int) -> ReplyDraft:
    """The unit's reply to the appeal `serial`; thirty-five in a row are told in different words."""
    if matter.code in COPIED:
        return matter.reply
    names = {"day": f"{day.month}月{day.day}日", "place": place}
    first, last = _FIRST[serial % len(_FIRST)], _LAST[serial % len(_LAST)]
    return replace(matter.reply, measures=first.format(**names) + matter.measures + last)
