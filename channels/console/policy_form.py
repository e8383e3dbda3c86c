"""A policy document as a form, as a row of the table, and as words. The document itself is checked in `ticketing.deadline`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from hotline import typed_yaml
from hotline.errors import InvalidInput
from hotline.i18n import _, counted, texts
from ticketing.deadline.limits import Limit, PolicyError, limit_of
from ticketing.deadline.models import ClockKind
from ticketing.deadline.policy import Policy
from ticketing.words import word

LIMITS = texts(
    {
        "sign": "签收",
        "contact": "联系市民",
        "on_site": "现场反馈",
        "plan": "办理方案",
        "handle": "办结",
        "co_handle": "协办",
        "review": "审核",
        "callback": "回访",
        "redo": "不满意后重办",
    }
)
"""Fields of a policy that are limits, in the order of the form."""
UNITS = texts({"min": "分钟", "h": "小时", "wh": "工作小时", "wd": "工作日", "d": "自然日"})
ENDS = texts({"day_end": "当天24:00", "office_close": "下班时"})
ROLLS = texts({"none": "不顺延", "next_wd": "顺延到下一个工作日"})
NAMES = texts(
    {
        **LIMITS,
        "title": "名称",
        "when": "适用条件",
        "after": "不满意后",
        "extensions": "延期",
        "more_extensions": "可多次延期",
        "retired": "停用",
        "end": "到期时刻",
        "roll": "遇休息日",
        "warn_at": "提醒比例",
        "yellow_at": "黄牌比例",
        "red_at": "红牌",
        "dispatch": "派单",
        "windows": "等待期限",
        "reopen_days": "可重新办理的天数",
        "sent_back": "审核退回后",
        "objected": "异议重新决定",
        "hours": "回访时段",
        "attempts": "尝试次数和天数",
        "pause": "未接通后等几分钟",
        "lease": "一人占用几分钟",
        "second_visit": "二次回访期限",
        "rating_days": "自行评价的天数",
        "link_days": "评价链接有效天数",
        "rules": "谁来回访和抽样比例",
    }
)
CONDITIONS = texts(
    {
        "urgency": "紧急程度",
        "leader_days": "批示天数",
        "line": "号码",
        "handling": "办理类型",
        "kind": "诉求类型",
        "mode": "交办方式",
    }
)
_TABLES = {"urgency": "urgency", "handling": "handling_kind", "kind": "kind", "mode": "mode"}
AFTER = texts({"redo": "重办", "explanation": "书面说明后重办", "petition": "告知信访途径", "none": "督办决定"})


def limit_words(limit: Limit | None) -> str:
    """A limit in words: 3个工作日, 15分钟; empty for none."""
    if limit is None:
        return ""
    if limit.unit == "h" and limit.value < 1:
        return counted("{n}分钟", round(limit.value * 60))
    match limit.unit:
        case "h":
            return counted("{n}小时", limit.value)
        case "wh":
            return counted("{n}个工作小时", limit.value)
        case "wd":
            return counted("{n}个工作日", limit.value)
        case _:
            return counted("{n}天", limit.value)


def condition_words(when: Mapping[str, Any]) -> str:
    """The conditions of a policy in words."""
    parts = []
    for name, title in CONDITIONS.items():
        if name in when:
            raw = when[name]
            values = sorted(map(str, raw)) if isinstance(raw, (list, frozenset, set, tuple)) else [str(raw)]
            words = "、".join(word(_TABLES[name], value) if name in _TABLES else value for value in values)
            parts.append(f"{_(title)}：{words}")
    return "；".join(parts) or _("全部")


def extension_words(policy: Policy) -> str:
    """How often and how long a unit may extend."""
    notes = {"written": _("附书面说明"), "statute": _("依法定期限")}
    told = []
    for rule in policy.extensions:
        length = limit_words(rule.limit) or _("时间不限")
        who = _("领导批") if rule.by.value == "leader" else ""
        told.append("，".join(part for part in (length, who, notes.get(rule.note, "")) if part))
    text = "；".join(told)
    return text + _("，可多次") if text and policy.more_extensions else text


def row_of(policy: Policy) -> dict[str, str]:
    """The cells of one line of the table."""
    row = {name: limit_words(policy.limits.get(ClockKind(name))) for name in LIMITS if name not in ("co_handle", "redo")}
    row["co_handle"] = limit_words(policy.co_handle)
    row["extension"] = extension_words(policy)
    row["after"] = limit_words(policy.redo) if policy.after == "redo" else _(AFTER[policy.after])
    return row


def value_words(name: str, value: Any) -> str:
    """One field of a document in words, for the person who confirms a change."""
    if value is None:
        return _("没有")
    if name in (*LIMITS, "sent_back", "objected"):
        try:
            return limit_words(limit_of(value, name))
        except PolicyError:
            return str(value)
    if name == "when" and isinstance(value, dict):
        return condition_words(value)
    known = {"end": ENDS, "roll": ROLLS, "after": AFTER}.get(name)
    if known and value in known:
        return _(known[value])
    return typed_yaml.written(value, flow=True).replace("\n...", "").strip()


def as_yaml(document: Mapping[str, Any]) -> str:
    """A document as it is typed."""
    return typed_yaml.written(dict(document)) if document else ""


def entered_of(document: Mapping[str, Any]) -> dict[str, str]:
    """What the form shows for a document."""
    found = {"title": str(document.get("title", "")), "end": str(document.get("end", "day_end")), "roll": str(document.get("roll", "none"))}
    for name in LIMITS:
        found[name], found[f"{name}_unit"] = "", "wd"
        if document.get(name) is not None:
            limit = limit_of(document[name], name)
            minutes = limit.unit == "h" and limit.value < 1
            found[name] = f"{limit.value * 60:.0f}" if minutes else f"{limit.value:g}"
            found[f"{name}_unit"] = "min" if minutes else limit.unit
    rest = {name: value for name, value in document.items() if name not in {*LIMITS, "key", "title", "end", "roll"}}
    found["rest"] = as_yaml(rest)
    return found


def document_of(key: str, entered: Mapping[str, str]) -> dict[str, Any]:
    """The document that the form describes. Raises InvalidInput naming the field."""
    document: dict[str, Any] = {"key": key}
    if entered.get("title"):
        document["title"] = entered["title"]
    document |= read_yaml(entered.get("rest", ""))
    if set(document) & set(LIMITS):
        raise InvalidInput(_("时限请填在上面的格子里，不要写在“其他”里"), field="rest")
    for name, title in LIMITS.items():
        number = entered.get(name, "").strip()
        if not number:
            continue
        try:
            limit = limit_of({"value": number, "unit": entered.get(f"{name}_unit", "wd")}, name)
        except PolicyError as error:
            raise InvalidInput(_("“{name}”的时限不对：应是数字，天数应是整数").format(name=_(title)), field=name) from error
        document[name] = limit.as_data()
    for name, usual in (("end", "day_end"), ("roll", "none")):
        if entered.get(name, usual) != usual:
            document[name] = entered[name]
    return document


def read_yaml(text: str) -> dict[str, Any]:
    """The part of a document that is typed as YAML. Raises InvalidInput."""
    if len(text) > 20_000:
        raise InvalidInput(_("“其他”太长"), field="rest")
    try:
        found = typed_yaml.read(text) if text.strip() else {}
    except yaml.YAMLError as error:
        raise InvalidInput(_("“其他”不是正确的YAML"), field="rest") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise InvalidInput(_("“其他”每行应写成 名称: 值"), field="rest")
    return found
