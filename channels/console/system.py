"""The administrator's first page: whether everything works, which processes live, what waits or is parked. Never case content (4b)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from channels.console import health
from channels.console.health import patience
from channels.console.pages import page
from channels.console.session import require_may
from channels.console.webhooks import kind_in_words, reason
from channels.web.formats import duration
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.events import Outbox
from hotline.i18n import _, texts
from ticketing.conversation.models import Heartbeat, InboundMessage

JOBS = texts(
    {
        "deadlines": "时限：提醒和发牌",
        "calendar": "日历改动后的重算",
        "wechat delivery": "微信消息发送",
        "callbacks": "回访任务",
        "automatic dispatch": "自动派单",
        "text messages": "短信发送",
        "absent agents": "话务员不在时的在线会话",
        "unattended chats": "没人在岗时的在线会话",
        "unfinished forms": "没有说完的诉求",
        "supervision": "督办单、整改、承诺到期",
        "monitoring": "监察疑点",
        "digests": "工作人员每天的汇总",
        "quality": "质检抽取",
        "webhooks": "通知与对接发送",
        "api answers": "清理接口的重复请求记录",
        "knowledge": "知识",
        "bot training": "机器人训练",
        "audit seals": "审计封存",
        "log-in sessions": "清理过期登录",
        "figure days": "逐日统计",
        "briefs": "简报",
        "import files": "清理导入文件",
        "unclaimed files": "清理没有提交的附件",
        "retention": "保存期限",
        "file orphans": "清理无主文件",
        "file removals": "删除已销毁的文件",
    }
)
"""The scheduler's jobs in words; another one shows its own name."""
_ROLES = texts({"scheduler": "定时任务", "web": "网页", "telephony": "电话", "bot": "智能助手"})
FACTS = texts(
    {
        "sip": "接听地址",
        "registered": "已向中继注册",
        "live_calls": "在线来电",
        "pending_calls": "等待接入",
        "pending_calls_refused": "未能接入",
        "voice": "播报语音",
        "transcriber": "转写模型",
    }
)
"""What a worker reports that tells an administrator something; the counters behind it are for /metrics and the logs."""


@dataclass(frozen=True)
class Worker:
    """A line of the table: what it is in words, and what it reports."""

    name: str
    role: str
    facts: str
    alive: bool
    silent: timedelta


def _worker(found: Heartbeat, now: datetime) -> Worker:
    name = found.worker.removeprefix("scheduler:")
    facts = dict(found.data)
    every_s = facts.pop("every_s", None)
    words = [_("每{t}一次").format(t=duration(timedelta(seconds=every_s)))] if isinstance(every_s, int | float) else []
    if "transcriber" in facts:
        facts["transcriber"] = health.model_name(str(facts["transcriber"]))
    words += [f"{_(label)} {_said(facts[key])}" for key, label in FACTS.items() if facts.get(key) is not None]
    silent = now - found.at
    role = _(_ROLES.get(found.role, found.role))
    return Worker(_(JOBS.get(name, name)), role, "，".join(words), silent < patience(found), silent)


def _said(value: object) -> str:
    """A fact as a person reads it."""
    return (_("是") if value else _("否")) if isinstance(value, bool) else str(value)


async def show_system(request: web.Request) -> web.StreamResponse:
    """GET /console/system."""
    require_may(request, "system.see")
    core, settings = request.app[CORE], request.app[SETTINGS]
    now = core.clock.now()
    async with request.app[DATABASE].transaction() as session:
        seen = await health.gather(request, session)
        outbox = {(row[0], row[1]): row[2] for row in await session.execute(_grouped(Outbox.channel, Outbox.state))}
        parked = list(await session.scalars(select(Outbox).where(Outbox.state == "parked").order_by(Outbox.id.desc()).limit(20)))
        inbound = {(row[0], row[1]): row[2] for row in await session.execute(_grouped(InboundMessage.channel, InboundMessage.state))}
        facts = await _facts(session)
    findings = health.judge(seen, JOBS)
    return page(
        request,
        "console/system.html",
        nav="system",
        findings=findings,
        troubles=[finding for finding in findings if not finding.ok],
        workers=[_worker(worker, now) for worker in seen.workers if worker.role != "backup"],
        outbox=outbox,
        parked=parked,
        reason=reason,
        kind_in_words=kind_in_words,
        inbound=inbound,
        facts=facts,
        free_mb=seen.free_mb,
        needed_mb=settings.min_free_disk_mb,
        live=seen.live,
        last_day=seen.calendar_until,
    )


def _grouped(first: InstrumentedAttribute[str], second: InstrumentedAttribute[str]) -> Select[str, str, int]:
    return select(first, second, func.count()).group_by(first, second)


async def _facts(session: AsyncSession) -> dict[str, object]:
    return {
        "database_version": await session.scalar(text("SHOW server_version")),
        "database_mb": int(await session.scalar(text("SELECT pg_database_size(current_database()) / 1048576")) or 0),
    }
