"""Where a ticket stands, as a list of steps in the citizen's words (design.md 1.6): done, now and to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hotline.events import Event
from hotline.i18n import _, texts
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Channel, TicketState

DONE, NOW, TODO = "done", "now", "todo"
_CHANNELS = texts(
    {
        Channel.PHONE: "电话登记",
        Channel.WECHAT: "微信登记",
        Channel.WEB: "网页登记",
        Channel.SMS: "短信登记",
        Channel.OPEN311: "开放平台登记",
        Channel.STAFF: "话务员登记",
    }
)
_WAYS = texts({"phone": "电话", "sms": "短信", "wechat": "微信", "visit": "上门"})
_REACHED = {
    TicketState.REGISTERED: 1,
    TicketState.NEED_INFO: 1,
    TicketState.TO_DISPATCH: 1,
    TicketState.IN_PROGRESS: 2,
    TicketState.DISPUTED: 2,
    TicketState.SUSPENDED: 2,
    TicketState.REPLY_REVIEW: 2,
    TicketState.CALLBACK: 3,
    TicketState.CLOSED: 5,
    TicketState.ARCHIVED: 5,
}
"""Index of the step that is going on; 5: all are done."""
_STEP_OF_EVENT = {
    "ticket.registered": 0,
    "ticket.info_requested": 1,
    "ticket.info_received": 1,
    "ticket.dispatched": 1,
    "assignment.signed": 2,
    "assignment.contacted": 2,
    "ticket.redo": 2,
    "ticket.reopened": 2,
    "supervise.urged": 2,
    "ticket.supplemented": 2,
    "return_call.owed": 2,
    "reply.accepted": 3,
    "procedure.concluded": 3,
}


@dataclass(frozen=True)
class Line:
    """One thing that happened."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class Step:
    """One step of the way."""

    title: str
    status: str
    lines: tuple[Line, ...] = field(default=())


@dataclass(frozen=True)
class Facts:
    """What the steps are made from."""

    ticket: Ticket
    events: tuple[Event, ...]
    """The public ones, oldest first."""
    lead: str
    """Name of the lead unit, empty before dispatch."""
    co_units: tuple[str, ...]
    unit_names: Mapping[int, str]


def steps(facts: Facts) -> list[Step]:
    """The steps of this ticket, in order."""
    state = TicketState(facts.ticket.state)
    if state in _REACHED and not (state.is_closed and facts.ticket.dispatched_at is None):
        return _handled(facts, _REACHED[state])
    return _short(facts, state)


def _handled(facts: Facts, reached: int) -> list[Step]:
    """The whole way, through a unit."""
    titles = (_("收到您的反映"), _("派给承办单位"), _("正在办理"), _("答复并回访"), _("办结"))
    lines: list[list[Line]] = [[] for _title in titles]
    for event in facts.events:
        if event.data.get("master"):
            continue  # of the matter that it was merged into, before it was found to be another one
        position = _STEP_OF_EVENT.get(event.name)
        text = _words(event, facts)
        if position is not None and text:
            lines[min(position, reached, 4)].append(Line(text, event.at))
    if reached == 5:
        lines[4].append(Line(_closed_words(facts.ticket), facts.ticket.closed_at))
    if not lines[1] and reached == 1:
        lines[1].append(Line(_("正在为您找对口的单位")))
    if reached < 3:
        lines[3].append(Line(_("办好以后我们会联系您：事情解决了吗？")))
    if reached < 5:
        lines[4].append(Line(_("不满意可以要求重办")))
    return [
        Step(title, DONE if position < reached else NOW if position == reached else TODO, tuple(lines[position]))
        for position, title in enumerate(titles)
    ]


def _short(facts: Facts, state: TicketState) -> list[Step]:
    """The way of a ticket that no unit handles: answered on the spot, not accepted, taken back, and so on."""
    first = [Line(_words(event, facts) or "", event.at) for event in facts.events if event.name == "ticket.registered"]
    found = [Step(_("收到您的反映"), DONE, tuple(first))]
    at = facts.ticket.updated_at
    endings = {
        TicketState.REJECTED: (_("不予受理"), _("理由和您可以走的途径见上面的说明")),
        TicketState.WITHDRAWN: (_("已撤回"), _("您撤回了这件事")),
        TicketState.MERGED: (_("已合并办理"), _("同一件事已有人反映，合并在一起办理")),
        TicketState.EMERGENCY_OUT: (_("已转紧急热线"), _("情况紧急，已转给110、119、120等处置，我们会跟进")),
        TicketState.INVALID: (_("未受理"), _("没有可以办理的内容")),
    }
    if state in endings:
        title, words = endings[state]
        return [*found, Step(title, NOW if state.is_open else DONE, (Line(words, at),))]
    if state is TicketState.ANSWERED:
        return [*found, Step(_("已答复"), DONE, (Line(_("答复见上面"), at),)), Step(_("请您评价"), NOW), Step(_("办结"), TODO)]
    return [*found, Step(_("已答复"), DONE), Step(_("办结"), DONE, (Line(_closed_words(facts.ticket), facts.ticket.closed_at),))]


def _closed_words(ticket: Ticket) -> str:
    if ticket.satisfaction:
        return _("谢谢您的评价")
    return _("没有联系上您，按现有结果办结") if ticket.no_callback_reason == "unreached" else _("已经办完")


def _words(event: Event, facts: Facts) -> str | None:
    """An event in the citizen's words; None for those that are only for the record."""
    unit = facts.unit_names.get(int(event.data.get("unit") or 0), _("承办单位"))
    match event.name:
        case "ticket.registered":
            channel = event.data.get("channel")
            return _(_CHANNELS[Channel(channel)]) if channel in set(Channel) else _("已登记")
        case "ticket.info_requested":
            return _("请补充：{missing}").format(missing=event.data.get("missing", ""))
        case "ticket.info_received":
            return _("收到您补充的内容")
        case "ticket.dispatched":
            return _dispatch_words(facts)
        case "assignment.signed":
            return _("{unit}已签收").format(unit=unit)
        case "assignment.contacted":
            return _("{unit}已{way}联系您").format(unit=unit, way=_(_WAYS.get(str(event.data.get("way")), "")))
        case "ticket.redo":
            return _("您不满意，已请承办单位重办（第{round}轮）").format(round=event.data.get("round", 2))
        case "ticket.reopened":
            return _("还有没办到位的地方，已请承办单位重新办理（第{round}轮）").format(round=event.data.get("round", 2))
        case "supervise.urged":
            return _("您催了一次") if event.actor_kind == "citizen" else _("热线中心催办了一次")
        case "ticket.supplemented":
            return _("您补充了情况")
        case "return_call.owed":
            return _("我们会给您回电话")
        case "reply.accepted":
            return _("答复已审核通过")
        case "procedure.concluded":
            return _("法定程序已有结果：{result}").format(result=event.data.get("result", ""))
    return None


def _dispatch_words(facts: Facts) -> str:
    if not facts.lead:
        return _("已派单")
    if not facts.co_units:
        return _("{lead}办理").format(lead=facts.lead)
    return _("{lead}主办，{others}协办").format(lead=facts.lead, others="、".join(facts.co_units))


def number_of_now(found: Iterable[Step]) -> int:
    """The position of the step that is going on, from 1; the number of steps when all are done."""
    listed = list(found)
    return next((position for position, step in enumerate(listed, 1) if step.status == NOW), len(listed))
