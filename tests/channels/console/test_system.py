"""The administrator's pages in words: what is to be done, jobs of the scheduler, channels, and why a delivery did not arrive."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from channels.console.health import Facts, Unsent, judge
from channels.console.system import JOBS
from channels.console.webhooks import reason
from hotline.assembly import Services
from hotline.events import Outbox
from hotline.processes.heartbeat import beat
from hotline.processes.scheduler import TICKS
from hotline.settings import Settings
from tests.channels.staff import City, Opener
from ticketing.conversation.models import Heartbeat, InboundMessage


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


NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
WELL = {"registered": True, "transcriber": "cn-small", "pending_calls_refused": 0}


@pytest.fixture
def well(settings: Settings) -> Facts:
    """A city in which everything works."""
    workers = [
        Heartbeat(worker="scheduler:deadlines", role="scheduler", at=NOW, data={"every_s": 15}),
        Heartbeat(worker="telephony-5060", role="telephony", at=NOW, data=WELL),
        Heartbeat(worker="backup", role="backup", at=NOW - timedelta(hours=9), data={"missing": 0}),
    ]
    in_use = settings.model_copy(update={"demo": False, "sip_registrar": "10.0.0.9:5060"})
    return Facts(
        NOW, in_use, workers, calendar_until=date(2027, 12, 31), free_mb=90_000, certificate=NOW + timedelta(days=80)
    )  # fmt: skip


def _without(facts: Facts, role: str, **changed: object) -> Facts:
    """The same with the worker of one role changed, or gone."""
    others = [worker for worker in facts.workers if worker.role != role]
    was = next(worker for worker in facts.workers if worker.role == role)
    mine = [Heartbeat(**{"worker": was.worker, "role": role, "at": was.at, "data": was.data, **changed})] if changed else []
    return replace(facts, workers=[*others, *mine])


def test_all_is_well(well: Facts) -> None:
    assert [finding for finding in judge(well, JOBS) if not finding.ok] == []


@pytest.mark.parametrize(
    ("change", "part", "seen"),
    [
        (lambda facts: replace(facts, live=False), "实时推送", "重连中"),
        (lambda facts: _without(facts, "scheduler"), "定时任务", "从来没有报到"),
        (lambda facts: _without(facts, "scheduler", at=NOW - timedelta(minutes=5)), "时限：提醒和发牌", "5分没有运行"),
        (lambda facts: _without(facts, "telephony"), "电话", "没有进程在接听"),
        (lambda facts: _without(facts, "telephony", data={**WELL, "registered": False}), "电话中继", "没有注册上"),
        (lambda facts: _without(facts, "telephony", data={**WELL, "transcriber": None}), "语音转写", "没有转写模型"),
        (lambda facts: _without(facts, "telephony", data={**WELL, "pending_calls_refused": 3}), "通话记录", "3 通写不进数据库"),
        (lambda facts: replace(facts, bot_problem="HTTP 503"), "智能助手", "HTTP 503"),
        (lambda facts: replace(facts, unsent=[Unsent("wechat", 0, 2, None, "HTTP 500")]), "微信发送", "停发 2 条"),
        (lambda facts: replace(facts, unsent=[Unsent("sms", 9, 0, NOW - timedelta(minutes=3), "")]), "短信发送", "待发 9 条"),
        (lambda facts: replace(facts, unsent=[Unsent("webhook", 0, 1, None, "HTTP 410")]), "对接系统发送", "对方已停用这个地址"),
        (lambda facts: replace(facts, unanswered=[("wechat", 4)]), "微信来信", "4 条超过两分钟没有处理"),
        (lambda facts: _without(facts, "backup"), "备份", "从来没有做过"),
        (lambda facts: _without(facts, "backup", at=NOW - timedelta(days=3)), "备份", "3天前"),
        (lambda facts: _without(facts, "backup", data={"missing": 2}), "备份", "缺 2 个文件"),
        (lambda facts: replace(facts, free_mb=150), "磁盘", "剩余 150 MB"),
        (lambda facts: replace(facts, calendar_until=date(2026, 12, 31)), "工作日历", "到 2026-12-31"),
        (lambda facts: replace(facts, certificate=NOW + timedelta(days=5)), "网站证书", "有效期到 2026-11-25"),
        (lambda facts: replace(facts, certificate="certificate has expired"), "网站证书", "certificate has expired"),
    ],
)
def test_what_is_wrong_is_said_first_with_what_to_do(well: Facts, change: object, part: str, seen: str) -> None:
    changed = change(well)  # type: ignore[operator]
    first, *rest = judge(changed, JOBS)
    assert (first.part, first.ok) == (part, False)
    assert seen in first.seen
    assert len(first.advice) > 10
    assert all(finding.ok for finding in rest), "one thing is wrong, one thing is told"


async def test_the_page_and_the_channels_say_what_is_stuck(browser: Opener, city: City) -> None:
    now = city.core.clock.now()
    stuck = {"channel": "wechat", "kind": "text", "recipient": "1", "payload": {}, "state": "parked", "not_before": now, "created_at": now}
    async with city.database.transaction() as session:
        session.add(Outbox(**stuck, dedupe_key="a", attempts=5, last_error="HTTP 500"))
        session.add(InboundMessage(channel="sms", external_id="1", body_sealed=b"x", body_hash="x", received_at=now - timedelta(minutes=9)))
    await city.register()
    admin = await browser("admin")
    body = await admin.text("/console/system")
    assert "件事要处理" in body
    assert "停发 1 条。对方回答出错（HTTP 500）" in body
    channels = await admin.text("/console/channels")
    assert "短信来信：1 条超过两分钟没有处理" in channels
    assert "HTTP 500" in channels
    assert channels.count("<section") == 7


async def test_a_backup_tells_its_age(browser: Opener, city: City) -> None:
    await beat(Services(city.settings, city.core, city.database), "backup", "backup", files=3, missing=0)
    city.clock.advance(hours=2)
    assert "2小时前" in await (await browser("admin")).text("/console/system")
