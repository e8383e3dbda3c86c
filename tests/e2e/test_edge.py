"""Two telephony processes behind Kamailio: the death of one costs its own calls and nothing that was said in them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hotline.processes.edge import runtime_folder
from telephony.client import Caller
from telephony.phone import Phone
from telephony.sip.digest import Credentials
from telephony.sip.registration import Registrar
from telephony.speech.voice import EspeakVoice
from tests.e2e.demo import Demo, calls_in, until
from tests.ports import free_port

pytestmark = pytest.mark.skipif(
    not (shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin"))
    or not [*Path("/usr/lib").glob("*/kamailio/modules/db_postgres.so")],
    reason="kamailio is not installed (Debian packages kamailio, kamailio-postgres-modules)",
)
LONG_S = 90.0


@dataclass
class EdgeDemo(Demo):
    """The demo with the edge in front; callers find the hotline at the edge's port."""

    edge_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.extra = {
            **self.extra,
            "HOTLINE_EDGE_PORT": str(self.edge_port),
            "HOTLINE_TELEPHONY_PROCESSES": "2",
            "HOTLINE_BOT_ENABLED": "false",  # the degraded mode, to be light: it is the telephone that is tested here
        }

    @property
    def sip(self) -> str:
        return f"sip:12345@127.0.0.1:{self.edge_port}"

    def until_both_are_in(self) -> None:
        """Until the edge has heard from both processes: it asks every two seconds."""
        command = [shutil.which("kamcmd", path="/usr/sbin:/usr/bin") or "kamcmd", "-s", f"unix:{runtime_folder(self.data_dir) / 'control'}"]

        def both() -> bool:
            done = subprocess.run([*command, "dispatcher.list"], capture_output=True, text=True, check=False)
            return done.stdout.count("FLAGS: AP") == 2

        until(both, within_s=60, what="both processes at the edge")

    def worker_of(self, since: str) -> str:
        """Which process has the newest call that goes on."""
        rows = self.sql(f"SELECT worker {calls_in(since)} AND state <> 'ended' ORDER BY started_at DESC LIMIT 1")
        return rows[0] if rows else ""


@pytest.fixture(scope="module")
def edge_demo() -> Iterator[EdgeDemo]:
    home = TemporaryDirectory(prefix="hotline-edge-demo-", ignore_cleanup_errors=True)
    demo = EdgeDemo(Path(home.name))
    try:
        demo.start()
        demo.until_both_are_in()
        yield demo
        assert demo.stop() == 0, demo.output.read_text()[-2000:]
    finally:
        if demo.process is not None and demo.process.poll() is None:
            demo.process.kill()
        home.cleanup()


async def complain(caller: Caller, sounds: dict[str, bytes], *sentences: str) -> None:
    await caller.hear(LONG_S)
    for sentence in sentences:
        assert await caller.say(sounds[sentence])
        await caller.hear(LONG_S)


async def test_the_death_of_one_process_costs_its_own_calls_only(edge_demo: EdgeDemo) -> None:
    demo, voice = edge_demo, EspeakVoice()
    sentences = ("我要投诉", "滨河路的路灯坏了", "昨天晚上", "不用了")
    sounds = {text: await voice.say(text) for text in sentences}
    await voice.close()
    since = demo.sql("SELECT now()")[0]
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Caller(demo.sip, number=f"139{time.time_ns() % 10**8:08d}"))
        doomed = until(lambda: demo.worker_of(since), within_s=30, what="the first call in the database")
        second = await stack.enter_async_context(Caller(demo.sip, number=f"138{time.time_ns() % 10**8:08d}"))
        workers = f"SELECT DISTINCT worker {calls_in(since)} ORDER BY 1"
        until(lambda: len(demo.sql(workers)) == 2, within_s=30, what="a call at each process")
        await asyncio.gather(complain(first, sounds, *sentences[:2]), complain(second, sounds, *sentences[:2]))
        role = "telephony" if doomed.endswith(f"-{demo.sip_port}") else "telephony-2"
        old = demo.kill(role)
        async with Caller(demo.sip, number=f"137{time.time_ns() % 10**8:08d}") as third:  # at once: nobody is turned away
            assert await third.hear(LONG_S)
        assert await second.say(sounds[sentences[2]]), "the other process's caller does not notice"
        await second.hear(LONG_S)
        assert second.leg.live
        demo.until_restarted(role, old)
    check_lost(demo, since, doomed)
    check_kept(demo, since, doomed)


