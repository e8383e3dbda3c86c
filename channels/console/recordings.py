"""Quality: recorded calls, newest first, with player and transcript."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aiohttp import web
from sqlalchemy import select, tuple_

from channels.console.health import model_name
from channels.console.pages import page
from channels.console.session import require_may
from channels.web import keyset
from channels.web.formats import mask_phone
from channels.web.keys import CORE, DATABASE
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.conversation.calls import caller_numbers
from ticketing.conversation.models import Call, CallState
from ticketing.conversation.service import messages
from ticketing.people.lines import calls_of
from ticketing.people.permissions import may
from ticketing.ticket.access import access_call, conversations_about_withheld, visible, withheld_conversations
from ticketing.ticket.models import Ticket

PAGE_SIZE = 50


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/recordings?after=…: ended calls without secret tickets; numbers are masked, the inspector needs none."""
    person = require_may(request, "recording.list")
    core = request.app[CORE]
    after = keyset.read(request.query.get("after"))
    async with request.app[DATABASE].transaction() as session:
        withheld = withheld_conversations(core, person.actor)
        ours = (Call.direction != "out") | Call.conversation_id.not_in(conversations_about_withheld(core, person.actor))
        ended = select(Call).where(Call.state == CallState.ENDED.value, Call.conversation_id.not_in(withheld), ours, calls_of(person.actor))
        if place := _place(after):
            ended = ended.where(tuple_(Call.started_at, Call.id) < place)
        calls = list(await session.scalars(ended.order_by(Call.started_at.desc(), Call.id.desc()).limit(PAGE_SIZE + 1)))
        ids = [call.conversation_id for call in calls]
        seen = select(Ticket).where(Ticket.conversation_id.in_(ids), visible(core, person.actor)).order_by(Ticket.id)
        tickets = {ticket.conversation_id: ticket for ticket in await session.scalars(seen)}
        known = await caller_numbers(core, session, calls)
    numbers = {call.id: mask_phone(known[call.id]) if call.id in known else _("号码未显示") for call in calls}
    return page(
        request,
        "console/recordings.html",
        nav="recordings",
        model_name=model_name,
        calls=calls[:PAGE_SIZE],
        more=len(calls) > PAGE_SIZE,
        later=after is not None,
        ended=keyset.written(calls[PAGE_SIZE - 1].started_at, calls[PAGE_SIZE - 1].id) if len(calls) > PAGE_SIZE else "",
        tickets=tickets,
        numbers=numbers,
    )


def _place(after: tuple[datetime, str] | None) -> tuple[datetime, UUID] | None:
    """The last call of the page before; None when the address names none."""
    try:
        return (after[0], UUID(after[1])) if after else None
    except ValueError:
        return None


def call_id_of(request: web.Request) -> UUID:
    """The call in the address. Raises NotFound when it is none."""
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这通电话")) from None


async def show_call(request: web.Request) -> web.StreamResponse:
    """GET /console/recordings/{id}: one call with its transcript."""
    person = require_may(request, "recording.list")
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        call = await access_call(core, session, person.actor, call_id_of(request))
        said = await messages(session, call.conversation_id)
        seen = select(Ticket).where(Ticket.conversation_id == call.conversation_id, visible(core, person.actor)).order_by(Ticket.id.desc())
        ticket = (await session.scalars(seen.limit(1))).first()
        known = await caller_numbers(core, session, [call])
    number = mask_phone(known[call.id]) if call.id in known else _("号码未显示")
    inspects = bool(call.ended_at and call.recording_path and call.data.get("agent_id")) and may(person.actor, "quality.score")
    return page(
        request,
        "console/recording.html",
        nav="recordings",
        call=call,
        said=said,
        ticket=ticket,
        number=number,
        inspects=inspects,
        model_name=model_name,
    )
