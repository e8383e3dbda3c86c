"""The answer to «what do I do next?» on a ticket page: one sentence, one button, and what else is possible.

It only proposes. Whether a step is allowed is decided by the services, which check state, role and unit again.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels.console.ticket_view import TicketPage
from channels.web.formats import citizen_time
from hotline.i18n import _
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request.states import RequestKind
from ticketing.ticket.states import TicketState


@dataclass(frozen=True)
class Action:
    """A button of the ticket page; `key` is the name of its form and of its address."""

    key: str
    label: str
    icon: str
    shortcut: str = ""
    danger: bool = False


@dataclass(frozen=True)
class NextStep:
    """What the person should do now; without `primary` somebody else has to act."""

    title: str
    hint: str
    stage: str
    primary: Action | None
    others: list[Action]


SIGN = Action("sign", "签收", "check", "D")
CONTACT = Action("contact", "登记联系市民", "phone")
REPLY = Action("reply", "起草答复", "reply", "R")
SIGN_OFF = Action("sign_off", "审签", "signature", "R")
REFUSE_DRAFT = Action("refuse_draft", "退回经办人修改", "pencil")
REQUEST_RETURN = Action("request_return", "申请退单", "undo-2")
DECIDE_RETURN = Action("decide_return", "处理退单申请", "undo-2", "R")
DISPATCH = Action("dispatch", "派单", "send", "D")
EDIT = Action("edit", "修改类别和紧急程度", "pencil")
SUBMIT = Action("submit", "提交派单", "send", "D")
ANSWER = Action("answer", "直接答复", "message-square-text")
REJECT = Action("reject", "不予受理", "ban", danger=True)
REQUEST_INFO = Action("request_info", "请市民补充材料", "circle-help")
SUPPLEMENT = Action("supplement", "补充内容", "file-plus")
EMERGENCY = Action("emergency", "转紧急热线", "siren", danger=True)
FOLLOW_EMERGENCY = Action("follow_emergency", "登记紧急事项跟进", "siren", "R")
REVIEW = Action("review", "审核答复", "clipboard-check", "R")
VISIT = Action("visit", "登记回访结果", "phone-outgoing", "R")
ATTEMPT = Action("attempt", "未接通", "phone-missed")
DISPUTED = Action("close_disputed", "答复合理，按不满意办结", "circle-check", danger=True)
URGE = Action("urge", "催办", "megaphone", "U")
REOPEN = Action("reopen", "重新办理", "rotate-ccw")
NO_CONTACT = Action("close_no_contact", "无法联系，办结", "circle-check", danger=True)
INVALIDATE = Action("invalidate", "标为无效", "ban", danger=True)
RETURN_CALL = Action("return_call", "完成回拨", "phone-outgoing", "R")
UPLOAD = Action("upload", "上传附件", "paperclip")

NAME = Action("name", "指定可见人员", "lock")

CENTRE = (Role.AGENT, Role.DISPATCHER, Role.SUPERVISOR)


def next_step(page: TicketPage, actor: Actor) -> NextStep:
    """The step that this person should take on this ticket now."""
    title, primary, others = _propose(page, actor)
    return NextStep(title, _hint(page), page.pressing.stage if page.pressing else "calm", primary, [*others, *_always(page, actor)])


def _propose(page: TicketPage, actor: Actor) -> tuple[str, Action | None, list[Action]]:
    if page.return_call is not None:
        return _("回拨来电人：承诺过回电"), RETURN_CALL, []
    if actor.has(Role.CLERK, Role.CHIEF):
        return _for_unit(page, actor)
    if (asked := page.pending(RequestKind.RETURN)) and actor.has(Role.DISPATCHER, Role.SUPERVISOR):
        return _("处理{unit}的退单申请").format(unit=asked.unit), DECIDE_RETURN, []
    return _by_state(page, actor)


def _for_unit(page: TicketPage, actor: Actor) -> tuple[str, Action | None, list[Action]]:
    chief = actor.has(Role.CHIEF)
    state = page.mine.assignment.state if page.mine else ""
    if state == "assigned":
        if page.pending(RequestKind.RETURN):
            return _("等派单员处理退单申请，期间计时照常"), SIGN, []
        fixed = page.asked(RequestKind.RETURN) or (page.mine is not None and page.mine.assignment.by_ruling)
        may_return = [] if fixed else [REQUEST_RETURN]
        return _("签收；不是本单位职责的，写明依据申请退单"), SIGN, may_return
    if state == "signed":
        return _("先联系市民，了解情况"), CONTACT, [REPLY]
    if state in ("working", "redo"):
        words = _("重新办理，并提交新的答复") if state == "redo" else _("提交书面答复，由首席代表审签")
        return words, REPLY, [CONTACT]
    if state == "unit_review":
        return (_("审签答复"), SIGN_OFF, [REFUSE_DRAFT, REPLY]) if chief else (_("等首席代表审签"), None, [REPLY])
    if state == "replied":
        return _("已回复，等中心审核"), None, []
    return _("本单位已办完"), None, []


def _by_state(page: TicketPage, actor: Actor) -> tuple[str, Action | None, list[Action]]:
    ticket = page.ticket
    dispatching, calling = actor.has(Role.DISPATCHER, Role.SUPERVISOR), actor.has(Role.CALLBACK, Role.SUPERVISOR)
    match TicketState(ticket.state):
        case TicketState.REGISTERED | TicketState.TO_DISPATCH:
            return _before_dispatch(page, actor)
        case TicketState.NEED_INFO:
            others = [NO_CONTACT] if actor.has(Role.DISPATCHER) else []
            return _("等市民补充材料；市民来电说明的，代为登记"), SUPPLEMENT if actor.has(Role.AGENT) else None, others
        case TicketState.EMERGENCY_OUT:
            return _("30分钟内向紧急热线核实处置情况"), FOLLOW_EMERGENCY if actor.has(*CENTRE) else None, []
        case TicketState.IN_PROGRESS:
            names = "、".join(item.unit.name for item in page.handlings if item.assignment.state not in ("returned", "cancelled"))
            return _("由{units}办理").format(units=names or _("承办单位")), None, []
        case TicketState.REPLY_REVIEW:
            return (_("核对四关，审核答复"), REVIEW, []) if dispatching else (_("等中心审核答复"), None, [])
        case TicketState.CALLBACK:
            if not calling:
                return _("等回访员回访市民"), None, []
            return _("打电话回访：联系过吗，解决了吗，满意吗"), VISIT, [ATTEMPT, *([DISPUTED] if actor.has(Role.SUPERVISOR) else [])]
        case TicketState.ANSWERED:
            return _("已答复，等市民评价，三天后自动办结"), None, []
        case TicketState.CLOSED:
            return _("已办结，七天内市民不认可可以重新办理"), None, [REOPEN] if actor.has(Role.AGENT, Role.SUPERVISOR) else []
        case _:
            return _("这件工单已经结束"), None, []


def _before_dispatch(page: TicketPage, actor: Actor) -> tuple[str, Action | None, list[Action]]:
    if actor.has(Role.DISPATCHER, Role.SUPERVISOR):
        unit = page.suggested_unit.name if page.suggested_unit else ""
        words = _("派单，建议派给{unit}").format(unit=unit) if unit else _("选定类别，派给承办单位")
        return words, DISPATCH, [EDIT, ANSWER, REQUEST_INFO, REJECT, EMERGENCY] if actor.has(Role.DISPATCHER) else [EDIT, REJECT, EMERGENCY]
    if actor.has(Role.AGENT):
        if page.ticket.state == "registered":
            return _("核对类别和紧急程度，提交派单"), SUBMIT, [ANSWER, REQUEST_INFO, EMERGENCY]
        return _("等派单员派单"), None, [EDIT, ANSWER, REQUEST_INFO, EMERGENCY]
    return _("等派单员派单"), None, []


def _always(page: TicketPage, actor: Actor) -> list[Action]:
    """What may be done in several states."""
    state = TicketState(page.ticket.state)
    found = []
    if state.is_open and state is not TicketState.NEED_INFO and actor.has(Role.AGENT, Role.DISPATCHER, Role.SUPERVISOR):
        found.append(SUPPLEMENT)
    if state in (TicketState.IN_PROGRESS, TicketState.REPLY_REVIEW) and actor.has(
        Role.AGENT, Role.DISPATCHER, Role.SUPERVISOR, Role.LEADER
    ):
        found.append(URGE)
    if state.is_open and actor.has(Role.AGENT, Role.DISPATCHER, Role.CLERK, Role.CHIEF, Role.SUPERVISOR):
        found.append(UPLOAD)
    if page.ticket.confidentiality == "secret" and state.is_open and actor.has(Role.DISPATCHER, Role.SUPERVISOR):
        found.append(NAME)
    if state.is_open and state not in (TicketState.EMERGENCY_OUT, TicketState.ANSWERED) and actor.has(Role.SUPERVISOR):
        found.append(INVALIDATE)
    return found


def _hint(page: TicketPage) -> str:
    """By when, in a sentence; what happens if it passes."""
    if page.return_call is not None:
        return _("应在{time}前回拨。号码说明理由后可见。").format(time=citizen_time(page.return_call.due_at))
    clock, due = page.pressing_clock, page.pressing
    if clock is None or due is None:
        return ""
    sentence = _("应于{time}前{what}（{rule}）。").format(time=citizen_time(clock.due_at), what=_WHAT[clock.kind], rule=due.rule)
    if due.stage == "yellow":
        sentence += _("{late}，到{time}发红牌。").format(late=due.text.replace(" ", ""), time=citizen_time(clock.red_at))
    elif due.stage == "red":
        sentence += _("{late}，已发红牌。").format(late=due.text.replace(" ", ""))
    return sentence


_WHAT = {"dispatch": "派单", "sign": "签收", "contact": "联系市民", "handle": "办结", "review": "审完", "callback": "回访"}
