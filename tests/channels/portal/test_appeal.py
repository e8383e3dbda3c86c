"""我要反映: every way to fill in the form, rightly and wrongly, and what is left in the database."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import func, select

from channels.portal.kept_files import MAX_HELD_BYTES
from channels.web.files import drop_unclaimed
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from tests import pictures
from tests.channels.portal.browser import Browser
from tests.channels.public import Client, tickets
from ticketing.attachment import removal
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.ticket.models import Attachment

PNG = pictures.png()
GOOD = {
    "kind": "complaint",
    "what": "江畔花园北门对面工地连续三晚打桩，要求停止夜间施工",
    "district": "临江区",
    "where": "滨河路188号江畔花园北门",
    "when": "这三天晚上十点以后",
    "name": "周敏",
    "phone": "139 0000 2716",
    "contact": "sms",
}


def with_files(fields: dict[str, str], *files: tuple[str, bytes]) -> FormData:
    form = FormData(quote_fields=False)  # as browsers send Chinese file names
    for name, value in fields.items():
        form.add_field(name, value)
    for name, body in files:
        form.add_field("files", body, filename=name, content_type="image/png")
    return form


async def test_a_good_form_becomes_a_ticket_and_a_receipt(client: Client, city: Database, core: Core) -> None:
    browser = Browser(client)
    page = await browser.submit("/appeal", GOOD)
    assert page.path == "/appeal/done"
    [ticket] = await tickets(city)
    assert ticket.number in page.text
    code = re.search(r'id="code">([2-9A-Z]{8})<', page.text)
    assert code
    assert "请记下" in page.text
    assert (ticket.channel, ticket.kind, ticket.content, ticket.contact_by) == ("web", "complaint", GOOD["what"], "sms")
    assert (ticket.district, ticket.address, ticket.occurred) == ("临江区", GOOD["where"], GOOD["when"])
    async with city.transaction() as session:
        citizen = await session.get_one(Citizen, ticket.citizen_id)
        assert person(core, citizen, masked=False).phone == "13900002716"
    tracked = await browser.get("/track")
    assert ticket.number in tracked.text, "the code need not be typed again"
    again = await browser.get("/appeal/done")
    assert code[1] in again.text, "a reload still shows it"


async def test_the_receipt_is_for_this_browser_and_half_an_hour(client: Client, clock: ManualClock) -> None:
    browser = Browser(client)
    await browser.submit("/appeal", GOOD)
    assert (await Browser(client).get("/appeal/done")).path == "/track"
    clock.advance(minutes=31)
    assert (await browser.get("/appeal/done")).path == "/track"
    assert "查询码" in (await browser.get("/track")).text


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"what": "太吵了"}, ["what"]),
        ({"what": "   "}, ["what"]),
        ({"what": "字" * 2001}, ["what"]),
        ({"where": ""}, ["where"]),
        ({"where": "", "kind": "suggestion"}, []),
        ({"phone": "1390000271"}, ["phone"]),
        ({"phone": ""}, ["phone"]),
        ({"phone": "", "contact": "none"}, []),
        ({"phone": "0571-88001234", "contact": "sms"}, ["phone"]),
        ({"phone": "0571-88001234", "contact": "phone"}, []),
        ({"phone": "", "anonymous": "yes"}, []),
        ({"kind": "joke"}, ["kind"]),
        ({"district": "火星区"}, ["district"]),
        ({"contact": "wechat"}, ["contact"]),
        ({"name": "名" * 51}, ["name"]),
        ({"where": "a\x07b"}, ["where"]),
        ({"what": "太吵了", "where": "", "phone": "1"}, ["what", "where", "phone"]),
    ],
)
async def test_errors_are_listed_and_linked(client: Client, city: Database, change: dict[str, str], fields: list[str]) -> None:
    page = await Browser(client).submit("/appeal", {**GOOD, **change})
    if not fields:
        assert page.path == "/appeal/done"
        return
    assert page.status == 422
    assert f"有{len(fields)}处需要修改" in page.text
    for field in fields:
        assert f'<a href="#f-{field}">' in page.text
        assert f'id="e-{field}"' in page.text
        assert f'id="f-{field}"' in page.text
    assert await tickets(city) == []


async def test_a_refused_form_keeps_everything_that_was_typed(client: Client) -> None:
    typed = {**GOOD, "what": '太吵<b>"了', "phone": "12", "name": "<script>alert(1)</script>"}
    page = await Browser(client).submit("/appeal", {**typed, "anonymous": ""})
    assert "太吵&lt;b&gt;&#34;了" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>alert" not in page.text
    for value in (
        "滨河路188号江畔花园北门",
        "这三天晚上十点以后",
        'value="12"',
        'value="sms" checked',
        "<option selected>临江区",
        'value="complaint" checked',
    ):
        assert value in page.text, value


async def test_the_same_form_twice_gives_the_same_ticket(client: Client, city: Database) -> None:
    browser = Browser(client)
    form = await browser.form("/appeal")
    pages = await asyncio.gather(*(browser.post("/appeal", {**form, **GOOD}) for _ in range(4)))
    assert [page.path for page in pages] == ["/appeal/done"] * 4
    assert len(await tickets(city)) == 1


async def test_the_same_page_with_another_matter_is_another_ticket(client: Client, city: Database) -> None:
    browser = Browser(client)
    form = await browser.form("/appeal")
    for what in (GOOD["what"], "滨河路的路灯三天没有亮，晚上看不见路"):
        assert (await browser.post("/appeal", {**form, **GOOD, "what": what})).path == "/appeal/done"
    assert len(await tickets(city)) == 2


@pytest.mark.parametrize("token", ["", "x", "a.9999999999.00", "é" * 20])
async def test_a_form_token_that_is_not_ours_is_refused_kindly(client: Client, city: Database, token: str) -> None:
    browser = Browser(client)
    form = await browser.form("/appeal")
    page = await browser.post("/appeal", {**form, **GOOD, "token": token})
    assert (page.status, "内容还在本页" in page.text, GOOD["what"] in page.text) == (422, True, True)
    assert await tickets(city) == []


async def test_a_form_left_open_for_days_keeps_its_input(client: Client, clock: ManualClock, city: Database) -> None:
    browser = Browser(client)
    form = await browser.form("/appeal")
    clock.advance(hours=25)
    page = await browser.post("/appeal", {**form, **GOOD})
    assert page.status == 422
    assert (await browser.post("/appeal", {**page.fields, **GOOD})).path == "/appeal/done"
    assert len(await tickets(city)) == 1


async def test_without_csrf_token_nothing_happens(client: Client, city: Database) -> None:
    response = await client.post("/appeal", data=GOOD)
    assert response.status == 403
    assert await tickets(city) == []


async def test_anonymous_means_that_no_name_and_number_are_kept(client: Client, city: Database) -> None:
    await Browser(client).submit("/appeal", {**GOOD, "anonymous": "yes"})
    [ticket] = await tickets(city)
    assert (ticket.anonymous, ticket.citizen_id, ticket.contact_by) == (True, None, "none")
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Citizen)) == 0


async def test_attachments_belong_to_the_ticket(client: Client, city: Database, settings: Settings) -> None:
    browser = Browser(client)
    form = {**await browser.form("/appeal"), **GOOD}
    page = await browser.post("/appeal", with_files(form, ("夜间施工.png", PNG), ("../../etc/passwd.png", PNG + b"2")))
    assert page.path == "/appeal/done"
    [ticket] = await tickets(city)
    async with city.transaction() as session:
        found = list(await session.scalars(select(Attachment).where(Attachment.ticket_id == ticket.id).order_by(Attachment.size_bytes)))
    assert [item.file_name for item in found] == ["夜间施工.png", "passwd.png"]
    assert all((settings.data_dir / item.path).is_file() for item in found)
    assert "夜间施工.png" in (await browser.get("/track")).text


async def test_files_of_a_refused_form_are_not_lost(client: Client, city: Database) -> None:
    browser = Browser(client)
    form = {**await browser.form("/appeal"), **GOOD, "what": "太短"}
    page = await browser.post("/appeal", with_files(form, ("夜间施工.png", PNG)))
    assert (page.status, "夜间施工.png" in page.text) == (422, True)
    assert (await browser.post("/appeal", with_files({**page.fields, **GOOD}))).path == "/appeal/done"
    [ticket] = await tickets(city)
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment).where(Attachment.ticket_id == ticket.id)) == 1


async def test_nobody_can_attach_files_of_others(client: Client, city: Database) -> None:
    """Lesson 20: an id alone gives no right."""
    victim = Browser(client)
    await victim.post("/appeal", with_files({**await victim.form("/appeal"), **GOOD, "what": "太短"}, ("私人.png", PNG)))
    async with city.transaction() as session:
        stolen = (await session.scalars(select(Attachment))).one()
    thief = Browser(client)
    for forged in (str(stolen.id), f'["{stolen.id}", "{stolen.sha256}", "私人.png"].9999999999.{"0" * 64}'):
        form = {**await thief.form("/appeal"), **GOOD, "kept": forged, "seen": "yes"}
        assert (await thief.post("/appeal", with_files(form))).path == "/appeal/done"
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment).where(Attachment.ticket_id.is_not(None))) == 0


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("a.svg", b"<svg onload='alert(1)'/>")], "格式不支持"),
        ([("a.png", b"<html><script>")], "格式不支持"),
        ([("a.png", b"")], "是空的"),
        ([(f"{n}.png", PNG) for n in range(10)], "最多上传9个"),
    ],
)
async def test_bad_files_are_named(client: Client, city: Database, files: list[tuple[str, bytes]], words: str) -> None:
    browser = Browser(client)
    page = await browser.post("/appeal", with_files({**await browser.form("/appeal"), **GOOD}, *files))
    assert (page.status, words in page.text, GOOD["what"] in page.text) == (422, True, True)
    assert await tickets(city) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"what=%ff%fe", "application/x-www-form-urlencoded"),
        (b"what=a", "application/x-www-form-urlencoded; charset=no-such"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"{}", "application/json"),
        (b"a=" + b"x" * 300_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_broken_bodies_are_refused_and_never_a_server_error(client: Client, city: Database, body: bytes, kind: str) -> None:
    response = await client.post("/appeal", data=body, headers={"Content-Type": kind})
    assert 400 <= response.status < 500, await response.text()
    assert await tickets(city) == []


async def test_a_kind_can_be_chosen_by_the_link(client: Client) -> None:
    assert 'value="suggestion" checked' in (await Browser(client).get("/appeal?kind=suggestion")).text
    assert 'value="complaint" checked' in (await Browser(client).get("/appeal?kind=%3Cscript%3E")).text


async def test_too_many_submissions_wait_and_keep_their_input(client: Client, clock: ManualClock, city: Database) -> None:
    browser = Browser(client)
    form = await browser.form("/appeal")
    for _ in range(30):
        await browser.post("/appeal", {**form, "what": "短"})
    page = await browser.post("/appeal", {**form, **GOOD})
    assert (page.status, GOOD["what"] in page.text) == (429, True)
    clock.advance(seconds=60)
    assert (await browser.post("/appeal", {**form, **GOOD})).path == "/appeal/done"
    assert len(await tickets(city)) == 1


async def test_full_disk_refuses_the_file_and_keeps_the_words(
    client: Client, city: Database, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Lesson 10: refuse visibly before data is lost; without the file it goes through."""
    import shutil

    real = shutil.disk_usage

    def almost_full(path: Path) -> Any:
        return real(path)._replace(free=10)

    monkeypatch.setattr(shutil, "disk_usage", almost_full)
    browser = Browser(client)
    form = {**await browser.form("/appeal"), **GOOD}
    page = await browser.post("/appeal", with_files(form, ("a.png", PNG)))
    assert page.status in (422, 503)
    assert await tickets(city) == []
    assert (await browser.post("/appeal", with_files(form))).path == "/appeal/done"


