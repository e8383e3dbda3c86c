"""`hotline demo`: makes everything ready, runs the service in the foreground and prints one table of where to go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import unicodedata
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from hotline import logs
from hotline.commands.environment import find_settings
from hotline.commands.serve import say
from hotline.demo import codes, neighbour, telephones
from hotline.errors import HotlineError
from hotline.processes import edge as kamailio
from hotline.processes.privacy import private_files
from hotline.processes.supervisor import Supervisor, port_problem, ports
from hotline.settings import Settings, load
from ticketing.people.models import Role

_INNER_PORTS = frozenset(
    {"HOTLINE_ACTION_PORT", "HOTLINE_RASA_PORT", "HOTLINE_CONTROL_PORT", "HOTLINE_WEBRTC_PORT", "HOTLINE_WEBRTC_SIP_PORT"}
)
_OUTBOUND = "HOTLINE_OUTBOUND_URI"
"""Where it is set, also to nothing, no telephones of the demo ring."""
_ROLE_NAMES = {
    Role.AGENT: "话务员",
    Role.DISPATCHER: "派单员",
    Role.CLERK: "承办单位经办人",
    Role.CHIEF: "首席代表",
    Role.SUPERVISOR: "督办",
    Role.CALLBACK: "回访员",
    Role.QUALITY: "质检员",
    Role.EDITOR: "知识编辑",
    Role.ADMIN: "管理员",
    Role.LEADER: "领导",
}


def run(*, offline: bool, edge: bool = False) -> int:
    """Prepare, then run until Ctrl-C; returns the exit code. `edge`: two telephony processes behind Kamailio."""
    os.environ["HOTLINE_DEMO"] = "true"
    os.umask(0o077)  # the keys are made first
    if edge:
        _put_the_edge_in_front()
    settings = find_settings()
    private_files(settings.data_dir)
    logs.configure("demo", level="ERROR", json=False)
    say(f"data folder: {settings.data_dir.resolve()}")
    speech = _speech(settings, offline=offline)
    settings = _bot(_free_inner_ports(settings))
    _prompts(settings)
    asyncio.run(_run(settings, speech))
    say("stopped")
    return 0


async def _run(settings: Settings, speech: str) -> None:
    """The service, and beside it the other systems of the city and its people's telephones."""
    async with contextlib.AsyncExitStack() as beside:
        if _OUTBOUND not in os.environ:
            os.environ[_OUTBOUND] = await beside.enter_async_context(telephones.citizens(settings))
            settings = Settings()
        systems = asyncio.create_task(neighbour.serve(settings.data_dir, f"{settings.web_url}/api/v1", say))
        try:
            await Supervisor(settings, say=say).run(when_started=lambda: _announce(settings, speech))
        finally:
            systems.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await systems


def _put_the_edge_in_front() -> None:
    """Kamailio on the port where callers look for the hotline, two telephony processes behind. Raises `EdgeError` without it."""
    kamailio.program()
    port = find_settings().sip_port
    os.environ |= {"HOTLINE_EDGE_PORT": str(port), "HOTLINE_SIP_PORT": str(port + 10), "HOTLINE_TELEPHONY_PROCESSES": "2"}
    load.cache_clear()  # they were read a moment ago, without the edge


def _speech(settings: Settings, *, offline: bool) -> str:
    from telephony.speech import models

    info = models.ensure(settings, offline=offline, progress=say)
    text = f"{info.name}  {info.note}".strip()
    say(f"speech model: {text}")
    return text


def _bot(settings: Settings) -> Settings:
    """Train Rasa when its inputs have changed. Without its environment the demo runs in the degraded mode."""
    if not settings.bot_enabled:
        say("bot: switched off (HOTLINE_BOT_ENABLED); knowledge search answers alone")
        return settings
    from chatbot import training
    from chatbot.rasa_files import RasaFiles

    try:
        RasaFiles.of(settings).need_python()
        training.train(settings, progress=say)
    except HotlineError as error:
        say(f"bot: starts without Rasa, knowledge search answers alone (degraded mode): {error}")
        os.environ["HOTLINE_BOT_ENABLED"] = "false"
        return Settings()
    return settings


