"""GET /console/stream: what tells an open page to fetch again. Names only; the page fetches what it may see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from aiohttp import web
from sqlalchemy import select as rows

from channels import absent
from channels.console.session import staff
from channels.web.keys import CORE, DATABASE, HUB, SETTINGS
from channels.web.live import Notice
from hotline.errors import NotFound
from ticketing.conversation.models import Call
from ticketing.duty.models import Duty
from ticketing.people.permissions import may
from ticketing.ticket.access import access_ticket

_ENDS = frozenset(
    {"account.changed", "account.switched_off", "account.password_reset", "account.sessions_ended", "account.second_factor_removed"}
)
"""What ends the sessions of an account."""


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events for one page: `tickets`, `ticket` (the one on it), `desk`, `dial` (one's own call by click), `talk`, `caption`.

    The last two of the call on the page, and of the one that rings for this person or that they speak on.
    """
    person = staff(request)
    ticket_id = await _ticket_id(request)
    conversation = _conversation(request.query.get("conversation", ""))
    own = await _own_conversation(request)

    def select(notice: Notice) -> Iterable[str]:
        nonlocal own
        if notice.subject == "duty" and notice.subject_id == str(person.user.id) and "conversation" in notice.data:
            own = str(notice.data["conversation"])
        watched = {conversation, own} - {""}
        if notice.subject == "user" and notice.subject_id == str(person.user.id) and notice.name in _ENDS:
            yield "reload"  # to the log-in page
        own_dial = notice.data.get("dialled_by") == person.user.id
        if own_dial or (notice.subject == "duty" and notice.subject_id == str(person.user.id)):
            yield "dial"
        if not may(person.actor, "ticket.see"):
            return
        if notice.subject == "ticket":
            yield "tickets"
            if notice.subject_id == ticket_id and not notice.name.startswith("view."):
                yield "ticket"
        elif notice.subject == "caption":
            if notice.subject_id in watched and may(person.actor, "desk.answer"):
                yield "caption"
        elif notice.subject == "duty" and may(person.actor, "duty.self"):
            yield "desk"
        elif notice.subject in ("call", "conversation") and may(person.actor, "chat.answer"):
            yield "desk"
            if watched & {notice.subject_id, notice.data.get("conversation")}:
                yield "talk"

    if not may(person.actor, "chat.answer"):
        return await request.app[HUB].stream(request, select)
    idle = timedelta(minutes=request.app[SETTINGS].session_idle_minutes)
    beating = asyncio.create_task(absent.keep_beating(request.app[CORE], request.app[DATABASE], person.user.id, person.session_id, idle))
    try:
        return await request.app[HUB].stream(request, select)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def _ticket_id(request: web.Request) -> str:
    number = request.query.get("ticket", "")
    if not number:
        return ""
    async with request.app[DATABASE].transaction() as session:
        try:
            return str((await access_ticket(request.app[CORE], session, staff(request).actor, number)).id)
        except NotFound:
            return ""


async def _own_conversation(request: web.Request) -> str:
    """What the person's own call is about: its words are followed whatever page is shown, from the first ring on."""
    statement = rows(Call.conversation_id).join(Duty, Duty.call_id == Call.id).where(Duty.user_id == staff(request).user.id)
    async with request.app[DATABASE].transaction() as session:
        return str(await session.scalar(statement) or "")


def _conversation(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        return ""
