"""Is everything well, and if not, what is to be done? Each part is judged from what it reported; nothing here guesses.

`gather` asks once (database, the bot's process, the certificate), `judge` turns the facts into findings and touches nothing,
so that each sentence has a test.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.webhooks import reason
from channels.web.formats import duration
from channels.web.keys import CORE, HUB, SETTINGS
from channels.wechat.pulse import WATCH, Pulse
from hotline.clock import to_city
from hotline.events import Outbox
from hotline.i18n import _, texts
from hotline.settings import Settings
from ticketing.calendar.models import CalendarDay
from ticketing.conversation.models import Heartbeat, InboundMessage
from ticketing.words import word

STALE = timedelta(seconds=60)
LATE = timedelta(minutes=2)
"""A message that waits longer, in or out, is worth a word."""
BACKUP_EVERY = timedelta(hours=36)
"""A nightly backup may take its time; a missed night may not."""
CERTIFICATE_SOON = timedelta(days=21)
CALENDAR_ASKED_FROM = 11
"""The State Council tells the holidays of the next year in November."""
_ASK_S = 1.5
_WEBHOOK = texts("对接系统")
_MODELS = texts({"synthetic": "自带的合成模型（只听得懂合成语音）", "demo": "演示文字"})


def channel_name(channel: str) -> str:
    """A channel in words, systems that are pushed to as well."""
    return _(_WEBHOOK) if channel == "webhook" else word("channel", channel)


def model_name(name: str) -> str:
    """A speech model in words; one that was downloaded keeps its name."""
    return _(_MODELS[name]) if name in _MODELS else name


@dataclass(frozen=True)
class Finding:
    """One part: what was seen, and what to do when it is not well."""

    part: str
    ok: bool
    seen: str
    advice: str = ""
    href: str = ""
    """The page where it can be mended or followed."""
    used: bool = True
    """False: the city does not use this part."""
    channel: str = ""
    """Which channel it is about, if about one."""


@dataclass(frozen=True)
class Unsent:
    """Messages of one channel to the outside that are not out yet."""

    channel: str
    waiting: int
    parked: int
    since: datetime | None
    """Since when the oldest one that may go is waiting."""
    problem: str


@dataclass(frozen=True)
class Facts:
    """What is known of all parts at one moment."""

    now: datetime
    settings: Settings
    workers: list[Heartbeat] = field(default_factory=list)
    unsent: list[Unsent] = field(default_factory=list)
    unanswered: list[tuple[str, int]] = field(default_factory=list)
    """Channel and number of messages that came in and led to nothing."""
    calendar_until: date | None = None
    free_mb: int = 0
    live: bool = True
    bot_problem: str = ""
    certificate: datetime | str | None = None
    """Until when the certificate of the public address holds, or why it could not be had; None: the address has none."""
    wechat: Pulse | None = None
    """What WeChat's platform says of our token; None: no account is set up."""


def patience(worker: Heartbeat) -> timedelta:
    """How long a worker may be silent: a job that runs once an hour is not late after a minute."""
    every_s = worker.data.get("every_s", 0)
    return STALE + 2 * timedelta(seconds=float(every_s) if isinstance(every_s, int | float) else 0)


async def gather(request: web.Request, session: AsyncSession) -> Facts:
    """Ask every part. A part that does not answer is a fact, not an error."""
    settings, now = request.app[SETTINGS], request.app[CORE].clock.now()
    disk, bot_problem, certificate, wechat = await asyncio.gather(
        asyncio.to_thread(shutil.disk_usage, settings.data_dir), _ask_bot(settings), _ask_certificate(settings), _ask_wechat(request)
    )
    late = select(InboundMessage.channel, func.count()).where(InboundMessage.state != "answered", InboundMessage.received_at < now - LATE)
    return Facts(
        now=now,
        settings=settings,
        workers=list(await session.scalars(select(Heartbeat).order_by(Heartbeat.role, Heartbeat.worker))),
        unsent=await _unsent(session, now),
        unanswered=[(row[0], row[1]) for row in await session.execute(late.group_by(InboundMessage.channel))],
        calendar_until=await session.scalar(select(func.max(CalendarDay.day))),
        free_mb=disk.free // 1_048_576,
        live=request.app[HUB].connected.is_set(),
        bot_problem=bot_problem,
        certificate=certificate,
        wechat=wechat,
    )


