"""SIPp, an independent SIP implementation, as the judge: its exit status says whether every message was as it must be."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from telephony.leg import Digit, HungUp, Leg
from telephony.media.codec import CODECS
from tests.telephony.conftest import MakePhone
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.sipp import SIPP, run_sipp
from tests.telephony.sounds import best_stretch, loud_part, tone

pytestmark = [
    pytest.mark.slow,  # calls last as long as calls do
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian package sip-tester)"),
]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_sound_of_sipp_arrives_and_ours_is_accepted(make_phone: MakePhone, tmp_path: Path, codec: str) -> None:
    (tmp_path / "tone").write_bytes(CODECS[codec].encode(tone(440, 1.0)))
    desk = Desk()
    await run_sipp((await make_phone(desk)).port, codec.lower(), tmp_path)
    assert desk.leg.codec == codec
    assert desk.leg.caller == "13800000000"
    assert await desk.event() == HungUp("caller", "hung up")
    sound = loud_part(b"".join(desk.heard))
    assert len(sound) / 16000 > 0.5  # SIPp hangs up by the clock: on a machine that stalls it has not sent the whole second by then
    assert best_stretch(sound, 440) > 35


async def test_keys_of_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    (tmp_path / "key.pcap").write_bytes(pcap_of_key(5))
    desk = Desk()
    await run_sipp((await make_phone(desk)).port, "dtmf", tmp_path)
    assert [await desk.event(), await desk.event()] == [Digit("5"), HungUp("caller", "hung up")]


async def test_cancel_by_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    desk = Desk(answer=False)
    phone = await make_phone(desk)
    await run_sipp(phone.port, "cancel", tmp_path)
    assert await desk.event() == HungUp("caller", "cancelled")


async def test_busy_by_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    async def refuse(leg: Leg) -> None:
        await leg.hang_up("busy")

    await run_sipp((await make_phone(refuse)).port, "busy", tmp_path)


async def test_forty_calls_of_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    (tmp_path / "tone").write_bytes(CODECS["PCMU"].encode(tone(440, 1.0)))
    phone = await make_phone(Desk(), max_calls=60)
    await run_sipp(phone.port, "pcmu", tmp_path, calls=40, rate=40)
    assert phone.counters()["calls_incoming"] == 40


def pcap_of_key(event: int) -> bytes:
    """A capture file with one press by RFC 4733: SIPp plays nothing else."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    records = []
    for number in range(1, 9):
        end = 0x80 if number > 5 else 0
        rtp = struct.pack("!BBHII", 0x80, 101 | (0x80 if number == 1 else 0), number, 1000, 99)
        rtp += struct.pack("!BBH", event, end | 10, 160 * min(number, 5))
        udp = struct.pack("!HHHH", 4000, 4002, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1])) + udp
        frame = bytes(12) + b"\x08\x00" + ip
        records.append(struct.pack("<IIII", 1, number * 20000, len(frame), len(frame)) + frame)
    return head + b"".join(records)
