"""Who looks stands over every page with case content, light enough to read what is below."""

from __future__ import annotations

import re

import pytest

from channels.web.static import _OWN as STATIC
from tests.channels.staff import City, Opener

TOKENS = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
CONSOLE = (STATIC / "css" / "console.css").read_text(encoding="utf-8")
Colour = tuple[float, float, float]


def _palettes() -> list[dict[str, Colour]]:
    """The colours of the light and the dark theme."""
    light: dict[str, Colour] = {}
    found = []
    for block in re.findall(r"\{([^{}]*)\}", TOKENS):
        colours = {
            name: tuple(int(value[place : place + 2], 16) / 255 for place in (0, 2, 4))
            for name, value in re.findall(r"--([a-z0-9-]+):\s*#([0-9a-fA-F]{6})\b", block)
        }
        if "ink" in colours and "surface" in colours:
            light = light or colours  # type: ignore[assignment]
            found.append({**light, **colours})
    return found  # type: ignore[return-value]


def _luminance(colour: Colour) -> float:
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _contrast(first: Colour, second: Colour) -> float:
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _under(colour: Colour, opacity: float) -> Colour:
    """A colour with the grey of the watermark over it."""
    return tuple(opacity * 0.502 + (1 - opacity) * value for value in colour)  # type: ignore[return-value]


def _opacity() -> float:
    rule = re.search(r"\.watermark \{[^}]*opacity: ([.0-9]+)", CONSOLE)
    assert rule is not None
    return float(rule[1])


@pytest.mark.parametrize("theme", [0, -1])
@pytest.mark.parametrize("ink", ["ink", "ink-2", "ink-3"])
@pytest.mark.parametrize("ground", ["surface", "bg"])
def test_text_is_readable_where_a_letter_of_the_watermark_lies_over_its_ground_or_over_itself(theme: int, ink: str, ground: str) -> None:
    palette = _palettes()[theme]
    text, back, opacity = palette[ink], palette[ground], _opacity()
    plain = _contrast(text, back)
    for shown in (_contrast(text, _under(back, opacity)), _contrast(_under(text, opacity), back)):
        assert shown >= 4.5, (plain, shown)


async def test_pages_with_case_content_name_who_looks_and_others_do_not(browser: Opener, city: City) -> None:
    made = await city.register()
    clerk = await browser("dispatcher")
    for path in ("/console/tickets", f"/console/tickets/{made.ticket.number}", "/console/board", "/console/figures"):
        body = await clerk.text(path)
        mark = re.search(r'<svg class="watermark"[^>]*>.*?</svg>', body, re.DOTALL)
        assert mark is not None, path
        assert "dispatcher员 1002 市12345热线中心" in mark[0]
        assert "2026-11-18 10:00" in mark[0]
        assert 'aria-hidden="true"' in mark[0]
        assert "style" not in mark[0]  # the page's policy forbids it
    for path in ("/console/me", "/console/articles"):
        assert 'class="watermark"' not in await clerk.text(path)
    assert 'class="watermark"' not in await (await browser("admin")).text("/console/people")


def test_printing_keeps_it() -> None:
    printing = re.findall(r"@media print \{(.*?)\}\s*$", CONSOLE + (STATIC / "css" / "ui.css").read_text(encoding="utf-8"), re.MULTILINE)
    assert printing
    assert not any("watermark" in rules and "none" in rules for rules in printing)