async def _unsent(session: AsyncSession, now: datetime) -> list[Unsent]:
    """By channel, with what was said the last time something did not go out."""
    ready = func.min(Outbox.not_before).filter(Outbox.state == "waiting", Outbox.not_before < now)
    waiting, parked = (func.count().filter(Outbox.state == state) for state in ("waiting", "parked"))
    rows = await session.execute(
        select(Outbox.channel, waiting, parked, ready, func.max(Outbox.id).filter(Outbox.last_error.is_not(None)))
        .where(Outbox.state != "sent")
        .group_by(Outbox.channel)
    )
    found = rows.all()
    failed = [row[4] for row in found if row[4] is not None]
    why = {row.id: row.last_error or "" for row in await session.execute(select(Outbox.id, Outbox.last_error).where(Outbox.id.in_(failed)))}
    return [Unsent(channel, waits, parks, since, why.get(newest, "")) for channel, waits, parks, since, newest in found]


async def _ask_bot(settings: Settings) -> str:
    """Why the bot does not work; empty when it answered, or is switched off."""
    if not settings.bot_enabled:
        return ""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=_ASK_S)) as http,
            http.get(f"http://127.0.0.1:{settings.action_port}/healthz") as answer,
        ):
            return "" if answer.status == 200 else f"HTTP {answer.status}"
    except (ClientError, TimeoutError, OSError) as error:
        return type(error).__name__


async def _ask_certificate(settings: Settings) -> datetime | str | None:
    """Look at the certificate of the public address as a citizen's browser does."""
    address = settings.public_url
    if address is None or address.scheme != "https":
        return None
    try:
        async with asyncio.timeout(_ASK_S):
            _reader, writer = await asyncio.open_connection(address.host, address.port, ssl=ssl.create_default_context())
        try:
            shown = writer.get_extra_info("peercert")
        finally:
            writer.close()
    except (TimeoutError, OSError) as error:  # ssl.SSLError is an OSError
        return getattr(error, "verify_message", "") or type(error).__name__
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)


async def _ask_wechat(request: web.Request) -> Pulse | None:
    watch = request.app.get(WATCH)
    return await watch.look() if watch is not None else None


def judge(facts: Facts, jobs: dict[str, str]) -> list[Finding]:
    """All parts, what needs a hand first. `jobs`: names of the scheduler's jobs in words."""
    found = [
        Finding(_("数据库"), True, _("正常应答")),
        *_live(facts),
        *_jobs(facts, jobs),
        *of_channels(facts),
        *_bot(facts),
        *_backup(facts),
        *_disk(facts),
        *_calendar(facts),
        *_certificate(facts),
    ]
    return sorted(found, key=lambda finding: (finding.ok, not finding.used))


def _live(facts: Facts) -> Iterator[Finding]:
    advice = _("页面暂时要自己刷新。一分钟后还是这样，请看网页进程的日志 web.log")
    yield Finding(_("实时推送"), facts.live, _("已连接") if facts.live else _("重连中"), advice)


def _jobs(facts: Facts, jobs: dict[str, str]) -> Iterator[Finding]:
    beats = [worker for worker in facts.workers if worker.role == "scheduler"]
    advice = _("请看定时任务进程的日志 scheduler.log；进程没有运行就启动 hotline serve")
    if not beats:
        yield Finding(_("定时任务"), False, _("从来没有报到"), advice)
        return
    late = [each for each in beats if facts.now - each.at >= patience(each)]
    for each in late:
        name = each.worker.removeprefix("scheduler:")
        yield Finding(_(jobs.get(name, name)), False, _("{t}没有运行").format(t=duration(facts.now - each.at)), advice)
    if not late:
        yield Finding(_("定时任务"), True, _("{n} 项都按时运行").format(n=len(beats)))


