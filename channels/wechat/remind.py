"""What the page `/my/remind` asks consent for: the 订阅通知 that the operator's file names, grouped as WeChat wants its buttons.

One button takes at most three templates, and either one-time or lasting ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from channels.web.keys import SETTINGS
from channels.wechat.notices import Approved, TemplateMap
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.notice import templates

MOST = 3
"""Templates of one button."""
_GROUPS: web.AppKey[list[Group]] = web.AppKey("wechat_reminders")


@dataclass(frozen=True)
class Reminder:
    """One template that a citizen may consent to."""

    template_id: str
    keys: tuple[str, ...]
    """The notices that it says; `*`: all that have none of their own."""
    lasting: bool

    @property
    def title(self) -> str:
        """Names of the notices, in the reader's language."""
        named = {each.key: each.title for each in templates.load().templates}
        return "、".join(_(named[key]) if key in named else _("其他进展") for key in self.keys)


@dataclass(frozen=True)
class Group:
    """What one button asks for."""

    reminders: tuple[Reminder, ...]

    @property
    def ids(self) -> str:
        """As the tag wants them."""
        return ",".join(each.template_id for each in self.reminders)


def groups(settings: Settings) -> list[Group]:
    """Lasting ones first. Raises TemplatesError when HOTLINE_WECHAT_TEMPLATES cannot be read."""
    if settings.wechat_templates is None:
        return []
    found: dict[str, tuple[Approved, list[str]]] = {}
    for key, approved in TemplateMap.read(settings.wechat_templates).templates.items():
        if approved.by == "subscription":
            found.setdefault(approved.id, (approved, []))[1].append(key)
    all_of = [Reminder(approved.id, tuple(keys), approved.lasting) for approved, keys in found.values()]
    lasting, once = [each for each in all_of if each.lasting], [each for each in all_of if not each.lasting]
    return [Group(tuple(kind[at : at + MOST])) for kind in (lasting, once) for at in range(0, len(kind), MOST)]


def read_templates(app: web.Application) -> None:
    """Called once when the web process starts, so that a wrong file is said then."""
    app[_GROUPS] = groups(app[SETTINGS])


def groups_of(app: web.Application) -> list[Group]:
    """The buttons; none without an account or without 订阅通知."""
    return app.get(_GROUPS, [])