async def test_files_that_nobody_claims_are_deleted(
    client: Client, city: Database, core: Core, clock: ManualClock, settings: Settings
) -> None:
    browser = Browser(client)
    for what in ("太短", GOOD["what"]):
        photo = ("a.png", pictures.png(len(what)))
        await browser.post("/appeal", with_files({**await browser.form("/appeal"), **GOOD, "what": what}, photo))
    clock.advance(hours=2, seconds=1)
    async with city.transaction() as session:
        paths = dict((await session.execute(select(Attachment.ticket_id, Attachment.path))).all())
        assert await drop_unclaimed(core, session) == 1
    await removal.run(core, city)
    [ticket] = await tickets(city)
    assert (settings.data_dir / paths[ticket.id]).is_file()
    assert not (settings.data_dir / paths[None]).exists()
    async with city.transaction() as session:
        assert list(await session.scalars(select(Attachment.ticket_id))) == [ticket.id]


async def _held(city: Database) -> int:
    async with city.transaction() as session:
        return await session.scalar(select(func.count()).select_from(Attachment).where(Attachment.ticket_id.is_(None))) or 0


async def test_refused_forms_of_one_address_leave_only_so_many_files(client: Client, city: Database, clock: ManualClock) -> None:
    """Also with fresh cookies for each form: the address counts."""
    for _ in range(6):
        browser = Browser(client)
        form = {**await browser.form("/appeal"), **GOOD, "what": "太短"}
        page = await browser.post("/appeal", with_files(form, *((f"{number}.png", PNG) for number in range(9))))
        assert page.status == 422
    assert "附件没有保留" in page.text
    assert await _held(city) == 27
    good = {**await browser.form("/appeal"), **GOOD}
    assert (await browser.post("/appeal", with_files(good, ("a.png", PNG)))).path == "/appeal/done", "a good form is not held up"
    clock.advance(hours=1)
    assert "附件没有保留" not in (await browser.post("/appeal", with_files(form, ("b.png", PNG)))).text
    assert await _held(city) == 28


