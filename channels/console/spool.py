"""The demo's letter box (样机短信): text messages that nobody was sent, so that codes and links can be tried. Demo only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from sqlalchemy import select

from channels.console.pages import page
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import NotFound
from hotline.events import Outbox
from hotline.i18n import _
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import local_form, mask_phone, person
from ticketing.context import Core
from ticketing.notice.templates import put_address

SHOWN = 50


@dataclass(frozen=True)
class Message:
    """One text message as the citizen would read it; the number covered."""

    at: datetime
    phone: str
    text: str
    state: str


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/sms, in the demo without a gateway only: elsewhere messages are read by whom they are for."""
    settings, core = request.app[SETTINGS], request.app[CORE]
    if not settings.demo or settings.sends_sms:
        raise NotFound(_("没有这个页面"))
    async with request.app[DATABASE].transaction() as session:
        latest = select(Outbox).where(Outbox.channel == "sms").order_by(Outbox.id.desc()).limit(SHOWN)
        rows = list(await session.scalars(latest))
        ids = [int(row.recipient) for row in rows if "to_sealed" not in row.payload]
        citizens = {row.id: row for row in await session.scalars(select(Citizen).where(Citizen.id.in_(ids)))}
        messages = [_message(core, row, citizens, settings.web_url) for row in rows]
    return page(request, "console/spool.html", nav="spool", messages=messages)


def _message(core: Core, row: Outbox, citizens: Mapping[int, Citizen], site: str) -> Message:
    if "to_sealed" in row.payload:
        phone = mask_phone(local_form(core.vault.open(str(row.payload["to_sealed"]).encode())))
    else:
        phone = person(core, citizens.get(int(row.recipient))).phone
    text = put_address(core.vault.open(str(row.payload["text_sealed"]).encode()), site)
    return Message(row.created_at, phone, text, row.state)


def setup(app: web.Application) -> None:
    """Add the page to the web application."""
    app.router.add_get("/console/sms", show)
