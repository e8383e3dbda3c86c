"""The assistant's page in a real browser: accessible, and as wide as the screen at every width."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from aiohttp.test_utils import TestServer

from chatbot.learning.registry import ModelInfo, Registry, Report
from tests.channels.console.screen import Desk, in_browser
from tests.channels.staff import City

pytestmark = in_browser

AT = "/console/bot"
SHOTS = os.environ.get("BOT_SHOTS", "")
"""A folder for pictures, when somebody wants to look at the page."""


async def test_the_page_is_accessible_and_as_wide_as_the_screen(chromium: Any, site: TestServer, city: City) -> None:
    made = ModelInfo(
        "m20261122-134501", "2026-11-22T13:45:01+00:00", "h", 36198, 35.0,
        Report(337, 373, {"ask_guide": (337, 373)}, 1, 2, 0, "x", (("孩子六岁半能不能上一年级", "ask_guide", "file_complaint"),)),
    )  # fmt: skip
    registry = Registry(city.core.data_dir / "rasa" / "models")
    registry.folder.mkdir(parents=True)
    for name, refused in ((made.name, ""), ("m20261121-031502", "检验句听懂330句，现用模型是337句，变差了，没有启用")):
        registry.path(name).write_bytes(b"model")
        info = replace(made, name=name, refused=refused)
        (registry.folder / f"{name}.json").write_text(json.dumps(info.stored()), encoding="utf-8")
    registry.promote(made.name)
    problems: list[str] = []
    desk = await Desk.of(chromium, site, "editor")
    await desk.open(AT)
    await desk.page.fill("#f-text", "楼下的铁皮棚子夜里哐当响")
    await desk.page.select_option("#f-intent", "file_complaint")
    await desk.page.click("text=检查并添加")
    await desk.page.click("text=现在训练")
    await desk.page.wait_for_selector("#trainings >> text=等待开始")
    await desk.check(AT, problems)
    if SHOTS:
        for width in (1366, 390):
            await desk.page.set_viewport_size({"width": width, "height": 900})
            await desk.page.screenshot(path=f"{SHOTS}/bot-{width}.png", full_page=True)
    assert "正在使用" in await desk.page.content()
    assert problems == []
