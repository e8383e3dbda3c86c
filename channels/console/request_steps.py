"""Steps on requests: return, extension, suspension, dispute, refusal. One POST address, one form, one service function each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from channels.console.step import Step, co_until
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.assignment.service import access_assignment
from ticketing.deadline.limits import UNITS, Limit
from ticketing.request import dispute, extension, returns, suspension
from ticketing.request import service as requests
from ticketing.request.states import SuspensionReason
from ticketing.ticket import refusal
from ticketing.ticket.dispatch import CoUnit, Order
from ticketing.ticket.states import DispatchMode


def _request(step: Step) -> int:
    return step.number("request", _("没有找到这个申请"))


def _decision(step: Step) -> tuple[bool, str]:
    approve = step.yes("approve", _("请选择同意还是不同意"))
    note = step.text("note", 500)
    if not approve and len(note) < 2:
        raise InvalidInput(_("请写明不同意的理由"), field="note")
    return approve, note


async def _request_return(step: Step) -> str:
    await returns.ask(step.core, step.session, step.actor, await step.assignment(), step.text("reason", 1000))
    return "return_requested"


async def _decide_return(step: Step) -> str:
    approve, note = _decision(step)
    await returns.decide(step.core, step.session, step.actor, step.ticket, _request(step), approve=approve, note=note)
    return "return_approved" if approve else "return_refused"


def _limit(step: Step) -> Limit:
    unit = step.form.get("limit_unit", "wd")
    value = step.number("limit_value", _("请写明延长多少"))
    if unit not in UNITS or not 1 <= value <= 365:
        raise InvalidInput(_("请写明延长多少"), field="limit_value")
    return Limit(float(value), unit)


async def _ask_extension(step: Step) -> str:
    limit, reason, told = _limit(step), step.text("reason", 2000), step.text("told", 1000)
    assignment, ticket = await access_assignment(step.session, step.actor, await step.assignment())
    await extension.ask(step.core, step.session, step.actor, assignment, ticket, limit=limit, reason=reason, told=told)
    return "asked"


async def _decide_extension(step: Step) -> str:
    approve, note = _decision(step)
    await extension.decide(step.core, step.session, step.actor, step.ticket, _request(step), approve=approve, note=note)
    return "request_approved" if approve else "request_refused"


async def _ask_suspension(step: Step) -> str:
    why = step.choice(SuspensionReason, "reason_class", _("请选择挂账的原因"))
    review_on = step.day("review_on", _("请选择复查日期"))
    reason, told = step.text("reason", 2000), step.text("told", 1000)
    assignment, ticket = await access_assignment(step.session, step.actor, await step.assignment())
    await suspension.ask(
        step.core, step.session, step.actor, assignment, ticket, reason_class=why, reason=reason, told=told, review_on=review_on
    )
    return "asked"


async def _decide_suspension(step: Step) -> str:
    approve, note = _decision(step)
    await suspension.decide(step.core, step.session, step.actor, step.ticket, _request(step), approve=approve, note=note)
    return "request_approved" if approve else "request_refused"


async def _resume(step: Step) -> str:
    await suspension.resume(step.core, step.session, step.actor, step.ticket, note=step.text("note", 500))
    return "resumed"


async def _consent(step: Step) -> str:
    await requests.consent(step.core, step.session, step.actor, step.ticket, _request(step))
    return "consented"


async def _take_back(step: Step) -> str:
    await requests.take_back(step.core, step.session, step.actor, step.ticket, _request(step))
    return "taken_back"


async def _open_dispute(step: Step) -> str:
    overlap = dispute.Overlap(step.numbers("unit_ids"), by_leader=step.yes("by_leader", _("请选择由谁裁定")))
    await dispute.open_dispute(step.core, step.session, step.actor, step.ticket, step.text("reason", 1000), overlap)
    return "dispute_opened"


async def _rule_dispute(step: Step) -> str:
    unit_id = step.number("unit_id", _("请选择主办单位"))
    until = co_until(step)
    co_units = tuple(CoUnit(unit, until) for unit in step.numbers("co_unit_ids") if unit != unit_id)
    mode = DispatchMode(step.ticket.dispatch_mode or DispatchMode.PHONE.value)
    order = Order(unit_id, mode, instruction=step.text("instruction", 1000), co_units=co_units)
    await dispute.rule(step.core, step.session, step.actor, step.ticket, order, grounds=step.text("grounds", 1000))
    return "ruled"


def _refusal(step: Step) -> dict[str, str]:
    return {"code": step.text("code", 40), "reason": step.text("reason", 500), "legal_way": step.text("legal_way", 1000)}


async def _propose_refusal(step: Step) -> str:
    await refusal.propose(step.core, step.session, step.actor, step.ticket, **_refusal(step))
    return "asked"


async def _decide_refusal(step: Step) -> str:
    approve, note = _decision(step)
    await refusal.decide(step.core, step.session, step.actor, step.ticket, approve=approve, note=note)
    return "rejected" if approve else "request_refused"


async def _reject(step: Step) -> str:
    await refusal.reject(step.core, step.session, step.actor, step.ticket, **_refusal(step))
    return "rejected"


async def _object(step: Step) -> str:
    await refusal.object_to(step.core, step.session, step.actor, step.ticket, step.text("reason", 1000))
    return "objected"


REQUEST_HANDLERS: dict[str, Callable[[Step], Awaitable[str]]] = {
    "request_return": _request_return,
    "decide_return": _decide_return,
    "ask_extension": _ask_extension,
    "decide_extension": _decide_extension,
    "ask_suspension": _ask_suspension,
    "decide_suspension": _decide_suspension,
    "resume": _resume,
    "consent": _consent,
    "take_back": _take_back,
    "open_dispute": _open_dispute,
    "rule_dispute": _rule_dispute,
    "propose_refusal": _propose_refusal,
    "decide_refusal": _decide_refusal,
    "reject": _reject,
    "object": _object,
}
REQUEST_PERMISSIONS = {
    "request_return": "request.ask",
    "decide_return": "return.decide",
    "ask_extension": "request.ask",
    "decide_extension": "extension.decide",
    "ask_suspension": "request.ask",
    "decide_suspension": "suspension.decide",
    "resume": "suspension.resume",
    "consent": "request.consent",
    "take_back": "request.ask",
    "open_dispute": "dispute.propose",
    "rule_dispute": "dispute.rule",
    "propose_refusal": "refusal.propose",
    "decide_refusal": "refusal.decide",
    "reject": "refusal.decide",
    "object": "refusal.object",
}

__all__ = ["REQUEST_HANDLERS", "REQUEST_PERMISSIONS"]
