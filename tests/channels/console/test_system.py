"""The administrator's pages in words: jobs of the scheduler, and why a delivery did not arrive."""

from __future__ import annotations

import pytest

from channels.console.system import JOBS
from channels.console.webhooks import reason
from hotline.processes.scheduler import TICKS
from tests.channels.staff import City, Opener
from ticketing.conversation.models import Heartbeat


def test_every_job_of_the_scheduler_has_a_name_in_words() -> None:
    assert not {tick.name for tick in TICKS} - set(JOBS)


def test_deadlines_are_swept_so_often_that_a_card_comes_within_a_minute() -> None:
    assert {tick.name: tick.every_s for tick in TICKS}["deadlines"] <= 15


async def test_the_table_says_how_often_in_words(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        session.add(Heartbeat(worker="scheduler:briefs", role="scheduler", at=city.core.clock.now(), data={"every_s": 300}))
    body = await (await browser("admin")).text("/console/system")
    assert "简报" in body
    assert "每5分一次" in body
    assert "every_s" not in body


async def test_the_table_tells_a_workers_facts_in_words_and_leaves_its_counters_out(browser: Opener, city: City) -> None:
    data = {"sip": "127.0.0.1:5060", "registered": True, "live_calls": 2, "counters": {"sip_stray": 0}, "transcripts": {"limit": 120}}
    async with city.database.transaction() as session:
        session.add(Heartbeat(worker="telephony-5060", role="telephony", at=city.core.clock.now(), data=data))
    body = await (await browser("admin")).text("/console/system")
    assert "接听地址 127.0.0.1:5060，已向中继注册 是，在线来电 2<" in body
    assert "sip_stray" not in body


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("ClientConnectorError: Cannot connect to host 127.0.0.1:9", "连不上对方"),
        ("HTTP 500", "对方回答出错（HTTP 500）"),
        ("HTTP 410: the receiver is gone for good", "对方已停用这个地址（HTTP 410）"),
        ("不能用内网地址", "不能用内网地址"),
        (None, ""),
    ],
)
def test_why_a_delivery_did_not_arrive(problem: str | None, words: str) -> None:
    assert reason(problem) == words
