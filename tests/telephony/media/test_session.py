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

    async def heard(self, ticks: int = 8) -> list[bytes]:
        """What comes out of the jitter buffer in so many ticks, without silence."""
        before = len(self.frames)
        await self.ticks(ticks)
        return [frame for frame in self.frames[before:] if any(frame)]

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
    assert (await rig.heard())[0] == PCMA.decode(SOUND)


async def test_other_packet_lengths_are_cut_into_frames(rig: Rig) -> None:
    await rig.packet(1, SOUND[:80])
    assert await rig.heard(1) == []
    await rig.packet(2, SOUND[80:] + SOUND)
    assert (await rig.heard())[:2] == [PCMA.decode(SOUND)] * 2


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
    assert (await rig.heard())[:1] == [PCMA.decode(SOUND)]
    assert (counters.lost, counters.concealed) == (0, 0)


async def test_the_first_packet_of_the_agreed_host_fixes_the_port(rig: Rig) -> None:
    rig.session.apply(replace(rig.plan, remote=(rig.peer[0], 9)))
    await rig.packet(1, SOUND)
    await rig.ticks(1)
    assert len(rig.sent()) == 1, "we send to where the sound comes from, not to the announced port"


async def test_sound_behind_nat_comes_from_the_signalling_host(rig: Rig) -> None:
    rig.session.apply(replace(rig.plan, remote=("10.1.2.3", 9)), trusted_host="127.0.0.1")
    await rig.packet(1, SOUND)
    assert rig.session.counters.received == 1
    rig.session.apply(replace(rig.plan, remote=("10.1.2.4", 9)), trusted_host="10.9.9.9")
    await rig.packet(2, SOUND)
    assert (rig.session.counters.received, rig.session.counters.foreign) == (1, 1)


async def test_a_lost_packet_is_concealed_and_time_goes_on(rig: Rig) -> None:
    for sequence in (1, 3, 4, 5):
        await rig.packet(sequence, SOUND)
    assert len(await rig.heard(5)) == 5
    assert rig.session.counters.lost == 1


async def test_a_missing_packet_is_waited_for_only_until_its_turn(rig: Rig) -> None:
    sound = tone(400, 1.0)
    for number in range(50):
        if number not in (10, 25):
            await rig.packet(number, PCMA.encode(sound[number * FRAME_BYTES :][:FRAME_BYTES]), stamp=number * 160)
        await rig.ticks(1)
    counters = rig.session.counters
    assert (counters.lost, counters.concealed, counters.late) == (2, 2, 0)
    assert len([frame for frame in rig.frames if any(frame)]) == 49, "two frames of delay, one of them still waits"
    assert counters.underruns == 0, "nothing was held back when its time came"


async def test_packets_that_swapped_places_lose_nothing(rig: Rig) -> None:
    sound = tone(400, 0.2)
    frames = [sound[start : start + FRAME_BYTES] for start in range(0, len(sound), FRAME_BYTES)]
    for number in (0, 1, 3, 2, 4, 5, 7, 6, 8, 9):
        await rig.packet(number, PCMA.encode(frames[number]), stamp=number * 160)
        await rig.ticks(1)
    heard = [frame for frame in rig.frames if any(frame)] + await rig.heard(2)
    assert heard[:10] == [PCMA.decode(PCMA.encode(frame)) for frame in frames]
    assert rig.session.counters.lost == 0


async def test_the_last_packets_before_a_pause_are_not_kept_back(rig: Rig) -> None:
    await rig.packet(1, SOUND)
    await rig.packet(3, SOUND)
    assert len(await rig.heard()) >= 3


@pytest.mark.parametrize(("noise", "made_up"), [(True, False), (False, True)])
async def test_after_comfort_noise_nothing_is_made_up(rig: Rig, noise: bool, made_up: bool) -> None:
    """RFC 3389, payload type 13: the far end says that it is silent; without a word of that, the gap counts as lost sound."""
    for number in range(10):
        await rig.packet(number, SOUND, stamp=number * 160)
        await rig.ticks(1)
    if noise:
        await rig.packet(10, b"\x40", kind=13, stamp=1600)
    frames = await rig.heard(20)
    assert (rig.session.counters.concealed > 0) is made_up
    assert (frames[-1] != PCMA.decode(SOUND)) is made_up
    assert rig.session.counters.malformed == 0


