from __future__ import annotations

import pytest

from telephony.media.digits import KEYS, EchoFilter, EventReader, event_payloads, read_info, write_info


def test_every_key_goes_there_and_back() -> None:
    reader = EventReader()
    heard = []
    for number, key in enumerate(KEYS):
        for step in event_payloads(key):
            if step is not None and (found := reader.push(1000 + 2560 * number, step[0])):
                heard.append(found)
    assert "".join(heard) == KEYS


def test_a_press_counts_once_whichever_of_its_packets_are_lost() -> None:
    packets = [step[0] for step in event_payloads("5") if step is not None]
    for lost in range(len(packets)):
        reader = EventReader()
        assert [reader.push(160, packet) for packet in packets[lost:]] == ["5", *[None] * (len(packets) - lost - 1)]


def test_the_same_key_twice_is_two_presses() -> None:
    reader = EventReader()
    assert [reader.push(stamp, b"\x05\x0a\x00\xa0") for stamp in (160, 160, 2720, 2720)] == ["5", None, "5", None]


def test_a_straggler_of_an_older_press_is_not_a_new_one() -> None:
    reader = EventReader()
    assert [reader.push(stamp, b"\x05\x8a\x05\x00") for stamp in (160, 2720, 160)] == ["5", "5", None]


def test_the_clock_may_wrap_between_two_presses() -> None:
    reader = EventReader()
    assert [reader.push(stamp & 0xFFFFFFFF, b"\x01\x0a\x00\xa0") for stamp in (-100, 500)] == ["1", "1"]


@pytest.mark.parametrize("payload", [b"", b"\x05", b"\x05\x0a\x00", b"\x10\x0a\x00\xa0", b"\x63\x0a\x00\xa0"])
def test_what_is_no_key_is_ignored(payload: bytes) -> None:
    assert EventReader().push(1, payload) is None


def test_the_first_packet_alone_carries_the_marker() -> None:
    steps = list(event_payloads("1"))
    assert [step[1] for step in steps if step] == [True] + [False] * 10
    assert [step[0][1] & 0x80 for step in steps if step][-3:] == [0x80] * 3


@pytest.mark.parametrize(
    ("content_type", "body", "key"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", b"Signal= *\r\nDuration= 250", "*"),
        ("application/dtmf-relay; charset=utf-8", b"signal = #", "#"),
        ("Application/DTMF-Relay", b"Duration=100\r\nSignal=d\r\n", "D"),
        ("application/dtmf-relay", b"Signal=11\r\n", "#"),
        ("application/dtmf", b"7", "7"),
        ("application/dtmf", b" 0 \r\n", "0"),
        ("application/dtmf", b"77", None),
        ("application/dtmf-relay", b"Signal=\r\n", None),
        ("application/dtmf-relay", b"\xff\xfe", None),
        ("text/plain", b"5", None),
        ("application/dtmf", b"\xc2\xb2", None),
    ],
)
def test_info_bodies(content_type: str, body: bytes, key: str | None) -> None:
    assert read_info(content_type, body) == key


def test_our_own_info_can_be_read() -> None:
    assert [read_info(*write_info(key)) for key in KEYS] == list(KEYS)


def test_a_press_that_comes_both_ways_counts_once() -> None:
    echo = EchoFilter()
    assert echo.passes("1", "rtp", 0.0)
    assert not echo.passes("1", "info", 0.2)
    assert echo.passes("1", "rtp", 0.4)
    assert echo.passes("1", "rtp", 0.5)
    assert not echo.passes("1", "info", 0.6)
    assert not echo.passes("1", "info", 0.7)
    assert echo.passes("1", "info", 3.0)
