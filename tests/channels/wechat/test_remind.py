"""The page that asks for consent to 订阅通知: who sees it, how the buttons are grouped, what is left; and the chat's way to it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from channels.wechat import remind
from channels.wechat.notices import TemplateMap, TemplatesError
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from tests.channels.wechat.test_jssdk import Phone
from tests.channels.wechat.world import SaidAnswer, SaidTurn, World, build
from ticketing.context import Core

ONCE, LASTING = [f"SUB_once_{number:08}" for number in range(4)], "SUB_lasting_0001"
VALUES = {"character_string1": "{number}"}


@pytest.fixture
async def asking(settings: Settings, core: Core, database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """An account with four one-time templates, a lasting one, and a 模板消息 that needs no consent."""
    keys = ["dispatched", "extended", "suspended", "redo"]
    templates = {key: {"by": "subscription", "id": each, "values": VALUES} for key, each in zip(keys, ONCE, strict=True)}
    templates["accepted"] = {"by": "subscription", "id": LASTING, "values": VALUES, "lasting": True}
    templates["*"] = {"by": "subscription", "id": LASTING, "values": VALUES, "lasting": True}
    templates["rate"] = {"id": "TPL_rate_0000001", "values": VALUES}
    file = tmp_path / "wechat.yaml"
    file.write_text(json.dumps({"templates": templates}), encoding="utf-8")
    async with build(settings.model_copy(update={"wechat_templates": file}), core, database, wechat_budget_s=4.5) as world:
        world.account.templates |= {*ONCE, LASTING}
        yield world


async def test_one_button_asks_for_three_at_most_and_for_one_kind(asking: World) -> None:
    groups = remind.groups(asking.services.settings)
    assert [group.ids for group in groups] == [LASTING, ",".join(ONCE[:3]), ONCE[3]]
    assert groups[0].reminders[0].title.endswith("、其他进展")


async def test_the_page_says_what_is_left_and_leads_back_from_oauth(asking: World, clock: ManualClock) -> None:
    fan, phone = asking.account.fan(), Phone(asking)
    status, location = await phone.get("/my/remind")
    assert (status, location[:4]) == (303, "http")
    state = parse_qs(urlsplit(location).query)["state"][0]
    asking.account.oauth_codes["CODE"] = fan.openid
    assert await phone.get(f"/my/back?code=CODE&state={state}") == (303, "/my/remind")
    text, policy = await phone.page("/my/remind")
    assert re.findall(r'data-consent="([^"]+)"', text) == [LASTING, ",".join(ONCE[:3]), ONCE[3]]
    assert text.count("还没有同意") == 5
    assert "frame-src https://*.qq.com webcompt:" in policy
    await asking.platform.consent(fan, ONCE[0], LASTING)
    clock.advance(seconds=1)
    await asking.platform.consent(fan, ONCE[0])
    text, _policy = await phone.page("/my/remind")
    assert text.count("还没有同意") == 3
    assert "还可以提醒2次" in text
    assert "已经同意" in text
    assert 'href="/my/remind"' in (await phone.page("/my"))[0]
    phone.http.headers["User-Agent"] = "Mozilla/5.0 Chrome/107.0"
    text, policy = await phone.page("/my/remind")
    assert "data-consent" not in text
    assert "请在微信里打开本页" in text
    assert "qq.com" not in policy
    await phone.close()


async def test_after_a_ticket_the_chat_names_the_page_until_one_is_left(asking: World, clock: ManualClock) -> None:
    fan, address = asking.account.fan(), f"{asking.services.settings.web_url}/my/remind"
    assert address not in (await asking.platform.text(fan, "路灯不亮")).text
    asking.dialogue.say = lambda _text: SaidTurn((SaidAnswer("登记好了"),), ticket="12345-20261118-00001")
    assert (await asking.platform.text(fan, "提交")).text.endswith(address)
    await asking.platform.consent(fan, ONCE[1])
    clock.advance(seconds=1)
    assert (await asking.platform.text(fan, "再提交")).text == "登记好了"


async def test_without_subscriptions_there_is_no_such_page(world: World) -> None:
    phone = Phone(world)
    assert await phone.get("/my/remind") == (303, "/my")
    world.dialogue.say = lambda _text: SaidTurn((SaidAnswer("登记好了"),), ticket="12345-20261118-00001")
    assert (await world.platform.text(world.account.fan(), "提交")).text == "登记好了"
    await phone.close()


def test_only_a_subscription_can_last(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(json.dumps({"templates": {"*": {"id": "TPL_rate_0000001", "lasting": True, "values": VALUES}}}), encoding="utf-8")
    with pytest.raises(TemplatesError, match="only a subscription"):
        TemplateMap.read(file)
