"""Times of the day as a form sends them."""

from __future__ import annotations

import re
from datetime import time

from hotline.errors import InvalidInput
from hotline.i18n import _

_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def hour_of(text: str) -> time | None:
    """A time of the day as a field `type=time` sends it, 22:30; None for anything else."""
    found = _HOUR.fullmatch(text.strip())
    return time(int(found[1]), int(found[2])) if found else None


def quiet_of(start: str, end: str) -> tuple[time, time] | None:
    """From two fields `quiet_from` and `quiet_to`; None when both are empty. Raises InvalidInput when one is or is no time."""
    if not start and not end:
        return None
    first, last = hour_of(start), hour_of(end)
    if first is None or last is None:
        raise InvalidInput(_("请写成22:00这样的时间，两个都要填"), field="quiet_from")
    return first, last
