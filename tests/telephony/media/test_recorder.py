from __future__ import annotations

import asyncio
import errno
import os
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telephony.media.inbox import LoopInbox
from telephony.media.recorder import Recording, RecordingWriter
from tests.telephony.sounds import FRAME_BYTES, loud_part, signal_to_noise, tone


@pytest.fixture
async def writer() -> AsyncIterator[RecordingWriter]:
    writer = RecordingWriter(LoopInbox(asyncio.get_running_loop()))
    writer.start()
    yield writer
    await asyncio.to_thread(writer.stop)


def frames(pcm16: bytes) -> list[bytes]:
    return [pcm16[start : start + FRAME_BYTES] for start in range(0, len(pcm16), FRAME_BYTES)]


def feed(recording: Recording, seconds: float) -> None:
    for caller, us in zip(frames(tone(500, seconds)), frames(tone(1000, seconds)), strict=True):
        recording.add(caller, us)


async def settled(recording: Recording) -> None:
    while recording.backlog:
        await asyncio.sleep(0.005)


async def test_left_is_the_caller_right_is_us(tmp_path: Path, writer: RecordingWriter) -> None:
    path = tmp_path / "call.wav"
    recording = writer.open(path, asyncio.get_running_loop())
    feed(recording, 1.3)
    recording.close()
    assert await recording.length() == pytest.approx(1.3)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        stereo = file.readframes(file.getnframes())
    left = b"".join(stereo[n : n + 2] for n in range(0, len(stereo), 4))
    right = b"".join(stereo[n + 2 : n + 4] for n in range(0, len(stereo), 4))
    assert signal_to_noise(loud_part(left), 500) > 60
    assert signal_to_noise(loud_part(right), 1000) > 60
    assert path.stat().st_mode & 0o077 == 0, "others may read it"


async def test_after_a_crash_less_than_a_second_is_missing(tmp_path: Path, writer: RecordingWriter) -> None:
    path = tmp_path / "call.wav"
    recording = writer.open(path, asyncio.get_running_loop())
    feed(recording, 5.3)
    await settled(recording)
    copy = tmp_path / "crashed.wav"  # the file as it is now, never closed
    copy.write_bytes(path.read_bytes())
    with wave.open(str(copy)) as file:
        assert file.getnframes() / 8000 > 4.3
        assert len(file.readframes(10**9)) == file.getnframes() * 4
    recording.close()
    assert await recording.length() == pytest.approx(5.3)


async def test_an_existing_file_is_never_overwritten(tmp_path: Path, writer: RecordingWriter) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"evidence")
    with pytest.raises(FileExistsError):
        writer.open(path, asyncio.get_running_loop())
    assert path.read_bytes() == b"evidence"


async def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, writer: RecordingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite
    room = 70_000

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if offset + len(data) > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    recording = writer.open(tmp_path / "call.wav", asyncio.get_running_loop())
    feed(recording, 6.0)
    recording.close()
    assert await recording.length() == pytest.approx(2.0)
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnframes() == 16000


async def test_after_close_nothing_is_added(tmp_path: Path, writer: RecordingWriter) -> None:
    recording = writer.open(tmp_path / "call.wav", asyncio.get_running_loop())
    feed(recording, 0.2)
    recording.close()
    recording.close()
    feed(recording, 0.2)
    assert await recording.length() == pytest.approx(0.2)
