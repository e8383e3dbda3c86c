"""Through Kamailio as a strict edge proxy, and to baresip as an agent's phone: other people's reading of the standards."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from telephony.leg import CallFailed, HungUp, Leg
from telephony.phone import Phone
from telephony.sip.digest import Credentials
from tests.ports import free_port
from tests.telephony.conftest import MakePhone
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.test_client import write_wav
from tests.telephony.sounds import best_stretch, loud_part, tone

pytestmark = pytest.mark.slow
"""Starts other programs."""

KAMAILIO = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
BARESIP = shutil.which("baresip")
CONFIGURATION = Path(__file__).parent / "scenarios" / "kamailio.cfg"

needs_kamailio = pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed (Debian package kamailio)")
needs_baresip = pytest.mark.skipif(BARESIP is None, reason="baresip is not installed (Debian package baresip)")


@asynccontextmanager
async def running(program: str, *arguments: str, ready: Callable[[], Awaitable[bool]], log: Path) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=log.parent
        )
    try:
        async with asyncio.timeout(15):
            while not await ready():
                assert process.returncode is None, log.read_text(errors="replace")[-3000:]
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def listens(port: int) -> bool:
    """Whether something is bound to this UDP port."""
    table = await asyncio.to_thread(Path("/proc/net/udp").read_text)
    return any(f":{port:04X} " in line.split("00000000:0000")[0] for line in table.splitlines())


class Edge:
    """Kamailio between two of our phones."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log

    def complaints(self) -> list[str]:
        words = ("STRAY", "ROUTELESS", "MALFORMED")
        return [line for line in self.log.read_text(errors="replace").splitlines() if any(word in line for word in words)]


@asynccontextmanager
async def edge(folder: Path, hotline: Phone, agent: Phone) -> AsyncIterator[Edge]:
    assert KAMAILIO
    port = free_port()
    text = CONFIGURATION.read_text()
    for mark, number in (("@EDGE@", port), ("@HOTLINE@", hotline.port), ("@AGENT@", agent.port)):
        text = text.replace(mark, str(number))
    (folder / "kamailio.cfg").write_text(text)
    with tempfile.TemporaryDirectory() as runtime:
        arguments = ("-DD", "-E", "-m", "32", "-M", "4", "-Y", runtime, "-f", str(folder / "kamailio.cfg"), "-P", str(folder / "pid"))
        async with running(KAMAILIO, *arguments, ready=lambda: listens(port), log=folder / "kamailio.log"):
            yield Edge(port, folder / "kamailio.log")


@needs_kamailio
@pytest.mark.parametrize("who", ["caller", "us"])
async def test_a_call_through_a_strict_proxy_ends_from_both_sides(make_phone: MakePhone, tmp_path: Path, who: str) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    async with edge(tmp_path, hotline, citizen) as proxy:
        leg = await citizen.dial(f"sip:12345@127.0.0.1:{proxy.port}")
        heard: list[bytes] = []
        leg.listen(heard.append)
        assert await desk.leg.play(tone(440, 0.8)).wait()
        await asyncio.sleep(0.6)  # longer than T1: an ACK that went astray would have brought the 200 again
        assert citizen.counters()["sip_repeated"] == hotline.counters()["sip_repeated"] == 0
        await (leg if who == "caller" else desk.leg).hang_up()
        assert await desk.event() == HungUp(*(("caller", "hung up") if who == "caller" else ("us", "normal")))
        assert isinstance(await asyncio.wait_for(leg.events.get(), 3), HungUp)
        await citizen.endpoint.agent.settle(2)
        await hotline.endpoint.agent.settle(2)
        assert best_stretch(loud_part(b"".join(heard)), 440) > 30
        assert proxy.complaints() == []


@needs_kamailio
async def test_giving_up_through_a_proxy(make_phone: MakePhone, tmp_path: Path) -> None:
    desk = Desk(answer=False)
    hotline, citizen = await make_phone(desk), await make_phone()
    async with edge(tmp_path, hotline, citizen) as proxy:
        with pytest.raises(CallFailed, match="nobody answered"):
            await citizen.dial(f"sip:12345@127.0.0.1:{proxy.port}", ring_s=0.5)
        assert await desk.event() == HungUp("caller", "cancelled")
        assert proxy.complaints() == []


@needs_kamailio
async def test_logging_in_at_a_proxy(make_phone: MakePhone, tmp_path: Path) -> None:
    desk = Desk()
    agent = await make_phone(desk)
    for password, expected in (("secret", 0), ("wrong", 407)):
        hotline = await make_phone(login=Credentials("hotline", password))
        async with edge(tmp_path, hotline, agent) as proxy:
            if expected:
                with pytest.raises(CallFailed, match=str(expected)):
                    await hotline.dial(f"sip:agent@127.0.0.1:{proxy.port}")
                continue
            leg = await hotline.dial(f"sip:agent@127.0.0.1:{proxy.port}")
            await leg.hang_up()
            assert await desk.event() == HungUp("caller", "hung up")
            assert proxy.complaints() == []


BARESIP_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{port}
audio_player aubridge,nowhere
audio_source aufile,{folder}/tone.wav
audio_alert aufile,/dev/null
audio_srate 8000
audio_channels 1
ausrc_srate 8000
auplay_srate 8000
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
snd_path {folder}
module_tmp account.so
module_app menu.so
"""


@needs_baresip
async def test_baresip_answers_as_an_agent(make_phone: MakePhone, tmp_path: Path) -> None:
    """It takes A-law only; both sides hear the other's tone."""
    assert BARESIP
    port = free_port(neighbours=1)  # TLS
    write_wav(tmp_path / "tone.wav", tone(440, 5))
    (tmp_path / "config").write_text(BARESIP_CONFIG.format(port=port, folder=tmp_path))
    account = f"<sip:agent@127.0.0.1:{port}>;regint=0;answermode=auto;audio_codecs=pcma\n"
    (tmp_path / "accounts").write_text(account)
    phone = await make_phone()
    async with running(BARESIP, "-f", str(tmp_path), ready=lambda: listens(port), log=tmp_path / "baresip.log"):
        leg: Leg = await phone.dial(f"sip:agent@127.0.0.1:{port}", codecs=("PCMU", "PCMA"))
        assert leg.codec == "PCMA"
        heard: list[bytes] = []
        leg.listen(heard.append)
        assert await leg.play(tone(1000, 1.5)).wait()
        await leg.hang_up()
        await phone.endpoint.agent.settle(2)
    assert best_stretch(loud_part(b"".join(heard)), 440, 0.4) > 25
    (received,) = tmp_path.glob("dump-*-dec.wav")
    assert best_stretch(loud_part(received.read_bytes()[44:]), 1000, 0.4) > 25
