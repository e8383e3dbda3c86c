"""The steps on a ticket: one POST address each, one form each, one service function each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.inputs import whole_number
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Facts
from ticketing.assignment.service import ReplyDraft
from ticketing.callback import service as callbacks
from ticketing.callback.service import CallbackResult
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.request import returns
from ticketing.supervision.urging import urge
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits, refusal
from ticketing.ticket.edit import name_people, revise
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, DispatchMode, Satisfaction, Urgency

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class Step:
    """What a handler is given."""

    core: Core
    session: AsyncSession
    actor: Actor
    ticket: Ticket
    form: Mapping[str, str]
    many: Callable[[str], list[str]]

    def text(self, name: str, limit: int = 2000) -> str:
        """A field without blanks around it. Raises InvalidInput when it is too long, so that nothing is cut off unseen."""
        value = self.form.get(name, "").strip().replace("\r\n", "\n")
        if len(value) > limit:
            raise InvalidInput(_("请控制在{n}字以内"), field=name, n=limit)
        return value

    def choice(self, kind: type[E], name: str, message: str) -> E:
        """One of the values of an enumeration."""
        try:
            return kind(self.form.get(name, ""))
        except ValueError:
            raise InvalidInput(message, field=name) from None

    def number(self, name: str, message: str) -> int:
        """An identifier that a select box sends."""
        value = whole_number(self.form.get(name))
        if value is None:
            raise InvalidInput(message, field=name)
        return value

    def numbers(self, name: str) -> tuple[int, ...]:
        """Identifiers that ticked boxes send; what is no number is left out."""
        return tuple(value for value in map(whole_number, self.many(name)) if value is not None)

    async def assignment(self) -> int:
        """The assignment that the form means. It must belong to this ticket; the service checks the unit."""
        found = await self.session.get(Assignment, self.number("assignment", _("没有找到这张工单")))
        if found is None or found.ticket_id != self.ticket.id:
            raise NotFound(_("没有找到这张工单"))
        return found.id


async def _sign(step: Step) -> str:
    await assignments.sign(step.core, step.session, step.actor, await step.assignment())
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
    )
    await assignments.draft_reply(step.core, step.session, step.actor, await step.assignment(), draft)
    return "drafted"


async def _sign_off(step: Step) -> str:
    await assignments.sign_off(step.core, step.session, step.actor, await step.assignment())
    return "signed_off"


async def _refuse_draft(step: Step) -> str:
    await assignments.refuse_draft(step.core, step.session, step.actor, await step.assignment(), step.text("note", 500))
    return "returned_to_clerk"


async def _request_return(step: Step) -> str:
    await returns.ask(step.core, step.session, step.actor, await step.assignment(), step.text("reason", 1000))
    return "return_requested"


async def _decide_return(step: Step) -> str:
    approve = step.form.get("approve") == "yes"
    if not approve and step.form.get("approve") != "no":
        raise InvalidInput(_("请选择同意还是不同意"), field="approve")
    note = step.text("note", 500)
    if not approve and len(note) < 2:
        raise InvalidInput(_("请写明不同意的理由"), field="note")
    request_id = step.number("request", _("没有等待处理的退单申请"))
    await returns.decide(step.core, step.session, step.actor, step.ticket, request_id, approve=approve, note=note)
    return "return_approved" if approve else "return_refused"


async def _dispatch(step: Step) -> str:
    urgency = step.choice(Urgency, "urgency", _("请选择紧急程度"))
    category = step.text("category_code", 10)
    mode = step.choice(DispatchMode, "mode", _("请选择电话交办或书面转办"))
    unit_id = step.number("unit_id", _("请选择承办单位"))
    await revise(step.core, step.session, step.actor, step.ticket, category_code=category, urgency=urgency)
    await dispatching.dispatch(
        step.core,
        step.session,
        step.actor,
        step.ticket,
        unit_id=unit_id,
        mode=mode,
        instruction=step.text("instruction", 1000),
        co_unit_ids=step.numbers("co_unit_ids"),
        override_reason=step.text("override_reason", 500),
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


async def _reject(step: Step) -> str:
    reason, legal_way = step.text("reason", 500), step.text("legal_way", 1000)
    await refusal.reject(step.core, step.session, step.actor, step.ticket, reason=reason, legal_way=legal_way)
    return "rejected"


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
    await exits.follow_emergency(step.core, step.session, step.actor, step.ticket, taken_over=taken_over, note=step.text("note", 500))
    return "emergency_followed"


async def _close_no_contact(step: Step) -> str:
    await exits.close_no_contact(step.core, step.session, step.actor, step.ticket, note=step.text("note", 500))
    return "no_contact"


async def _invalidate(step: Step) -> str:
    await exits.invalidate(step.core, step.session, step.actor, step.ticket, reason=step.text("reason", 500))
    return "invalidated"


async def _review(step: Step) -> str:
    accept = step.form.get("accept") == "yes"
    if not accept and step.form.get("accept") != "no":  # no choice must never mean «send back»
        raise InvalidInput(_("请选择通过还是退回"), field="accept")
    gates, note = tuple(step.many("gates")), step.text("note", 1000)
    await callbacks.review(step.core, step.session, step.actor, step.ticket, accept=accept, gates=gates, note=note)
    return "accepted" if accept else "sent_back"


async def _visit(step: Step) -> str:
    errors = {}
    if step.form.get("solved") not in ("yes", "no"):
        errors["solved"] = _("请选择问题是否解决")
    if step.form.get("contacted") not in ("yes", "no"):
        errors["contacted"] = _("请选择单位是否联系过市民")
    if step.form.get("attitude") not in ("good", "fair", "bad"):
        errors["attitude"] = _("请选择工作人员的态度")
    if step.form.get("satisfaction") not in {item.value for item in Satisfaction}:
        errors["satisfaction"] = _("请选择满意程度")
    if errors:
        raise InvalidInput(errors=errors)
    result = CallbackResult(
        satisfaction=Satisfaction(step.form["satisfaction"]),
        solved=step.form["solved"] == "yes",
        contacted=step.form["contacted"] == "yes",
        attitude=step.form["attitude"],
        note=step.text("note", 2000),
    )
    await callbacks.finish_callback(step.core, step.session, step.actor, step.ticket, result)
    return "visited"


async def _attempt(step: Step) -> str:
    closed = await callbacks.record_attempt(step.core, step.session, step.actor, step.ticket, step.text("outcome", 20))
    return "unreached" if closed else "attempt"


async def _close_disputed(step: Step) -> str:
    await callbacks.close_disputed(step.core, step.session, step.actor, step.ticket, evidence=step.text("evidence", 2000))
    return "disputed_closed"


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
    "sign": _sign,
    "contact": _contact,
    "reply": _reply,
    "sign_off": _sign_off,
    "refuse_draft": _refuse_draft,
    "request_return": _request_return,
    "decide_return": _decide_return,
    "dispatch": _dispatch,
    "edit": _edit,
    "name": _name,
    "submit": _submit,
    "answer": _answer,
    "reject": _reject,
    "request_info": _request_info,
    "supplement": _supplement,
    "urge": _urge,
    "emergency": _emergency,
    "follow_emergency": _follow_emergency,
    "close_no_contact": _close_no_contact,
    "invalidate": _invalidate,
    "review": _review,
    "visit": _visit,
    "attempt": _attempt,
    "close_disputed": _close_disputed,
    "reopen": _reopen,
    "return_call": _return_call,
}
"""Address `/console/tickets/{number}/{key}`; the answer is the word of `pages.DONE` to show."""

PERMISSIONS: dict[str, str] = {
    "sign": "assignment.work",
    "contact": "assignment.work",
    "reply": "reply.draft",
    "request_return": "request.ask",
    "sign_off": "reply.sign",
    "refuse_draft": "reply.sign",
    "decide_return": "return.decide",
    "dispatch": "ticket.dispatch",
    "review": "reply.review",
    "reject": "refusal.decide",
    "name": "ticket.name_people",
    "edit": "ticket.edit",
    "emergency": "ticket.emergency",
    "follow_emergency": "ticket.emergency",
    "supplement": "ticket.supplement",
    "submit": "ticket.submit",
    "answer": "ticket.answer",
    "request_info": "ticket.ask",
    "visit": "callback.visit",
    "attempt": "callback.visit",
    "close_disputed": "ticket.close_disputed",
    "invalidate": "ticket.invalidate",
    "urge": "ticket.urge",
    "reopen": "ticket.reopen",
    "close_no_contact": "ticket.close_no_contact",
    "return_call": "return_call.finish",
}
"""The permission of domain.md 4b that each address asks for; the services check again, with state and unit."""

__all__ = ["HANDLERS", "PERMISSIONS", "Step"]
