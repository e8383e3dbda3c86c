"""The channels by which people reach the city: is each set up, does it work, when was it last used? Counts only, no case content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import health
from channels.console.pages import page
from channels.console.session import require_may
from channels.web.keys import DATABASE
from hotline.events import Outbox
from hotline.i18n import _
from ticketing.conversation.models import InboundMessage
from ticketing.ticket.models import Ticket

WINDOW = timedelta(days=1)
RECENT = 5_000
"""So many of the newest messages to the outside are looked through for the last one that left: the table has no index by channel."""
CHANNELS = ("phone", "wechat", "web", "sms", "open311", "staff", "webhook")


@dataclass(frozen=True)
class Row:
    """One channel."""

    name: str
    in_use: bool
    state: str
    finding: health.Finding | None
    """What is wrong with it, when something is."""
    tickets: int
    last_ticket: datetime | None
    messages: int
    last_in: datetime | None
    last_out: datetime | None
    waiting: int
    parked: int


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/channels."""
    require_may(request, "system.see")
    async with request.app[DATABASE].transaction() as session:
        facts = await health.gather(request, session)
        rows = await _rows(session, facts)
    return page(request, "console/channels.html", nav="system", rows=rows)


async def _rows(session: AsyncSession, facts: health.Facts) -> list[Row]:
    since = facts.now - WINDOW
    tickets = {row[0]: row for row in await session.execute(
        select(Ticket.channel, func.count(), func.max(Ticket.received_at)).where(Ticket.received_at > since).group_by(Ticket.channel)
    )}  # fmt: skip
    came = {row[0]: row for row in await session.execute(
        select(InboundMessage.channel, func.count(), func.max(InboundMessage.received_at))
        .where(InboundMessage.received_at > since).group_by(InboundMessage.channel)
    )}  # fmt: skip
    newest = select(Outbox.channel, Outbox.sent_at).order_by(Outbox.id.desc()).limit(RECENT).subquery()
    left = {
        row[0]: row[1] for row in await session.execute(select(newest.c.channel, func.max(newest.c.sent_at)).group_by(newest.c.channel))
    }
    unsent = {each.channel: each for each in facts.unsent}
    troubles = {finding.channel: finding for finding in health.of_channels(facts) if not finding.ok}
    rows = []
    for channel in CHANNELS:
        in_use, state = _set_up(channel, facts)
        ticket, message, stuck = tickets.get(channel), came.get(channel), unsent.get(channel)
        rows.append(Row(
            name=health.channel_name(channel), in_use=in_use, state=state, finding=troubles.get(channel),
            tickets=ticket[1] if ticket else 0, last_ticket=ticket[2] if ticket else None,
            messages=message[1] if message else 0, last_in=message[2] if message else None,
            last_out=left.get(channel), waiting=stuck.waiting if stuck else 0, parked=stuck.parked if stuck else 0,
        ))  # fmt: skip
    return rows


def _set_up(channel: str, facts: health.Facts) -> tuple[bool, str]:
    """Whether the channel is set up, and how that is seen."""
    settings = facts.settings
    match channel:
        case "phone":
            lines = sorted({str(each.data.get("sip")) for each in facts.workers if each.role == "telephony" and each.data.get("sip")})
            return bool(lines), "，".join(lines) or _("没有电话进程")
        case "wechat" if not settings.wechat_token.get_secret_value():
            return False, _("没有设置公众号（HOTLINE_WECHAT_TOKEN）")
        case "wechat":
            return True, _("公众号 {id}").format(id=settings.wechat_app_id)
        case "sms" if not settings.sends_sms:
            return False, _("没有设置短信网关（HOTLINE_SMS_URL 或 HOTLINE_SMS_PROVIDER）")
        case "sms":
            return True, {"http": _("自有网关"), "alibaba": _("阿里云"), "tencent": _("腾讯云")}[settings.sms_provider]
        case "web":
            return True, settings.web_url
        case "webhook":
            return True, _("见“通知与对接”")
    return True, _("随网页一起运行")
