"""怎样告知我: the form of a citizen's preferences, the same on `/mine` (a proved number) and `/my` (WeChat)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.notice import preferences

_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def typed_of(data: Mapping[str, object]) -> dict[str, str]:
    """What the form sends."""
    return {name: str(data.get(name, ""))[:20] for name in ("way", "quiet_from", "quiet_to", "language", "stop")}


async def save(core: Core, session: AsyncSession, citizen_id: int, typed: Mapping[str, str]) -> str:
    """Keep it and return the language. Raises InvalidInput by field."""
    stop, language = typed["stop"] == "yes", typed["language"] or "zh"
    if stop and typed["way"] == "sms":
        raise InvalidInput(_("选了优先短信，就不能同时停收短信"), field="way")
    quiet = _quiet(typed["quiet_from"], typed["quiet_to"])
    await preferences.choose(core, session, citizen_id, way=typed["way"], quiet=quiet, language=language)
    await preferences.opt(core, session, citizen_id, out=stop)
    return language


def _quiet(start: str, end: str) -> tuple[time, time] | None:
    if not start and not end:
        return None
    first, last = _HOUR.fullmatch(start), _HOUR.fullmatch(end)
    if first is None or last is None:
        raise InvalidInput(_("请写成22:00这样的时间，两个都要填"), field="quiet_from")
    return time(int(first[1]), int(first[2])), time(int(last[1]), int(last[2]))


__all__ = ["save", "typed_of"]
