"""Files that are sealed while they are written, piece by piece, and can be read from any place.

Each file has a key of its own (AES-256-GCM); the key lies in the file's head, wrapped by the vault. The head has two places
for it, so that a change of the master key can be written without a moment at which neither is whole. Behind the head come
pieces of equal length, each sealed with its number: none can be changed, moved or taken out unnoticed. A file that was
closed ends with a shorter piece that is marked as the last one; after a crash this one is missing, and everything before it
is still readable.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hotline.security import InvalidToken, Vault

_MAGIC: Final = b"HLSEAL1\n"
_HEAD: Final = struct.Struct("<8sI4x240s240s16x")
_TAG: Final = 16
_NONCE: Final = struct.Struct(">QB3x")
_SLOTS: Final = (16, 256)
"""Where in the head the two wrapped keys lie."""
_SLOT_BYTES: Final = 240


class SealedWriter:
    """Appends to a new file. Not for two threads at once."""

    def __init__(self, path: Path, vault: Vault, piece_bytes: int) -> None:
        """Creates the file, readable by this user only. Raises `OSError`, `FileExistsError` when it is already there.

        `piece_bytes`: every `append` but the last brings so many.
        """
        wrapped, key = vault.new_file_key()
        self._cipher = AESGCM(key)
        self._piece = piece_bytes
        self._number = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(self._descriptor, _HEAD.pack(_MAGIC, piece_bytes, wrapped, b""))

    def append(self, piece: bytes) -> None:
        """Seal and write one whole piece. Raises ValueError for another length, OSError (then nothing more may be written)."""
        if len(piece) != self._piece:
            raise ValueError(f"a piece has {self._piece} bytes, not {len(piece)}")
        self._write(piece, last=False)

    def finish(self, rest: bytes = b"") -> None:
        """Seal the last, shorter piece, by which a reader sees that nothing is missing. Raises like `append`."""
        if len(rest) >= self._piece:
            raise ValueError("the last piece is shorter than the others")
        self._write(rest, last=True)

    def close(self) -> None:
        """Let go of the file, whether it was finished or not."""
        os.close(self._descriptor)

    def _write(self, piece: bytes, *, last: bool) -> None:
        sealed = memoryview(self._cipher.encrypt(_NONCE.pack(self._number, last), piece, _MAGIC))
        offset = _HEAD.size + self._number * (self._piece + _TAG)
        self._number += 1  # a number is never used twice with one key, not even after a failure
        while sealed:
            written = os.pwrite(self._descriptor, sealed, offset)
            offset += written
            sealed = sealed[written:]


class SealedFile:
    """Reads what a `SealedWriter` wrote, also while it is still being written and after a crash."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Raises `OSError`, `InvalidToken` when no key of the ring opens it, ValueError when it is no such file."""
        self._path = path
        with path.open("rb") as file:
            head = _read_head(file.read(_HEAD.size))
        self._piece, self._cipher = head[0], AESGCM(_unwrap(vault, head[1:]))
        stored = max(0, path.stat().st_size - _HEAD.size)
        whole, rest = divmod(stored, self._piece + _TAG)
        self._whole = whole
        self._last = self._finish(rest)
        self.length = whole * self._piece + len(self._last or b"")
        """Bytes that can be read."""

    @property
    def complete(self) -> bool:
        """Whether it was closed properly and nothing is missing at its end."""
        return self._last is not None

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` bytes from `start`. Raises `InvalidToken` when a piece was tampered with, OSError."""
        stop = min(start + count, self.length)
        if start >= stop:
            return b""
        first, behind = start // self._piece, (stop - 1) // self._piece + 1
        with self._path.open("rb") as file:
            file.seek(_HEAD.size + first * (self._piece + _TAG))
            pieces = [self._open(number, file.read(self._piece + _TAG)) for number in range(first, min(behind, self._whole))]
        if behind > self._whole and self._last:
            pieces.append(self._last)
        return b"".join(pieces)[start - first * self._piece : stop - first * self._piece]

    def _open(self, number: int, sealed: bytes, *, last: bool = False) -> bytes:
        try:
            return self._cipher.decrypt(_NONCE.pack(number, last), sealed, _MAGIC)
        except InvalidTag as error:
            raise InvalidToken from error

    def _finish(self, rest: int) -> bytes | None:
        """The last piece; None when the writer never came to it (or only began to write it)."""
        if rest < _TAG:
            return None
        with self._path.open("rb") as file:
            file.seek(_HEAD.size + self._whole * (self._piece + _TAG))
            try:
                return self._open(self._whole, file.read(rest), last=True)
            except InvalidToken:
                return None


def is_sealed(path: Path) -> bool:
    """Whether it is a file of this kind. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def is_current(path: Path, vault: Vault) -> bool:
    """Whether the newest master key wraps its key. Raises OSError, ValueError when it is no such file."""
    with path.open("rb") as file:
        return any(vault.is_current(slot) for slot in _read_head(file.read(_HEAD.size))[1:])


def reseal(path: Path, vault: Vault) -> bool:
    """Wrap its key by the newest master key; False when that was so already. A crash leaves it readable.

    Raises `OSError`, `InvalidToken` when no key of the ring opens it, ValueError when it is no such file.
    """
    with path.open("r+b", buffering=0) as file:
        slots = _read_head(file.read(_HEAD.size))[1:]
        if any(vault.is_current(slot) for slot in slots):
            return False
        old = next((number for number, slot in enumerate(slots) if slot), 0)
        new = vault.reseal(slots[old])
        for number, content in ((1 - old, new), (old, b"")):
            os.pwrite(file.fileno(), content.ljust(_SLOT_BYTES, b"\0"), _SLOTS[number])
            os.fsync(file.fileno())
    return True


def _read_head(head: bytes) -> tuple[int, bytes, bytes]:
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        raise ValueError("this is no sealed file")
    _magic, piece, first, second = _HEAD.unpack(head)
    return piece, first.rstrip(b"\0"), second.rstrip(b"\0")


def _unwrap(vault: Vault, slots: tuple[bytes, ...]) -> bytes:
    for slot in filter(None, slots):
        try:
            return vault.file_key(slot)
        except InvalidToken:
            continue
    raise InvalidToken
