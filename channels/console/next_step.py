"""The answer to «what do I do next?» on a ticket page: one sentence, one button, and what else is possible.

It only proposes. Whether a step is allowed is decided by the services, which check state, role and unit again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from channels.console import step_buttons as buttons
from channels.console.actions import PERMISSIONS
from channels.console.progress_steps import buttons as progress_buttons
from channels.console.progress_steps import procedure_runs
from channels.console.step_buttons import Action
from channels.console.supervision_steps import buttons as supervision_buttons
from channels.console.ticket_view import TicketPage
from channels.web.formats import citizen_time
from hotline.i18n import _, texts
from ticketing.assignment.models import AssignmentState
from ticketing.callback.tasks import ANONYMOUS
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.people.permissions import may
from ticketing.request.states import RequestKind
from ticketing.ticket.dispatch import MAX_INFO_REQUESTS
from ticketing.ticket.states import TicketState
from ticketing.words import word


@dataclass(frozen=True)
class NextStep:
    """What the person should do now; without `primary` somebody else has to act."""

    title: str
    hint: str
    stage: str
    primary: Action | None
    others: list[Action]


def next_step(page: TicketPage, actor: Actor) -> NextStep:
    """The step that this person should take on this ticket now. What the role has no permission for is not offered."""
    title, primary, others = _propose(page, actor)
    offered = [action for action in dict.fromkeys([*others, *_always(page, actor)]) if _may(actor, action) and action is not primary]
    if primary is not None and not _may(actor, primary):
        primary = None
    return NextStep(title, _hint(page), page.pressing.stage if page.pressing else "calm", primary, offered)


def _may(actor: Actor, action: Action) -> bool:
    return action is buttons.UPLOAD or any(may(replace(actor, role=role), PERMISSIONS[action.key]) for role in actor.roles)


Proposal = tuple[str, Action | None, list[Action]]


def _propose(page: TicketPage, actor: Actor) -> Proposal:
    if page.return_call is not None:
        return _("回拨来电人：承诺过回电"), buttons.RETURN_CALL, []
    if actor.has(Role.CLERK, Role.CHIEF):
        return _for_unit(page, actor)
    return _to_decide(page, actor) or _by_state(page, actor)


_DECISIONS = texts(
    {
        RequestKind.RETURN: ("处理{unit}的退单申请", buttons.DECIDE_RETURN),
        RequestKind.EXTENSION: ("处理{unit}的延期申请", buttons.DECIDE_EXTENSION),
        RequestKind.SUSPENSION: ("处理{unit}的挂账申请", buttons.DECIDE_SUSPENSION),
        RequestKind.REFUSAL: ("处理话务员的不予受理建议", buttons.DECIDE_REFUSAL),
    }
)


def _to_decide(page: TicketPage, actor: Actor) -> Proposal | None:
    """A request that waits for this person comes before the usual step."""
    for kind, (words, action) in _DECISIONS.items():
        asked = page.pending(kind)
        consented = asked is not None and not asked.wants_consent
        moves = kind in (RequestKind.RETURN, RequestKind.SUSPENSION)  # approving them moves the ticket, which a ruling is waited for
        if moves and page.ticket.state != TicketState.IN_PROGRESS.value:
            continue
        if asked is not None and asked.request.asked_by_id == actor.user_id:
            continue
        if asked is not None and consented and _may(actor, action):
            _title, usual, others = _by_state(page, actor)
            return _(words).format(unit=asked.unit), action, [*([usual] if usual else []), *others]
    return None


def _for_unit(page: TicketPage, actor: Actor) -> Proposal:
    state = page.mine.assignment.state if page.mine else ""
    back = [buttons.TAKE_BACK] if any(asked.may_be_taken_back for asked in page.requests) else []
    unconsented = [asked for asked in page.requests if asked.wants_consent]
    if unconsented and actor.has(Role.CHIEF):
        words = _("经办人提出{kind}申请，请决定是否同意").format(kind=word("request", unconsented[0].request.kind))
        return words, buttons.CONSENT, [*back, *_unit_work(page, state)[2]]
    title, primary, others = _unit_work(page, state)
    return title, primary, [*others, *back]


def _unit_work(page: TicketPage, state: str) -> Proposal:
    if page.ticket.state == TicketState.SUSPENDED.value:
        if page.mine is None or not page.mine.assignment.lead:
            return _("挂账中，到复查日期恢复"), None, []
        return _("挂账中，到复查日期恢复；条件具备可以提前恢复"), buttons.RESUME, []
    more = _more_time(page)
    match state:
        case "assigned":
            if page.pending(RequestKind.RETURN):
                return _("等派单员处理退单申请，期间计时照常"), buttons.SIGN, more
            if page.asked(RequestKind.RETURN) or not page.openings.send_back:
                return _("签收办理"), buttons.SIGN, more
            return _("签收；不是本单位职责的，写明依据申请退单"), buttons.SIGN, [buttons.REQUEST_RETURN, *more]
        case "signed":
            return _("先联系市民，了解情况"), buttons.CONTACT, [buttons.REPLY, *progress_buttons(page), buttons.PASS_ON, *more]
        case "working" | "redo":
            words = _("重新办理，并提交新的答复") if state == "redo" else _("提交书面答复，由首席代表审签")
            return words, buttons.REPLY, [buttons.CONTACT, *progress_buttons(page), buttons.PASS_ON, *more]
        case "unit_review":
            return _("审签答复"), buttons.SIGN_OFF, [buttons.REFUSE_DRAFT, buttons.REPLY, *more]
        case "replied":
            return _("已回复，等中心审核"), None, []
        case _ if procedure_runs(page):
            return _("已进入法定程序：有了结果告知市民"), buttons.CONCLUDE_PROCEDURE, []
        case _:
            return _("本单位已办完"), None, []


def _more_time(page: TicketPage) -> list[Action]:
    """What the unit may ask for as long as it owes something."""
    found = []
    if page.openings.extend and page.pending(RequestKind.EXTENSION) is None:
        found.append(buttons.ASK_EXTENSION)
    if page.openings.suspend and page.pending(RequestKind.SUSPENSION) is None:
        found.append(buttons.ASK_SUSPENSION)
    return found


def _by_state(page: TicketPage, actor: Actor) -> Proposal:
    match TicketState(page.ticket.state):
        case TicketState.REGISTERED | TicketState.TO_DISPATCH:
            return _before_dispatch(page, actor)
        case TicketState.NEED_INFO:
            words = _("等市民补充材料；市民来电说明的，代为登记")
            give_up = [buttons.NO_CONTACT] if page.openings.give_up and _alone(page) else []
            return words, buttons.SUPPLEMENT, [buttons.GO_ON, *give_up]
        case TicketState.EMERGENCY_OUT:
            return _("30分钟内向紧急热线核实处置情况"), buttons.FOLLOW_EMERGENCY, []
        case TicketState.IN_PROGRESS:
            return _in_progress(page, actor)
        case TicketState.DISPUTED:
            return _disputed(page, actor)
        case TicketState.SUSPENDED:
            return _("挂账中，到复查日期自动恢复"), None, [buttons.RESUME]
        case TicketState.REPLY_REVIEW:
            words = _("核对四关，审核答复") if may(actor, PERMISSIONS["review"]) else _("等中心审核答复")
            return words, buttons.REVIEW, []
        case TicketState.CALLBACK:
            return _callback(page, actor)
        case state:
            return _ended(page, state)


def _disputed(page: TicketPage, actor: Actor) -> Proposal:
    """Somebody else than who asked rules it; what was brought to the leader only the leader."""
    asked = page.pending(RequestKind.DISPUTE)
    by_leader = asked is not None and asked.request.data.get("by_leader")
    if not actor.has(Role.LEADER, *([] if by_leader else [Role.SUPERVISOR])):
        return _("等领导裁定承办单位") if by_leader else _("等督办裁定承办单位"), None, []
    own = asked is not None and asked.request.asked_by_id == actor.user_id
    return _("争议会商：裁定主办和协办单位"), None if own else buttons.RULE_DISPUTE, []


def _callback(page: TicketPage, actor: Actor) -> Proposal:
    """To be called; or 不满意 was said and the second visit waits for a decision."""
    if page.visit is not None and page.visit.state == "open":
        if not page.openings.redo:
            return _("市民不满意：等督办决定重办还是办结"), None, []
        return _("市民不满意：马上二次回访，查明原因，定下整改"), buttons.DECIDE_REDO, [buttons.DISPUTED]
    if not may(actor, PERMISSIONS["visit"]):
        return _("等回访员回访市民"), None, []
    if page.task is not None and page.task.rule == ANONYMOUS:
        return _("匿名反映，等市民自己评价，到期自动办结"), None, []
    held = page.task is not None and page.task.claimed_by_id is not None and page.task.claimed_by_id == actor.user_id
    back = [buttons.PUT_BACK] if held else []
    return _("打电话回访：联系过吗，解决了吗，满意吗"), buttons.VISIT, [buttons.ATTEMPT, *back, buttons.DISPUTED]


def _ended(page: TicketPage, state: TicketState) -> Proposal:
    match state:
        case TicketState.ANSWERED:
            return _("已答复，等市民评价，到期自动办结"), None, []
        case TicketState.CLOSED:
            if page.openings.reopen:
                return _("已办结，期限内市民不认可可以重新办理"), None, [buttons.REOPEN, buttons.EXCLUDE]
            return _("已办结"), None, [buttons.EXCLUDE]
        case TicketState.ARCHIVED:
            return _("已归档"), None, [buttons.EXCLUDE]
        case TicketState.REJECTED:
            return _("不予受理，异议期内市民可以提出异议"), None, [buttons.OBJECT]
        case TicketState.MERGED:
            told = page.master is not None and TicketState(page.master.state).is_open
            return _("已并入主件一并办理"), None, [buttons.UNMERGE, *([buttons.SUPPLEMENT] if told else [])]
        case _:
            return _("这件工单已经结束"), None, []


def _in_progress(page: TicketPage, actor: Actor) -> Proposal:
    names = "、".join(item.unit.name for item in page.handlings if item.assignment.state not in ("returned", "cancelled"))
    words = _("由{units}办理").format(units=names or _("承办单位"))
    others = [buttons.OPEN_DISPUTE]
    if _may_waive(page):
        others.append(buttons.WAIVE)
    if page.investigation is not None:
        return _("第{n}次反映：由督办牵头调查").format(n=page.investigation.level), _investigate(page, actor), others
    return words, None, others


def _may_waive(page: TicketPage) -> bool:
    """A co-unit's reply can be waived while another unit works on the ticket or has replied (`assignment.service.waive`)."""
    parts = [item.assignment for item in page.handlings]
    busy = [part for part in parts if AssignmentState(part.state).is_open]
    stays = len(busy) + sum(part.state == AssignmentState.REPLIED.value for part in parts)
    return stays > 1 and any(not part.lead for part in busy)


