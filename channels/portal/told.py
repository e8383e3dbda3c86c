"""怎样告知我: the form of a citizen's preferences, the same on `/mine` (a proved number) and `/my` (WeChat)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.hours import quiet_of
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.notice import preferences, templates
from ticketing.notice.models import NoticePreference
from ticketing.notice.templates import About

_WAY, _NAMES = "ways_", ("way", "quiet_from", "quiet_to", "language", "stop")


def typed_of(data: Mapping[str, object]) -> dict[str, str]:
    """What the form sends."""
    names = (*_NAMES, *(f"{_WAY}{about}" for about in About))
    return {name: str(data.get(name, ""))[:20] for name in names}


@dataclass(frozen=True)
class KindChoice:
    """One kind of notice on the form."""

    field: str
    title: str
    chosen: str
    """Empty: as everything else."""
    ways: list[tuple[str, str]]
    """Value and words of what is offered."""


def kinds(wish: NoticePreference | None, *, wechat: bool) -> list[KindChoice]:
    """For which kinds another way may be chosen. `wechat`: the person can be told there."""
    titles = {
        About.ACCEPTANCE: _("受理、补正和紧急转办"),
        About.PROGRESS: _("办理进展"),
        About.RESULT: _("答复和办结"),
        About.CALLBACK: _("回访和评价"),
        About.PUBLISHED: _("我的答复公开了"),
    }
    return [_kind(about, title, wish.ways.get(about.value, "") if wish else "", wechat) for about, title in titles.items()]


def _kind(about: About, title: str, chosen: str, wechat: bool) -> KindChoice:
    file = templates.load()
    unasked = all(template.on_request for template in file.templates if template.about is about)
    ways = [("", _("不推送，只在网上看") if unasked else _("和上面一样")), ("sms", _("短信"))]
    if wechat or chosen == "wechat":
        ways.append(("wechat", _("微信")))
    if not unasked and file.may_be_off(about):
        partly = any(template.required for template in file.templates if template.about is about)
        ways.append(("none", _("只告知依法要告知的") if partly else _("不推送，只在网上看")))
    return KindChoice(f"{_WAY}{about}", title, chosen, ways)


async def save(core: Core, session: AsyncSession, citizen_id: int, typed: Mapping[str, str]) -> str:
    """Keep it and return the language. Raises InvalidInput by field."""
    stop, language = typed["stop"] == "yes", typed["language"] or "zh"
    ways = {about.value: typed[f"{_WAY}{about}"] for about in About}
    if stop and "sms" in (typed["way"], *ways.values()):
        raise InvalidInput(_("选了短信，就不能同时停收短信"), field="way")
    quiet = quiet_of(typed["quiet_from"], typed["quiet_to"])
    await preferences.choose(core, session, citizen_id, way=typed["way"], ways=ways, quiet=quiet, language=language)
    await preferences.opt(core, session, citizen_id, out=stop)
    return language


__all__ = ["kinds", "save", "typed_of"]
