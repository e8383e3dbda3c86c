"""Takes out of pictures and films where and with what they were made: a photo of a citizen's home leads to the citizen.

Nothing is encoded anew: the picture's own data stays as it is, only the blocks beside it are left out. JPEG keeps its
orientation, since photos would lie on their side without it. What cannot be walked through is refused as broken.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from hotline.errors import InvalidInput
from hotline.i18n import _

_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_KEPT_APPS = (0xE0, 0xE2, 0xEE)
"""JFIF, colour profile, Adobe: how the picture looks. APP1 (Exif, XMP), APP13 (IPTC), comments and the rest go."""
_PNG_KEPT = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP bKGD pHYs sBIT acTL fcTL fdAT cICP".split())
_PLACE_BOXES = frozenset((b"udta", b"meta", b"uuid"))
_EXIF, _XMP = b"EXIF", b"XMP "


def strip(body: bytes, content_type: str) -> bytes:
    """The file without places, devices, authors and previews. Raises `InvalidInput` when it is not what it says it is."""
    cleaner = _CLEANERS.get(content_type)
    if cleaner is None:
        return body
    try:
        return cleaner(body)
    except (struct.error, IndexError, ValueError) as error:
        raise InvalidInput(_("文件已损坏，打不开，请重新选择"), field="files") from error


def _jpeg(body: bytes) -> bytes:
    kept = [b"\xff\xd8"]
    turn = 1
    for marker, segment in _jpeg_segments(body):
        if marker == _APP1 and segment[4:10] == b"Exif\0\0":
            turn = _orientation(segment[10:]) or turn
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or marker in _KEPT_APPS:
            kept.append(segment)
    if turn != 1:
        kept.insert(2 if len(kept) > 2 and kept[1][1] == 0xE0 else 1, _exif_with(turn))
    return b"".join(kept) + b"\xff\xd9"


def _jpeg_segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment after SOI, up to EOI; a scan comes with the coded data behind it. What follows EOI is dropped."""
    place = 2
    while True:
        while body[place] == 0xFF and body[place + 1] == 0xFF:
            place += 1
        if body[place] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = body[place + 1]
        if marker == _EOI:
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # stand alone
            yield marker, body[place : place + 2]
            place += 2
            continue
        end = place + 2 + struct.unpack_from(">H", body, place + 2)[0]
        if end > len(body) or end < place + 4:
            raise ValueError("a segment is longer than the file")
        if marker == _SOS:
            end = _end_of_scan(body, end)
        yield marker, body[place:end]
        if end >= len(body):  # cut off by a camera that ran out of room: shown as far as it goes
            return
        place = end


def _end_of_scan(body: bytes, place: int) -> int:
    while True:
        place = body.find(b"\xff", place)
        if place < 0 or place + 1 >= len(body):
            return len(body)
        if body[place + 1] == 0 or 0xD0 <= body[place + 1] <= 0xD7 or body[place + 1] == 0xFF:
            place += 1 if body[place + 1] == 0xFF else 2
            continue
        return place


def _orientation(tiff: bytes) -> int | None:
    """Tag 0x0112 of the first directory (TIFF 6.0, Exif 2.32)."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    try:
        start = struct.unpack_from(order + "I", tiff, 4)[0]
        for number in range(min(struct.unpack_from(order + "H", tiff, start)[0], 200)):
            tag, _kind, _count, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * number)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else None
    except struct.error:
        return None
    return None


def _exif_with(turn: int) -> bytes:
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, turn, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(body: bytes) -> bytes:
    kept, place = [body[:8]], 8
    while True:
        length, name = struct.unpack_from(">I4s", body, place)
        end = place + 12 + length
        if end > len(body):
            raise ValueError("a chunk is longer than the file")
        if name in _PNG_KEPT:
            kept.append(body[place:end])
        if name == b"IEND":
            return b"".join(kept)
        place = end


def _webp(body: bytes) -> bytes:
    kept, place = [], 12
    while place + 8 <= len(body):
        name, length = struct.unpack_from("<4sI", body, place)
        end = place + 8 + length + (length & 1)
        if place + 8 + length > len(body):
            raise ValueError("a chunk is longer than the file")
        chunk = body[place:end]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~0x0C]) + chunk[9:]  # no EXIF, no XMP
        if name not in (_EXIF, _XMP):
            kept.append(chunk)
        place = end
    if not kept:
        raise ValueError("no picture in it")
    content = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _film(body: bytes) -> bytes:
    """Boxes with places and devices become empty room of the same size: whatever points into the file stays right."""
    clean = bytearray(body)
    _blank(clean, 0, len(clean), 0)
    return bytes(clean)


def _blank(film: bytearray, place: int, end: int, depth: int) -> None:
    while place + 8 <= end:
        size, name = struct.unpack_from(">I4s", film, place)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", film, place + 8)[0], 16
        elif size == 0:
            size = end - place
        if size < head or place + size > end:
            raise ValueError("a box is longer than the file")
        if name in _PLACE_BOXES:
            film[place + 4 : place + 8] = b"free"
            film[place + head : place + size] = bytes(size - head)
        elif name in (b"moov", b"trak") and depth < 3:
            _blank(film, place + head, place + size, depth + 1)
        place += size


_CLEANERS: dict[str, Callable[[bytes], bytes]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
    "video/mp4": _film,
    "audio/mp4": _film,
}
