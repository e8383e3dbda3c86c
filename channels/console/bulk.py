"""One step on several tickets of a queue: each is opened, checked and saved by itself, and the answer tells of each what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import select

from channels.console.actions import HANDLERS, PERMISSIONS, Step
from channels.console.pages import page
from channels.console.session import Staff, require_may
from channels.console.suggestion_panel import usual_order
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput
from hotline.i18n import _, texts
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.people.permissions import ensure, may
from ticketing.suggestion import store
from ticketing.suggestion.service import suggest_for
from ticketing.ticket.access import access_ticket

MOST = 50
"""Tickets at once: a page of a queue."""


@dataclass(frozen=True)
class Outcome:
    """What came of one ticket."""

    number: str
    title: str
    done: bool
    words: str


async def _as_suggested(step: Step) -> str:
    """To the unit that the machine is sure enough of; everything else waits for a closer look."""
    await store.ready(step.core.data_dir)
    order = usual_order(step.actor, step.ticket, await suggest_for(step.core, step.session, step.ticket))
    if order is None:
        raise InvalidInput(_("建议不够有把握，请打开这张工单看过再派"), field="numbers")
    await HANDLERS["dispatch"](Step(step.core, step.session, step.actor, step.ticket, order.fields, lambda _name: []))
    return _("已派给{unit}").format(unit=order.unit)


async def _urge(step: Step) -> str:
    await HANDLERS["urge"](step)
    return _("已催办")


async def _sign(step: Step) -> str:
    own = (Assignment.ticket_id == step.ticket.id) & (Assignment.unit_id == step.actor.unit_id)
    waits = select(Assignment.id).where(own, Assignment.state == AssignmentState.ASSIGNED.value)
    number = await step.session.scalar(waits.order_by(Assignment.id.desc()).limit(1))
    if number is None:
        raise InvalidInput(_("没有等本单位签收的派单"), field="numbers")
    form = {**step.form, "assignment": str(number)}
    await HANDLERS["sign"](Step(step.core, step.session, step.actor, step.ticket, form, lambda _name: []))
    return _("已签收")


_STEPS: dict[str, tuple[str, str, Callable[[Step], Awaitable[str]]]] = texts(
    {
        "sign": ("签收", "sign", _sign),
        "dispatch": ("按建议派单", "dispatch", _as_suggested),
        "urge": ("催办", "urge", _urge),
    }
)
"""What can be done with several: its word, the step whose permission it needs, how it is done with one."""


def offered(person: Staff) -> dict[str, str]:
    """The steps that this person may take on several tickets, with their words."""
    return {key: _(word) for key, (word, step, _how) in _STEPS.items() if may(person.actor, PERMISSIONS[step])}


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/bulk: `step`, and `numbers` as NUMBER~VERSION of the lines that were ticked."""
    person = require_may(request, "ticket.see")
    data = await request.post()
    key = str(data.get("step", ""))
    if key not in _STEPS:
        raise InvalidInput(_("请选择要做什么"), field="step")
    ensure(person.actor, PERMISSIONS[_STEPS[key][1]])
    ticked = list(dict.fromkeys(str(value) for value in data.getall("numbers", [])))
    if not ticked or len(ticked) > MOST:
        raise InvalidInput(_("请先选中工单，一次最多{n}件"), field="numbers", n=MOST)
    form = {"note": str(data.get("note", ""))[:500]}
    outcomes = [await _one(request, person, key, line, form) for line in ticked]
    return page(
        request, "console/bulk.html", nav="tickets", what=_(_STEPS[key][0]), outcomes=outcomes, left=sum(not each.done for each in outcomes)
    )


async def _one(request: web.Request, person: Staff, key: str, line: str, form: Mapping[str, str]) -> Outcome:
    """One ticket in a transaction of its own: what is refused there undoes nothing elsewhere."""
    core = request.app[CORE]
    number, _tilde, version = line.partition("~")
    title = ""
    try:
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, number, lock=True, version=whole_number(version) or 0)
            title = ticket.title
            words = await _STEPS[key][2](Step(core, session, person.actor, ticket, form, lambda _name: []))
        return Outcome(number, title, True, words)
    except HotlineError as problem:
        said = "；".join(problem.errors.values()) if isinstance(problem, InvalidInput) and problem.errors else str(problem)
        return Outcome(number, title, False, said)


__all__ = ["MOST", "act", "offered"]
