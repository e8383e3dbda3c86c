"""The ticket's events as a story: what, who, when, and the words that were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.web.words import word
from hotline.events import Event
from hotline.i18n import _


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    seq: int
    at: datetime
    icon: str
    dot: str
    """CSS modifier of the dot: empty, ok, brand, yellow, red."""
    title: str
    who: str
    detail: str
    quote: str


_PLAIN = {
    "ticket.registered": ("file-plus", "", "登记"),
    "ticket.edited": ("pencil", "", "修改登记内容"),
    "ticket.named": ("lock", "", "指定可见人员"),
    "ticket.submitted": ("list-checks", "", "提交派单"),
    "ticket.dispatched": ("send", "brand", "派单"),
    "ticket.redispatched": ("undo-2", "", "撤回，等待重新派单"),
    "ticket.answered": ("message-square-text", "ok", "直接答复"),
    "ticket.rejected": ("ban", "", "不予受理"),
    "ticket.info_requested": ("circle-help", "", "请市民补充材料"),
    "ticket.info_received": ("file-plus", "ok", "市民已补充"),
    "ticket.supplemented": ("file-plus", "", "补充内容"),
    "ticket.emergency_transferred": ("siren", "red", "转紧急热线"),
    "ticket.emergency_followed": ("siren", "", "紧急事项跟进"),
    "ticket.reply_ready": ("clipboard-check", "", "答复齐备，等待审核"),
    "ticket.redo": ("rotate-ccw", "red", "市民不满意，重新办理"),
    "ticket.reopened": ("rotate-ccw", "red", "重新办理"),
    "ticket.closed": ("circle-check", "ok", "办结"),
    "ticket.closed_disputed": ("circle-check", "", "办结（不满意，答复合理）"),
    "ticket.closed_no_contact": ("circle-check", "", "办结（无法联系）"),
    "ticket.evaluated": ("star", "", "市民评价"),
    "ticket.withdrawn": ("undo-2", "", "市民撤回"),
    "ticket.invalidated": ("ban", "", "标为无效"),
    "assignment.created": ("building-2", "", "交给承办单位"),
    "assignment.signed": ("check", "ok", "签收"),
    "assignment.contacted": ("phone", "ok", "联系市民"),
    "assignment.replied": ("signature", "ok", "审签答复"),
    "return.requested": ("undo-2", "", "申请退单"),
    "return.approved": ("undo-2", "", "同意退单"),
    "return.refused": ("ban", "", "不同意退单"),
    "reply.drafted": ("reply", "", "起草答复"),
    "reply.draft_refused": ("pencil", "", "退回修改"),
    "reply.accepted": ("clipboard-check", "ok", "审核通过"),
    "reply.sent_back": ("undo-2", "red", "审核退回"),
    "callback.opened": ("phone-outgoing", "", "等待回访"),
    "callback.attempted": ("phone-missed", "", "回访未接通"),
    "callback.done": ("phone-outgoing", "ok", "回访"),
    "return_call.owed": ("phone-missed", "red", "需要回拨"),
    "return_call.done": ("phone-outgoing", "ok", "已回拨"),
    "supervise.reminded": ("bell", "", "时限过半提醒"),
    "supervise.warned": ("alarm-clock", "", "即将到期预警"),
    "supervise.yellow": ("triangle-alert", "yellow", "黄牌"),
    "supervise.red": ("octagon-alert", "red", "红牌"),
    "supervise.urged": ("megaphone", "brand", "催办"),
    "view.revealed": ("eye", "", "查看联系方式"),
    "view.recording": ("headphones", "", "调听录音"),
    "export.made": ("download", "", "导出"),
    "person.erased": ("eraser", "", "清除个人信息"),
    "ticket.anonymised": ("eraser", "", "到期匿名化"),
    "attachment.added": ("paperclip", "", "上传附件"),
}


def story(events: Iterable[Event], units: Mapping[int, str]) -> list[Entry]:
    """Events in the order in which they happened; `units` are names by id.

    `assignment.created` of a lead unit is already told by the dispatch before it and left out.
    """
    entries = []
    for event in events:
        if event.name == "assignment.created" and event.data.get("lead"):
            continue
        icon, dot, title = _PLAIN.get(event.name, ("circle", "", event.name))
        entries.append(
            Entry(event.seq, event.at, icon, dot, _(title), _who(event), _detail(event, units), _quote(event.data)),
        )
    return entries


def _who(event: Event) -> str:
    return event.actor_label if event.actor_kind in ("staff", "citizen", "bot") else _("系统")


def _quote(data: Mapping[str, Any]) -> str:
    """What somebody wrote."""
    for key in ("instruction", "answer", "text", "missing", "note", "evidence", "reason", "legal_way"):
        value = data.get(key)
        if isinstance(value, str) and value.strip() and not (key == "reason" and value in _CODES):
            return value.strip()
    return ""


_CODES = {"queue_timeout", "hung_up_in_queue", "hung_up_in_form", "message_left", "process_died", "outage"}


_EDITED = {"category_code": "类别", "urgency": "紧急程度", "title": "标题", "confidentiality": "公开程度"}


def _changed(name: str, before: str | None, after: str) -> str:
    table = name if name in ("urgency", "confidentiality") else ""
    old, new = (word(table, before), word(table, after)) if table else (before, after)
    return _("{what}：{old}改为{new}").format(what=_(_EDITED.get(name, name)), old=old or _("空"), new=new)


def _detail(event: Event, units: Mapping[int, str]) -> str:
    """The facts of the event in a few words."""
    data = event.data
    parts = []
    if event.name == "ticket.registered":
        parts = [word("channel", data.get("channel")), word("kind", data.get("kind"))]
    if isinstance(data.get("unit"), int):
        parts.append(units.get(data["unit"], ""))
    if event.name == "assignment.created":
        parts.append(_("协办"))
    parts += [word(table, data.get(key)) for key, table in (("mode", "mode"), ("urgency", "urgency"), ("satisfaction", "satisfaction"))]
    if "way" in data:
        parts.append(word("contact", data["way"]))
    if "outcome" in data:
        parts.append(word("attempt", data["outcome"]))
    if "solved" in data and data["solved"] is not None and event.name == "callback.done":
        parts.append(_("已解决") if data["solved"] else _("未解决"))
    if "clock" in data:
        parts.append(word("clock", data["clock"]))
    if "round" in data:
        parts.append(_("第{n}轮").format(n=data["round"]))
    if "reason" in data and data["reason"] in _CODES:
        parts.append(word("return_reason", data["reason"]))
    if event.name == "ticket.edited":
        parts = [_changed(name, data["before"].get(name), value) for name, value in data.get("after", {}).items()]
    if "people" in data:
        parts.append("、".join(str(name) for name in data["people"]))
    if "file" in data:
        parts.append(str(data["file"]))
    return "，".join(part for part in parts if part)
