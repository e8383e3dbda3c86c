"""What would come of a form before it is sent: the step is really taken, by the same rules, and undone (docs/decisions/0191).

So the hints beside a reply are the gate itself, and what is told of an extension or a suspension is what the core would do.
"""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from channels.console.actions import HANDLERS, PERMISSIONS, Step
from channels.console.ahead import AHEAD
from channels.console.pages import fragment
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput
from ticketing.assignment.models import Facts
from ticketing.people.permissions import ensure
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
            ahead = await AHEAD[action](step)
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


ACTIONS = tuple(AHEAD)
"""The forms that tell it."""

__all__ = ["ACTIONS", "show"]
