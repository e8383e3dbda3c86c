"""The filter row of the queue: by unit, category, district, channel, kind, urgency and time; what its address says, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.inputs import whole_number
from hotline.clock import to_city
from hotline.i18n import _, texts
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category
from ticketing.ticket.queues import Queue
from ticketing.ticket.search import TicketFilter
from ticketing.ticket.states import Channel, Kind, Urgency

FIELDS = ("unit", "category", "district", "channel", "kind", "urgency", "days", "sort")
DAYS = texts({"1": "今天", "3": "近3天", "7": "近7天", "30": "近30天"})
"""How far back it may have been registered; days of the city, the present one included."""
NEWEST = "new"
"""`sort`: the newest first. Otherwise by time left as the queue itself; what was searched by words is always newest first."""


@dataclass(frozen=True)
class Chosen:
    """What the address asks for, without what it cannot mean."""

    fields: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.fields)

    @property
    def newest(self) -> bool:
        """Whether the newest come first."""
        return self.fields.get("sort") == NEWEST

    @property
    def address(self) -> str:
        """To be put behind the queue's address; empty, or beginning with `&`."""
        return "&" + urlencode(self.fields) if self.fields else ""

    def wanted(self, queue: Queue, words: str, now: datetime) -> TicketFilter:
        """For the search."""
        days = int(self.fields.get("days", "0"))
        today = to_city(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return TicketFilter(
            queue=queue,
            words=words,
            unit_id=int(self.fields["unit"]) if "unit" in self.fields else None,
            category_code=self.fields.get("category", ""),
            district=self.fields.get("district", ""),
            channel=self.fields.get("channel", ""),
            kind=self.fields.get("kind", ""),
            urgency=self.fields.get("urgency", ""),
            received_from=today - timedelta(days=days - 1) if days else None,
        )


def chosen(request: web.Request) -> Chosen:
    """Read the address. Values that no field offers are left out, so that a forged one finds nothing else than the plain list."""
    asked = {name: request.query.get(name, "").strip()[:40] for name in FIELDS}
    known: dict[str, Iterable[str]] = {
        "channel": set(Channel),
        "kind": set(Kind),
        "urgency": set(Urgency),
        "days": set(DAYS),
        "sort": {NEWEST},
    }
    found = {name: value for name, value in asked.items() if value and (name not in known or value in set(known[name]))}
    if "unit" in found and whole_number(found["unit"]) is None:
        del found["unit"]
    return Chosen(found)


@lru_cache(maxsize=300)
def _options(offered: tuple[tuple[str, str, str], ...], picked: str) -> Markup:
    """The options of a field: group (or none), value and words of each. A page has some 160, the same at each visit."""
    made = []
    for group, members in groupby(offered, key=itemgetter(0)):
        lines = Markup().join(
            Markup('<option value="{}"{}>{}</option>').format(value, Markup(" selected") if value == picked else "", words)
            for _group, value, words in members
        )
        made.append(Markup('<optgroup label="{}">{}</optgroup>').format(group, lines) if group else lines)
    return Markup().join(made)


async def choices_of(session: AsyncSession, only: Chosen, *, in_unit: bool) -> dict[str, Any]:
    """What the row offers; people of a unit see their own unit's tickets and choose none."""
    none = literal("")
    units = select(Unit.id, none.label("code"), none.label("group_name"), Unit.name).where(
        Unit.active, Unit.level > 1, literal(not in_unit)
    )
    categories = select(literal(0), Category.code, Category.group_name, Category.name).where(Category.active)
    rows = list(await session.execute(union_all(units, categories).order_by("id", "code")))  # one statement: a page has eight at most
    return {
        "filter_units": _options(tuple(("", str(row.id), row.name) for row in rows if row.id), only.fields.get("unit", "")),
        "filter_categories": _options(
            tuple((row.group_name, row.code, f"{row.code} {row.name}") for row in rows if not row.id), only.fields.get("category", "")
        ),
        "days": {key: _(value) for key, value in DAYS.items()},
        "sorts": {NEWEST: _("新登记的在前")},
    }


__all__ = ["Chosen", "choices_of", "chosen"]