def _telephony(facts: Facts) -> Iterator[Finding]:
    beats = [worker for worker in facts.workers if worker.role == "telephony"]
    alive = [each for each in beats if facts.now - each.at < patience(each)]
    seen = _("{n} 个进程在接听").format(n=len(alive)) if alive else _("没有进程在接听，来电接不进来")
    advice = _("请看电话进程的日志 telephony.log；进程没有运行就启动 hotline serve")
    yield Finding(_("电话"), bool(alive), seen, advice, "/console/channels")
    if facts.settings.sip_registrar and alive and not all(each.data.get("registered") for each in alive):
        advice = _("请核对 HOTLINE_SIP_REGISTRAR、HOTLINE_SIP_USER 和密码，并问运营商中继是否正常")
        yield Finding(_("电话中继"), False, _("没有注册上，外面打不进来"), advice)
    heard = sorted({model_name(str(each.data["transcriber"])) for each in alive if each.data.get("transcriber")})
    if alive:
        advice = _("来电仍能接听，但没有转写。请运行 hotline models fetch，或核对 HOTLINE_SPEECH_MODEL")
        yield Finding(_("语音转写"), bool(heard), "，".join(heard) or _("没有转写模型"), advice)
    refused = sum(int(each.data.get("pending_calls_refused") or 0) for each in alive)
    if refused:
        advice = _("通话还在电话进程的文件夹里，没有丢。请看 telephony.log 里的 pending_call")
        yield Finding(_("通话记录"), False, _("{n} 通写不进数据库").format(n=refused), advice)


def _bot(facts: Facts) -> Iterator[Finding]:
    if not facts.settings.bot_enabled:
        yield Finding(_("智能助手"), True, _("已关闭，由知识检索直接答复"), used=False)
        return
    seen = _("没有应答，由知识检索直接答复（{reason}）").format(reason=facts.bot_problem) if facts.bot_problem else _("正常应答")
    yield Finding(
        _("智能助手"), not facts.bot_problem, seen, _("请看机器人进程的日志 bot.log；没有模型就运行 hotline bot train"), "/console/bot"
    )


def of_channels(facts: Facts) -> Iterator[Finding]:
    """What comes in and goes out by each channel: the telephone, answers that are owed, what is stuck on its way out."""
    for part in (*_telephony(facts), *token(facts), *_outbox(facts), *_inbox(facts)):
        yield part if part.channel or part.ok else replace(part, channel="phone")


def token(facts: Facts) -> Iterator[Finding]:
    """WeChat's token itself, asked of the platform: a message need not fail first. Nothing without an account."""
    found, part = facts.wechat, _("微信令牌")
    if found is None:
        return
    if found.good_for is not None:
        yield Finding(part, True, _("平台认可，还有{t}有效").format(t=duration(found.good_for)), channel="wechat")
        return
    if facts.settings.demo:
        yield Finding(part, True, _("演示环境没有真的公众号"), used=False, channel="wechat")
        return
    if found.code is None:
        seen, advice = _("连不上微信平台"), _("请看这台服务器能不能访问 api.weixin.qq.com（防火墙、域名解析、代理）")
    else:
        seen, advice = _("平台拒绝，错误码 {code}").format(code=found.code), _token_advice(found.code)
    yield Finding(part, False, seen, advice, "/console/channels", channel="wechat")


def _token_advice(code: int) -> str:
    if code == 40164:
        return _("请把这台服务器的出口地址加到公众平台的 IP 白名单（设置与开发 → 基本配置），约五分钟后生效")
    if code in (40013, 40125, 41002, 41004):
        return _("AppID 或 AppSecret 不对：请核对 HOTLINE_WECHAT_APP_ID 和 HOTLINE_WECHAT_APP_SECRET，改过密钥要重启")
    if code == 50002:
        return _("公众号的接口被限制，请登录公众平台看站内通知")
    return _("请按错误码查 docs/wechat.md 和公众平台的说明")


