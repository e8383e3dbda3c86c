"""What a refused form said, in words: shown once more when the form itself is gone because the matter went on meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from channels.web.words import word
from hotline.i18n import _, texts

_HIDDEN = frozenset({"csrf", "version", "seen", "assignment", "request", "return_call", "onward"})
_YES_NO = texts({"yes": "是", "no": "否"})
_CHOSEN = texts(
    {
        "unit_id": "承办单位",
        "co_unit_ids": "协办单位",
        "unit_ids": "职责有交叉的单位",
        "co_until": "协办期限",
        "category_code": "类别",
        "urgency": "紧急程度",
        "confidentiality": "公开程度",
        "mode": "怎么交办",
        "handling": "办理方式",
        "leader_days": "批示时限（天）",
        "way": "怎么联系的",
        "facts": "反映的情况",
        "legal_procedure": "法定程序",
        "legal_due": "法定程序的到期日",
        "limit_value": "延长",
        "limit_unit": "延长的单位",
        "reason_class": "挂账的原因",
        "review_on": "复查日期",
        "approve": "同意",
        "accept": "通过",
        "gates": "四关",
        "contacted": "联系过",
        "solved": "解决了",
        "satisfaction": "满意程度",
        "attitude": "态度",
        "outcome": "结果",
        "cause": "不满意的原因",
        "by_leader": "由领导裁定",
        "taken_over": "已接处",
        "receiver": "接收人",
        "at": "时间",
        "target": "转往",
        "code": "理由",
        "master": "主件编号",
        "earlier": "以前的编号",
        "excluded": "不计入",
        "false_reply": "以前的答复不实",
        "hand_over": "移交纪检",
        "colour": "牌",
        "days": "期限（天）",
        "due_at": "期限",
        "leader": "责任领导",
        "person": "经办人",
        "quality": "质量要求",
        "user_ids": "可见人员（人数）",
    }
)
_TABLES = {
    "urgency": "urgency",
    "confidentiality": "confidentiality",
    "mode": "mode",
    "handling": "handling_kind",
    "way": "contact",
    "facts": "facts",
    "legal_procedure": "legal_procedure",
    "limit_unit": "limit_unit",
    "reason_class": "suspension_reason",
    "satisfaction": "satisfaction",
    "attitude": "attitude",
    "outcome": "attempt",
    "target": "emergency_line",
    "colour": "card",
}


def kept_words(entered: Mapping[str, str], chosen: Mapping[str, list[str]], units: Mapping[int, str]) -> str:
    """Every field of the form: what was chosen with its label, then what was written as it is. `units` are names by id."""
    several = {name: values for name, values in chosen.items() if values}
    single = {name: value.strip() for name, value in entered.items() if name not in _HIDDEN and name not in several and value.strip()}
    lines = [f"{_(_CHOSEN[name])}：{_said(name, [value], units)}" for name, value in single.items() if name in _CHOSEN]
    lines += [f"{_(_CHOSEN.get(name, name))}：{_said(name, values, units)}" for name, values in several.items()]
    return "\n".join([*lines, *(value for name, value in single.items() if name not in _CHOSEN)])


def _said(name: str, values: Iterable[str], units: Mapping[int, str]) -> str:
    found = list(values)
    if name == "user_ids":
        return str(len(found))
    if name in ("unit_id", "co_unit_ids", "unit_ids"):
        return "、".join(units.get(int(value), value) if value.isdecimal() else value for value in found)
    if name == "gates":
        return "、".join(word("gate", value) for value in found)
    if name in _TABLES:
        return "、".join(word(_TABLES[name], value) for value in found)
    return "、".join(_(_YES_NO.get(value, value)) for value in found)


_WRITTEN = texts(
    {
        "title": "标题",
        "district": "区县",
        "street": "街道",
        "community": "社区",
        "address": "地址",
        "occurred": "发生时间",
        "measures": "办理措施和结果",
        "basis": "依据",
        "contact_note": "和市民沟通的情况",
        "explanation": "上次为什么没有解决",
        "legal_limit": "法定程序的办理期限",
    }
)


def label_of(name: str) -> str:
    """What a field is called in its form."""
    return _(_CHOSEN.get(name) or _WRITTEN.get(name) or name)


def said_of(name: str, value: str, units: Mapping[int, str]) -> str:
    """A value in words."""
    return _said(name, [value], units) if value and name in _CHOSEN else value


__all__ = ["kept_words", "label_of", "said_of"]
