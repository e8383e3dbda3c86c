"""JS-SDK on the pages: one ticket for all processes, signed for our own pages only, named by the policy only there; pictures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from channels.wechat.api import Client
from channels.wechat.errors import NotSent, PlatformError
from channels.wechat.jssdk import SCRIPT_PATH, signature
from channels.wechat.models import WechatKept
from channels.wechat.page_ticket import AHEAD, PAUSE, PageTicket
from hotline.clock import ManualClock
from tests import pictures
from tests.channels.wechat.test_h5 import Browser
from tests.channels.wechat.world import World
from tests.simulators.wechat_api import MEDIA, PAGE_TICKET
from ticketing.ticket.models import Attachment, Ticket

WECHAT = "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/107.0 Mobile MicroMessenger/8.0.40(0x28002857) Language/zh_CN"
APPEAL = {
    "kind": "complaint",
    "what": "小区门口路灯三天没有亮，晚上看不见路",
    "where": "滨河路188号",
    "anonymous": "yes",
    "contact": "none",
    "seen": "yes",
}


class Phone(Browser):
    """A browser that says that it is WeChat's."""

    def __init__(self, world: World, agent: str = WECHAT) -> None:
        super().__init__(world)
        self.http.headers["User-Agent"] = agent

    async def page(self, path: str) -> tuple[str, str]:
        """(text, Content-Security-Policy)"""
        async with self.http.get(self.base + path) as response:
            assert response.status == 200
            return await response.text(), response.headers["Content-Security-Policy"]

    async def signed(self, at: str) -> tuple[int, dict[str, Any]]:
        async with self.http.get(f"{self.base}/my/jssdk", params={"at": at}, headers={"Accept": "application/json"}) as response:
            return response.status, await response.json()

    async def photo(self, media: str, token: str) -> tuple[int, dict[str, Any]]:
        fields, headers = {"csrf": token, "media": media}, {"Accept": "application/json"}
        async with self.http.post(f"{self.base}/my/photo", data=fields, headers=headers) as response:
            return response.status, await response.json()

    async def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the page's form."""
        text, _policy = await self.page(path)
        return dict(re.findall(r'type="hidden" name="(csrf|token)" value="([^"]+)"', text))

    async def send(self, path: str, fields: dict[str, str], kept: list[str]) -> tuple[int, str]:
        form = aiohttp.FormData([*fields.items(), *(("kept", value) for value in kept)])
        form.add_field("files", b"", filename="", content_type="application/octet-stream")
        async with self.http.post(self.base + path, data=form, allow_redirects=False) as response:
            return response.status, response.headers.get("Location", "") or await response.text()


@pytest.fixture
async def phone(city: World) -> AsyncIterator[Phone]:
    made = Phone(city)
    yield made
    await made.close()


def _ticket(world: World) -> PageTicket:
    client = Client.of(world.services.settings)
    assert client is not None
    return PageTicket(client, world.services.core, world.services.database)


async def _files(world: World) -> list[Attachment]:
    async with world.services.database.transaction() as session:
        return list(await session.scalars(select(Attachment).order_by(Attachment.file_name)))


def test_the_documented_example_is_signed_as_documented() -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    signed = signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, "http://mp.weixin.qq.com?params=value")
    assert signed == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


async def test_all_processes_share_one_ticket(world: World, clock: ManualClock) -> None:
    first, second = _ticket(world), _ticket(world)
    value = await first.get()
    assert [await second.get(), await first.get(), await _ticket(world).get()] == [value] * 3
    assert world.account.calls[PAGE_TICKET] == 1
    async with world.services.database.transaction() as session:
        row = (await session.scalars(select(WechatKept))).one()
    assert value.encode() not in row.value_sealed, "sealed"
    clock.advance(seconds=7200 - AHEAD.total_seconds())
    found = await asyncio.gather(first.get(), second.get(), first.get())
    assert world.account.calls[PAGE_TICKET] == 2, "one renews, whoever comes meanwhile takes the old one, which is still good"
    assert await second.get() == await first.get() == world.account.page_ticket != value
    assert set(found) <= {value, world.account.page_ticket}


async def test_a_platform_in_trouble_is_left_alone_and_the_old_ticket_used(world: World, clock: ManualClock) -> None:
    ticket = _ticket(world)
    value = await ticket.get()
    clock.advance(seconds=7200 - AHEAD.total_seconds())
    world.account.faults += [(PAGE_TICKET, 45009)]
    assert [await ticket.get(), await ticket.get()] == [value, value]
    assert world.account.calls[PAGE_TICKET] == 2, "asked once, then left alone"
    clock.advance(seconds=AHEAD.total_seconds())
    world.account.faults += [(PAGE_TICKET, -1)]
    with pytest.raises(PlatformError):
        await ticket.get()
    with pytest.raises(NotSent, match="just now"):
        await ticket.get()
    clock.advance(seconds=PAUSE.total_seconds())
    assert await ticket.get() == world.account.page_ticket


