"""A ticket's state in the words that the citizen sees (domain.md 4a), never the internal ones."""

from __future__ import annotations

from hotline.i18n import _
from ticketing.ticket.states import Kind, Satisfaction, TicketState

_STATES: dict[TicketState, str] = {
    TicketState.DRAFT: "登记中",
    TicketState.REGISTERED: "已受理登记",
    TicketState.NEED_INFO: "请补充材料",
    TicketState.REJECTED: "不予受理",
    TicketState.EMERGENCY_OUT: "已转紧急热线",
    TicketState.ANSWERED: "已答复",
    TicketState.TO_DISPATCH: "正在派单",
    TicketState.IN_PROGRESS: "办理中",
    TicketState.DISPUTED: "办理中",
    TicketState.SUSPENDED: "暂缓办理",
    TicketState.REPLY_REVIEW: "办理中",
    TicketState.CALLBACK: "已答复，待回访",
    TicketState.CLOSED: "已办结",
    TicketState.ARCHIVED: "已办结",
    TicketState.MERGED: "已合并办理",
    TicketState.WITHDRAWN: "已撤回",
    TicketState.INVALID: "未受理",
}
_KINDS: dict[Kind, str] = {
    Kind.HELP: "求助",
    Kind.COMPLAINT: "投诉",
    Kind.REPORT: "举报",
    Kind.SUGGESTION: "建议",
    Kind.CONSULT: "咨询",
    Kind.PRAISE: "表扬",
}
_SATISFACTION: dict[Satisfaction, str] = {
    Satisfaction.VERY_SATISFIED: "非常满意",
    Satisfaction.SATISFIED: "满意",
    Satisfaction.DISSATISFIED: "不满意",
}


def state_words(state: TicketState | str) -> str:
    """For example 已答复，待回访."""
    return _(_STATES[TicketState(state)])


def kind_words(kind: Kind | str) -> str:
    """For example 投诉."""
    return _(_KINDS[Kind(kind)])


def kinds() -> list[tuple[str, str]]:
    """Every kind with its words, in the order in which people are asked."""
    return [(kind.value, _(words)) for kind, words in _KINDS.items()]


def satisfaction_words(satisfaction: Satisfaction | str) -> str:
    """For example 非常满意."""
    return _(_SATISFACTION[Satisfaction(satisfaction)])


def satisfactions() -> list[tuple[str, str]]:
    """The three-step scale with its words."""
    return [(step.value, _(words)) for step, words in _SATISFACTION.items()]
