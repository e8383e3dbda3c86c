"""The agent's own state, and what an agent or a supervisor does with a call that goes on."""

from __future__ import annotations

import re
from uuid import UUID

from aiohttp import web

from channels.console.callbar import renewed
from channels.console.pages import see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.duty.models import DutyState
from ticketing.duty.service import set_state
from ticketing.queue.commands import command

_TICKET = re.compile(r"[0-9-]{5,30}")
_BACK = {"desk": "/console/desk", "queue": "/console/queue"}


async def set_mine(request: web.Request) -> web.StreamResponse:
    """POST /console/duty: ready, on a break, off; `user`: somebody else's, by who manages the duty."""
    person, form = require_may(request, "duty.self", "duty.manage"), await request.post()
    try:
        state = DutyState(str(form.get("state", "")))
    except ValueError:
        raise InvalidInput(_("没有这个状态"), field="state") from None
    reason = str(form.get("reason", ""))[:30] if state is DutyState.BREAK else ""
    whose = whole_number(str(form.get("user", ""))) if form.get("user") else None
    async with request.app[DATABASE].transaction() as session:
        await set_state(request.app[CORE], session, person.actor, state, reason=reason, user_id=whose)
    if is_fragment(request):  # a key of the bar: the page stays, with all that is being written on it
        return await renewed(request, person)
    return see_other(request, _BACK.get(str(form.get("back", "")), "/console/desk"), "duty_set")


async def control(request: web.Request) -> web.StreamResponse:
    """POST /console/calls/{id}/control: hold, consult, transfer … and listen, whisper, take over."""
    person, form = require_may(request, "call.control", "call.supervise"), await request.post()
    try:
        call_id = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这通电话")) from None
    action, to = str(form.get("action", ""))[:20], str(form.get("to", "")).strip()[:30]
    colleague = str(form.get("agent", "")).strip()[:10]
    async with request.app[DATABASE].transaction() as session:
        await command(request.app[CORE], session, person.actor, call_id, action, to=f"agent:{colleague}" if colleague else to)
    if is_fragment(request):
        return await renewed(request, person)
    ticket = str(form.get("ticket", ""))
    if _TICKET.fullmatch(ticket):
        return see_other(request, f"/console/tickets/{ticket}#t-dial", "call_commanded")
    return see_other(request, _BACK.get(str(form.get("back", "")), "/console/desk"), "call_commanded")
