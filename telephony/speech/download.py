"""Fetching one large file over HTTP: with progress, resumed where it broke off, checked, unpacked without leaving its folder."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import stat
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

Progress = Callable[[str], None]
"""Told one line now and then; meant for a person who waits."""

_BLOCK = 1 << 18
_TIMEOUT_S = 20.0
_MAX_UNPACKED = 8 << 30


class Unreachable(Exception):
    """The site does not answer, or breaks off again and again. Trying later is right."""


class Broken(Exception):
    """What came is not what was expected: wrong checksum, no archive, a path that leads out of it."""


def fetch(url: str, to: Path, *, sha256: str | None, progress: Progress, attempts: int = 4) -> str:
    """Download `url` to the file `to`; returns its sha256.

    A part that is there already (`to` + ".part") is continued. The name `to` appears only when everything was checked.

    Raises:
        Unreachable: no answer, or no end, after `attempts` tries; the part stays for the next time.
        Broken: the checksum is wrong, also after one download from the beginning.
    """
    part = to.with_name(to.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    for fresh in (False, True):
        if fresh:
            part.unlink(missing_ok=True)
        resumed = part.exists()
        _whole(url, part, progress, attempts)
        found = digest(part)
        if sha256 is None or found == sha256:
            part.replace(to)
            return found
        progress(f"校验和不符（{found[:12]}…），{'放弃' if fresh or not resumed else '重新下载'}")
        if not resumed:
            break
    part.unlink(missing_ok=True)
    raise Broken(f"{url}: the sha256 of what came is {found}, expected {sha256}")


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _whole(url: str, part: Path, progress: Progress, attempts: int) -> None:
    problem: Exception | None = None
    for _attempt in range(attempts):
        try:
            if _piece(url, part, progress):
                return
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            problem = error
    raise Unreachable(f"{url}: {problem or 'the connection broke off each time'}")


def _piece(url: str, part: Path, progress: Progress) -> bool:
    """One request from where the part ends; whether the file is whole now."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "hotline", **({"Range": f"bytes={have}-"} if have else {})}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked in the next line
    if request.type not in ("http", "https"):
        raise Unreachable(f"{url} is not an http address")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # the part is as long as the file, or longer: let the checksum decide
            if error.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
                return True
            part.unlink()
            return False
        raise
    with response:
        start = _start(response, have)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            got = _copy(response, file, start, total, progress)
    return total is None or got == total


def _start(response: http.client.HTTPResponse, have: int) -> int:
    """Where the answer begins: a server may ignore the range and send everything."""
    if response.status != 206:
        return 0
    unit, _, span = response.headers.get("Content-Range", "").partition(" ")
    first = span.partition("-")[0]
    if unit != "bytes" or not first.isdigit() or int(first) > have:
        raise http.client.HTTPException(f"senseless Content-Range {response.headers.get('Content-Range')!r}")
    return int(first)


def _copy(response: http.client.HTTPResponse, file: BinaryIO, got: int, total: int | None, progress: Progress) -> int:
    told = -1
    while block := response.read(_BLOCK):
        file.write(block)
        got += len(block)
        percent = got * 100 // total if total else -1
        if percent // 5 > told:
            told = percent // 5
            progress(f"{got / 1e6:.1f} MB" + (f" / {total / 1e6:.1f} MB（{percent}%）" if total else ""))
    return got


def unpack(archive: Path, into: Path, *, needs: str) -> None:
    """Unpack a zip whose files stand in one top folder, so that they stand in `into`; all or nothing.

    Args:
        archive: the zip file.
        into: the folder to make; it must not exist.
        needs: a file, relative to `into`, without which it is not the right archive.

    Raises Broken for a damaged archive, a link, a path that leads out, a senseless size.
    """
    staging = into.with_name(f".{into.name}.unpacking")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        try:
            with zipfile.ZipFile(archive) as file:
                _check(file, staging)
                file.extractall(staging)
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise Broken(f"{archive.name} is not a sound zip archive: {error}") from error
        tops = list(staging.iterdir())
        inner = tops[0] if len(tops) == 1 and tops[0].is_dir() else staging
        if not (inner / needs).is_file():
            raise Broken(f"{archive.name} holds no {needs}")
        inner.rename(into)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check(file: zipfile.ZipFile, folder: Path) -> None:
    size = 0
    for member in file.infolist():
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Broken(f"the archive holds a link: {member.filename!r}")
        target = (folder / member.filename).resolve()
        if not target.is_relative_to(folder.resolve()) or "\\" in member.filename:
            raise Broken(f"the archive holds a path that leads out of it: {member.filename!r}")
        size += member.file_size
    if size > _MAX_UNPACKED:
        raise Broken(f"the archive would take {size >> 30} GB")