async def test_every_tick_gives_a_frame_whether_somebody_speaks_or_not(rig: Rig) -> None:
    await rig.packet(1, SOUND)
    await rig.ticks(50)
    assert len(rig.frames) == 50
    assert rig.frames[-1] == bytes(FRAME_BYTES)


async def test_a_new_stream_is_followed(rig: Rig) -> None:
    await rig.packet(60000, SOUND, source=1)
    await rig.packet(3, SOUND, source=2)
    assert (await rig.heard())[:2] == [PCMA.decode(SOUND)] * 2
    assert rig.session.counters.lost == 0


async def test_a_jump_of_the_timestamp_costs_nothing(rig: Rig) -> None:
    await rig.packet(1, SOUND, stamp=0)
    await rig.packet(2, SOUND, stamp=400_000_000)
    assert (await rig.heard())[:2] == [PCMA.decode(SOUND)] * 2
    assert rig.session.jitter_ms == 0


async def test_gaps_are_counted_in_both_directions(rig: Rig) -> None:
    for number in range(10):
        await rig.packet(number, SOUND, stamp=number * 160)
        await rig.ticks(1)
    rig.now += 0.05  # the machine slept
    await rig.ticks(1)
    await rig.packet(10, SOUND, stamp=1600)
    counters = rig.session.counters
    assert (counters.gaps, counters.send_gaps) == (1, 1)
    assert 1 < rig.session.jitter_ms < 10


async def test_the_music_of_who_holds_us_is_recorded_but_not_listened_to(rig: Rig) -> None:
    class Kept:
        def __init__(self) -> None:
            self.theirs: list[bytes] = []

        def add(self, theirs: bytes, _ours: bytes) -> None:
            self.theirs.append(theirs)

    kept = Kept()
    rig.session.recording = kept  # type: ignore[assignment]
    rig.session.apply(replace(rig.plan, may_send=False))
    for number in range(10):
        await rig.packet(number, SOUND, stamp=number * 160)
        await rig.ticks(1)
    assert not any(any(frame) for frame in rig.frames)
    assert len(rig.frames) == 10
    assert sum(any(frame) for frame in kept.theirs) >= 8
    rig.session.apply(rig.plan)
    assert await rig.heard(1)


async def test_a_bridge_gets_sound_at_once_and_silence_in_its_time(rig: Rig) -> None:
    passed: list[bytes] = []
    rig.session.relay(passed.append)
    await rig.packet(1, SOUND)
    assert passed == [PCMA.decode(SOUND)]
    await rig.ticks(10)
    assert 4 <= len(passed) <= 6
    assert not any(any(frame) for frame in passed[1:])


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
    await rig.packet(1, SOUND)
    rig.session.tick(rig.now)
    rig.session.listen(None)
    await asyncio.sleep(0)
    assert rig.frames == []


async def test_forwarded_frames_go_at_once_and_ticks_send_nothing_meanwhile(rig: Rig) -> None:
    frames = [tone(hertz, 0.02) for hertz in (400, 500, 600)]
    rig.session.feed(lambda: tone(1000, 0.02))
    for frame in frames:
        rig.session.forward(frame)
        rig.session.send_forwarded(rig.now)
        await rig.ticks(1)
    sent = rig.sent()
    assert [packet.payload for packet in sent] == [PCMA.encode(frame) for frame in frames]
    assert [later.timestamp - earlier.timestamp for earlier, later in pairwise(sent)] == [160, 160]
    await rig.ticks(8)
    assert {packet.payload for packet in rig.sent()} == {PCMA.encode(tone(1000, 0.02))}, "the source paused: the clock sends again"


async def test_a_source_that_forwards_without_end_does_not_fill_the_wire(rig: Rig) -> None:
    for _ in range(50):
        rig.now += 0.02
        for _ in range(10):
            rig.session.forward(tone(400, 0.02))
        rig.session.send_forwarded(rig.now)
    assert 50 <= len(rig.sent()) <= 65, "a second of sound and a little more"


async def test_a_key_press_and_a_hold_go_before_what_is_forwarded(rig: Rig) -> None:
    rig.session.press("1")
    rig.session.forward(tone(400, 0.02))
    rig.session.send_forwarded(rig.now)
    await rig.ticks(3)
    assert {packet.payload_type for packet in rig.sent()} == {101}
    rig.session.apply(replace(rig.plan, may_send=False))
    await rig.ticks(30)
    rig.sent()
    rig.session.forward(tone(400, 0.02))
    rig.session.send_forwarded(rig.now)
    await rig.ticks(1)
    assert rig.sent() == []
