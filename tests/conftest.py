"""Fixtures that every test may use: a private PostgreSQL, a fresh database, a clock that stands still, the core."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from argon2 import PasswordHasher
from cryptography.fernet import Fernet

from hotline import security
from hotline.assembly import make_core
from hotline.clock import CITY_ZONE, ManualClock
from hotline.database import Database
from hotline.processes.postgres import PrivatePostgres, running
from hotline.settings import Settings
from tests.databases import TEMPLATE, Databases, databases_of
from ticketing.context import Core

_JOURNEYS = (
    "channels/api/test_chat.py",
    "channels/console",
    "channels/open311",
    "channels/portal/test_appeal.py",
    "channels/portal/test_pages.py",
    "channels/portal/test_tracking.py",
    "channels/portal/test_tracking_steps.py",
    "channels/staff_api",
    "channels/wechat/test_answers.py",
    "channels/wechat/test_repeats.py",
    "chatbot/test_dialogue.py",
    "chatbot/test_rasa_protocol.py",
    "hotline/test_backup.py",
    "knowledge/test_article.py",
    "seed/test_demo.py",
    "telephony/flow/test_call.py",
    "telephony/flow/test_call_lost.py",
    "telephony/flow/test_supervising.py",
    "telephony/flow/test_waiting.py",
    "telephony/flow/test_with_agent.py",
    "ticketing/callback",
    "ticketing/deadline/test_calendar_changes.py",
    "ticketing/deadline/test_clocks.py",
    "ticketing/deadline/test_policy_changes.py",
    "ticketing/retention",
    "ticketing/supervision",
    "ticketing/tables",
    "ticketing/test_endings.py",
    "ticketing/test_relations.py",
    "ticketing/test_refusals.py",
    "ticketing/test_requests.py",
    "ticketing/test_returns.py",
)
"""Whole journeys by service, HTTP or a scripted call. Each test is quick, but there are hundreds: `--fast` leaves them out."""


_LONG = (
    "chatbot/test_rasa_real.py",
    "channels/console/test_chromium.py",
    "channels/console/test_supervision_chromium.py",
    "channels/staff_api/test_fuzz.py",
    "seed/test_demo.py",
    "ticketing/test_stateful.py",
    "channels/console/test_secrecy.py",
    "channels/console/test_nasty.py",
    "channels/portal/test_chromium.py",
    "hotline/test_calendar_command.py",
)
"""Files that take half a minute and more begin first: at the end one of two workers would wait for the other."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the journeys as slow, put the long files first; raises UsageError where script/test would never look."""
    here = Path(__file__).parent
    journeys, long = ({here / name for name in names} for names in (_JOURNEYS, _LONG))
    assert all(path.exists() for path in journeys | long), "a listed module was moved"
    for item in items:
        if journeys & {item.path, *item.path.parents}:
            item.add_marker(pytest.mark.slow)
        for mark, folder in (("realtime", here / "telephony"), ("alone", here / "telephony"), ("e2e", here / "e2e")):
            if item.get_closest_marker(mark) and folder not in item.path.parents:
                raise pytest.UsageError(f"{item.nodeid}: script/test runs what is marked {mark} in {folder} only")
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """What was imported stays to the end: without looking through it at each collection a run takes a sixth less of a core."""
    gc.collect()
    gc.freeze()


def memory_folder() -> str | None:
    """Where the files of a test's PostgreSQL stand: in memory when 2 GB are free there, else None for the temporary folder.

    A fresh database is some 900 files; copying and dropping them costs 25 ms of a core in memory, 220 ms on an ext4 disk.
    """
    memory = Path("/dev/shm")  # noqa: S108 - only as the parent of folders that are made for us alone
    if not (memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)):
        return None
    for left in memory.glob("hotline-*"):  # by runs that were killed with -9
        if time.time() - left.stat().st_mtime > 6 * 3600:
            shutil.rmtree(left, ignore_errors=True)
    return str(memory) if shutil.disk_usage(memory).free > 2 * 2**30 else None


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Passwords are hashed with the least of argon2: hundreds of accounts are made, each would cost 50 ms of a core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(security, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a private PostgreSQL: not below pytest's own, which as root every further pytest run closes to others."""
    with TemporaryDirectory(prefix="hotline-", dir=memory_folder(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL for the whole run."""
    with (
        TemporaryDirectory(prefix="hotline-", dir=memory_folder()) as home,
        running(PrivatePostgres(Path(home), fast=True)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def databases(server: PrivatePostgres) -> Iterator[Databases]:
    """What makes databases on it."""
    with databases_of(server) as made:
        yield made


@pytest.fixture
def template() -> str:
    """The template that `database` copies; folders have their own."""
    return TEMPLATE


@pytest.fixture
async def database(databases: Databases, template: str, core: Core) -> AsyncIterator[Database]:
    """A fresh database with every table and the template's rows: none, unless the folder says otherwise."""
    async with databases.fresh(template, core.vault) as database:
        yield database


@pytest.fixture
def clock() -> ManualClock:
    """Wednesday 18 November 2026, 10:00 in the city: a working day without holidays near."""
    return ManualClock(datetime(2026, 11, 18, 10, 0, tzinfo=CITY_ZONE))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Demo settings with a data folder of their own; the machine's HOTLINE_ variables play no part."""
    for name in [name for name in os.environ if name.startswith("HOTLINE_")]:
        monkeypatch.delenv(name)
    return Settings(
        demo=True,
        data_dir=tmp_path / "data",
        secret_key="test-secret-key-of-forty-characters-0001",
        encryption_keys=(Fernet.generate_key().decode(),),
        wechat_token="test-wechat-token",
        wechat_app_id="wx0123456789abcdef",
        wechat_app_secret="test-wechat-secret",
        wechat_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    )


@pytest.fixture
def core(settings: Settings, clock: ManualClock) -> Core:
    """The context of the service functions, on the clock that stands still."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return make_core(settings, clock)
