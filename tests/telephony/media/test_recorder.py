from __future__ import annotations

import asyncio
import errno
import io
import os
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from hotline.errors import NotFound
from hotline.security import Vault
from telephony.media.inbox import LoopInbox
from telephony.media.recorder import Recording, RecordingWriter
from tests.telephony.sounds import FRAME_BYTES, loud_part, signal_to_noise, tone
from ticketing.conversation.recordings import open_recording, seconds_of


@pytest.fixture
async def writer() -> AsyncIterator[RecordingWriter]:
    writer = RecordingWriter(LoopInbox(asyncio.get_running_loop()))
    writer.start()
    yield writer
    await asyncio.to_thread(writer.stop)


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()], "lookup")


@pytest.fixture
async def sealing(vault: Vault) -> AsyncIterator[RecordingWriter]:
    writer = RecordingWriter(LoopInbox(asyncio.get_running_loop()), vault)
    writer.start()
    yield writer
    await asyncio.to_thread(writer.stop)


def frames(pcm16: bytes) -> list[bytes]:
    return [pcm16[start : start + FRAME_BYTES] for start in range(0, len(pcm16), FRAME_BYTES)]


def feed(recording: Recording, seconds: float) -> None:
    for caller, us in zip(frames(tone(500, seconds)), frames(tone(1000, seconds)), strict=True):
        recording.add(caller, us)


async def settled(recording: Recording) -> None:
    async with asyncio.timeout(10):
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


async def read(path: Path, vault: Vault) -> bytes:
    recorded = open_recording(path.parent, path.name, vault)
    with wave.open(io.BytesIO(recorded.read(0, recorded.length)), "rb") as file:
        return file.readframes(file.getnframes())


async def test_the_hotlines_recordings_lie_sealed_and_are_read_as_wav(tmp_path: Path, sealing: RecordingWriter, vault: Vault) -> None:
    path = tmp_path / "call.rec"
    recording = sealing.open(path, asyncio.get_running_loop())
    feed(recording, 1.3)
    recording.close()
    assert await recording.length() == pytest.approx(1.3)
    stereo = await read(path, vault)
    left = b"".join(stereo[n : n + 2] for n in range(0, len(stereo), 4))
    assert signal_to_noise(loud_part(left), 500) > 60
    stored = path.read_bytes()
    assert b"RIFF" not in stored
    assert stereo[:40] not in stored
    assert open_recording(tmp_path, "call.rec", vault).complete
    with pytest.raises(NotFound):
        open_recording(tmp_path, "call.rec", Vault([Fernet.generate_key().decode()], "lookup"))
    with pytest.raises(NotFound):
        open_recording(tmp_path, "../call.rec", vault)


_CHILD = """
import asyncio, sys
from pathlib import Path
from hotline.security import Vault
from telephony.media.inbox import LoopInbox
from telephony.media.recorder import RecordingWriter

async def main():
    writer = RecordingWriter(LoopInbox(asyncio.get_running_loop()), Vault([sys.argv[2]], "lookup"))
    writer.start()
    recording = writer.open(Path(sys.argv[1]), asyncio.get_running_loop())
    frame, count = b"\\x10\\x27" * 160, 0
    while True:
        recording.add(frame, frame)
        count += 1
        sys.stdout.write(f"{count}\\n")
        sys.stdout.flush()
        await asyncio.sleep(0.002)

asyncio.run(main())
"""


async def test_kill_9_costs_less_than_a_second(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    path = tmp_path / "call.rec"
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, str(path), key, stdout=pipe)
    assert child.stdout is not None
    frames_in = 0
    while frames_in < 190:  # 3.8 s of sound, and in the middle of the next half second
        frames_in = int(await child.stdout.readline())
    child.kill()
    rest = await child.stdout.read()
    await child.wait()
    frames_in = int(rest.split()[-1]) if rest.split() else frames_in
    recorded = open_recording(tmp_path, "call.rec", Vault([key], "lookup"))
    assert not recorded.complete
    seconds = seconds_of(recorded)
    assert seconds is not None
    assert frames_in * 0.02 - 1.0 <= seconds <= frames_in * 0.02 + 0.02
    sound = await read(path, Vault([key], "lookup"))
    assert {sound[n : n + 2] for n in range(0, len(sound), 2)} == {b"\x10\x27"}


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
