"""What the dispatch catalogue (派单目录) says of a ticket, for a category and an area that a person chooses: unit, co-units, why.

Without the model: only the rows of the catalogue decide. The unit that is complained about is named, but never proposed (B12).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.suggestion.catalogue import Rule, UnitRef, from_database
from ticketing.suggestion.places import Place, locate
from ticketing.suggestion.reported import reported_unit
from ticketing.ticket.area import CITY_WIDE, UNKNOWN
from ticketing.ticket.models import Ticket


@dataclass(frozen=True)
class Entry:
    """What the catalogue says."""

    category: str
    name: str
    lead: UnitRef | None
    """None: it is the unit that is complained about, or the place has to be asked for first."""
    co: tuple[UnitRef, ...]
    rule: Rule
    """The row that decided; one without any condition is the category's own unit."""
    words: tuple[str, ...]
    """Of the row's words those that the citizen said."""
    reported: UnitRef | None = None
    """The unit that is complained about, when the catalogue names it."""
    ask_place: bool = False
    """The street office of the place would handle it, and the place is not known."""


async def look_up(core: Core, session: AsyncSession, ticket: Ticket, category: str, district: str) -> Entry:
    """Read the catalogue for this ticket as if it had this category and lay there. Raises InvalidInput for an unknown category."""
    catalogue = await from_database(session)
    if category not in catalogue.names:
        raise InvalidInput(_("请选择类别"), field="category_code")
    text = f"{ticket.title}。{ticket.content}"
    place = _place(ticket, district, text)
    rule = catalogue.rule(category, text, place, line=ticket.line, day=to_city(core.clock.now()).date())
    lead = catalogue.resolve(rule.lead, place)
    co = [catalogue.resolve(code, place) for code in rule.co]
    said = (
        next((unit for unit in catalogue.units.values() if unit.id == ticket.reported_unit_id), None) if ticket.reported_unit_id else None
    )
    barred = said.code if said else reported_unit(text, catalogue)
    ask = not lead.active and lead.code != barred
    usable = lead if lead.active and lead.code != barred else None
    helpers = tuple(dict.fromkeys(unit for unit in co if unit.active and unit.code not in (barred, lead.code)))
    named = catalogue.units.get(barred or "") if barred in {lead.code, *(unit.code for unit in co)} else None
    said_words = tuple(word for word in rule.words if word in text)
    return Entry(category, catalogue.names[category], usable, helpers, rule, said_words, named, ask)


def _place(ticket: Ticket, district: str, text: str) -> Place:
    """Where it lies by its own words; what a person chose counts more than they do."""
    found = locate(f"{ticket.district}{ticket.address}", text)
    if district in ("", UNKNOWN) or district == found.district:
        return found
    return Place() if district == CITY_WIDE else Place(district=district)


__all__ = ["Entry", "look_up"]
