"""One call's media, driven by hand: packets and clock ticks are the test's, only the socket is real."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest

from telephony.media.codec import PCMA
from telephony.media.inbox import LoopInbox
from telephony.media.packet import RtpPacket, build, parse
from telephony.media.session import MediaPlan, MediaSession
from tests.telephony.sounds import FRAME_BYTES, tone

PEER = ("127.0.0.1", 4000)


class Rig:
    """A session, what it handed up, and the far end of its wire."""

    def __init__(self) -> None:
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind(("127.0.0.1", 0))
        self.far.setblocking(False)
        near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        near.bind(("127.0.0.1", 0))
        self.keys: list[str] = []
        self.frames: list[bytes] = []
        self.session = MediaSession(near, LoopInbox(asyncio.get_running_loop()), self.keys.append)
        self.peer: tuple[str, int] = self.far.getsockname()
        self.plan = MediaPlan(PCMA, 8, 101, self.peer)
        self.session.apply(self.plan)
        self.session.listen(self.frames.append)
        self.now = 100.0

    async def packet(
        self, sequence: int, payload: bytes, *, kind: int = 8, stamp: int = 0, source: int = 1, address: tuple[str, int] | None = None
    ) -> None:
        self.session.receive(build(RtpPacket(kind, sequence, stamp, source, payload)), address or self.peer, self.now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def ticks(self, count: int) -> None:
        for _ in range(count):
            self.now += 0.02
            self.session.tick(self.now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def sent(self) -> list[RtpPacket]:
        packets = []
        while True:
            try:
                packets.append(parse(self.far.recv(2048)))
            except BlockingIOError:
                return packets


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    rig.session.socket.close()
    rig.far.close()


SOUND = PCMA.encode(tone(1000, 0.02))


async def test_sound_is_decoded_and_delivered(rig: Rig) -> None:
    await rig.packet(1, SOUND)
    assert rig.frames == [PCMA.decode(SOUND)]


async def test_other_packet_lengths_are_cut_into_frames(rig: Rig) -> None:
    await rig.packet(1, SOUND[:80])
    assert rig.frames == []
    await rig.packet(2, SOUND[80:] + SOUND)
    assert rig.frames == [PCMA.decode(SOUND)] * 2


async def test_garbage_foreigners_and_giants_change_nothing(rig: Rig) -> None:
    await rig.packet(1, SOUND)
    for data in (b"", b"\x80", bytes(40), b"\xff" * 700, b"INVITE sip:x SIP/2.0\r\n\r\n"):
        rig.session.receive(data, rig.peer, rig.now)
    await rig.packet(2, SOUND, address=("127.0.0.9", 4444))
    await rig.packet(2, SOUND, address=(rig.peer[0], rig.peer[1] + 1))
    await rig.packet(2, b"x" * 1700)
    await rig.packet(2, SOUND, kind=3)
    counters = rig.session.counters
    assert (counters.received, counters.malformed, counters.foreign) == (1, 6, 2)
    assert len(rig.frames) == 1


async def test_the_first_packet_of_the_agreed_host_fixes_the_port(rig: Rig) -> None:
    rig.session.apply(replace(rig.plan, remote=(rig.peer[0], 9)))
    await rig.packet(1, SOUND)
    await rig.ticks(1)
    assert len(rig.sent()) == 1, "we send to where the sound comes from, not to the announced port"


async def test_sound_behind_nat_comes_from_the_signalling_host(rig: Rig) -> None:
    rig.session.apply(replace(rig.plan, remote=("10.1.2.3", 9)), trusted_host="127.0.0.1")
    await rig.packet(1, SOUND)
    assert len(rig.frames) == 1
    rig.session.apply(replace(rig.plan, remote=("10.1.2.4", 9)), trusted_host="10.9.9.9")
    await rig.packet(2, SOUND)
    assert len(rig.frames) == 1


async def test_a_lost_packet_is_concealed_and_time_goes_on(rig: Rig) -> None:
    for sequence in (1, 3, 4, 5):
        await rig.packet(sequence, SOUND)
    assert len(rig.frames) == 5
    assert rig.session.counters.lost == 1


async def test_the_last_packets_before_a_pause_are_not_kept_back(rig: Rig) -> None:
    await rig.packet(1, SOUND)
    await rig.packet(3, SOUND)
    assert len(rig.frames) == 1
    await rig.ticks(5)
    assert len(rig.frames) >= 3


async def test_a_silent_line_still_gives_frames(rig: Rig) -> None:
    await rig.packet(1, SOUND)
    await rig.ticks(50)
    assert 45 <= len(rig.frames) <= 46
    assert rig.frames[-1] == bytes(FRAME_BYTES)


async def test_a_new_stream_is_followed(rig: Rig) -> None:
    await rig.packet(60000, SOUND, source=1)
    await rig.packet(3, SOUND, source=2)
    assert len(rig.frames) == 2
    assert rig.session.counters.lost == 0


async def test_a_jump_of_the_timestamp_costs_nothing(rig: Rig) -> None:
    await rig.packet(1, SOUND, stamp=0)
    await rig.packet(2, SOUND, stamp=400_000_000)
    assert len(rig.frames) == 2


async def test_silence_is_sent_with_marker_only_at_the_start(rig: Rig) -> None:
    await rig.ticks(4)
    sent = rig.sent()
    assert [packet.payload for packet in sent] == [PCMA.silence] * 4
    assert [packet.marker for packet in sent] == [True, False, False, False]
    assert {(after.sequence - before.sequence) & 0xFFFF for before, after in pairwise(sent)} == {1}
    assert {(after.timestamp - before.timestamp) & 0xFFFFFFFF for before, after in pairwise(sent)} == {160}


async def test_playbacks_follow_each_other_without_a_gap(rig: Rig) -> None:
    loop = asyncio.get_running_loop()
    sound = tone(700, 0.1)
    first, second = (rig.session.new_playback(piece, loop) for piece in (sound[:500], sound[500:]))
    await rig.ticks(6)
    assert b"".join(packet.payload for packet in rig.sent()[:5]) == PCMA.encode(sound)
    assert await first.wait()
    assert await second.wait()


async def test_stop_is_barge_in(rig: Rig) -> None:
    loop = asyncio.get_running_loop()
    first = rig.session.new_playback(tone(700, 5), loop)
    second = rig.session.new_playback(tone(900, 0.02), loop)
    await rig.ticks(2)
    first.stop()
    assert not await first.wait()
    await rig.ticks(2)
    assert await second.wait()
    assert [packet.payload for packet in rig.sent()[2:]] == [PCMA.encode(tone(900, 0.02)), PCMA.silence]


async def test_an_empty_playback_is_over_at_once(rig: Rig) -> None:
    playback = rig.session.new_playback(b"", asyncio.get_running_loop())
    await rig.ticks(1)
    assert await playback.wait()


async def test_on_hold_nothing_is_sent_and_playing_waits(rig: Rig) -> None:
    playback = rig.session.new_playback(tone(700, 0.02), asyncio.get_running_loop())
    rig.session.apply(replace(rig.plan, may_send=False))
    await rig.ticks(10)
    assert rig.sent() == []
    rig.session.apply(rig.plan)
    await rig.ticks(2)
    assert await playback.wait()
    assert rig.sent()[0].marker


async def test_key_presses_are_sent_with_one_timestamp_each(rig: Rig) -> None:
    rig.session.press("1#")
    await rig.ticks(32)
    events = [packet for packet in rig.sent() if packet.payload_type == 101]
    assert len({packet.timestamp for packet in events}) == 2
    assert [packet.payload[0] for packet in events] == [1] * 11 + [11] * 11
    with pytest.raises(ValueError, match="no telephone key"):
        rig.session.press("1x")


async def test_key_presses_are_heard_once_each(rig: Rig) -> None:
    for number in range(1, 12):
        await rig.packet(number, b"\x04\x0a\x00\xa0", kind=101, stamp=800)
    await rig.packet(12, SOUND)
    await rig.packet(13, b"\x04\x0a\x00\xa0", kind=101, stamp=9600)
    assert rig.keys == ["4", "4"]
    assert rig.session.counters.lost == 0


async def test_a_sink_that_was_taken_away_hears_nothing_more(rig: Rig) -> None:
    rig.session.receive(build(RtpPacket(8, 1, 0, 1, SOUND)), rig.peer, rig.now)
    rig.session.listen(None)
    await asyncio.sleep(0)
    assert rig.frames == []
