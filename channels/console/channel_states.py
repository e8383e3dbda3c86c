"""The channels by which people reach the city: is each set up, does it work, when was it last used? Counts only, no case content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Subquery, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import health
from channels.console.pages import page
from channels.console.session import require_may
from channels.web.keys import DATABASE
from hotline.events import Outbox
from hotline.i18n import _
from ticketing.conversation.models import InboundMessage
from ticketing.notice.deliveries import RECEIPT
from ticketing.notice.models import DeliveryState, NoticeDelivery
from ticketing.ticket.models import Ticket

WINDOW = timedelta(days=1)
RECENT = 20_000
"""So many of the newest rows are looked through for what was last, about a week of a city: an index by channel would cost each row."""
CHANNELS = ("phone", "wechat", "web", "sms", "open311", "staff", "webhook")


@dataclass(frozen=True)
class Receipts:
    """What became of the notices that went out within `WINDOW`."""

    arrived: int
    refused: int
    """The platform said later that it did not reach the citizen."""
    silent: int
    """Sent, and no receipt came (yet)."""


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
    token: str
    """What WeChat's platform said of the token just now; empty for other channels."""
    receipts: Receipts | None
    """None: this channel has no receipts, or nothing was sent."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/channels."""
    require_may(request, "system.see")
    async with request.app[DATABASE].transaction() as session:
        facts = await health.gather(request, session)
        rows = await _rows(session, facts)
    return page(request, "console/channels.html", nav="system", rows=rows)


async def _rows(session: AsyncSession, facts: health.Facts) -> list[Row]:
    since = facts.now - WINDOW
    last = select(Ticket.channel, Ticket.received_at.label("at")).order_by(Ticket.received_at.desc()).limit(RECENT).subquery()
    tickets = await _latest(session, last, since)
    mail = InboundMessage.received_at.label("at")
    came = await _latest(session, select(InboundMessage.channel, mail).order_by(InboundMessage.id.desc()).limit(RECENT).subquery(), since)
    newest = select(Outbox.channel, Outbox.sent_at).order_by(Outbox.id.desc()).limit(RECENT).subquery()
    left = {
        row[0]: row[1] for row in await session.execute(select(newest.c.channel, func.max(newest.c.sent_at)).group_by(newest.c.channel))
    }
    tokens = {finding.channel: finding.seen for finding in health.token(facts)}
    receipts = await receipts_since(session, since)
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
            token=tokens.get(channel, ""), receipts=receipts.get(channel),
        ))  # fmt: skip
    return rows


async def _latest(session: AsyncSession, newest: Subquery, since: datetime) -> dict[str, Any]:
    """(channel, how many since then, the last one, which may be older) of the newest rows, by channel."""
    columns = newest.c.channel, func.count().filter(newest.c.at > since), func.max(newest.c.at)
    return {row[0]: row for row in await session.execute(select(*columns).group_by(newest.c.channel))}


async def receipts_since(session: AsyncSession, since: datetime) -> dict[str, Receipts]:
    """By channel, of the notices queued since then that the provider gave a number."""
    newest = select(NoticeDelivery).order_by(NoticeDelivery.id.desc()).limit(RECENT).subquery()
    arrived = func.count().filter(newest.c.delivered_at.is_not(None))
    refused = func.count().filter(newest.c.last_error.startswith(RECEIPT))
    silent = func.count().filter((newest.c.state == DeliveryState.SENT.value) & newest.c.delivered_at.is_(None))
    numbered = (newest.c.queued_at > since) & newest.c.gateway_id.is_not(None)
    found = await session.execute(select(newest.c.channel, arrived, refused, silent).where(numbered).group_by(newest.c.channel))
    return {row[0]: Receipts(row[1], row[2], row[3]) for row in found}


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
        case "sms" if not settings.sends_sms and settings.demo:
            return False, _("演示环境的短信不发到手机，在“短信”页可以看到")
        case "sms" if not settings.sends_sms:
            return False, _("没有设置短信网关（HOTLINE_SMS_URL 或 HOTLINE_SMS_PROVIDER）")
        case "sms":
            return True, {"http": _("自有网关"), "alibaba": _("阿里云"), "tencent": _("腾讯云")}[settings.sms_provider]
        case "web":
            return True, settings.web_url
        case "webhook":
            return True, _("见“通知与对接”")
    return True, _("随网页一起运行")
