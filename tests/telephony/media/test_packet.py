from __future__ import annotations

import pytest

from telephony.media.packet import NotRtp, RtpPacket, build, parse


def test_a_packet_is_written_byte_for_byte() -> None:
    assert build(RtpPacket(8, 0x1234, 0x01020304, 0x0A0B0C0D, b"\xd5\xd5", True)) == bytes.fromhex("80881234010203040a0b0c0dd5d5")


def test_written_packets_are_read_back() -> None:
    packet = RtpPacket(101, 65535, 2**32 - 1, 7, b"\x05\x0a\x00\xa0", marker=False)
    assert parse(build(packet)) == packet


def test_contributing_sources_extension_and_padding_are_taken_off() -> None:
    head = bytes([0x80 | 0x20 | 0x10 | 2, 0]) + bytes.fromhex("0001 00000002 00000003".replace(" ", ""))
    sources, extension, padding = bytes(8), bytes.fromhex("bede0001aabbccdd"), b"\0\0\3"
    assert parse(head + sources + extension + b"sound" + padding).payload == b"sound"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x00\x01",
        bytes(12),  # version 0
        b"\xc0" + bytes(20),  # version 3
        b"\x80" + bytes(11),  # no payload
        b"\x8f" + bytes(11) + bytes(30),  # fifteen sources announced, not there
        b"\x90" + bytes(11) + b"\0\0",  # extension cut off
        b"\x90" + bytes(11) + b"\0\0\xff\xff" + bytes(50),  # extension longer than the packet
        b"\xa0" + bytes(11) + b"abc\xff",  # more padding than packet
        b"\xa0" + bytes(11) + b"abc\x04",  # nothing but padding
        b"OPTIONS sip:x SIP/2.0\r\n",
    ],
)
def test_what_is_no_rtp_is_refused(data: bytes) -> None:
    with pytest.raises(NotRtp):
        parse(data)