def _outbox(facts: Facts) -> Iterator[Finding]:
    """What goes out: WeChat and SMS when they are set up, and every channel that something is stuck in."""
    unsent = {each.channel: each for each in facts.unsent}
    set_up = {"wechat": bool(facts.settings.wechat_token.get_secret_value()), "sms": facts.settings.sends_sms}
    advice = {
        "wechat": _("多半是令牌或白名单：请核对 AppSecret 和公众平台的 IP 白名单，错误码见 docs/wechat.md"),
        "sms": _("请核对短信网关的地址、密钥、签名和余额，见 docs/sms.md"),
        "webhook": _("请问对方系统是否正常，或在“通知与对接”里停用这个地址"),
    }
    for channel in dict.fromkeys(("wechat", "sms", *unsent)):
        stuck, name = unsent.get(channel), _("{channel}发送").format(channel=channel_name(channel))
        late = bool(stuck and stuck.since and facts.now - stuck.since > LATE)
        if stuck and (stuck.parked or late):
            seen = _("待发 {a} 条，停发 {b} 条。").format(a=stuck.waiting, b=stuck.parked) + reason(stuck.problem)
            href = "/console/webhooks" if channel == "webhook" else "/console/channels"
            yield Finding(name, False, seen, advice.get(channel, ""), href, channel=channel)
        elif not set_up.get(channel, True):
            yield Finding(name, True, _("没有启用"), used=False, channel=channel)
        else:
            yield Finding(name, True, _("没有积压"), channel=channel)


def _inbox(facts: Facts) -> Iterator[Finding]:
    advice = _("市民在等。请看网页进程的日志 web.log，同时请话务员从聊天里答复")
    for channel, count in facts.unanswered:
        seen = _("{n} 条超过两分钟没有处理").format(n=count)
        yield Finding(_("{channel}来信").format(channel=channel_name(channel)), False, seen, advice, channel=channel)
    if not facts.unanswered:
        yield Finding(_("来信"), True, _("都已处理"))


def _backup(facts: Facts) -> Iterator[Finding]:
    made = next((each for each in facts.workers if each.role == "backup"), None)
    advice = _("请每晚运行 hotline backup 文件夹，并把备份放到另一台机器（docs/operations.md）")
    if facts.settings.demo and made is None:
        yield Finding(_("备份"), True, _("演示环境不备份"), used=False)
    elif made is None:
        yield Finding(_("备份"), False, _("从来没有做过"), advice)
    else:
        missing = int(made.data.get("missing") or 0)
        seen = _("{t}前").format(t=duration(facts.now - made.at))
        if missing:
            seen, advice = (
                _("{t}，缺 {n} 个文件").format(t=seen, n=missing),
                _("备份里缺附件：请看 hotline backup 的输出，从上一份备份找回"),
            )
        yield Finding(_("备份"), not missing and facts.now - made.at < BACKUP_EVERY, seen, advice)


def _disk(facts: Facts) -> Iterator[Finding]:
    least = facts.settings.min_free_disk_mb
    seen = _("剩余 {n} MB").format(n=facts.free_mb)
    advice = _("低于 {n} MB 就不再收附件和录音。请清理磁盘或扩容").format(n=least)
    yield Finding(_("磁盘"), facts.free_mb >= 2 * least, seen, advice)


def _calendar(facts: Facts) -> Iterator[Finding]:
    today, until = to_city(facts.now).date(), facts.calendar_until
    needed = date(today.year + (today.month >= CALENDAR_ASKED_FROM), 12, 31)
    ok = until is not None and until >= needed
    seen = _("到 {day}").format(day=until) if until else _("没有导入")
    advice = _("请在日历页导入{year}年的放假安排；没有它，期限按周一到周五暂算").format(year=needed.year)
    yield Finding(_("工作日历"), ok, seen, advice, "/console/calendar")


def _certificate(facts: Facts) -> Iterator[Finding]:
    held = facts.certificate
    advice = _("请在反向代理上更新证书；过期后市民的浏览器和微信会拒绝打开")
    if held is None:
        yield Finding(_("网站证书"), True, _("公开地址不是 https，没有证书"), used=False)
    elif isinstance(held, str):
        yield Finding(_("网站证书"), False, _("没有核对成功：{reason}").format(reason=held), advice)
    else:
        left = held - facts.now
        yield Finding(_("网站证书"), left > CERTIFICATE_SOON, _("有效期到 {day}").format(day=to_city(held).date()), advice)
