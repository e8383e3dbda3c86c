"""Key presses on the wire: RFC 4733 events in and out, and the bodies of SIP INFO."""

from __future__ import annotations

import re
import struct
from collections import deque
from collections.abc import Iterator
from typing import Literal

KEYS = "0123456789*#ABCD"
"""A key's place here is its event number."""
EVENT_PAYLOAD_TYPE = 101
"""What we offer for telephone-event."""

_EVENT = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10
_TONE_FRAMES = 8
_END_FRAMES = 3
_PAUSE_FRAMES = 4
_FRAME_SAMPLES = 160
_INFO_SIGNAL = re.compile(r"^\s*signal\s*=\s*([0-9*#A-Da-d]|1[0-5])\s*$", re.IGNORECASE | re.MULTILINE)

Way = Literal["rtp", "info"]


class EventReader:
    """Finds each key press once in a stream of telephone-event packets.

    A press is three to hundreds of packets with one timestamp; any of them may be lost, the first as well as the last,
    so the first that is seen counts.
    """

    def __init__(self) -> None:
        """Nothing pressed yet."""
        self._last: int | None = None

    def reset(self) -> None:
        """A new stream: its timestamps have nothing to do with the old ones."""
        self._last = None

    def push(self, timestamp: int, payload: bytes) -> str | None:
        """The key when this packet begins a press, None when it goes on or is no key."""
        if len(payload) < _EVENT.size or payload[0] >= len(KEYS):
            return None
        if self._last is not None and (timestamp - self._last - 1) & 0xFFFFFFFF >= 0x7FFFFFFF:
            return None  # the same press, or a straggler of one before it
        self._last = timestamp
        return KEYS[payload[0]]


def event_payloads(key: str) -> Iterator[tuple[bytes, bool] | None]:
    """What to send in each 20 ms of one press: (payload, marker), then None while pausing. Raises ValueError for no key."""
    event = KEYS.index(key.upper())
    for number in range(1, _TONE_FRAMES + 1):
        yield _EVENT.pack(event, _VOLUME, number * _FRAME_SAMPLES), number == 1
    for _ in range(_END_FRAMES):
        yield _EVENT.pack(event, _VOLUME | _END, _TONE_FRAMES * _FRAME_SAMPLES), False
    for _ in range(_PAUSE_FRAMES):
        yield None


def read_info(content_type: str, body: bytes) -> str | None:
    """The key in a SIP INFO body (application/dtmf-relay or application/dtmf), None when there is none."""
    text = body.decode("ascii", "replace").strip()
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/dtmf-relay":
        found = _INFO_SIGNAL.search(text)
        signal = found[1] if found else ""
    elif kind == "application/dtmf":
        signal = text
    else:
        return None
    if signal.isdigit() and len(signal) == 2 and int(signal) < len(KEYS):
        return KEYS[int(signal)]
    return signal.upper() if len(signal) == 1 and signal.upper() in KEYS else None


def write_info(key: str) -> tuple[str, bytes]:
    """Content type and body of a SIP INFO for one press."""
    return "application/dtmf-relay", f"Signal={key.upper()}\r\nDuration=160\r\n".encode()


class EchoFilter:
    """Some phones signal every press twice, by RTP and by INFO. The second one of a pair is dropped.

    Presses that come the same way are never dropped, however fast they follow each other.
    """

    def __init__(self, window_s: float = 1.0) -> None:
        """`window_s`: how far apart the two may be."""
        self._window = window_s
        self._recent: deque[tuple[float, str, Way]] = deque()

    def passes(self, key: str, way: Way, now: float) -> bool:
        """Whether this is a press of its own; `now` in seconds of any monotonic clock."""
        while self._recent and now - self._recent[0][0] > self._window:
            self._recent.popleft()
        for entry in self._recent:
            if entry[1] == key and entry[2] != way:
                self._recent.remove(entry)
                return False
        self._recent.append((now, key, way))
        return True
