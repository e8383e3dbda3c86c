"""The ticket told as a story, its photographs, and the ticket on paper."""

from __future__ import annotations

import re

from aiohttp import FormData
from sqlalchemy import select

from channels.console.chapters import Chapter, chapters
from channels.console.timeline import story
from hotline.events import history
from tests.channels.console.test_callbacks import REPLY, by_web, to_callback
from tests.channels.staff import Browser, City, Opener
from tests.pictures import png
from ticketing.ticket.models import Ticket


async def told(city: City, number: str) -> list[Chapter]:
    """The chapters of a ticket; nothing of the story is lost in them."""
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        entries = story(await history(session, "ticket", ticket.id), {})
    found = chapters(entries)
    inside = [entry for chapter in found for day in chapter.days for passage in day.passages for entry in passage.entries]
    assert [entry.seq for entry in inside] == [entry.seq for entry in entries]
    return found


async def photograph(page: Browser, number: str, name: str, seed: int) -> None:
    form = FormData(quote_fields=False)
    form.add_field("csrf", (await page.form(f"/console/tickets/{number}", f"/console/tickets/{number}/files"))["csrf"])
    form.add_field("files", png(seed), filename=name, content_type="image/png")
    assert (await page.client.post(f"/console/tickets/{number}/files", data=form, allow_redirects=False)).status == 303


async def test_a_ticket_is_told_in_chapters_days_and_small_things_are_folded(city: City, browser: Opener) -> None:
    number = await to_callback(city)
    supervisor = await browser("supervisor")
    for _ in range(2):
        assert (await supervisor.act(number, "reveal", reason="核对联系方式")).status == 200
    city.clock.advance(days=1)
    await by_web(city, number)
    found = await told(city, number)
    assert [chapter.title for chapter in found] == ["登记和派单", "承办单位办理", "审核答复", "回访市民"]
    assert [[day.at.day for day in chapter.days] for chapter in found] == [[18], [18], [18], [19]]
    assert any(passage.folded for chapter in found for day in chapter.days for passage in day.passages)
    words = [entry.quote for chapter in found for entry in chapter.entries if entry.by_citizen and entry.quote]
    assert words == ["今晚又在施工"]
    await supervisor.login("supervisor")  # the first one has ended meanwhile
    body = await supervisor.text(f"/console/tickets/{number}")
    assert re.search(r'<blockquote class="quote quote--citizen">.*?市民说</span>今晚又在施工', body, re.DOTALL)
    assert re.search(r"<summary[^>]*>2件小事：查看联系方式</summary>", body)
    assert "11月18日（星期三）" in body


async def test_photographs_are_a_gallery_with_words_and_other_files_a_list(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    page = await browser("dispatcher")
    assert 'id="gallery"' not in await page.text(f"/console/tickets/{number}")
    for seed, name in ((1, "北门.png"), (2, "南门.png")):
        await photograph(page, number, name, seed)
    body = await page.text(f"/console/tickets/{number}")
    assert re.findall(r'<img src="/console/attachments/[0-9a-f-]{36}"[^>]* alt="([^"]+)"', body) == [
        "工作人员上传的照片，第1张，共2张：北门.png",
        "工作人员上传的照片，第2张，共2张：南门.png",
    ]
    assert 'id="gallery"' in body
    assert 'class="files"' not in body  # each file stands once


async def test_the_paper_says_who_printed_it_and_shows_no_more_than_the_page(city: City, browser: Opener) -> None:
    number = await to_callback(city, name="周文静", phone="13900002716")
    path = f"/console/tickets/{number}/print"
    paper = await (await browser("dispatcher")).text(path)
    assert (number in paper, REPLY.measures in paper, "dispatcher员" in paper, "个人信息已遮蔽" in paper) == (True, True, True, True)
    clerk = await (await browser("clerk")).text(path)
    for body in (paper, clerk):
        assert ("周文静" in body, "13900002716" in body, "139 **** 2716" in body) == (False, False, True)
        assert 'class="watermark"' in body
    assert (await (await browser("water_clerk")).get(path)).status == 404
    assert (await (await browser("admin")).get(path)).status in (403, 404)
