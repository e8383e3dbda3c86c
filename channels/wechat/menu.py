"""The account's menu: read from menu.yaml, checked against the platform's limits, uploaded by a command."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from channels.wechat.api import Client
from hotline.errors import InvalidInput
from hotline.settings import Settings

MAX_TOP, MAX_SUB = 3, 5
MAX_TOP_NAME, MAX_SUB_NAME = 4, 7
"""Characters that fit; the platform refuses longer names."""


@dataclass(frozen=True)
class Menu:
    """menu.yaml."""

    buttons: tuple[dict[str, Any], ...]
    says: dict[str, str]
    """What a tap on a click entry means, as the words that the citizen would have typed."""

    def for_platform(self, web_url: str) -> dict[str, Any]:
        """The menu as the platform wants it."""
        return {"button": [_with_url(button, web_url) for button in self.buttons]}


def _with_url(button: dict[str, Any], web_url: str) -> dict[str, Any]:
    made = {key: value.replace("{web}", web_url) if key == "url" else value for key, value in button.items() if key != "sub_button"}
    if "sub_button" in button:
        made["sub_button"] = [_with_url(sub, web_url) for sub in button["sub_button"]]
    return made


@lru_cache(maxsize=1)
def load() -> Menu:
    """The project's menu; raises `InvalidInput` that names what is wrong."""
    return parse(files("channels.wechat").joinpath("menu.yaml").read_text("utf-8"))


def parse(text: str) -> Menu:
    """Read and check a menu; raises `InvalidInput` that names what is wrong."""
    data = yaml.safe_load(text)
    buttons, says = data.get("button") or [], data.get("says") or {}
    if not 1 <= len(buttons) <= MAX_TOP:
        raise InvalidInput("menu.yaml：一级菜单应有1到{limit}个", limit=MAX_TOP)
    for top in buttons:
        subs = top.get("sub_button", [])
        if len(subs) > MAX_SUB:
            raise InvalidInput("menu.yaml：“{name}”下最多{limit}个菜单", name=top.get("name"), limit=MAX_SUB)
        _check_name(top, MAX_TOP_NAME)
        for entry in subs or [top]:
            _check_name(entry, MAX_SUB_NAME)
            _check_entry(entry, says)
    return Menu(tuple(buttons), says)


def _check_name(entry: dict[str, Any], limit: int) -> None:
    name = str(entry.get("name", ""))
    if not 1 <= len(name) <= limit:
        raise InvalidInput("menu.yaml：“{name}”应为1到{limit}个字", name=name, limit=limit)


def _check_entry(entry: dict[str, Any], says: dict[str, str]) -> None:
    match entry.get("type"):
        case "click" if entry.get("key") in says:
            return
        case "view" if str(entry.get("url", "")).startswith(("http://", "https://", "{web}")):
            return
    raise InvalidInput("menu.yaml：“{name}”要么是 click 且在 says 里有对应的话，要么是 view 且有网址", name=entry.get("name"))


async def upload(client: Client, settings: Settings) -> Menu:
    """Make this the account's menu; raises `channels.wechat.errors.PlatformError`. Phones show it within five minutes."""
    menu = load()
    await client.create_menu(menu.for_platform(settings.web_url))
    return menu
