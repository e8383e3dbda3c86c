from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from telephony.phone import Phone
from telephony.sip.digest import Credentials
from telephony.sip.registration import Registrar
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.peer import Peer, Reply

LOGIN = Credentials("line", "secret")
CHALLENGE = 'WWW-Authenticate: Digest realm="trunk", nonce="n1", qop="auth"\r\n'


async def start(make_phone: MakePhone, make_peer: MakePeer, **options: Any) -> tuple[Phone, Peer]:
    """A registrar made by hand, and a phone that registers there."""
    idle = await make_phone()
    peer = await make_peer(idle)
    registrar = Registrar("127.0.0.1", LOGIN, port=peer.port, **options)
    phone = await make_phone(registrar=registrar, timers=Timers(t1=0.02))
    peer.target = ("127.0.0.1", phone.port)
    return phone, peer


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.01)


def granted(register: Reply, seconds: int) -> str:
    return f"Contact: <sip:other@10.0.0.1>;expires=7\r\nContact: {register.get('Contact')};expires={seconds}\r\n"


async def test_log_in_and_leave(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone, peer = await start(make_phone, make_peer)
    first = await peer.expect_request("REGISTER")
    assert not first.get("Authorization")
    assert not phone.registered
    peer.respond(first, "401 Unauthorized", headers=CHALLENGE)
    second = await peer.expect_request("REGISTER")
    assert 'username="line"' in second.get("Authorization")
    assert (second.cseq, second.get("Call-ID")) == ("2 REGISTER", first.get("Call-ID"))
    assert second.get("Expires") == "120"
    peer.respond(second, "200 OK", headers=granted(second, 60))
    await until(lambda: phone.registered)
    stopping = asyncio.create_task(phone.stop())
    last = await peer.expect_request("REGISTER")
    assert last.get("Expires") == "0"
    peer.respond(last, "200 OK")
    await stopping


async def test_a_registrar_that_is_away_is_asked_again(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone, peer = await start(make_phone, make_peer, retry_s=0.05)
    for status in ("503 Service Unavailable", "403 Forbidden"):
        peer.respond(await peer.expect_request("REGISTER"), status)
        assert not phone.registered
    again = await peer.expect_request("REGISTER")
    peer.respond(again, "200 OK", headers=granted(again, 60))
    await until(lambda: phone.registered)


async def test_silence_is_no_reason_to_stop(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone, peer = await start(make_phone, make_peer, retry_s=0.05)
    await peer.silence(1.6)  # 64 times T1 and the pause
    again = await peer.expect_request("REGISTER")
    peer.respond(again, "200 OK", headers=granted(again, 60))
    await until(lambda: phone.registered)


async def test_a_longer_time_is_taken_when_asked_for(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone, peer = await start(make_phone, make_peer, expires_s=30)
    peer.respond(await peer.expect_request("REGISTER"), "423 Interval Too Brief", headers="Min-Expires: 600\r\n")
    second = await peer.expect_request("REGISTER")
    assert second.get("Expires") == "600"
    peer.respond(second, "200 OK", headers="Expires: 600\r\n")
    await until(lambda: phone.registered)
