"""The API's way to one ticket: the core's door, and If-Match against lost updates (lesson 15)."""

from __future__ import annotations

import re

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.call import Call
from channels.api.explain import news
from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.events import Event
from hotline.i18n import _
from ticketing.people.actor import Actor
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket

_NUMBER = re.compile(r"[0-9]{3,8}-[0-9]{8}-[0-9]{5,9}")
_ETAG = re.compile(r'(?:W/)?"?([0-9]{1,9})\.([0-9]{1,9})"?', re.ASCII)


async def open_ticket(call: Call, number: str, *, lock: bool = False, actor: Actor | None = None, match: str | None = None) -> Ticket:
    """The ticket, if the caller may see it. With `lock` its row is held and If-Match is checked.

    Raises NotFound, and Conflict when somebody else did something after what the caller has seen.
    """
    if not _NUMBER.fullmatch(number):
        raise NotFound(_("没有找到这张工单，或者你没有查看它的权限"))
    ticket = await access_ticket(call.core, call.session, actor or call.actor, number, lock=lock)
    call.ticket, call.number = ticket, number
    wanted = call.request.headers.get("If-Match", "") if match is None else match
    if lock and wanted and wanted.strip() != "*":
        await _check(call, ticket, wanted)
    return ticket


async def _check(call: Call, ticket: Ticket, wanted: str) -> None:
    found = _ETAG.fullmatch(wanted.strip())
    if found is None:
        raise InvalidInput(_("If-Match应是读取工单时得到的ETag"), field="If-Match")
    version, call.seen = int(found[1]), int(found[2])
    if ticket.version != version or await news(call.session, ticket, call.seen):
        raise Conflict(_("这张工单刚刚有人改过，没有保存。请看changed里的变化，再用新的ETag提交"))


async def last_event(session: AsyncSession, ticket: Ticket) -> int:
    """The number of the ticket's last event."""
    return await session.scalar(select(func.max(Event.seq)).where(Event.subject == "ticket", Event.subject_id == str(ticket.id))) or 0
