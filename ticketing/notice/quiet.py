"""Quiet hours: when nothing is pushed to citizens (lesson 7). They have nothing to do with deadlines. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hotline.clock import to_city
from ticketing.notice.templates import Quiet


def is_quiet(quiet: Quiet, moment: datetime) -> bool:
    """Whether `moment` lies in the quiet hours, which may run over midnight; the end itself is not quiet."""
    clock = to_city(moment).time()
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end


def not_before(quiet: Quiet, moment: datetime) -> datetime:
    """`moment`, or the end of the quiet hours in which it lies, in UTC."""
    if not is_quiet(quiet, moment):
        return moment
    local = to_city(moment)
    end = local.replace(hour=quiet.end.hour, minute=quiet.end.minute, second=0, microsecond=0)
    return (end if end > local else end + timedelta(days=1)).astimezone(UTC)
