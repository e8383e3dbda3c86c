"""The style page: every macro of the templates is on it, every mode is readable, and only the demo has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from channels.console.style import STAGES, TOKENS
from channels.web import templating
from channels.web.static import NODE_MODULES
from tests.channels.console.screen import CHROMIUM, Desk
from tests.channels.staff import City, Opener
from ticketing.words import table

CHANNELS = Path(templating.__file__).parents[1]
MODES = ("", "?theme=dark", "?density=compact", "?mode=elder")
_SHARED = ("web/templates/macros.html", "console/templates/_forms.html")
NOT_DRAWN = {"csrf_field", "categories_field", "area_select", "area_options"}
"""A hidden field; lists that come from the database and the gazetteer."""


async def test_every_shared_macro_state_and_stage_is_on_it(browser: Opener, city: City) -> None:
    body = await (await browser("agent")).text("/console/style")
    source = (CHANNELS / "console" / "templates" / "style.html").read_text(encoding="utf-8")
    macros = {name for path in _SHARED for name in re.findall(r"macro (\w+)\(", (CHANNELS / path).read_text(encoding="utf-8"))}
    assert len(macros) > 12
    assert {name for name in macros - NOT_DRAWN if not re.search(rf"\b{name}\(", source)} == set()
    for value in table("state"):
        assert f'data-state="{value}"' in body
    for stage in STAGES:
        assert f'class="due" data-stage="{stage}"' in body


def test_the_named_colours_exist_in_both_themes() -> None:
    tokens = (CHANNELS / "web" / "static" / "css" / "tokens.css").read_text(encoding="utf-8")
    assert [name for name in TOKENS if f"--{name}:" not in tokens] == []


async def test_an_installation_has_no_samples(browser: Opener, city: City) -> None:
    person = await browser("agent")
    object.__setattr__(city.settings, "demo", False)
    try:
        assert (await person.get("/console/style")).status == 404
    finally:
        object.__setattr__(city.settings, "demo", True)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None or not NODE_MODULES.is_dir(), reason="chromium or the front-end packages are not installed")
async def test_every_mode_is_accessible_and_fits(chromium: Any, site: Any, city: City) -> None:
    desk = await Desk.of(chromium, site, "agent")
    problems: list[str] = []
    for mode in MODES:
        await desk.open(f"/console/style{mode}")
        await desk.check(f"style{mode}", problems)
    # elder is a mode of the citizens' pages; their width in it is looked at there, here only its colours and sizes
    assert [problem for problem in problems if not ("mode=elder" in problem and problem.endswith("px too wide"))] == []
