"""Counters of real calls as Prometheus sees them."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from telephony.leg import HungUp, Leg
from tests.telephony.conftest import MakePhone
from tests.telephony.sounds import tone


async def test_every_call_is_observed_once(make_phone: MakePhone) -> None:
    qualities: list[dict[str, float]] = []

    async def answer(leg: Leg) -> None:
        await leg.answer()
        while not isinstance(await leg.events.get(), HungUp):
            pass
        qualities.append(leg.quality())

    desk = await make_phone(answer)
    caller = await make_phone()
    for _ in range(2):
        leg = await caller.dial(f"sip:12345@127.0.0.1:{desk.port}")
        await leg.play(tone(500, 0.4)).wait()
        await leg.hang_up()
    async with asyncio.timeout(5):
        while len(qualities) < 2 or desk.live_calls:
            await asyncio.sleep(0.01)
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(desk.metrics().decode())
        for sample in family.samples
        if not sample.labels
    }
    assert found["hotline_call_lost_ratio_count"] == 2
    assert found["hotline_call_jitter_ms_count"] == 2
    received = sum(one["received"] for one in qualities)
    assert received >= 30
    assert received - found["hotline_telephony_media_received_total"] in (0, 1, 2), "each call's last packet may come while it ends"
    assert found["hotline_telephony_calls_live"] == 0
    assert {"lost", "late", "gaps", "concealed", "send_gaps", "jitter_ms"} <= qualities[0].keys()
