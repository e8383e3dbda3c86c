"""`hotline doctor`: looks at every part and says what to do about each that is not well."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from hotline.errors import HotlineError
from hotline.settings import Settings, SettingsError

if TYPE_CHECKING:
    from hotline.commands.preflight import Preflight

ROOT = Path(__file__).resolve().parents[2]
_NEEDED = ("aiohttp", "sqlalchemy", "asyncpg", "vosk", "pyVoIP", "wechatpy", "espeakng-loader", "jieba")


@dataclass(frozen=True)
class Finding:
    """What was seen of one part."""

    part: str
    ok: bool
    seen: str
    advice: str = ""
    """What to do; empty when all is well."""


def _judge(part: str, ok: bool, seen: str, advice: str) -> Finding:
    """A finding whose advice matters only when it is not well."""
    return Finding(part, ok, seen, "" if ok else advice)


def examine(*, as_json: bool) -> int:
    """Print the findings; exit code 1 when something needs doing, 2 when the settings are wrong."""
    from hotline.commands.environment import find_settings

    try:
        settings = find_settings()
    except SettingsError as error:
        findings = [Finding("settings", False, line, "see docs/configuration.md") for line in str(error).splitlines()]
        _print(findings, as_json=as_json)
        return 2
    findings = [finding for check in _CHECKS for finding in check(settings)]
    _print(findings, as_json=as_json)
    return 0 if all(finding.ok for finding in findings) else 1


def _print(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2) + "\n")
        return
    for finding in findings:
        sys.stdout.write(f"{'ok  ' if finding.ok else 'LOOK'}  {finding.part:<12} {finding.seen}\n")
        if finding.advice:
            sys.stdout.write(f"{'':18} → {finding.advice}\n")


def _python(_settings: Settings) -> Iterator[Finding]:
    missing = []
    for package in _NEEDED:
        try:
            version(package)
        except PackageNotFoundError:
            missing.append(package)
    seen = f"{sys.version.split()[0]} at {sys.prefix}"
    if missing:
        yield Finding("python", False, f"{seen}, without {', '.join(missing)}", "run script/bootstrap")
    else:
        yield Finding("python", True, seen)


def _database(settings: Settings) -> Iterator[Finding]:
    from hotline.assembly import make_database
    from hotline.commands.preflight import look

    async def ask() -> Preflight:
        database = make_database(settings)
        try:
            return await look(database)
        finally:
            await database.close()

    private = settings.database_url is None
    try:
        seen = asyncio.run(ask())
    except (HotlineError, OSError) as error:
        advice = "start the service (script/demo), its private PostgreSQL starts with it" if private else "check HOTLINE_DATABASE_URL"
        yield Finding("database", False, f"not reachable: {error}", advice)
        return
    if seen.pending:
        yield Finding("database", False, f"schema {seen.current or 'empty'}, needed {seen.newest}", "run hotline db upgrade")
    else:
        yield Finding("database", True, f"{'private PostgreSQL' if private else 'PostgreSQL'}, schema {seen.current}")
    yield from _upgrade(settings, seen)


def _upgrade(settings: Settings, seen: Preflight) -> Iterator[Finding]:
    """The preflight of an upgrade: server, role, room."""
    from hotline.commands.preflight import OLDEST_SERVER

    old = seen.server < OLDEST_SERVER
    yield _judge("server", not old, f"PostgreSQL {seen.server}, no extensions needed", f"upgrade PostgreSQL to {OLDEST_SERVER} or newer")
    strong = seen.owns or seen.superuser
    advice = "let the service use a role that owns nothing: HOTLINE_DATABASE_URL and HOTLINE_DATABASE_OWNER_URL (docs/operations.md)"
    yield _judge("role", not strong, f"{seen.role}{', owns tables' if seen.owns else ''}{', superuser' if seen.superuser else ''}", advice)
    if settings.database_url is None and settings.data_dir.is_dir():  # elsewhere the server's disk is not ours to see
        free_mb, needed = shutil.disk_usage(settings.data_dir).free // 1_000_000, seen.needed_mb(settings.min_free_disk_mb)
        yield _judge(
            "upgrade room", free_mb >= needed, f"{free_mb} MB free, an upgrade may need {needed}", "make room before hotline db upgrade"
        )


def _city(settings: Settings) -> Iterator[Finding]:
    """A city that forgot its own names would offer the invented one's districts to its citizens."""
    if settings.demo:
        return
    own = settings.city_dir is not None
    seen = f"{settings.city_name}, names from {settings.city_dir}" if own else "districts, roads and places of the invented city"
    yield _judge("city", own, seen, "name the folder with your city's own: HOTLINE_CITY_DIR (docs/operations.md)")


