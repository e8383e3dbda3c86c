"""Small but true pictures and films for tests, with the metadata that cameras write."""

from __future__ import annotations

import struct
import zlib

GPS = b"GPS 36.651,117.120 Zhang's phone"


def png(seed: int = 0, *, told: bytes = b"") -> bytes:
    """A PNG of one point; `told` is a text chunk. Another seed is another picture."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    text = chunk(b"tEXt", b"Comment\0" + told) + chunk(b"eXIf", told) if told else b""
    point = bytes([0, seed % 256, seed // 256 % 256, 0])
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", zlib.compress(point)) + chunk(b"IEND", b"")


def jpeg(*, told: bytes = b"", turn: int = 0, tail: bytes = b"", seed: int = 0) -> bytes:
    """The segments of a baseline JPEG; its coded data is short but well-formed as far as markers go."""

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    parts = [b"\xff\xd8", segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")]
    if told or turn:
        tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, turn or 1, 0, 0) + told
        parts.append(segment(0xE1, b"Exif\0\0" + tiff))
    if told:
        parts += [segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + told), segment(0xED, told), segment(0xFE, told)]
    parts += [segment(0xDB, b"\0" + bytes([1 + seed % 200]) * 64), segment(0xC0, b"\x08\0\x01\0\x01\x01\x01\x11\0")]
    parts += [segment(0xDA, b"\x01\x01\0\0\x3f\0"), b"\x12\xff\x00\x34\xff\xd0\x56", b"\xff\xd9", tail]
    return b"".join(parts)


def webp(*, told: bytes = b"") -> bytes:
    """A WebP with extended header."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    flags = 0x0C if told else 0
    body = b"WEBP" + chunk(b"VP8X", bytes([flags]) + bytes(9)) + chunk(b"VP8L", b"\x2f\0\0\0\0\x10\x07")
    if told:
        body += chunk(b"EXIF", told) + chunk(b"XMP ", told)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def film(*, told: bytes = b"") -> bytes:
    """An MP4's boxes: brand, movie with a track, coded data."""

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, name) + body

    place = box(b"udta", box(b"\xa9xyz", told)) + box(b"meta", told) if told else b""
    movie = box(b"moov", box(b"mvhd", bytes(100)) + box(b"trak", box(b"tkhd", bytes(84)) + place) + place)
    return box(b"ftyp", b"isom\0\0\0\0isom") + movie + (box(b"uuid", told) if told else b"") + box(b"mdat", b"coded data")
