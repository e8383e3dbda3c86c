"""Where a matter lies (T1): a district, the whole city, or said to be unknown. Empty only until a dispatcher says it.

Staff say it when they register; what citizens' channels bring is found by the names of the city's places, else the dispatcher asks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hotline.i18n import _
from ticketing.people.actor import Actor
from ticketing.suggestion.places import districts, locate

if TYPE_CHECKING:
    from ticketing.ticket.service import Appeal

CITY_WIDE, UNKNOWN = "全市", "不详"
"""A matter of the whole city; a place that nobody could tell."""
MAX_AREA = 50


def areas() -> tuple[str, ...]:
    """What a form offers: the districts, then the whole city and unknown."""
    return (*districts(), CITY_WIDE, UNKNOWN)


def area_told(*texts: str) -> str:
    """The district of the first place that the texts name; empty when they name none."""
    return locate(*texts).district


def with_area(appeal: Appeal) -> Appeal:
    """The appeal with its area, as far as its own words tell it."""
    if appeal.district.strip():
        return appeal
    return replace(appeal, district=area_told(appeal.address, appeal.street, appeal.community, appeal.content))


def fault_of_area(appeal: Appeal, actor: Actor) -> str:
    """What is wrong when a member of staff leaves the area open; empty for citizens' channels, whose dispatcher is asked."""
    if appeal.district.strip() or actor.role is None:
        return ""
    return _("请选择区县；涉及全市的选“全市”，问不清的选“不详”")


__all__ = ["CITY_WIDE", "MAX_AREA", "UNKNOWN", "area_told", "areas", "fault_of_area", "with_area"]
