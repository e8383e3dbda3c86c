"""Small pieces of HTML that stand in every line of a list. As macros of Jinja they took a third of a page's time (decision 0160)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from markupsafe import Markup, escape

from channels.web import formats
from channels.web.icons import icon
from channels.web.words import word
from hotline.clock import to_city
from hotline.i18n import language

_STAGE_ICONS = {
    "calm": "clock",
    "white": "bell",
    "amber": "alarm-clock",
    "yellow": "triangle-alert",
    "red": "octagon-alert",
    "paused": "circle-pause",
    "done": "circle-check",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A clock whose words a page may go on telling: the stage stays the server's."""

    left: int
    """Seconds to the end; less than nothing when it is over due."""
    words: str
    """With `{}` where the length stands."""
    turns: int | None
    """Seconds to the next stage, when the page asks again."""


def state_badge(value: str, table: str = "state") -> Markup:
    """The state of a ticket or an assignment in words; pages style it by `data-state`."""
    return _state(language(), value, table)


@lru_cache(maxsize=500)
def _state(_language: str, value: str, table: str) -> Markup:
    return Markup('<span class="state" data-state="{}">{}</span>').format(value, word(table, value))


def due_badge(stage: str, text: str, title: str = "", running: Running | None = None) -> Markup:
    """A clock: how pressing it is, what is left, and its whole rule as a title; with `running` its words go on by themselves."""
    titled = f' title="{escape(title)}"' if title else ""
    goes = ""
    if running is not None:
        turns = f' data-turns="{running.turns}"' if running.turns is not None else ""
        goes = f' data-due-left="{running.left}" data-words="{escape(running.words)}"{turns}'
    found = f'<span class="due" data-stage="{escape(stage)}"{titled}{goes}>{icon(_STAGE_ICONS[stage])}{escape(text)}</span>'
    return Markup(found)  # noqa: S704 - every part is escaped, or an icon of ours


def time_tag(moment: datetime, now: datetime) -> Markup:
    """A moment as lists show it, readable for machines too."""
    shown = formats.short_time(moment, now)
    return Markup(f'<time datetime="{to_city(moment).isoformat(timespec="minutes")}">{shown}</time>')  # noqa: S704 - digits
