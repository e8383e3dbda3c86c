"""The steps of a callback on the ticket page: answers, attempts, the second visit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from channels.console.step import Step
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.callback import rules
from ticketing.callback import service as callbacks
from ticketing.callback.questionnaire import read_answers
from ticketing.callback.tasks import put_back
from ticketing.ticket.states import Satisfaction, TicketState


async def _visit(step: Step) -> str:
    given = {**step.form, "note": step.text("note", 2000), "rectification": step.text("rectification", 2000)}
    result = read_answers(rules.load(), given, by="clerk")
    if result.satisfaction is not Satisfaction.DISSATISFIED:
        result = replace(result, cause="", rectification="")
    await callbacks.finish_callback(step.core, step.session, step.actor, step.ticket, result)
    return "visit_opened" if step.ticket.state == TicketState.CALLBACK.value else "visited"


async def _attempt(step: Step) -> str:
    outcome, note = step.text("outcome", 20), step.text("note", 1000)
    closed = await callbacks.record_attempt(step.core, step.session, step.actor, step.ticket, outcome, note=note)
    return ("refused_to_rate" if outcome == "refused" else "unreached") if closed else "attempt"


async def _put_back(step: Step) -> str:
    await put_back(step.core, step.session, step.actor, step.ticket)
    return "put_back"


async def _decide_redo(step: Step) -> str:
    cause, note, wanted = step.text("cause", 40), step.text("cause_note", 1000), step.text("rectification", 2000)
    await callbacks.decide_redo(step.core, step.session, step.actor, step.ticket, cause=cause, rectification=wanted, cause_note=note)
    return "redone"


async def _close_disputed(step: Step) -> str:
    evidence, explanation = step.text("evidence", 2000), step.text("explanation", 2000)
    if len(explanation) < 5:
        raise InvalidInput(_("请写明向市民解释了什么"), field="explanation")
    cause = step.text("cause", 40) or "beyond_law"
    await callbacks.close_disputed(
        step.core, step.session, step.actor, step.ticket, evidence=evidence, explanation=explanation, cause=cause
    )
    return "disputed_closed"


CALLBACK_HANDLERS: dict[str, Callable[[Step], Awaitable[str]]] = {
    "visit": _visit,
    "attempt": _attempt,
    "put_back": _put_back,
    "decide_redo": _decide_redo,
    "close_disputed": _close_disputed,
}
CALLBACK_PERMISSIONS = {
    **dict.fromkeys(("visit", "attempt", "put_back", "decide_redo"), "callback.visit"),
    "close_disputed": "ticket.close_disputed",
}