async def test_refused_forms_of_one_address_leave_only_so_many_bytes(client: Client, city: Database) -> None:
    size = MAX_HELD_BYTES // 5 // 2
    for _ in range(2):
        browser = Browser(client)
        form = {**await browser.form("/appeal"), **GOOD, "what": "太短"}
        await browser.post("/appeal", with_files(form, *((f"{number}.png", PNG + b"0" * (size - len(PNG))) for number in range(6))))
    assert await _held(city) == 6, "60 MB, and 120 would be too many"


async def test_a_file_that_was_dropped_meanwhile_is_asked_for_again(client: Client, city: Database, core: Core, clock: ManualClock) -> None:
    browser = Browser(client)
    form = {**await browser.form("/appeal"), **GOOD, "what": "太短"}
    page = await browser.post("/appeal", with_files(form, ("夜间施工.png", PNG)))
    clock.advance(hours=3)
    async with city.transaction() as session:
        assert await drop_unclaimed(core, session) == 1
    again = await browser.post("/appeal", with_files({**page.fields, **GOOD}))
    assert (again.status, "已经过期" in again.text) == (422, True)
    assert await tickets(city) == []
    assert (await browser.post("/appeal", with_files({**again.fields, **GOOD}, ("夜间施工.png", PNG)))).path == "/appeal/done"
