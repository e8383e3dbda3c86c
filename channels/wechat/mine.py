"""我的工单: a citizen's own tickets, known by the openid. A single one is told by the dialogue (`chatbot.progress`)."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.words import state_words
from hotline.i18n import _
from ticketing.ticket.access import own_tickets

WORDS = frozenset({"我的工单", "我的诉求", "我的投诉", "查我的工单", "我的工单进度"})


async def overview(session: AsyncSession, citizen_id: int) -> str:
    """The last five tickets with their states."""
    tickets = await own_tickets(session, citizen_id)
    if not tickets:
        return _("您还没有通过这个微信号提交过工单。直接说出要反映的事，我来帮您登记。")
    lines = [_("您最近的工单：")]
    lines += [f"{ticket.number} {state_words(ticket.state)}\n{ticket.title}" for ticket in tickets]
    lines.append(_("回复工单编号，可以看办理情况。"))
    return "\n".join(lines)