def _investigate(page: TicketPage, actor: Actor) -> Action | None:
    """Who took the investigation ends it; anybody may take what is nobody's, or of somebody who has left."""
    if page.investigation is None:
        return None
    if page.investigation.supervisor_id == actor.user_id:
        return buttons.CONCLUDE_INVESTIGATION
    return buttons.TAKE_INVESTIGATION if page.investigation_free else None


def _before_dispatch(page: TicketPage, actor: Actor) -> Proposal:
    related = [buttons.MERGE, buttons.LINK_REPEAT] if page.ticket.repeat_of_id is None else [buttons.MERGE]
    answer = [buttons.ANSWER] if page.openings.answer else []
    asks = [buttons.REQUEST_INFO] if page.ticket.info_requests < MAX_INFO_REQUESTS else []
    if actor.has(Role.DISPATCHER, Role.SUPERVISOR):
        submit = [buttons.SUBMIT] if page.ticket.state == TicketState.REGISTERED.value else []
        return _("选定类别，派给承办单位"), buttons.DISPATCH, [
            buttons.EDIT, *answer, *asks, *submit, *related, *([buttons.REJECT] if _alone(page) else []), buttons.EMERGENCY
        ]  # fmt: skip
    refusal = [buttons.PROPOSE_REFUSAL] if page.pending(RequestKind.REFUSAL) is None and _alone(page) else []
    others = [buttons.EDIT, *answer, *asks, *refusal, buttons.EMERGENCY]
    if actor.has(Role.AGENT):
        if page.ticket.state == TicketState.REGISTERED.value:
            return _("核对类别和紧急程度，提交派单"), buttons.SUBMIT, others
        return _("等派单员派单"), None, others
    return _("等派单员派单"), None, []


