"""The pages inside WeChat in a real browser with the platform's own script; the phone below it (WeixinJSBridge) is played."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from channels.web.app import create_app
from channels.web.static import NODE_MODULES
from hotline.database import Database
from hotline.settings import Settings
from tests import pictures
from tests.channels.wechat.test_jssdk import WECHAT
from tests.channels.wechat.world import World, build
from tests.ports import free_port
from ticketing.context import Core
from ticketing.ticket.models import Attachment, Ticket

playwright_api = pytest.importorskip("playwright.async_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,  # a real browser
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (NODE_MODULES / "weixin-js-sdk").is_dir(), reason="front-end packages are not installed (script/bootstrap)"),
]
SUBSCRIBED = "SUB_dispatched_001"
BRIDGE = """window.WeixinJSBridge = {
  invoke: function (name, values, done) { phoneOf(name, JSON.stringify(values || {})).then(function (said) { done(JSON.parse(said)); }); },
  on: function () {}
};"""


class PhoneSystem:
    """What WeChat does for a page: it checks the signature, and gives position and pictures only to a page that passed."""

    def __init__(self, world: World) -> None:
        self.world, self.agreed = world, False
        self.pictures = {"weixin://resourceid/1": pictures.jpeg(), "weixin://resourceid/2": b"no picture"}

    async def __call__(self, source: Any, name: str, text: str) -> str:
        values = json.loads(text)
        if name == "preVerifyJSAPI":
            signed = {"nonce": values["verifyNonceStr"], "timestamp": values["verifyTimestamp"], "signature": values["verifySignature"]}
            self.agreed = self.world.account.agrees_to_page(url=source["page"].url, **signed)
            return json.dumps({"err_msg": f"preVerifyJSAPI:{'ok' if self.agreed else 'fail_invalid signature'}"})
        return json.dumps({"err_msg": f"{name}:ok", **self._give(name, values)} if self.agreed else {"err_msg": f"{name}:fail"})

    def _give(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        match name:
            case "geoLocation":
                return {"latitude": 30.123456, "longitude": 104.654321, "accuracy": 20.4}
            case "chooseImage":
                return {"localIds": json.dumps(list(self.pictures))}
            case "uploadImage":
                return {"serverId": self.world.account.add_media("image", self.pictures[values["localId"]])}
        return {}


@pytest.fixture
async def inside(settings: Settings, core: Core, database: Database, tmp_path: Path) -> AsyncIterator[tuple[World, Any, list[str]]]:
    """(world, page, what the browser complained of); the server listens where its settings say."""
    port, file = free_port(), tmp_path / "wechat.yaml"
    notice = {"by": "subscription", "id": SUBSCRIBED, "values": {"character_string1": "{number}"}}
    file.write_text(json.dumps({"templates": {"dispatched": notice}}), encoding="utf-8")
    changes = {"public_url": f"http://127.0.0.1:{port}", "wechat_templates": file}
    async with build(settings, core, database, **changes) as world:
        world.account.visitor = world.account.fan()
        await world.stack.enter_async_context(TestServer(create_app(world.services), host="127.0.0.1", port=port))
        async with playwright_api.async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            context = await browser.new_context(user_agent=WECHAT, viewport={"width": 390, "height": 800})
            page, complaints = await context.new_page(), []
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.expose_binding("phoneOf", PhoneSystem(world))
            await page.add_init_script(BRIDGE)
            yield world, page, complaints
            await browser.close()


async def test_position_and_pictures_come_from_the_phone(inside: tuple[World, Any, list[str]]) -> None:
    world, page, complaints = inside
    await page.goto(f"{world.services.settings.web_url}/appeal?kind=complaint")
    await page.locator("[data-wechat-photos]").wait_for()  # WeChat has agreed: until then the browser itself is asked for the position
    await page.click("[data-position] button")
    await page.wait_for_selector("[data-position] [role=status]:has-text('误差约20米')")
    await page.click("[data-wechat-photos] button")
    await page.wait_for_selector("[data-wechat-photos] [role=status]:has-text('这不是照片')")
    assert await page.locator("fieldset[data-kept-files] input").count() == 1, "one was a picture"
    await page.fill("[name=what]", "小区门口路灯三天没有亮，晚上看不见路")
    await page.fill("[name=where]", "滨河路188号")
    await page.check("[name=anonymous]")
    await page.click("[data-send]")
    if await page.locator("#hints").count():
        await page.click("[data-send]")
    await page.wait_for_selector("#number")
    async with world.services.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        [file] = await session.scalars(select(Attachment).where(Attachment.ticket_id == ticket.id))
    assert (ticket.latitude, ticket.longitude) == (30.123456, 104.654321)
    assert file.content_type == "image/jpeg"
    # the platform's script reports each page's address home by a picture: our policy does not let it; 422 is the file that was no picture
    known = ("open.weixin.qq.com/sdk/report", "status of 422")
    assert [each for each in complaints if not any(part in each for part in known)] == []


async def test_without_the_platforms_consent_the_page_is_as_everywhere(inside: tuple[World, Any, list[str]]) -> None:
    world, page, complaints = inside
    await page.goto(f"http://localhost:{world.services.settings.web_url.rsplit(':', 1)[1]}/appeal")  # another address than the signed one
    await page.wait_for_load_state("networkidle")
    assert await page.locator("[data-wechat-photos]").is_hidden()
    assert await page.locator("#f-files").count() == 1
    assert complaints == []


async def test_the_tag_that_asks_for_consent_stands_in_its_place(inside: tuple[World, Any, list[str]]) -> None:
    world, page, complaints = inside
    await page.goto(f"{world.services.settings.web_url}/my/remind")  # through the platform's OAuth and back
    tag = page.locator("wx-open-subscribe")
    await tag.wait_for(state="attached")
    assert await tag.get_attribute("template") == SUBSCRIBED
    parts = await tag.locator("script[type='text/wxtag-template']").all_text_contents()
    assert parts[0].startswith("<style>.consent {")
    assert "rgb" in parts[0] or "#" in parts[0], "in the city's colour"
    assert parts[1] == '<button class="consent">同意提醒我</button>'
    tapped = """(tag, said) => tag.dispatchEvent(new CustomEvent("success", {detail: {subscribeDetails: JSON.stringify({x: said})}}))"""
    for said, words in (("accept", "好的"), ("reject", "没有同意")):
        await tag.evaluate(tapped, said)
        assert words in (await page.locator("[data-consent] [role=status]").text_content() or "")
    assert [each for each in complaints if "open.weixin.qq.com/sdk/report" not in each] == []
