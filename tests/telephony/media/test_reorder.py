from __future__ import annotations

from telephony.media.reorder import ReorderBuffer


def play(buffer: ReorderBuffer, *numbers: int) -> list[bytes | None]:
    return [item for number in numbers for item in buffer.push(number & 0xFFFF, b"%d" % number)]


def test_packets_in_order_pass_at_once() -> None:
    assert play(ReorderBuffer(), 10, 11, 12) == [b"10", b"11", b"12"]


def test_exchanged_packets_are_put_right() -> None:
    buffer = ReorderBuffer()
    assert play(buffer, 1, 3, 2, 4) == [b"1", b"2", b"3", b"4"]
    assert buffer.lost == 0


def test_a_hole_is_given_up_after_three_packets() -> None:
    buffer = ReorderBuffer(depth=3)
    assert play(buffer, 1, 3, 4) == [b"1"]
    assert play(buffer, 5) == [None, b"3", b"4", b"5"]
    assert buffer.lost == 1
    assert play(buffer, 2) == []
    assert buffer.late == 1


def test_waiting_packets_can_be_released_by_the_clock() -> None:
    buffer = ReorderBuffer()
    play(buffer, 1, 4)
    assert buffer.waiting
    assert buffer.release() == [None, None, b"4"]
    assert not buffer.waiting


def test_the_sequence_wraps() -> None:
    buffer = ReorderBuffer()
    assert play(buffer, 65534, 65535, 65536, 65537) == [b"65534", b"65535", b"65536", b"65537"]
    assert buffer.lost == 0


def test_duplicates_are_delivered_once() -> None:
    assert play(ReorderBuffer(), 1, 1, 2, 2, 4, 4, 3) == [b"1", b"2", b"3", b"4"]


def test_a_long_hole_is_filled_in_moderation() -> None:
    buffer = ReorderBuffer(longest_gap=25)
    play(buffer, 1)
    found = play(buffer, 1000, 1001, 1002)
    assert found.count(None) == 25
    assert found[-3:] == [b"1000", b"1001", b"1002"]


def test_one_stray_far_away_is_ignored_two_begin_a_new_stream() -> None:
    buffer = ReorderBuffer()
    play(buffer, 1, 2)
    assert play(buffer, 40000) == []
    assert play(buffer, 3) == [b"3"]
    assert play(buffer, 50000, 50001, 50002) == [b"50001", b"50002"]
