"""baresip, somebody else's telephone: as an agent's desk telephone registered at the edge, and as a citizen's. Both hear a clean tone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from hotline.database import Database
from hotline.processes.edge import of_private
from hotline.processes.postgres import PrivatePostgres
from telephony.leg import CallFailed, HungUp, Leg
from telephony.phone import Phone
from tests.ports import free_port
from tests.telephony.conftest import MakePhone
from tests.telephony.edge.kamailio import KAMAILIO, POSTGRES_MODULE, Running, an_edge, running
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.test_client import write_wav
from tests.telephony.sip.test_third_parties import BARESIP, BARESIP_CONFIG, listens
from tests.telephony.sip.test_third_parties import running as started
from tests.telephony.sounds import best_stretch, loud_part, signal_to_noise, tone
from tests.ticketing.conftest import City
from ticketing.sip_account.service import issue

pytestmark = [
    pytest.mark.slow,  # starts other programs
    pytest.mark.skipif(BARESIP is None, reason="baresip is not installed (Debian package baresip)"),
]
needs_edge = pytest.mark.skipif(
    KAMAILIO is None or POSTGRES_MODULE is None, reason="kamailio is not installed (Debian packages kamailio, kamailio-postgres-modules)"
)


@asynccontextmanager
async def baresip(account: str, *commands: str) -> AsyncIterator[Path]:
    """A baresip with one account that plays 440 Hz and writes what it hears to `dump-*-dec.wav` in the folder."""
    assert BARESIP
    port = free_port(neighbours=1)  # TLS
    with tempfile.TemporaryDirectory(prefix="baresip-") as name:
        folder = Path(name)
        write_wav(folder / "tone.wav", tone(440, 6))
        (folder / "config").write_text(BARESIP_CONFIG.format(port=port, folder=folder))
        (folder / "accounts").write_text(f"{account}\n")
        words = [word for command in commands for word in ("-e", command)]
        async with started(BARESIP, "-f", name, *words, ready=lambda: listens(port), log=folder / "baresip.log"):
            yield folder


def heard_by(folder: Path) -> bytes:
    (received,) = folder.glob("dump-*-dec.wav")
    return loud_part(received.read_bytes()[44:])


def clean(sound: bytes, hertz: float) -> None:
    """A pure tone of telephone quality, nothing clipped."""
    assert len(sound) > 16000, "half a second at least"
    assert best_stretch(sound, hertz, 0.4) > 35, signal_to_noise(sound, hertz)
    assert max(abs(int.from_bytes(sound[at : at + 2], "little", signed=True)) for at in range(0, 16000, 2)) < 32000


async def ring(process: Phone, edge: Running) -> Leg:
    """Dial until the telephone has registered."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await process.dial(f"sip:2001@127.0.0.1:{edge.port}")
            except CallFailed as failure:
                if failure.status != 480:  # not registered yet
                    raise
                await asyncio.sleep(0.1)


@needs_edge
@pytest.mark.parametrize("codec", ["pcma", "pcmu"])
async def test_an_agents_desk_telephone(city: City, database: Database, server: PrivatePostgres, make_phone: MakePhone, codec: str) -> None:
    async with city.database.transaction() as session:
        given = await issue(city.core, session, city.admin, city.agent.user_id or 0, "2001")
    name = make_url(database.url).database
    assert name
    role, socket = of_private(server, name)
    process = await make_phone(Desk())
    options = {"trunks": ("127.0.0.9",), "phones": "127.0.0.1/32", "database": role, "database_socket": socket}
    async with running(an_edge([process.port], **options)) as edge:
        account = (
            f"<sip:2001@127.0.0.1:{edge.port}>;auth_user=2001;auth_pass={given.password};regint=60;answermode=auto;audio_codecs={codec}"
        )
        async with baresip(account) as folder:
            leg = await ring(process, edge)
            assert leg.codec == codec.upper()
            heard: list[bytes] = []
            leg.listen(heard.append)
            assert await leg.play(tone(1000, 2.5)).wait()
            await leg.hold()  # it is a re-INVITE through the edge
            await leg.resume()
            await leg.hang_up()
            await process.endpoint.agent.settle(2)
            clean(loud_part(b"".join(heard))[8000:], 440)
            clean(heard_by(folder)[8000:], 1000)
        assert edge.complaints() == []


@pytest.mark.parametrize("codec", ["pcma", "pcmu"])
async def test_a_citizens_telephone(make_phone: MakePhone, codec: str) -> None:
    desk = Desk()
    phone = await make_phone(desk)
    async with baresip(f"<sip:13800000000@127.0.0.1>;regint=0;audio_codecs={codec}", f"/dial sip:12345@127.0.0.1:{phone.port}") as folder:
        await asyncio.wait_for(desk.rang.wait(), 10)
        assert desk.leg.caller == "13800000000"
        assert await desk.leg.play(tone(1000, 2.5)).wait()
        await desk.leg.hang_up()
        assert await desk.event() == HungUp("us", "normal")
        await phone.endpoint.agent.settle(2)
        clean(loud_part(b"".join(desk.heard))[8000:], 440)
        clean(heard_by(folder)[8000:], 1000)
