"""What would come of a form before it is sent: the step is really taken, by the same rules, and undone (docs/decisions/0191).

So the hints beside a reply are the gate itself, and what is told of an extension or a suspension is what the core would do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from channels.console.actions import HANDLERS, PERMISSIONS, Step
from channels.console.pages import fragment
from channels.console.session import require_may
from channels.web.formats import citizen_time
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Facts
from ticketing.deadline.limits import UNITS, Limit
from ticketing.deadline.service import extend_clock, policy_of
from ticketing.people.models import Role
from ticketing.people.permissions import ensure
from ticketing.request.extension import rule_for
from ticketing.ticket.access import access_ticket


class _Undo(Exception):
    """Not an error: it ends a transaction that was never meant to be kept."""


async def show(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/{number}/preview/{action}: what is still missing and what will happen. Nothing is kept."""
    person, action = require_may(request, "ticket.see"), request.match_info["action"]
    actor, core = ensure(person.actor, PERMISSIONS[action]), request.app[CORE]
    data = await request.post()
    form = {name: value for name, value in data.items() if isinstance(value, str)}
    missing: list[str] = []
    ahead: list[str] = []
    with suppress(_Undo):
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, request.match_info["number"], lock=True)
            step = Step(core, session, actor, ticket, form, lambda name: [str(value) for value in data.getall(name, [])])
            missing = await _missing(action, step)
            if action == "reply" and not form.get("facts"):  # one choice that is open must not hide what the gate says of the text
                form["facts"] = Facts.UNTRUE.value
                await session.refresh(ticket)
                missing += await _missing(action, step)
            await session.refresh(ticket)
            ahead = await _AHEAD[action](step)
            raise _Undo
    return fragment(request, "console/_preview.html", missing=missing, ahead=ahead)


async def _missing(action: str, step: Step) -> list[str]:
    try:
        async with step.session.begin_nested():
            await HANDLERS[action](step)
            raise _Undo
    except _Undo:
        return []
    except InvalidInput as problem:
        return list(problem.errors.values()) or [str(problem)]
    except HotlineError as problem:
        return [str(problem)]


async def _reply(_step: Step) -> list[str]:
    return [_("提交后由首席代表审签，再送中心按四关审核；审核通过才告知市民。")]


async def _extension(step: Step) -> list[str]:
    """The due time that would be, who decides, and whether it can be asked for once more."""
    amount, unit = step.form.get("limit_value", ""), step.form.get("limit_unit", "wd")
    said = [_("先由首席代表同意，再送中心决定；批准以前计时照常，没有批准就按原来的期限。")]
    if not amount.isdecimal() or not 1 <= int(amount) <= 365 or unit not in UNITS:
        return said
    with suppress(HotlineError):
        deadline, rule = await rule_for(step.session, step.ticket, await step.assignment())
        if rule is None:
            return said
        before, again = deadline.due_at, (await policy_of(step.session, step.ticket)).extension(deadline.extensions + 1)
        await extend_clock(step.core, step.session, deadline, Limit(float(amount), unit))
        said.insert(0, _("同意后，期限从{before}改到{after}。").format(before=citizen_time(before), after=citizen_time(deadline.due_at)))
        said.append(_("由领导决定。") if rule.by is Role.LEADER else _("由督办决定。"))
        said.append(_("以后还可以再申请一次。") if again is not None else _("这是最后一次，以后不能再延期。"))
    return said


async def _suspension(step: Step) -> list[str]:
    said = [_("先由首席代表同意，再由督办决定，超过90天的由领导决定；批准以前计时照常。")]
    with suppress(HotlineError):
        day = step.day("review_on", "-")
        said.insert(0, _("同意后办理计时暂停，到{day}恢复，剩下的时间接着算。").format(day=f"{day.month}月{day.day}日"))
    return said


async def _return(_step: Step) -> list[str]:
    return [
        _("由派单员决定。同意后重新派给别的单位，本单位不再办理；不同意就要签收办理。"),
        _("每张工单只能申请一次；别的单位已经退过的，这次直接提交裁定。批准以前计时照常。"),
    ]


_AHEAD: dict[str, Callable[[Step], Awaitable[list[str]]]] = {
    "reply": _reply,
    "ask_extension": _extension,
    "ask_suspension": _suspension,
    "request_return": _return,
}
ACTIONS = tuple(_AHEAD)
"""The forms that tell it."""

__all__ = ["ACTIONS", "show"]
