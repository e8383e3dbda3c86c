from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import FormData
from sqlalchemy import func, select

from channels.web.files import clean_name, sniff, store
from hotline.errors import InvalidInput, Unavailable
from tests.channels.staff import Browser, City, Opener
from tests.pictures import png
from ticketing.ticket.models import Attachment

PNG = png()
SAMPLES = {
    "a.jpg": (b"\xff\xd8\xff\xe0" + b"\0" * 20, "image/jpeg"),
    "a.png": (PNG, "image/png"),
    "a.gif": (b"GIF89a" + b"\0" * 20, "image/gif"),
    "a.webp": (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    "a.wav": (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
    "a.pdf": (b"%PDF-1.7\n" + b"\0" * 20, "application/pdf"),
    "a.mp4": (b"\0\0\0\x18ftypmp42" + b"\0" * 20, "video/mp4"),
    "a.amr": (b"#!AMR\n" + b"\0" * 20, "audio/amr"),
    "a.mp3": (b"ID3\x03" + b"\0" * 20, "audio/mpeg"),
}
REFUSED = {
    "x.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "x.png": b"<html><script>alert(1)</script></html>",
    "x.exe": b"MZ\x90\0" + b"\0" * 40,
    "x.jpg": b"",
    "x.zip": b"PK\x03\x04" + b"\0" * 40,
    "short.mp3": b"\xff",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_kind_is_read_from_the_first_bytes(name: str) -> None:
    body, kind = SAMPLES[name]
    found = sniff(body[:16])
    assert found is not None
    assert found[0] == kind


@pytest.mark.parametrize("name", REFUSED)
def test_other_kinds_are_refused_whatever_they_call_themselves(name: str) -> None:
    assert sniff(REFUSED[name][:16]) is None


@pytest.mark.parametrize(("given", "kept"), [
    ("../../etc/passwd", "passwd.png"), ("C:\\x\\照片.jpg", "照片.png"), ("<script>.png", "script.png"),
    ("\u202egpj.exe", "gpj.png"), ("...", "附件.png"), ("", "附件.png"), ("a\r\nb.png", "ab.png"),
    ("长" * 300 + ".png", "长" * 80 + ".png"),
])  # fmt: skip
def test_names_lose_paths_and_tricks(given: str, kept: str) -> None:
    assert clean_name(given, ".png") == kept


async def _upload(person: Browser, number: str, *files: tuple[str, bytes]) -> int:
    page = f"/console/tickets/{number}"
    form = FormData(quote_fields=False)  # as browsers do
    for name, value in (await person.form(page, f"{page}/files")).items():
        form.add_field(name, value)
    for name, body in files:
        form.add_field("files", body, filename=name, content_type="image/png")
    response = await person.client.post(f"{page}/files", data=form, allow_redirects=False)
    return response.status


async def test_an_attachment_is_a_download_for_those_who_see_the_ticket_and_404_for_others(browser: Opener, city: City) -> None:
    """Lesson 20: no reading of other people's attachments by guessing, no script from our address."""
    number = (await city.register()).ticket.number
    dispatcher = await browser("dispatcher")
    assert await _upload(dispatcher, number, ("现场<1>.png", PNG)) == 303
    async with city.database.transaction() as session:
        attachment = (await session.scalars(select(Attachment))).one()
    assert (attachment.file_name, attachment.content_type, attachment.from_citizen) == ("现场1.png", "image/png", False)
    address = f"/console/attachments/{attachment.id}"
    response = await dispatcher.get(address)
    assert await response.read() == PNG
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert (await (await browser("clerk")).get(address)).status == 404  # the ticket is not the unit's
    assert (await (await browser("admin")).get(address)).status == 403
    assert (await (await browser()).get(address)).status == 303
    assert (await dispatcher.get("/console/attachments/../../key")).status == 404


async def test_a_bad_file_refuses_the_whole_upload_and_leaves_nothing(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    dispatcher = await browser("dispatcher")
    assert await _upload(dispatcher, number, ("a.png", PNG), ("b.png", b"<svg onload=alert(1)>")) == 422
    assert await _upload(dispatcher, number, *[(f"{i}.png", PNG) for i in range(6)]) == 422
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 0
    assert not list(Path(city.core.data_dir).glob("files/**/*.*"))


async def test_too_large_and_too_little_disk_are_said(city: City) -> None:
    small = city.settings.model_copy(update={"upload_max_bytes": 1024})
    full = city.settings.model_copy(update={"min_free_disk_mb": 10**9})
    async with city.database.transaction() as session:
        with pytest.raises(InvalidInput):
            await store(city.core, small, session, body=PNG + b"\0" * 1024, file_name="a.png", from_citizen=True)
        with pytest.raises(Unavailable):
            await store(city.core, full, session, body=PNG, file_name="a.png", from_citizen=True)


async def test_a_path_outside_the_data_folder_is_never_served(browser: Opener, city: City, tmp_path: Path) -> None:
    made = await city.register()
    (tmp_path / "secret.txt").write_text("key")
    async with city.database.transaction() as session:
        attachment = await store(
            city.core, city.settings, session, body=PNG, file_name="a.png", from_citizen=True, ticket_id=made.ticket.id
        )
        attachment.path = "../secret.txt"
    assert (await (await browser("dispatcher")).get(f"/console/attachments/{attachment.id}")).status == 404
