"""Steps on how tickets and units belong together: merge, repeat, investigation, waiver, passing on, rates, files of a reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from channels.console.step import Step, co_until
from hotline.i18n import _
from ticketing.assignment import service as assignments
from ticketing.assignment.co_date import set_co_date
from ticketing.assignment.pass_on import pass_on
from ticketing.assignment.reply_files import take_back
from ticketing.relation import investigation, merge, repeat
from ticketing.relation.links import access_other
from ticketing.ticket.dispatch import go_on
from ticketing.ticket.edit import exclude_from_rates


async def _merge(step: Step) -> str:
    master = await access_other(step.core, step.session, step.actor, step.ticket, step.text("master", 40))
    await merge.merge(step.core, step.session, step.actor, step.ticket, master, reason=step.text("reason", 500))
    return "merged"


async def _unmerge(step: Step) -> str:
    await merge.unmerge(step.core, step.session, step.actor, step.ticket, reason=step.text("reason", 500))
    return "unmerged"


async def _link_repeat(step: Step) -> str:
    earlier = await access_other(step.core, step.session, step.actor, step.ticket, step.text("earlier", 40))
    await repeat.link(step.core, step.session, step.actor, step.ticket, earlier)
    return "linked"


async def _go_on(step: Step) -> str:
    await go_on(step.core, step.session, step.actor, step.ticket, {"note": step.text("note", 500)})
    return "went_on"


async def _waive(step: Step) -> str:
    await assignments.waive(step.core, step.session, step.actor, await step.assignment(), step.text("reason", 500))
    return "waived"


async def _pass_on(step: Step) -> str:
    unit_id = step.number("unit_id", _("请选择承办单位"))
    part, until = await step.assignment(), co_until(step)
    await pass_on(step.core, step.session, step.actor, part, unit_id, step.text("instruction", 1000), until)
    return "passed_on"


async def _co_date(step: Step) -> str:
    until = step.moment("co_until", _("请写明协办期限"))
    await set_co_date(step.core, step.session, step.actor, step.ticket, await step.assignment(), until, step.text("reason", 500))
    return "co_dated"


async def _take_investigation(step: Step) -> str:
    await investigation.take(step.core, step.session, step.actor, step.ticket)
    return "investigation_taken"


async def _conclude_investigation(step: Step) -> str:
    false_reply = step.yes("false_reply", _("请选择以前的答复是否不实"))
    findings = step.text("findings", 5000)
    await investigation.conclude(step.core, step.session, step.actor, step.ticket, findings=findings, false_reply=false_reply)
    await assignments.reply_ready(step.core, step.session, step.ticket)
    return "investigated"


async def _exclude(step: Step) -> str:
    excluded = step.yes("excluded", _("请选择是否计入"))
    await exclude_from_rates(step.core, step.session, step.actor, step.ticket, excluded=excluded, reason=step.text("reason", 500))
    return "excluded" if excluded else "included"


async def _hide_files(step: Step) -> str:
    files = step.uuids("files", _("请选择附件"))
    await take_back(step.core, step.session, step.actor, step.ticket, files, step.text("reason", 500))
    return "files_hidden"


RELATION_HANDLERS: dict[str, Callable[[Step], Awaitable[str]]] = {
    "merge": _merge,
    "unmerge": _unmerge,
    "link_repeat": _link_repeat,
    "go_on": _go_on,
    "waive": _waive,
    "pass_on": _pass_on,
    "co_date": _co_date,
    "take_investigation": _take_investigation,
    "conclude_investigation": _conclude_investigation,
    "exclude": _exclude,
    "hide_files": _hide_files,
}
RELATION_PERMISSIONS = {
    "merge": "ticket.merge",
    "unmerge": "ticket.merge",
    "link_repeat": "ticket.merge",
    "go_on": "ticket.ask",
    "waive": "ticket.dispatch",
    "pass_on": "unit.subdispatch",
    "co_date": "assignment.date",
    "take_investigation": "investigation.lead",
    "conclude_investigation": "investigation.lead",
    "exclude": "rates.exclude",
    "hide_files": "reply.review",
}

__all__ = ["RELATION_HANDLERS", "RELATION_PERMISSIONS"]
