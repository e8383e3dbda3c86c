"""From the settings to the phone: trunk with and without registration."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from hotline.settings import Settings
from telephony.leg import Leg
from telephony.phone import Phone
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePeer, MakePhone
from ticketing.context import Core


async def ignore(_leg: Leg) -> None:
    return


async def test_a_trunk_that_wants_a_registration_gets_one(
    settings: Settings, core: Core, make_phone: MakePhone, make_peer: MakePeer
) -> None:
    peer = await make_peer(await make_phone())
    given = {"sip_port": peer.port, "sip_registrar": f"127.0.0.1:{peer.port}", "sip_domain": "carrier.example", "sip_user": "12345"}
    changed = settings.model_copy(update={**given, "sip_host": "127.0.0.8", "sip_password": settings.secret_key})
    phone = Phone.from_settings(changed, ignore, core.vault)
    await phone.start()
    try:
        assert not phone.registered
        register = await peer.expect_request("REGISTER")
        assert register.start == "REGISTER sip:carrier.example SIP/2.0"
        assert register.get("Contact") == f"<sip:12345@127.0.0.8:{peer.port}>"
        peer.target = ("127.0.0.8", peer.port)
        peer.respond(register, "401 Unauthorized", headers='WWW-Authenticate: Digest realm="carrier", nonce="n", qop="auth"\r\n')
        again = await peer.expect_request("REGISTER")
        assert 'username="12345"' in again.get("Authorization")
        peer.respond(again, "200 OK", headers="Expires: 60\r\n")
        async with asyncio.timeout(3):
            while not phone.registered:
                await asyncio.sleep(0.01)
    finally:
        phone._timers = Timers(t1=0.01)  # nobody answers the last REGISTER: do not wait long for it
        await phone.stop()


def test_without_one_the_phone_is_registered_from_the_start(settings: Settings, core: Core) -> None:
    assert Phone.from_settings(settings, ignore, core.vault).registered


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"HOTLINE_SIP_REGISTRAR": "127.0.0.1"}, "HOTLINE_SIP_USER"),
        ({"HOTLINE_SIP_REGISTRAR": "10.0.0.1", "HOTLINE_SIP_USER": "x", "HOTLINE_SIP_PASSWORD": "y"}, "HOTLINE_SIP_PEERS"),
        ({"HOTLINE_SIP_REGISTRAR": "trunk.example"}, "sip_registrar"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, values: dict[str, str], words: str
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=words):
        Settings(data_dir=tmp_path)
