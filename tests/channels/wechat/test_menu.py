"""The account's menu."""

from __future__ import annotations

import pytest

from channels.wechat import menu
from channels.wechat.api import Client
from hotline.errors import InvalidInput
from tests.channels.wechat.world import World


async def test_the_menu_is_accepted_by_the_platform_and_every_click_is_answered(city: World) -> None:
    client = Client.of(city.services.settings)
    assert client is not None
    made = await menu.upload(client, city.services.settings)
    assert city.account.menu == made.for_platform(city.services.settings.web_url)
    assert "{web}" not in str(city.account.menu)
    for key in made.says:
        fan = city.account.fan()
        done = await city.platform.click(fan, key)
        assert done.complaint is None
        assert done.text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("button: []", "1到3个"),
        ("button: [{name: 名字太长了吧, type: click, key: A}]\nsays: {A: 您好}", "名字太长了吧"),
        ("button: [{name: 诉求, type: click, key: B}]\nsays: {A: 您好}", "诉求"),
        ("button: [{name: 网页, type: view, url: 'javascript:alert(1)'}]", "网页"),
        (
            "button: [{name: 多, sub_button: [" + ", ".join("{name: 子, type: click, key: A}" for _ in range(6)) + "]}]\nsays: {A: 您好}",
            "最多5个",
        ),
    ],
)
def test_a_wrong_menu_is_refused_with_what_is_wrong(text: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        menu.parse(text)
