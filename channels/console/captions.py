"""What is being said on a call this moment, for the page that shows the call."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from channels.console.pages import fragment
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.conversation.calls import live_calls
from ticketing.conversation.captions import captions
from ticketing.conversation.models import Call
from ticketing.people.lines import calls_of
from ticketing.queue.own_call import hidden_calls
from ticketing.ticket.access import closed_conversations


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/calls/{id}/captions: empty when nothing is being said, the call is over, or it is not for this person."""
    person = require_may(request, "desk.answer")
    core = request.app[CORE]
    try:
        call_id = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这通电话")) from None
    async with request.app[DATABASE].transaction() as session:
        calls = await live_calls(session, Call.id == call_id, calls_of(person.actor))
        closed = await closed_conversations(core, session, person.actor, [call.conversation_id for call in calls])
        hidden = await hidden_calls(session, person.actor, calls)
        spoken = await captions(core, session, call_id) if calls and not closed and not hidden else []
    return fragment(request, "console/_captions.html", spoken=spoken)
