"""kill -9 of every process, while people write and while one calls: whatever was acknowledged is there, once."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from hotline.processes.postgres import PrivatePostgres
from telephony.client import Caller
from telephony.leg import LegGone
from telephony.speech.voice import EspeakVoice
from tests.e2e.demo import Demo, until

ROLES = ("postgres", "web", "bot", "scheduler", "telephony")


@dataclass
class Citizens:
    """Submit one appeal after the other through Open311, each with words of its own, and never twice."""

    demo: Demo
    acknowledged: dict[str, str] = field(default_factory=dict)
    """marker → ticket number"""
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Citizens:
        self._thread = threading.Thread(target=self._submit, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(30)

    def _submit(self) -> None:
        run = uuid4().hex[:8]
        for number in itertools.count(1):
            marker = f"杀进程测试{run}第{number}件"
            form = {"service_code": "0104", "description": f"路灯不亮，{marker}", "address_string": "滨河路18号"}
            request = urllib.request.Request(f"{self.demo.url}/open311/v2/requests.json", urllib.parse.urlencode(form).encode())
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    self.acknowledged[marker] = json.loads(response.read())[0]["service_request_id"]
            except (OSError, ValueError):  # refused, cut off, or answered 5xx: never acknowledged
                self.refused.append(marker)
            if self._stop.wait(1.1):  # the interface takes sixty a minute from one address
                return

    def check(self) -> None:
        """Every acknowledged appeal is one ticket with that number; no appeal is two."""
        for marker, number in self.acknowledged.items():
            assert self.demo.sql(f"SELECT number FROM ticket WHERE content LIKE '%{marker}'") == [number]
        for marker in self.refused:
            assert len(self.demo.sql(f"SELECT number FROM ticket WHERE content LIKE '%{marker}'")) <= 1


@pytest.mark.parametrize("role", ROLES)
def test_acknowledged_appeals_survive_the_death_of(demo: Demo, role: str) -> None:
    with Citizens(demo) as citizens:
        until(lambda: citizens.acknowledged, what="a first appeal")
        old = demo.kill(role)
        demo.until_restarted(role, old)
        before = len(citizens.acknowledged)
        until(lambda: len(citizens.acknowledged) > before, what=f"appeals after the death of {role}")
    citizens.check()
    if role in ("bot", "scheduler", "telephony"):
        assert not citizens.refused, "nobody who writes may notice"


def test_readyz_names_the_part_that_is_missing(demo: Demo) -> None:
    for role, part in (("telephony", "telephony"), ("bot", "bot"), ("postgres", "database")):
        old = demo.kill(role)
        missing = until(lambda: demo.readiness().get("missing"), what=f"readyz noticing that {role} is gone")
        assert part in [each["part"] for each in missing]
        assert missing[0]["why"]
        demo.until_restarted(role, old)


def test_readyz_answers_within_two_seconds_while_the_database_is_frozen(demo: Demo) -> None:
    pid = demo.pid("postgres")
    assert pid is not None
    workers = [int(each) for each in _children(pid)]
    for each in (pid, *workers):
        os.kill(each, signal.SIGSTOP)
    try:
        began = time.monotonic()
        code, _ = demo.get("/readyz")
        assert code == 503
        assert time.monotonic() - began < 2.5
    finally:
        for each in (pid, *workers):
            os.kill(each, signal.SIGCONT)
    demo.until_ready()


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()


def test_pages_answer_503_without_a_database_and_recover_without_a_restart(demo: Demo) -> None:
    web = demo.pid("web")
    old = demo.kill("postgres")
    codes = set()
    while demo.pid("postgres") in (None, old) or not PrivatePostgres.of(demo.data_dir).answers():
        codes.add(demo.get("/console")[0])
        codes.add(demo.post_json("/api/v1/chat", {"text": "身份证丢了怎么办"})[0])
        time.sleep(0.5)  # the interface counts how often one address asks
    assert codes <= {200, 302, 303, 503}, codes
    demo.until_ready()
    assert demo.post_json("/api/v1/chat", {"text": "身份证丢了怎么办"})[0] == 200
    assert demo.pid("web") == web


@pytest.fixture
def number() -> str:
    """A caller's number of its own."""
    return f"139{time.time_ns() % 10**8:08d}"


async def _complain(demo: Demo, number: str, victim: str | None) -> tuple[int, bool]:
    """Call, say the matter, have `victim` killed, go on as far as it goes. The number that the victim had; whether the line held."""
    voice = EspeakVoice()
    sounds = [await voice.say(text) for text in ("我要投诉", "滨河路的路灯坏了", "滨河路", "昨天晚上", "不用了", "对")]
    await voice.close()
    old, held = 0, True
    try:
        async with Caller(demo.sip, number=number) as caller:
            await caller.hear()
            await caller.say(sounds[0])
            await caller.hear()
            await caller.say(sounds[1])
            await caller.hear()
            if victim:
                old = demo.kill(victim)
            for sound in sounds[2:]:
                if not await caller.say(sound):
                    break
                await caller.hear(60)
    except (LegGone, TimeoutError):
        held = False
    return old, held


def _call(demo: Demo, after: str) -> str:
    """The id of the newest call since a moment, once it has ended."""
    found = until(
        lambda: demo.sql(f"SELECT id FROM call WHERE started_at >= '{after}' AND state = 'ended' ORDER BY started_at DESC LIMIT 1"),
        within_s=90,
        what="the end of the call in the database",
    )
    return str(found[0])


@pytest.mark.parametrize("victim", [None, "bot", "web", "scheduler", "telephony", "postgres"])
async def test_a_call_survives_the_death_of(demo: Demo, number: str, victim: str | None) -> None:
    """What the caller said is kept, and it is one ticket, whoever dies in the middle."""
    demo.until_ready()
    after = demo.sql("SELECT now()")[0]
    old, held = await _complain(demo, number, victim)
    if victim:
        demo.until_restarted(victim, old)
    if victim in (None, "bot", "web", "scheduler"):
        assert held, f"the caller must not notice the death of {victim}"
    call = _call(demo, after)
    said = demo.sql(
        f"SELECT m.text FROM message m JOIN call c USING (conversation_id) WHERE c.id = '{call}' AND author = 'citizen' ORDER BY m.id"
    )
    assert any("路灯" in text for text in said), said
    tickets = until(
        lambda: demo.sql(f"SELECT t.number FROM ticket t JOIN call c USING (conversation_id) WHERE c.id = '{call}'"),
        within_s=90,
        what="the ticket of the call",
    )
    assert len(tickets) == 1
    [recording] = demo.sql(f"SELECT recording_path FROM call WHERE id = '{call}'")
    assert (demo.data_dir / recording).stat().st_size > 16_000, "a second of sound at least"
