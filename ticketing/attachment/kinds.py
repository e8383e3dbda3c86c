"""What a file is, by its bytes; its name and what the browser says play no part (lesson 20)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

_OFFICE = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}
_OFFICE_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_ACTIVE = ("vbaproject", "vbadata", "activex", "embeddings/", "macrosheets/", "oleobject", "externallinks/", "attachedtemplate")
_OFFICE_ENTRIES, _OFFICE_BYTES = 5_000, 200 * 1024 * 1024
_FILM_BRANDS = (
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"mp41",
    b"mp42",
    b"avc1",
    b"M4V ",
    b"qt  ",
    b"3gp4",
    b"3gp5",
    b"3gp6",
    b"dash",
    b"MSNV",
)


@dataclass(frozen=True)
class FileKind:
    """A kind that is taken."""

    content_type: str
    suffix: str
    staff_only: bool = False
    """Office documents come from units; citizens send photos, films, sound and PDF."""


_BY_MAGIC = (
    (b"\xff\xd8\xff", FileKind("image/jpeg", ".jpg")),
    (b"\x89PNG\r\n\x1a\n", FileKind("image/png", ".png")),
    (b"GIF87a", FileKind("image/gif", ".gif")),
    (b"GIF89a", FileKind("image/gif", ".gif")),
    (b"%PDF-", FileKind("application/pdf", ".pdf")),
    (b"#!AMR", FileKind("audio/amr", ".amr")),
    (b"ID3", FileKind("audio/mpeg", ".mp3")),
)


def kind_of_head(head: bytes) -> FileKind | None:
    """The kind by the first 16 bytes; None for what is never taken. Office documents need the whole file: `kind_of`."""
    for magic, kind in _BY_MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileKind("image/webp", ".webp")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return FileKind("audio/wav", ".wav")
    if head[4:8] == b"ftyp" and head[8:12] in _FILM_BRANDS:
        return FileKind("video/mp4", ".mp4")
    if head[4:8] == b"ftyp" and head[8:12] in (b"M4A ", b"M4B "):
        return FileKind("audio/mp4", ".m4a")
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # MPEG audio frame, layer III
        return FileKind("audio/mpeg", ".mp3")
    return None


def kind_of(body: bytes) -> FileKind | None:
    """The kind of a whole file; None when it is not taken: archives, programs, HTML, SVG, documents with macros."""
    if body[:4] == b"PK\x03\x04":
        return _office(body)
    return kind_of_head(body[:16])


def _office(body: bytes) -> FileKind | None:
    """An Office document without anything that runs or hides other files. Any other archive is refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            types = archive.read("[Content_Types].xml") if _bearable(entries) else b""
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, OSError, ValueError):
        return None
    names = [entry.filename.lower() for entry in entries]
    if not types or b"macroenabled" in types.lower() or any(mark in name for name in names for mark in _ACTIVE):
        return None
    for folder, suffix in _OFFICE.items():
        if any(name.startswith(folder) for name in names):
            return FileKind(_OFFICE_TYPES[suffix], f".{suffix}", staff_only=True)
    return None


def _bearable(entries: list[zipfile.ZipInfo]) -> bool:
    """Neither a packed bomb nor encrypted, and the list of contents small enough to be read."""
    if len(entries) > _OFFICE_ENTRIES or sum(entry.file_size for entry in entries) > _OFFICE_BYTES:
        return False
    if any(entry.flag_bits & 1 for entry in entries):
        return False
    return any(entry.filename == "[Content_Types].xml" and entry.file_size < 1_000_000 for entry in entries)
