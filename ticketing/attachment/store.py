"""Where the bytes of attachments lie: one small interface, the disk here, S3-compatible stores in `hotline.s3`.

A key is made from the content (SHA-256), so the same file is kept once and a key never changes its content.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

from hotline.errors import NotFound, Unavailable
from hotline.i18n import _

_CHUNK = 256 * 1024


def key_of(sha256: str) -> str:
    """The name of a content in the store."""
    return f"files/{sha256[:2]}/{sha256}"


class FileStore(Protocol):
    """What keeps bytes. Every function may be repeated without harm."""

    async def put(self, key: str, body: bytes) -> None:
        """Keep `body` for good before returning; a key that is there already stays. Raises `Unavailable`."""

    def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes in pieces. Raises `NotFound`, `Unavailable`."""

    async def delete(self, key: str) -> None:
        """Remove; nothing happens when it is not there. Raises `Unavailable`."""

    async def exists(self, key: str) -> bool:
        """Whether it is there. Raises `Unavailable`."""

    def local(self, key: str) -> Path | None:
        """The file itself when it lies on this machine's disk."""


class DiskStore:
    """A folder. A file is whole or not there, also after a power cut."""

    def __init__(self, root: Path) -> None:
        """`root`: the data folder; keys are paths below it."""
        self._root = root

    def _path(self, key: str) -> Path:
        place = PurePosixPath(key)
        if not place.parts or place.is_absolute() or ".." in place.parts or "\0" in key:
            raise NotFound(_("文件已不在服务器上，请联系管理员"))
        return self._root / place  # a folder on the way may be a link to a larger disk

    async def put(self, key: str, body: bytes) -> None:
        """See `FileStore`."""
        try:
            await asyncio.to_thread(self._put, self._path(key), body)
        except OSError as error:
            raise Unavailable(_("系统存储空间不足，暂时不能收附件。您可以先不带附件提交")) from error

    @staticmethod
    def _put(path: Path, body: bytes) -> None:
        if path.is_file() and path.stat().st_size == len(body):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as part:
                part.write(body)
                part.flush()
                os.fsync(part.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name as well as the bytes
        finally:
            os.close(folder)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """See `FileStore`."""
        path = self._path(key)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except (FileNotFoundError, IsADirectoryError):
            raise NotFound(_("文件已不在服务器上，请联系管理员")) from None
        with file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk

    async def delete(self, key: str) -> None:
        """See `FileStore`."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    async def exists(self, key: str) -> bool:
        """See `FileStore`."""
        return await asyncio.to_thread(self._path(key).is_file)

    def local(self, key: str) -> Path | None:
        """See `FileStore`."""
        return self._path(key)

    async def untouched_since(self, moment: datetime) -> list[str]:
        """Keys whose file was last written before `moment`."""

        def find() -> list[str]:
            files = (path for path in (self._root / "files").glob("*/*") if path.is_file())
            return sorted(str(path.relative_to(self._root)) for path in files if path.stat().st_mtime < moment.timestamp())

        return await asyncio.to_thread(find)
