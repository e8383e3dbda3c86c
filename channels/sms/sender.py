"""Sends the outbox rows of channel `sms`. The number is opened only here, at the moment of sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels.outbox import GiveUp, Taken, Worker
from channels.sms.gateway import Gateway, HttpGateway
from hotline.database import Database
from hotline.events import Outbox
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.notice.deliveries import NO_GATEWAY
from ticketing.notice.templates import put_address

if TYPE_CHECKING:
    from channels.wechat.channel import Services


class SmsSender(Worker):
    """One per process. Without a gateway nothing is sent and each row says so: state `no_gateway`, to be sent again by hand."""

    channel = "sms"

    def __init__(self, core: Core, database: Database, gateway: Gateway | None, site: str) -> None:
        """`site` is the portal's address, which is put into the texts."""
        super().__init__(core, database)
        self._gateway, self._site = gateway, site

    async def perform(self, taken: Taken) -> None:
        """Give one message to the gateway. A repeat carries the same id, so a crash in between does no harm."""
        if self._gateway is None:
            raise GiveUp(NO_GATEWAY)
        async with self.database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            citizen = await session.get(Citizen, int(row.recipient))
        phone = person(self.core, citizen, masked=False).phone
        if not phone:
            raise GiveUp("the citizen has no number any more")
        text = put_address(self.core.vault.open(str(row.payload["text_sealed"]).encode()), self._site)
        await self._gateway.send(phone, text, row.dedupe_key)


async def run(services: Services) -> int:
    """The scheduler's tick: send what is due; returns how many rows were handled."""
    gateway = HttpGateway.of(services.settings, services.core.clock)
    return await SmsSender(services.core, services.database, gateway, services.settings.web_url).send_waiting()
