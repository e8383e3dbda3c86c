"""The scheduler's tick for this channel: messages left behind by dead processes, and what waits in the outbox."""

from __future__ import annotations

import asyncio

from channels.wechat import rating, receipts
from channels.wechat.channel import Channel, Services

_CATCH_UP_S = 1.0
_channels: dict[int, tuple[Services, Channel]] = {}
"""The channel of each `Services`, kept between ticks so that token and speech model stay in memory."""


async def run(services: Services) -> int:
    """Take over abandoned messages, ask for ratings, send what waits, tidy up. Returns how many messages were handled or sent.

    Work that takes longer than a moment (a voice message) goes on after the return; a later tick sends its answer.
    """
    channel = _channel(services)
    begun = await channel.desk.recover()
    async with services.database.transaction() as session:
        await rating.ask_due(services.core, session)
        await receipts.settle(services.core, session)
    sent = await channel.sender.send_waiting()
    if begun:
        await asyncio.wait(begun, timeout=_CATCH_UP_S)
        sent += await channel.sender.send_waiting()
    await channel.journal.forget_signatures()
    return len(begun) + sent


def _channel(services: Services) -> Channel:
    known = _channels.get(id(services))
    if known is None or known[0] is not services:
        known = _channels[id(services)] = (services, Channel(services))
    return known[1]