def check_lost(demo: EdgeDemo, since: str, worker: str) -> None:
    """The dead process's call: ended as such, what was said is a ticket that somebody calls back about, the recording is there."""
    query = f"SELECT id, end_reason, recording_path {calls_in(since)} AND worker = '{worker}' AND state = 'ended'"
    row = until(lambda: [line for line in demo.sql(query) if "process_died" in line], within_s=90, what="the end of the lost call")[0]
    call, _, recording = row.split("|")
    assert (demo.data_dir / recording).stat().st_size > 5 * 16_000, "seconds of sound, though nobody closed the file"
    tickets = f"SELECT t.content FROM ticket t JOIN call c USING (conversation_id) WHERE c.id = '{call}'"
    [content] = until(lambda: demo.sql(tickets), within_s=60, what="the ticket of the lost call")
    assert "路灯" in content
    assert demo.sql(f"SELECT state FROM return_call WHERE call_id = '{call}'") == ["open"]


def check_kept(demo: EdgeDemo, since: str, worker: str) -> None:
    """The other process's calls ended as calls end."""
    query = f"SELECT end_reason {calls_in(since)} AND worker <> '{worker}' AND state = 'ended'"
    reasons = until(lambda: len(found := demo.sql(query)) >= 2 and found, within_s=60, what="the end of the other calls")
    assert "process_died" not in reasons


async def test_a_process_that_drains_starts_anew_when_its_last_call_is_over(edge_demo: EdgeDemo) -> None:
    demo = edge_demo
    demo.until_ready()
    demo.until_both_are_in()
    async with Caller(demo.sip, number="13600000001") as caller:
        since = demo.sql("SELECT now() - interval '20 seconds'")[0]
        worker = until(lambda: demo.worker_of(since), within_s=30, what="the call in the database")
        role = "telephony" if worker.endswith(f"-{demo.sip_port}") else "telephony-2"
        old = demo.pid(role)
        assert demo.hotline("drain", role).returncode == 0
        async with Caller(demo.sip, number="13600000002") as other:
            assert await other.hear(LONG_S)
        assert await caller.hear(LONG_S)
        assert caller.leg.live
        assert demo.pid(role) == old
    until(lambda: demo.pid(role) not in (None, old), within_s=60, what="the new process")
    demo.until_ready()


async def test_a_desk_telephone_gets_its_account_and_registers(edge_demo: EdgeDemo) -> None:
    demo = edge_demo
    [admin] = demo.sql("SELECT staff_number FROM staff WHERE role = 'admin' AND active ORDER BY id LIMIT 1")
    [agent] = demo.sql("SELECT login FROM staff WHERE role = 'agent' AND active ORDER BY id LIMIT 1")
    given = demo.hotline("telephones", "give", agent, "2001", "--by", admin)
    assert given.returncode == 0, given.stderr
    password = given.stdout.partition("password ")[2].partition(",")[0]
    login = Credentials("2001", password)
    telephone = Phone(None, port=0, rtp_ports=(0, 0), user="2001", registrar=Registrar("127.0.0.1", login, "hotline", demo.edge_port))
    await telephone.start()
    try:
        async with asyncio.timeout(20):
            while not telephone.registered:
                await asyncio.sleep(0.1)
    finally:
        await telephone.stop()
    assert demo.hotline("telephones", "list", "--by", admin).stdout.startswith(f"2001  {agent}  ")
    assert demo.hotline("telephones", "take", agent, "--by", admin).returncode == 0
    assert demo.sql("SELECT * FROM sip_subscriber") == []