async def test_only_our_own_pages_are_signed(city: World, phone: Phone) -> None:
    status, signed = await phone.signed("/appeal?kind=help")
    assert status == 200
    asked = {"nonce": signed["nonceStr"], "timestamp": str(signed["timestamp"]), "signature": signed["signature"]}
    assert city.account.agrees_to_page(url=f"{city.services.settings.web_url}/appeal?kind=help", **asked)
    assert not city.account.agrees_to_page(url=f"{city.services.settings.web_url}/appeal", **asked)
    for at in ("", "/track", "//evil.example/appeal", "https://evil.example/appeal", "/appeal#x", "/appeal?" + "a" * 1000, "appeal"):
        assert (await phone.signed(at))[0] == 404, at
    city.account.faults += [(PAGE_TICKET, 45009)]
    async with city.services.database.transaction() as session:
        await session.delete((await session.scalars(select(WechatKept))).one())
    other = Phone(city)
    other.base = (await city.instance()).removesuffix("/wechat")
    status, problem = await other.signed("/appeal")
    await other.close()
    assert status == 503
    assert "页面其他部分照常可用" in problem["error"]["message"]


async def test_the_script_is_named_on_its_pages_in_wechat_only(city: World, phone: Phone) -> None:
    script = f"{str(city.services.settings.wechat_api_base).rstrip('/')}{SCRIPT_PATH}"
    text, policy = await phone.page("/appeal")
    assert f'<script src="{script}">' in text
    assert f"script-src 'self' {script};" in policy + ";"
    assert "unsafe" not in policy
    assert "frame-src" not in policy
    elsewhere = Phone(city, "Mozilla/5.0 Chrome/107.0")
    for browser, path in ((phone, "/"), (phone, "/guide"), (elsewhere, "/appeal")):
        text, policy = await browser.page(path)
        assert script not in text
        assert "script-src" not in policy
        assert "data-wechat-photos" not in text
    await elsewhere.close()


async def test_pictures_of_the_phone_come_with_the_appeal(city: World, phone: Phone) -> None:
    form = await phone.form("/appeal")
    first, second = (city.account.add_media("image", body) for body in (pictures.jpeg(), pictures.png()))
    kept = []
    for media in (first, second):
        status, answer = await phone.photo(media, form["csrf"])
        assert status == 200, answer
        kept.append(answer["kept"])
    assert [file.ticket_id for file in await _files(city)] == [None, None]
    stranger = Phone(city)
    strange_form = await stranger.form("/appeal")
    await stranger.send("/appeal", {**strange_form, **APPEAL}, [kept[0].replace("a", "b"), "x"])
    await stranger.close()
    status, text = await phone.send("/appeal", {**form, **APPEAL, "what": "短"}, kept)
    assert status == 422
    assert text.count('name="kept"') == 2, "they are still there with the form's errors"
    assert await phone.send("/appeal", {**form, **APPEAL}, kept[:1]) == (303, "/appeal/done")
    async with city.services.database.transaction() as session:
        newest = await session.scalar(select(func.max(Ticket.id)))
    assert [file.ticket_id for file in await _files(city)] == [newest, None], "what was unticked stays behind and is dropped later"
    fields = {**await phone.form("/track/supplement"), "text": "补一张照片"}
    assert await phone.send("/track/supplement", fields, kept[1:]) == (303, "/track?done=supplement")
    assert [file.ticket_id for file in await _files(city)] == [newest, newest]


async def test_what_is_no_picture_or_not_there_is_said(city: World, phone: Phone) -> None:
    token = (await phone.form("/appeal"))["csrf"]
    good = city.account.add_media("image", pictures.jpeg())
    assert (await phone.photo(good, "forged"))[0] == 403
    assert (await phone.photo("../../etc", token))[0] == 422
    assert city.account.calls[MEDIA] == 0
    for media, words in (("A" * 40, "没有取到"), (city.account.add_media("image", b"<html>"), "不是照片")):
        status, answer = await phone.photo(media, token)
        assert status == 422
        assert words in answer["error"]["message"]
    city.account.faults += [(MEDIA, -1)]
    assert (await phone.photo(good, token))[0] == 422
    statuses = [(await phone.photo("x", token))[0] for _ in range(100)]
    assert statuses[-1] == 429
    assert await _files(city) == []
