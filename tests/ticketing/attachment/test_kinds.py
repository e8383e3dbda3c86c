"""What is taken by its content, what a name may be, and that places are taken out of pictures."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import InvalidInput
from tests.pictures import GPS, film, jpeg, png, webp
from ticketing.attachment.kinds import kind_of
from ticketing.attachment.metadata import strip
from ticketing.attachment.names import clean_name


def office(*entries: tuple[str, bytes], types: bytes = b"<Types/>") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
        for name, body in entries:
            archive.writestr(name, body)
    return packed.getvalue()


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<Types/>")
        archive.writestr("word/document.xml", bytes(201 * 1024 * 1024))
    return packed.getvalue()


DOCUMENT = office(("word/document.xml", b"<w/>"))
REFUSED = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "svg with a declaration": b'<?xml version="1.0"?><svg onload="alert(1)"/>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "program": b"MZ\x90\0" + bytes(40),
    "elf": b"\x7fELF" + bytes(40),
    "script": b"#!/bin/sh\nrm -rf /\n",
    "zip": b"PK\x03\x04" + bytes(40),
    "rar": b"Rar!\x1a\x07\x00" + bytes(40),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(40),
    "gzip": b"\x1f\x8b\x08" + bytes(40),
    "old office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40),
    "a zip that is no document": office(("readme.txt", b"hello")),
    "word with macros": office(("word/document.xml", b"x"), ("word/vbaProject.bin", b"x")),
    "macro content type": office(("word/document.xml", b"x"), types=b"application/vnd.ms-word.document.macroEnabled.main+xml"),
    "excel 4 macros": office(("xl/workbook.xml", b"x"), ("xl/macrosheets/sheet1.xml", b"x")),
    "embedded program": office(("word/document.xml", b"x"), ("word/embeddings/oleObject1.bin", b"x")),
    "a bomb": bomb(),
    "heic": b"\0\0\0\x18ftypheic" + bytes(20),
    "text": "你好".encode(),
}


@pytest.mark.parametrize("what", REFUSED)
def test_lesson_20_what_runs_or_hides_something_is_refused_whatever_its_name(what: str) -> None:
    assert kind_of(REFUSED[what]) is None


def test_a_document_without_macros_is_taken_from_staff_only() -> None:
    kind = kind_of(DOCUMENT)
    assert kind is not None
    assert (kind.suffix, kind.staff_only) == (".docx", True)


@pytest.mark.parametrize(("kind", "plain", "told"), [
    ("image/jpeg", jpeg(), jpeg(told=GPS)), ("image/png", png(), png(told=GPS)),
    ("image/webp", webp(), webp(told=GPS)), ("video/mp4", None, film(told=GPS)),
])  # fmt: skip
def test_places_and_devices_are_taken_out(kind: str, plain: bytes | None, told: bytes) -> None:
    found = kind_of(told)
    assert found is not None
    assert found.content_type == kind
    clean = strip(told, kind)
    assert GPS in told
    assert GPS not in clean
    assert kind_of(clean) == found
    assert strip(clean, kind) == clean
    if plain is not None:
        assert clean == plain


def test_films_keep_their_length_so_that_offsets_stay_right() -> None:
    told = film(told=GPS)
    assert len(strip(told, "video/mp4")) == len(told)
    assert strip(told, "video/mp4").endswith(b"coded data")


def test_a_photo_taken_upright_stays_upright() -> None:
    clean = strip(jpeg(told=GPS, turn=6), "image/jpeg")
    assert GPS not in clean
    assert clean == strip(jpeg(turn=6), "image/jpeg")
    assert clean != jpeg()
    assert b"Exif\0\0MM\0*" in clean


def test_what_hangs_behind_the_picture_goes() -> None:
    """A moving photo carries a film, and with it the place, behind the end of the picture."""
    assert strip(jpeg(tail=b"ftypmp42 " + GPS), "image/jpeg") == jpeg()
    assert strip(png() + GPS, "image/png") == png()


@given(st.sampled_from([jpeg(told=GPS), png(told=GPS), webp(told=GPS), film(told=GPS)]), st.data())
def test_a_damaged_picture_is_refused_or_cleaned_never_a_crash(body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(16, len(body) - 1))
    damaged = body[:place] + bytes([data.draw(st.integers(0, 255))]) + body[place + 1 : data.draw(st.integers(place, len(body)))]
    found = kind_of(damaged)
    if found is None:
        return
    try:
        strip(damaged, found.content_type)
    except InvalidInput:
        return


@pytest.mark.parametrize(("given", "kept"), [
    ("../../etc/passwd", "passwd.png"), ("C:\\x\\照片.jpg", "照片.png"), ("<script>.png", "script.png"),
    ("\u202egpj.exe", "gpj.png"), ("\u2066a\u2069\u200b.png", "a.png"), ("...", "附件.png"), ("", "附件.png"), ("a\r\nb.png", "ab.png"),
    ("长" * 300 + ".png", "长" * 80 + ".png"), ("CON.png", "_CON.png"), ("lpt1", "_lpt1.png"), (".htaccess", "附件.png"),
])  # fmt: skip
def test_lesson_20_names_lose_paths_directions_and_tricks(given: str, kept: str) -> None:
    assert clean_name(given, ".png") == kept


@given(st.text(max_size=300))
def test_any_name_comes_out_short_and_printable(name: str) -> None:
    kept = clean_name(name, ".jpg")
    assert kept.isprintable()
    assert kept.endswith(".jpg")
    assert 5 <= len(kept) <= 85
    assert not set(kept) & set('/\\<>:"|?*')
