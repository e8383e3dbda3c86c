"""A citizen's own tickets, known by the openid: 我的工单 and a ticket number that is theirs."""

from __future__ import annotations

import re

from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.words import state_words
from channels.wechat.replies import cut
from hotline.clock import to_city
from hotline.i18n import _
from ticketing.ticket.access import own_tickets
from ticketing.ticket.models import Ticket

WORDS = frozenset({"我的工单", "我的诉求", "我的投诉", "查我的工单", "我的工单进度"})
NUMBER = re.compile(r"(?<!\d)\d{3,8}-\d{8}-\d{5}(?!\d)")
_SEARCHED = 50


async def overview(session: AsyncSession, citizen_id: int) -> str:
    """The last five tickets with their states."""
    tickets = await own_tickets(session, citizen_id)
    if not tickets:
        return _("您还没有通过这个微信号提交过工单。直接说出要反映的事，我来帮您登记。")
    lines = [_("您最近的工单：")]
    lines += [f"{ticket.number} {state_words(ticket.state)}\n{ticket.title}" for ticket in tickets]
    lines.append(_("回复工单编号，可以看办理情况。"))
    return "\n".join(lines)


async def progress(session: AsyncSession, citizen_id: int, text: str) -> str | None:
    """Where the citizen's own ticket named in `text` stands; None when none is named or it is not theirs."""
    named = NUMBER.search(text)
    if named is None:
        return None
    for ticket in await own_tickets(session, citizen_id, limit=_SEARCHED):
        if ticket.number == named.group():
            return _describe(ticket)
    return None


def _describe(ticket: Ticket) -> str:
    lines = [
        _("工单 {number}：{state}").format(number=ticket.number, state=state_words(ticket.state)),
        ticket.title,
        _("{time} 更新").format(time=f"{to_city(ticket.updated_at):%m-%d %H:%M}"),
    ]
    if ticket.answer:
        lines.append(_("答复：{answer}").format(answer=cut(ticket.answer, 1200)))
    return "\n".join(lines)
