"""RTP packets (RFC 3550 section 5.1): strict reading, since anybody can send a datagram to an open port."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBHII")
_VERSION = 0x80
_PADDING = 0x20
_EXTENSION = 0x10
_MARKER = 0x80


class NotRtp(ValueError):
    """The datagram is no RTP packet, or is cut off."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet, header extension and padding already taken off."""

    payload_type: int
    sequence: int
    timestamp: int
    source: int
    """SSRC: the number of the sender's stream."""
    payload: bytes
    marker: bool = False


def parse(data: bytes) -> RtpPacket:
    """Read a datagram; raises `NotRtp`."""
    if len(data) < _HEADER.size or data[0] & 0xC0 != _VERSION:
        raise NotRtp("no RTP version 2 header")
    flags, kind, sequence, timestamp, source = _HEADER.unpack_from(data)
    start = _HEADER.size + 4 * (flags & 0x0F)
    if flags & _EXTENSION:
        if len(data) < start + 4:
            raise NotRtp("header extension is cut off")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - data[-1] if flags & _PADDING else len(data)
    if start >= end:
        raise NotRtp("no payload")
    return RtpPacket(kind & 0x7F, sequence, timestamp, source, data[start:end], bool(kind & _MARKER))


def build(packet: RtpPacket) -> bytes:
    """The datagram of a packet."""
    kind = packet.payload_type | (_MARKER if packet.marker else 0)
    header = _HEADER.pack(_VERSION, kind, packet.sequence & 0xFFFF, packet.timestamp & 0xFFFFFFFF, packet.source & 0xFFFFFFFF)
    return header + packet.payload
