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
from tests.e2e.demo import HAS_RASA, Demo, calls_in, until


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


def test_readyz_names_the_part_that_is_missing(demo: Demo) -> None:
    for role, part in (("telephony", "telephony"), *((("bot", "bot"),) if HAS_RASA else ()), ("postgres", "database")):
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
    sounds = [await voice.say(text) for text in ("我要投诉", "滨河路的路灯坏了", "昨天晚上", "不用了")]
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


@pytest.mark.parametrize("victim", [None, "bot", "web", "scheduler", "telephony", "postgres"])
async def test_nothing_acknowledged_is_lost_or_doubled_by_the_death_of(demo: Demo, number: str, victim: str | None) -> None:
    """People submit and one calls while `victim` dies: what was said is kept, it is one ticket, and so is each submission."""
    if victim == "bot" and not HAS_RASA:
        pytest.skip("Rasa's environment (chatbot/rasa/.venv, Python 3.10) is not installed")
    demo.until_ready()
    after = demo.sql("SELECT now()")[0]
    with Citizens(demo) as citizens:
        until(lambda: citizens.acknowledged, what="a first appeal")
        old, held = await _complain(demo, number, victim)
        if victim:
            demo.until_restarted(victim, old)
        before = len(citizens.acknowledged)
        until(lambda: len(citizens.acknowledged) > before, what=f"appeals after the death of {victim}")
    citizens.check()
    if victim not in ("web", "postgres"):
        assert not citizens.refused, "nobody who writes may notice"
    if victim not in ("telephony", "postgres"):
        assert held, f"the caller must not notice the death of {victim}"
    _check_call(demo, after)


def _check_call(demo: Demo, after: str) -> None:
    """The newest call has ended, with words, recording and one ticket."""
    newest = f"SELECT id {calls_in(after)} AND state = 'ended' ORDER BY started_at DESC LIMIT 1"
    call = until(lambda: demo.sql(newest), within_s=90, what="the end of the call in the database")[0]
    of_call = f"JOIN call c USING (conversation_id) WHERE c.id = '{call}'"
    said = demo.sql(f"SELECT m.text FROM message m {of_call} AND author = 'citizen' ORDER BY m.id")
    assert any("路灯" in text for text in said), said
    tickets = until(lambda: demo.sql(f"SELECT t.number FROM ticket t {of_call}"), within_s=90, what="the ticket of the call")
    assert len(tickets) == 1
    [recording] = demo.sql(f"SELECT recording_path FROM call WHERE id = '{call}'")
    assert (demo.data_dir / recording).stat().st_size > 16_000, "a second of sound at least"
