from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotline import sealed_file
from hotline.rotation import rotate_recordings, stale_recordings
from hotline.sealed_file import SealedFile, SealedWriter, is_current, is_sealed
from hotline.security import InvalidToken, Vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
VAULT = Vault([OLD], "lookup")
BOTH = Vault([NEW, OLD], "lookup")
PIECE = 64
SOUND = bytes(range(256)) * 2


def written(path: Path, content: bytes = SOUND, *, finish: bool = True) -> Path:
    writer = SealedWriter(path, VAULT, PIECE)
    whole = len(content) // PIECE * PIECE
    for start in range(0, whole, PIECE):
        writer.append(content[start : start + PIECE])
    if finish:
        writer.finish(content[whole:])
    writer.close()
    return path


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, len(SOUND)])
def test_what_was_written_is_read_and_the_file_shows_nothing_of_it(tmp_path: Path, length: int) -> None:
    path = written(tmp_path / "a.rec", SOUND[:length])
    file = SealedFile(path, VAULT)
    assert file.length == length
    assert file.complete
    assert file.read(0, length + 100) == SOUND[:length]
    assert is_sealed(path)
    assert SOUND[:16] not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0, "others may read it"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(start=st.integers(0, 600), count=st.integers(0, 600))
def test_any_part_can_be_read(tmp_path: Path, start: int, count: int) -> None:
    path = tmp_path / "a.rec"
    if not path.exists():
        written(path, SOUND[:500])
    assert SealedFile(path, VAULT).read(start, count) == SOUND[:500][start : start + count]


@pytest.mark.parametrize("torn", [0, 1, 15, 16, 40, 79])
def test_after_a_crash_every_whole_piece_is_there(tmp_path: Path, torn: int) -> None:
    path = written(tmp_path / "a.rec", SOUND[: 4 * PIECE], finish=False)
    os.truncate(path, 512 + 3 * (PIECE + 16) + torn)
    file = SealedFile(path, VAULT)
    assert not file.complete
    assert file.read(0, 10_000) == SOUND[: 3 * PIECE]


def test_what_was_changed_or_moved_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.rec")
    content = bytearray(path.read_bytes())
    piece = PIECE + 16
    first, second = bytes(content[512 : 512 + piece]), bytes(content[512 + piece : 512 + 2 * piece])
    content[512 : 512 + 2 * piece] = second + first
    path.write_bytes(content)
    with pytest.raises(InvalidToken):
        SealedFile(path, VAULT).read(0, 10)
    content[512 : 512 + piece] = first
    content[520] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidToken):
        SealedFile(path, VAULT).read(0, 10)


def test_a_cut_end_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.rec", SOUND[: 3 * PIECE + 10])
    os.truncate(path, 512 + 3 * (PIECE + 16))
    assert not SealedFile(path, VAULT).complete


def test_an_existing_file_is_never_overwritten_and_a_foreign_one_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    path.write_bytes(b"evidence")
    with pytest.raises(FileExistsError):
        SealedWriter(path, VAULT, PIECE)
    with pytest.raises(ValueError, match="no sealed file"):
        SealedFile(path, VAULT)
    assert not is_sealed(path)


def test_pieces_have_one_length(tmp_path: Path) -> None:
    writer = SealedWriter(tmp_path / "a.rec", VAULT, PIECE)
    with pytest.raises(ValueError, match="64 bytes"):
        writer.append(b"x")
    with pytest.raises(ValueError, match="shorter"):
        writer.finish(bytes(PIECE))
    writer.close()


def test_the_master_key_changes_and_the_sound_stays(tmp_path: Path) -> None:
    folder = tmp_path / "recordings" / "2026"
    (tmp_path / "recordings" / "pending").mkdir(parents=True)
    folder.mkdir()
    path = written(folder / "a.rec")
    waiting = tmp_path / "recordings" / "pending" / "b.call"
    waiting.write_bytes(VAULT.seal("kept"))
    assert stale_recordings(tmp_path, BOTH) == 2
    done = rotate_recordings(tmp_path, BOTH)
    assert (done.resealed, done.waiting) == (2, 0)
    assert stale_recordings(tmp_path, BOTH) == 0
    new = Vault([NEW], "lookup")
    assert SealedFile(path, new).read(0, 1000) == SOUND
    assert new.open(waiting.read_bytes()) == "kept"
    with pytest.raises(InvalidToken):
        SealedFile(path, VAULT)
    assert rotate_recordings(tmp_path, BOTH).resealed == 0


def test_a_change_of_keys_that_was_cut_off_leaves_the_file_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.rec")
    real, calls = os.pwrite, []

    def dies(descriptor: int, data: bytes, offset: int) -> int:
        calls.append(offset)
        if len(calls) == 2:
            raise OSError("the machine lost power")
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", dies)
    with pytest.raises(OSError, match="power"):
        sealed_file.reseal(path, BOTH)
    monkeypatch.undo()
    for vault in (VAULT, BOTH, Vault([NEW], "lookup")):
        assert SealedFile(path, vault).read(0, 1000) == SOUND
    assert is_current(path, BOTH)
