"""Charts as inline SVG, drawn on the server: axes with round numbers, words for those who cannot see them, no script.

With `links`, one address for each point, each mark leads to what it counts; below the picture the same links stand as a list, for
keyboards and screen readers (a month has thirty marks, nobody wants to tab through them).
Colours and sizes are classes of ui.css, since our Content-Security-Policy forbids inline styles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

from markupsafe import Markup

from hotline.i18n import _

WIDTH, HEIGHT = 680, 260
NARROW = 420
"""Lying bars fit on a phone without scrolling."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 34
_numbers = count(1)


def ticks(highest: float, *, wanted: int = 5) -> list[float]:
    """Round numbers from 0 to at least `highest`: steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return [0.0, 1.0]
    raw = highest / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    step = max(step, 1.0) if highest >= 1 else step
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def columns(points: Sequence[tuple[str, float]], *, title: str, unit: str = "", links: Sequence[str] = ()) -> Markup:
    """A column for each point, with a scale on the left and as many labels below as fit."""
    marks = ticks(max((value for _label, value in points), default=0))
    plot_w, plot_h = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    top = marks[-1] or 1
    step = plot_w / max(len(points), 1)
    every = max(1, math.ceil(len(points) / 10))
    parts = [_grid(marks, plot_h, unit)]
    for number, (label, value) in enumerate(points):
        height = plot_h * value / top
        left = _LEFT + number * step + step * 0.15
        mark = Markup('<rect class="mark" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{} {}{}</title></rect>').format(
            left, _TOP + plot_h - height, step * 0.7, height, label, _shown(value), unit
        )
        parts.append(_leads(mark, links, number, (_LEFT + number * step, _TOP, step, plot_h), f"{label} {_shown(value)}{unit}"))
        if number % every == 0:
            parts.append(
                Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    left + step * 0.35, HEIGHT - _BOTTOM + 20, label
                )
            )
    return _svg(parts, title, _words(points, unit), WIDTH, HEIGHT) + _as_list(points, unit, links)


def line(
    points: Sequence[tuple[str, float | None]], *, title: str, unit: str = "%", highest: float | None = 100, links: Sequence[str] = ()
) -> Markup:
    """A line through the points; a point without a value leaves a gap. `highest`: top of the scale, None: by the points."""
    known = [value for _label, value in points if value is not None]
    marks = ticks(highest if highest is not None else max(known, default=0))
    plot_w, plot_h = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    top = marks[-1] or 1
    step = plot_w / max(len(points) - 1, 1)
    every = max(1, math.ceil(len(points) / 10))
    parts, path, pen = [_grid(marks, plot_h, unit)], [], "M"
    for number, (label, value) in enumerate(points):
        x = _LEFT + number * step
        if value is None:
            pen = "M"
        else:
            y = _TOP + plot_h * (1 - max(value, 0) / top)
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
            dot = Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"><title>{} {}{}</title></circle>').format(
                x, y, label, _shown(value), unit
            )
            parts.append(_leads(dot, links, number, (x - step / 2, _TOP, step, plot_h), f"{label} {_shown(value)}{unit}"))
        if number % every == 0:
            parts.append(
                Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x, HEIGHT - _BOTTOM + 20, label)
            )
    parts.insert(1, Markup('<path class="curve" d="{}"/>').format(" ".join(path)))
    return _svg(parts, title, _words([(label, value) for label, value in points if value is not None], unit), WIDTH, HEIGHT) + _as_list(
        points, unit, links
    )


def bars(points: Sequence[tuple[str, float]], *, title: str, unit: str = "", links: Sequence[str] = ()) -> Markup:
    """A lying bar for each point with its name on the left and its number at the end, and a scale below."""
    row, name_w, number_w, width = 30, 118, 50, NARROW
    height = _TOP + row * max(len(points), 1) + 26
    plot_w = width - name_w - number_w
    marks = ticks(max((value for _label, value in points), default=0), wanted=4)
    top = marks[-1] or 1
    bottom = _TOP + row * max(len(points), 1)
    parts = []
    for mark in marks:
        x = name_w + plot_w * mark / top
        parts.append(Markup('<line class="gridline" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(x, _TOP, bottom))
        parts.append(Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x, bottom + 18, _shown(mark)))
    for number, (label, value) in enumerate(points):
        y = _TOP + number * row
        short = label if len(label) <= 8 else label[:7] + "…"
        parts.append(Markup('<text class="name" x="{}" y="{}" text-anchor="end">{}</text>').format(name_w - 8, y + 20, short))
        rect = Markup('<rect class="mark" x="{}" y="{}" width="{:.1f}" height="{}"><title>{} {}{}</title></rect>').format(
            name_w, y + 6, plot_w * value / top, row - 12, label, _shown(value), unit
        )
        parts.append(_leads(rect, links, number, (0, y, width, row), f"{label} {_shown(value)}{unit}"))
        parts.append(
            Markup('<text class="name" x="{:.1f}" y="{}">{}</text>').format(name_w + plot_w * value / top + 6, y + 20, _shown(value))
        )
    return _svg(parts, title, _words(points, unit), width, height) + _as_list(points, unit, links)


def _leads(mark: Markup, links: Sequence[str], number: int, area: tuple[float, float, float, float], words: str) -> Markup:
    """The mark as a link, with its whole stripe of the picture (`area`: x, y, width, height) to click on; alone without links."""
    if not links:
        return mark
    x, y, width, height = area
    stripe = Markup('<rect class="stripe" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(x, y, width, height)
    return Markup('<a href="{}" tabindex="-1" aria-label="{}">{}{}</a>').format(links[number], words, stripe, mark)


def _as_list(points: Sequence[tuple[str, float | None]], unit: str, links: Sequence[str]) -> Markup:
    """The same numbers as links in a row, folded; nothing without links. Points of nothing are left out."""
    if not links:
        return Markup("")
    items = [
        Markup('<li><a href="{}">{} {}{}</a></li>').format(href, label, _shown(value), unit)
        for (label, value), href in zip(points, links, strict=True)
        if value
    ]
    return Markup('<details class="behind"><summary>{}</summary><ul>{}</ul></details>').format(_("数字和名单"), Markup("").join(items))


def _grid(marks: Sequence[float], plot_h: float, unit: str) -> Markup:
    parts = []
    for mark in marks:
        y = _TOP + plot_h * (1 - mark / (marks[-1] or 1))
        kind = "axis" if mark == 0 else "gridline"
        parts.append(Markup('<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(kind, _LEFT, WIDTH - _RIGHT, y, y))
        text = f"{_shown(mark)}{unit if unit == '%' else ''}"
        parts.append(Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(_LEFT - 8, y + 5, text))
    return Markup("").join(parts)


def _words(points: Sequence[tuple[str, float | None]], unit: str) -> str:
    """What the picture says, for screen readers."""
    shown = [f"{label} {_shown(value or 0)}{unit}" for label, value in points[:40]]
    return "；".join(shown)


def _svg(parts: Sequence[Markup], title: str, words: str, width: int, height: float) -> Markup:
    key = f"chart{next(_numbers)}"
    role = "group" if any("<a " in part for part in parts) else "img"  # what is in an image cannot be a link
    return Markup(
        '<div class="scroll plot{narrow}" tabindex="0" role="group" aria-label="{title}">'
        '<svg viewBox="0 0 {w} {h:.0f}" role="{role}" aria-labelledby="{key}-t {key}-d">'
        '<title id="{key}-t">{title}</title><desc id="{key}-d">{words}</desc>{body}</svg></div>'
    ).format(
        narrow=" plot--narrow" if width == NARROW else "", title=title, words=words, w=width, h=height, key=key, role=role,
        body=Markup("").join(parts),
    )  # fmt: skip
