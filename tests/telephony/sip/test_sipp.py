"""SIPp, an independent SIP implementation, as the judge: its exit status says whether every message was as it must be."""

from __future__ import annotations

import asyncio
import shutil
import struct
from pathlib import Path

import pytest

from telephony.leg import Digit, HungUp, Leg
from telephony.media.codec import CODECS
from telephony.phone import Phone
from tests.telephony.conftest import MakePhone
from tests.telephony.sip.desk import Desk
from tests.telephony.sounds import loud_part, signal_to_noise, tone

SIPP = shutil.which("sipp")
SCENARIOS = Path(__file__).parent / "scenarios"

pytestmark = pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian package sip-tester)")


async def sipp(phone: Phone, scenario: str, folder: Path, *, calls: int = 1, rate: int = 10) -> None:
    """Run a scenario against the phone; fails with what SIPp wrote."""
    assert SIPP
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    (folder / "scenario.xml").write_text(text.replace("@FOLDER@", str(folder)))
    process = await asyncio.create_subprocess_exec(
        SIPP,
        f"127.0.0.1:{phone.port}",
        *("-sf", str(folder / "scenario.xml"), "-s", "12345", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", "0"),
        *("-m", str(calls), "-l", str(calls), "-r", str(rate), "-nostdin", "-timeout", "20s", "-timeout_error"),
        *("-trace_err", "-error_file", str(folder / "errors.log")),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    errors = (folder / "errors.log").read_text() if (folder / "errors.log").exists() else ""
    assert process.returncode == 0, f"{errors}\n{output.decode(errors='replace')[-3000:]}"


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_sound_of_sipp_arrives_and_ours_is_accepted(make_phone: MakePhone, tmp_path: Path, codec: str) -> None:
    (tmp_path / "tone").write_bytes(CODECS[codec].encode(tone(440, 1.0)))
    desk = Desk()
    await sipp(await make_phone(desk), codec.lower(), tmp_path)
    assert desk.leg.codec == codec
    assert desk.leg.caller == "13800000000"
    assert await desk.event() == HungUp("caller", "hung up")
    sound = loud_part(b"".join(desk.heard))
    assert len(sound) / 16000 > 0.9
    assert signal_to_noise(sound, 440) > 30


async def test_keys_of_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    (tmp_path / "key.pcap").write_bytes(pcap_of_key(5))
    desk = Desk()
    await sipp(await make_phone(desk), "dtmf", tmp_path)
    assert [await desk.event(), await desk.event()] == [Digit("5"), HungUp("caller", "hung up")]


async def test_cancel_by_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    desk = Desk(answer=False)
    phone = await make_phone(desk)
    await sipp(phone, "cancel", tmp_path)
    assert await desk.event() == HungUp("caller", "cancelled")


async def test_busy_by_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    async def refuse(leg: Leg) -> None:
        await leg.hang_up("busy")

    await sipp(await make_phone(refuse), "busy", tmp_path)


async def test_forty_calls_of_sipp(make_phone: MakePhone, tmp_path: Path) -> None:
    (tmp_path / "tone").write_bytes(CODECS["PCMU"].encode(tone(440, 1.0)))
    phone = await make_phone(Desk(), max_calls=60)
    await sipp(phone, "pcmu", tmp_path, calls=40, rate=40)
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
