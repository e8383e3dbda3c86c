"""What the roles write goes to one file each, `logs/<role>.log` in the data folder, ten megabytes and five old files."""

from __future__ import annotations

import asyncio
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

_MAX_BYTES = 10 * 1024 * 1024
_OLD_FILES = 5
_MAX_LINE = 64 * 1024


class RoleLog:
    """The log file of one role. Keeps the last lines in mind, for the terminal when the role dies."""

    def __init__(self, folder: Path, role: str) -> None:
        """Open `folder/role.log` for appending."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{role}.log"
        self.last_lines: list[str] = []
        self._handler = RotatingFileHandler(self.path, maxBytes=_MAX_BYTES, backupCount=_OLD_FILES, encoding="utf-8", errors="replace")

    def line(self, text: str) -> None:
        """Append one line."""
        self.last_lines = [*self.last_lines[-19:], text]
        self._handler.emit(logging.LogRecord("", logging.INFO, "", 0, text, None, None))

    async def drain(self, stream: asyncio.StreamReader) -> None:
        """Copy a stream line by line until it ends. A line without end is cut, so that memory stays bounded."""
        rest = b""
        while chunk := await stream.read(_MAX_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self.line(line.decode("utf-8", "replace"))
        if rest:
            self.line(rest.decode("utf-8", "replace"))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