def _free_inner_ports(settings: Settings) -> Settings:
    """Loopback ports that nobody has to know may give way when another program holds them and none was asked for."""
    taken = [
        wanted for wanted in ports(settings) if wanted.setting in _INNER_PORTS and wanted.setting not in os.environ and port_problem(wanted)
    ]
    for wanted in taken:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            os.environ[wanted.setting] = str(probe.getsockname()[1])
        say(f"port {wanted.port} is taken, {wanted.setting}={os.environ[wanted.setting]} is used instead")
    return Settings() if taken else settings


def _prompts(settings: Settings) -> None:
    """Render the fixed prompts of the phone once, so that the first caller does not wait for them."""
    from telephony.speech import prompts

    say("phone prompts: rendering what is not in the cache")
    missing = prompts.prepare(settings, lambda _line: None)
    if missing:
        say(f"phone prompts: {missing} could not be rendered, see the messages above; they are tried again when they are played")


async def _announce(settings: Settings, speech: str) -> None:
    """Wait for `/readyz`, saying what is still missing, then print the table."""
    told = ""
    async with ClientSession(timeout=ClientTimeout(total=3)) as session:
        while True:
            body = await _readiness(session, settings)
            if body.get("ready"):
                break
            missing = ", ".join(f"{part['part']} ({part['why'][:200]})" for part in body.get("missing", []))
            names = ", ".join(part["part"] for part in body.get("missing", []))
            if names != told:
                say(f"waiting for: {missing}")
                told = names
            await asyncio.sleep(0.5)
    for line in _table(settings, speech):
        say(line)


async def _readiness(session: ClientSession, settings: Settings) -> dict[str, Any]:
    try:
        async with session.get(f"http://{settings.http_host}:{settings.http_port}/readyz") as response:
            body: dict[str, Any] = await response.json(content_type=None)
            return body
    except (ClientError, OSError, TimeoutError, ValueError) as error:
        return {"ready": False, "missing": [{"part": "web", "why": str(error) or type(error).__name__}]}


def _table(settings: Settings, speech: str) -> list[str]:
    """Where to go and how to get in."""
    web = settings.web_url
    rows = [
        ("市民门户 portal", f"{web}/"),
        ("工作台 console", f"{web}/console"),
        ("电话 SIP", f"sip:{settings.line_number}@{settings.sip_host}:{settings.edge_port or settings.sip_port} (UDP)"),
        *_edge_row(settings),
        *([("市民电话 citizens", "the service's own calls ring at citizens of the demo: docs/demo.md")] if settings.outbound_uri else []),
        ("接口 API", f"{web}/api/v1/chat   {web}/open311/v2/services.json"),
        ("微信 WeChat", f"{web}/wechat   (try it: .venv/bin/hotline wechat chat)"),
        ("语音模型 speech", speech),
        ("智能助手 bot", "Rasa + knowledge search" if settings.bot_enabled else "degraded: knowledge search alone"),
        ("密码 password", f"{settings.demo_password.get_secret_value()}   (all log-ins)"),
        *((f"登录 {role.value}", name) for role, name in _ROLE_NAMES.items()),
        ("市民的编号 codes", f"{settings.data_dir.resolve() / codes.FILE_NAME}   (number, query code)"),
        ("日志 logs", str(settings.data_dir.resolve() / "logs")),
    ]
    width = max(_columns(label) for label, _ in rows)
    lines = [f"{settings.city_name}{settings.line_number}  ready  (Ctrl-C ends it)"]
    lines += [f"{label}{' ' * (width - _columns(label))}  {text}" for label, text in rows]
    rule = "-" * max(_columns(line) for line in lines)
    return [rule, lines[0], rule, *lines[1:], rule]


def _edge_row(settings: Settings) -> list[tuple[str, str]]:
    """What stands behind the number, and how an agent's telephone gets in."""
    if not settings.edge_port:
        return []
    count, give = settings.telephony_processes, ".venv/bin/hotline telephones give agent 2001 --by 1013"
    return [("电话前端 edge", f"Kamailio, {count} telephony processes behind it   (an agent's telephone: {give})")]


def _columns(text: str) -> int:
    """Width on a terminal: Chinese characters take two columns."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