def _disk(settings: Settings) -> Iterator[Finding]:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.data_dir / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Finding("disk", False, f"{settings.data_dir}: {error.strerror}", "choose a folder that can be written: HOTLINE_DATA_DIR")
        return
    free_mb = shutil.disk_usage(settings.data_dir).free // 1_000_000
    enough = free_mb >= settings.min_free_disk_mb
    seen = f"{free_mb} MB free in {settings.data_dir.resolve()}"
    yield _judge("disk", enough, seen, "make room: new attachments and recordings are refused")


def _speech(settings: Settings) -> Iterator[Finding]:
    from telephony.speech import models

    try:
        info = models.find(settings)
    except HotlineError as error:
        yield Finding("speech model", False, str(error), "run hotline models fetch")
    else:
        advice = (
            "for real callers: hotline models fetch (downloads cn-small), or set HOTLINE_SPEECH_MODEL" if info.kind == "synthetic" else ""
        )
        yield Finding("speech model", info.kind != "none", f"{info.name} {info.note}".strip(), advice)
    try:
        import espeakng_loader

        library = Path(espeakng_loader.get_library_path())
    except (ImportError, OSError) as error:
        yield Finding("voice", False, str(error), "run script/bootstrap")
    else:
        yield _judge("voice", library.exists(), f"espeak-ng at {library}", "run script/bootstrap")


def _bot(settings: Settings) -> Iterator[Finding]:
    if not settings.bot_enabled:
        yield Finding("bot", True, "switched off: knowledge search answers alone", "to have Rasa, unset HOTLINE_BOT_ENABLED")
        return
    python = ROOT / "chatbot" / "rasa" / ".venv" / "bin" / "python"
    if not python.exists():
        yield Finding("bot", False, "no environment in chatbot/rasa/.venv", "run script/bootstrap (needs Python 3.10: HOTLINE_PYTHON310)")
        return
    done = subprocess.run([str(python), "--version"], capture_output=True, text=True, check=False)
    works = done.returncode == 0
    yield _judge("bot", works, (done.stdout if works else done.stderr).strip()[-200:], "run script/bootstrap again")
    try:
        from chatbot.training import model_state

        trained, seen = model_state(settings)
    except (ImportError, HotlineError, OSError) as error:
        yield Finding("bot model", False, str(error), "run hotline bot train")
    else:
        yield _judge("bot model", trained, seen, "run hotline bot train")


def _front_end(_settings: Settings) -> Iterator[Finding]:
    folder = ROOT / "node_modules"
    missing = [name for name in ("htmx.org", "echarts", "lucide-static") if not (folder / name / "package.json").exists()]
    yield Finding(
        "front end", not missing, f"missing: {', '.join(missing)}" if missing else str(folder), "run script/bootstrap" if missing else ""
    )


def _processes(settings: Settings) -> Iterator[Finding]:
    from hotline.processes.supervisor import port_problem, ports, status

    roles = status(settings.data_dir.resolve())
    running = [role for role, state in roles.items() if state["pid"]]
    if running:
        for role, state in roles.items():
            restarts = (state["started"] or 1) - 1
            seen = f"process {state['pid']}, restarted {restarts} times" if state["pid"] else "not running at the moment"
            yield _judge(role, bool(state["pid"]), seen, f"see {settings.data_dir / 'logs' / role}.log")
        return
    problems = [problem for each in ports(settings) if (problem := port_problem(each))]
    yield Finding("service", True, "not running on this data folder")
    if problems:
        for problem in problems:
            yield Finding("ports", False, problem)
    else:
        yield Finding("ports", True, "all free")


_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_python, _database, _city, _disk, _speech, _bot, _front_end, _processes)