def _always(page: TicketPage, actor: Actor) -> list[Action]:
    """What may be done in several states."""
    state = TicketState(page.ticket.state)
    supervising = supervision_buttons(page, actor) + ([buttons.HIDE_FILES] if page.released else [])
    if not state.is_open:
        return supervising
    found = []
    if state is not TicketState.NEED_INFO and not actor.has(Role.CLERK, Role.CHIEF):
        found.append(buttons.SUPPLEMENT)
    if page.openings.urge:
        found.append(buttons.URGE)
    if page.datable and state is not TicketState.SUSPENDED:
        found.append(buttons.CO_DATE)
    if (investigate := _investigate(page, actor)) is not None:
        found.append(investigate)
    if actor.has(Role.AGENT, Role.DISPATCHER, Role.CLERK, Role.CHIEF, Role.SUPERVISOR):
        found.append(buttons.UPLOAD)
    if page.ticket.confidentiality == "secret":
        found.append(buttons.NAME)
    return [*found, *supervising, *([buttons.INVALIDATE] if _alone(page) else [])]


def _alone(page: TicketPage) -> bool:
    """No other citizen's ticket was merged into it: it may end for a reason of its own citizen's."""
    return page.ticket.interest_count == 1


def _hint(page: TicketPage) -> str:
    """By when, in a sentence; what happens if it passes."""
    if page.return_call is not None:
        return _("应在{time}前回拨。号码说明理由后可见。").format(time=citizen_time(page.return_call.due_at))
    clock, due = page.pressing_clock, page.pressing
    if clock is None or due is None:
        return ""
    sentence = _("应于{time}前{what}（{rule}）。").format(time=citizen_time(clock.due_at), what=_(_WHAT[clock.kind]), rule=due.rule)
    if due.stage == "yellow":
        sentence += _("{late}，到{time}发红牌。").format(late=due.text, time=citizen_time(clock.red_at))
    elif due.stage == "red":
        sentence += _("{late}，已发红牌。").format(late=due.text)
    return sentence


_WHAT = texts(
    {
        "dispatch": "派单",
        "sign": "签收",
        "contact": "联系市民",
        "on_site": "到场反馈",
        "plan": "提交办理方案",
        "handle": "办结",
        "review": "审完",
        "callback": "回访",
        "dispute": "裁定",
        "follow_up": "核实",
        "suspension": "复查",
        "supplement": "由市民补充",
        "evaluation": "由市民评价",
        "objection": "由市民提出异议",
        "statute": "告知法定程序结果",
    }
)
