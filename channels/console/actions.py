"""The steps on a ticket: one POST address each, one form each, one service function each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from channels.console.callback_steps import CALLBACK_HANDLERS, CALLBACK_PERMISSIONS
from channels.console.progress_steps import PROGRESS_HANDLERS, PROGRESS_PERMISSIONS
from channels.console.relation_steps import RELATION_HANDLERS, RELATION_PERMISSIONS
from channels.console.request_steps import REQUEST_HANDLERS, REQUEST_PERMISSIONS
from channels.console.step import Step, co_until
from channels.console.supervision_steps import SUPERVISION_HANDLERS, SUPERVISION_PERMISSIONS
from channels.web.inputs import whole_number
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Facts, LegalProcedure
from ticketing.assignment.service import ReplyDraft, Responsibility
from ticketing.callback import service as callbacks
from ticketing.supervision.urging import urge
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits
from ticketing.ticket.edit import name_people, revise
from ticketing.ticket.states import Confidentiality, DispatchMode, HandlingKind, Urgency


async def _sign(step: Step) -> str:
    fixed = Responsibility(step.text("leader", 50), step.text("person", 50), step.text("quality", 200))
    await assignments.sign(step.core, step.session, step.actor, await step.assignment(), fixed)
    return "signed"


async def _contact(step: Step) -> str:
    way = step.text("way", 20)
    if way not in ("phone", "sms", "wechat", "visit"):
        raise InvalidInput(_("请选择联系方式"), field="way")
    await assignments.contact(step.core, step.session, step.actor, await step.assignment(), way=way, note=step.text("note", 1000))
    return "contacted"


async def _reply(step: Step) -> str:
    draft = ReplyDraft(
        facts=step.choice(Facts, "facts", _("请选择反映的情况是否属实")),
        measures=step.text("measures", 5000),
        basis=step.text("basis", 2000),
        contact_note=step.text("contact_note", 1000),
        explanation=step.text("explanation", 2000),
        legal_procedure=step.choice(LegalProcedure, "legal_procedure", _("请选择法定程序")) if step.text("legal_procedure", 40) else None,
        legal_limit=step.text("legal_limit", 200),
        legal_due=step.day("legal_due", _("请选择法定程序的到期日")) if step.text("legal_due", 20) else None,
        attachments=step.uuids("attachments", _("请选择附件")),
        for_citizen=step.uuids("for_citizen", _("请选择附件")),
        seen=whole_number(step.form.get("seen")),
    )
    await assignments.draft_reply(step.core, step.session, step.actor, await step.assignment(), draft)
    return "drafted"


async def _sign_off(step: Step) -> str:
    await assignments.sign_off(step.core, step.session, step.actor, await step.assignment())
    return "signed_off"


async def _refuse_draft(step: Step) -> str:
    await assignments.refuse_draft(step.core, step.session, step.actor, await step.assignment(), step.text("note", 500))
    return "returned_to_clerk"


async def _dispatch(step: Step) -> str:
    urgency = step.choice(Urgency, "urgency", _("请选择紧急程度"))
    category = step.text("category_code", 10)
    mode = step.choice(DispatchMode, "mode", _("请选择怎么交办"))
    handling = step.choice(HandlingKind, "handling", _("请选择办理方式")) if step.form.get("handling") else None
    days = step.number("leader_days", _("领导批示件请选择7天、10天或30天")) if mode is DispatchMode.LEADER else None
    unit_id = step.number("unit_id", _("请选择承办单位"))
    await revise(step.core, step.session, step.actor, step.ticket, category_code=category, urgency=urgency, permission="ticket.dispatch")
    await dispatching.dispatch(
        step.core,
        step.session,
        step.actor,
        step.ticket,
        unit_id=unit_id,
        mode=mode,
        instruction=step.text("instruction", 1000),
        co_unit_ids=step.numbers("co_unit_ids"),
        co_until=co_until(step),
        override_reason=step.text("override_reason", 500),
        handling=handling,
        leader_days=days,
        district=step.text("district", 50),
    )
    return "dispatched"


async def _edit(step: Step) -> str:
    await revise(
        step.core,
        step.session,
        step.actor,
        step.ticket,
        category_code=step.text("category_code", 10),
        urgency=step.choice(Urgency, "urgency", _("请选择紧急程度")),
        title=step.text("title", 60),
        confidentiality=step.choice(Confidentiality, "confidentiality", _("请选择公开程度")),
    )
    return "edited"


async def _name(step: Step) -> str:
    await name_people(step.core, step.session, step.actor, step.ticket, list(step.numbers("user_ids")))
    return "named"


async def _submit(step: Step) -> str:
    urgency = step.choice(Urgency, "urgency", _("请选择紧急程度"))
    category, title = step.text("category_code", 10), step.text("title", 60)
    await dispatching.submit(step.core, step.session, step.actor, step.ticket, category_code=category, urgency=urgency, title=title)
    return "submitted"


async def _answer(step: Step) -> str:
    await dispatching.answer(step.core, step.session, step.actor, step.ticket, step.text("answer", 5000))
    return "answered"


async def _request_info(step: Step) -> str:
    await dispatching.request_info(step.core, step.session, step.actor, step.ticket, step.text("missing", 1000))
    return "info_requested"


async def _supplement(step: Step) -> str:
    await dispatching.supplement(step.core, step.session, step.actor, step.ticket, step.text("text", 2000))
    return "supplemented"


async def _urge(step: Step) -> str:
    await urge(step.core, step.session, step.actor, step.ticket, step.text("note", 500))
    return "urged"


async def _emergency(step: Step) -> str:
    target, note = step.text("target", 10), step.text("note", 500)
    await exits.transfer_emergency(step.core, step.session, step.actor, step.ticket, target=target, note=note)
    return "emergency"


async def _follow_emergency(step: Step) -> str:
    taken_over = step.form.get("taken_over") == "yes"
    receiver, note = step.text("receiver", 50), step.text("note", 500)
    at = step.moment("at", _("请写明接收的时间")) if step.text("at", 40) else None
    await exits.follow_emergency(
        step.core, step.session, step.actor, step.ticket, taken_over=taken_over, receiver=receiver, at=at, note=note
    )
    return "emergency_followed"


async def _close_no_contact(step: Step) -> str:
    await exits.close_no_contact(step.core, step.session, step.actor, step.ticket, note=step.text("note", 500))
    return "no_contact"


async def _invalidate(step: Step) -> str:
    code, reason = step.text("code", 20), step.text("reason", 500)
    await exits.invalidate(step.core, step.session, step.actor, step.ticket, code=code, reason=reason)
    return "invalidated"


async def _review(step: Step) -> str:
    accept = step.form.get("accept") == "yes"
    if not accept and step.form.get("accept") != "no":  # no choice must never mean «send back»
        raise InvalidInput(_("请选择通过还是退回"), field="accept")
    gates, note = tuple(step.many("gates")), step.text("note", 1000)
    await callbacks.review(step.core, step.session, step.actor, step.ticket, accept=accept, gates=gates, note=note)
    return "accepted" if accept else "sent_back"


async def _reopen(step: Step) -> str:
    await callbacks.reopen(step.core, step.session, step.actor, step.ticket, step.text("reason", 1000))
    return "reopened"


async def _return_call(step: Step) -> str:
    task_id = step.number("return_call", _("没有找到这个回拨任务"))
    answer = step.text("answer", 5000) if step.form.get("outcome") == "answered" else None
    task = await callbacks.finish_return_call(step.core, step.session, step.actor, task_id, step.text("note", 2000), answer=answer)
    if task.ticket_id != step.ticket.id:
        raise NotFound(_("没有找到这个回拨任务"))
    return "called_back"


HANDLERS: dict[str, Callable[[Step], Awaitable[str]]] = {
    **CALLBACK_HANDLERS,
    **REQUEST_HANDLERS,
    **RELATION_HANDLERS,
    **PROGRESS_HANDLERS,
    **SUPERVISION_HANDLERS,
    "sign": _sign,
    "contact": _contact,
    "reply": _reply,
    "sign_off": _sign_off,
    "refuse_draft": _refuse_draft,
    "dispatch": _dispatch,
    "edit": _edit,
    "name": _name,
    "submit": _submit,
    "answer": _answer,
    "request_info": _request_info,
    "supplement": _supplement,
    "urge": _urge,
    "emergency": _emergency,
    "follow_emergency": _follow_emergency,
    "close_no_contact": _close_no_contact,
    "invalidate": _invalidate,
    "review": _review,
    "reopen": _reopen,
    "return_call": _return_call,
}
"""Address `/console/tickets/{number}/{key}`; the answer is the word of `pages.DONE` to show."""

PERMISSIONS: dict[str, str] = {
    **CALLBACK_PERMISSIONS,
    **REQUEST_PERMISSIONS,
    **RELATION_PERMISSIONS,
    **PROGRESS_PERMISSIONS,
    **SUPERVISION_PERMISSIONS,
    "sign": "assignment.work",
    "contact": "assignment.work",
    "reply": "reply.draft",
    "sign_off": "reply.sign",
    "refuse_draft": "reply.sign",
    "dispatch": "ticket.dispatch",
    "review": "reply.review",
    "name": "ticket.name_people",
    "edit": "ticket.edit",
    "emergency": "ticket.emergency",
    "follow_emergency": "ticket.emergency",
    "supplement": "ticket.supplement",
    "submit": "ticket.submit",
    "answer": "ticket.answer",
    "request_info": "ticket.ask",
    "invalidate": "ticket.invalidate",
    "urge": "ticket.urge",
    "reopen": "ticket.reopen",
    "close_no_contact": "ticket.close_no_contact",
    "return_call": "return_call.finish",
}
"""The permission of domain.md 4b that each address asks for; the services check again, with state and unit."""

__all__ = ["HANDLERS", "PERMISSIONS", "Step"]
