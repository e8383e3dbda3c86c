"""Sends the outbox rows of channel `sms`. The number is opened only here, at the moment of sending."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox import SENT, GiveUp, Taken, Worker
from channels.sms.gateway import Gateway, gateway_of
from hotline.database import Database
from hotline.events import Outbox
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import local_form, person
from ticketing.context import Core
from ticketing.notice.deliveries import NO_GATEWAY, note_number
from ticketing.notice.templates import put_address

if TYPE_CHECKING:
    from channels.wechat.channel import Services

TOO_MANY = "too many messages to one person in a day"
_DAY = timedelta(days=1)


class SmsSender(Worker):
    """One per process. Without a gateway nothing is sent and each row says so: state `no_gateway`, to be sent again by hand."""

    channel = "sms"

    def __init__(self, core: Core, database: Database, gateway: Gateway | None, site: str, *, per_day: int = 20) -> None:
        """`site` is the portal's address, which is put into the texts; `per_day` guards the costs (and the citizen's peace)."""
        super().__init__(core, database)
        self._gateway, self._site, self._per_day = gateway, site, per_day

    async def perform(self, taken: Taken) -> None:
        """Give one message to the gateway. A repeat carries the same id, so a crash in between does no harm."""
        if self._gateway is None:
            raise GiveUp(NO_GATEWAY)
        async with self.database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            phone = await self._number(session, row)
            if not taken.at_once and await self._sent_today(session, row.recipient) >= self._per_day:
                raise GiveUp(TOO_MANY)
        text = put_address(self.core.vault.open(str(row.payload["text_sealed"]).encode()), self._site)
        sealed = row.payload.get("values_sealed")
        values = {"site": self._site, "track": f"{self._site}/track"}
        values |= json.loads(self.core.vault.open(str(sealed).encode())) if sealed else {}
        template = str(row.payload.get("template", ""))
        number = await self._gateway.send(phone, text, row.dedupe_key, template=template, values=values)
        if number and taken.is_notice:
            async with self.database.transaction() as session:
                await note_number(session, row.dedupe_key, number)

    async def _number(self, session: AsyncSession, row: Outbox) -> str:
        """The citizen's, or the one that a one-time code goes to (`ticketing.citizen.codes`), which helps nobody when it is late."""
        if "to_sealed" in row.payload:
            if datetime.fromisoformat(str(row.payload["until"])) <= self.core.clock.now():
                raise GiveUp("the code is over")
            return local_form(self.core.vault.open(str(row.payload["to_sealed"]).encode()))
        phone = person(self.core, await session.get(Citizen, int(row.recipient)), masked=False).phone
        if not phone:
            raise GiveUp("the citizen has no number any more")
        return phone

    async def _sent_today(self, session: AsyncSession, recipient: str) -> int:
        recent = (Outbox.channel == self.channel, Outbox.state == SENT, Outbox.recipient == recipient)
        since = Outbox.sent_at > self.core.clock.now() - _DAY
        return await session.scalar(select(func.count()).select_from(Outbox).where(*recent, since)) or 0


_gateways: dict[int, tuple[object, Gateway | None]] = {}
"""The gateway of each settings object, kept between ticks: the providers' clients take a second to load."""


async def run(services: Services) -> int:
    """The scheduler's tick: send what is due; returns how many rows were handled."""
    settings = services.settings
    known = _gateways.get(id(settings))
    if known is None or known[0] is not settings:
        known = _gateways[id(settings)] = (settings, gateway_of(settings, services.core.clock))
    sender = SmsSender(services.core, services.database, known[1], settings.web_url, per_day=settings.sms_per_day)
    return await sender.send_waiting()
