"""Pushing a ticket to the system of a unit: the payload is made when it is sent, so it says what is true then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels.hooks.post import Delivered, NotDelivered, Poster, as_bytes
from hotline.events import Outbox
from ticketing.exchange import service as exchange

if TYPE_CHECKING:
    from channels.hooks.deliver import Services


async def push(services: Services, poster: Poster, row: Outbox) -> Delivered:
    """Send the message behind an outbox row. Raises NotDelivered."""
    async with services.database.transaction() as session:
        outgoing = await exchange.outgoing(services.core, session, int(row.payload["message"]))
    if outgoing is None:
        raise NotDelivered("the partner was switched off, or the unit has no part in the ticket any more", for_good=True)
    headers = {"Exchange-Version": str(outgoing.version)}
    return await poster.post(
        outgoing.url, as_bytes(outgoing.payload), secret=outgoing.secret, event_id=outgoing.message_id,
        now=services.core.clock.now(), extra=headers,
    )  # fmt: skip
