"""GET /console/stream: what tells an open page to fetch again. Names only; the page fetches what it may see."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from aiohttp import web

from channels.console.session import staff
from channels.web.keys import CORE, DATABASE, HUB
from channels.web.live import Notice
from hotline.errors import NotFound
from ticketing.people.permissions import may
from ticketing.ticket.access import access_ticket

_ENDS = frozenset(
    {"account.changed", "account.switched_off", "account.password_reset", "account.sessions_ended", "account.second_factor_removed"}
)
"""What ends the sessions of an account."""


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events for one page: `tickets`, `ticket` (the one on the page), `desk`, `talk` and `caption` (the one on the page)."""
    person = staff(request)
    ticket_id = await _ticket_id(request)
    conversation = _conversation(request.query.get("conversation", ""))

    def select(notice: Notice) -> Iterable[str]:
        if notice.subject == "user" and notice.subject_id == str(person.user.id) and notice.name in _ENDS:
            yield "reload"  # to the log-in page
        if not may(person.actor, "ticket.see"):
            return
        if notice.subject == "ticket":
            yield "tickets"
            if notice.subject_id == ticket_id and not notice.name.startswith("view."):
                yield "ticket"
        elif notice.subject == "caption":
            if conversation == notice.subject_id and may(person.actor, "desk.answer"):
                yield "caption"
        elif notice.subject == "duty" and may(person.actor, "duty.self"):
            yield "desk"
        elif notice.subject in ("call", "conversation") and may(person.actor, "chat.answer"):
            yield "desk"
            if conversation and conversation in (notice.subject_id, notice.data.get("conversation")):
                yield "talk"

    return await request.app[HUB].stream(request, select)


async def _ticket_id(request: web.Request) -> str:
    number = request.query.get("ticket", "")
    if not number:
        return ""
    async with request.app[DATABASE].transaction() as session:
        try:
            return str((await access_ticket(request.app[CORE], session, staff(request).actor, number)).id)
        except NotFound:
            return ""


def _conversation(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        return ""
