"""The suggestion for a new appeal: kind, category, urgency, emergency line, units, what is missing, and the words that decided.

`suggest` asks the catalogue in the database; `suggest_offline` the seed files. Both are the same computation (`compose`),
a millisecond or two once the model is in memory. The machine proposes; a person decides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotline.clock import to_city
from ticketing.suggestion import store
from ticketing.suggestion.catalogue import Catalogue, Rule, UnitRef, from_database, from_seed
from ticketing.suggestion.emergency import Alarm, alarm_in, sensitive_words, urgency_of
from ticketing.suggestion.kinds import kind_of
from ticketing.suggestion.missing import missing_elements
from ticketing.suggestion.model import Model
from ticketing.suggestion.places import Place, locate
from ticketing.suggestion.reported import reported_unit
from ticketing.ticket.states import Kind, Urgency

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from ticketing.context import Core
    from ticketing.ticket.models import Ticket

CHOICES = 3
_CO_SHARE = 0.12
"""How much of a category's share its co-units get: enough to be named, not to lead."""
_SECRECY = re.compile(
    r"保密|匿名|不要(?:透露|泄露|公开|说是我)|别(?:透露|泄露|说是我|让(?:他|她|他们|单位|领导|老板|学校)知道)|打击报复|怕(?:被)?(?:报复|穿小鞋)|不敢留名"
)
_DISCIPLINE = "1206"


@dataclass(frozen=True)
class CategoryGuess:
    """A likely category."""

    code: str
    name: str
    confidence: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class UnitGuess:
    """A likely unit."""

    unit: UnitRef
    confidence: float


@dataclass(frozen=True)
class Suggestion:
    """What the machine makes of a text."""

    kind: Kind
    categories: tuple[CategoryGuess, ...]
    urgency: Urgency
    alarm: Alarm | None
    confidential: bool
    units: tuple[UnitGuess, ...]
    missing: tuple[str, ...]
    place: Place
    reported: str | None
    """Code of the unit that is complained about; it is never the first of `units`."""
    rule: Rule | None
    """The row of the catalogue that decided for the first category."""
    sensitive: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """The words that decided, those of danger first."""
        first = (self.alarm.words,) if self.alarm and self.alarm.words else ()
        return tuple(dict.fromkeys((*first, *(self.categories[0].words if self.categories else ()))))

    @property
    def category(self) -> CategoryGuess | None:
        """The most likely category; None when nothing is known about the text."""
        return self.categories[0] if self.categories else None

    def answer(self) -> dict[str, Any]:
        """As the API and the command line tell it."""
        return {
            "kind": self.kind.value,
            "category": self.category.code if self.category else None,
            "categories": [{"code": item.code, "name": item.name, "confidence": round(item.confidence, 3)} for item in self.categories],
            "urgency": self.urgency.value,
            "emergency_line": self.alarm.line if self.alarm else None,
            "confidential": self.confidential,
            "units": [{"code": item.unit.code, "name": item.unit.name, "confidence": round(item.confidence, 3)} for item in self.units],
            "missing": list(self.missing),
            "words": list(self.words),
        }


def compose(
    model: Model,
    catalogue: Catalogue,
    text: str,
    *,
    address: str = "",
    channel: str | None = None,
    line: str | None = None,
    day: date = date.max,
    category: str | None = None,
    barred: str | None = None,
) -> Suggestion:
    """The suggestion for `text`.

    Args:
        address: helps to find the street; it is not read for the matter.
        category: the code that a person has chosen already: the units follow it.
        barred: code of the unit that is reported, when a person has said so.
    """
    read = model.read(text)
    alarm = alarm_in(text)
    place = locate(address, text)
    shares = {code: share for code, share in model.category_shares(read).items() if code in catalogue.names} if len(read.numbers) else {}
    if category in catalogue.names:
        shares = {str(category): 1.0}
    total = sum(shares.values()) or 1.0
    best = sorted(shares, key=lambda code: (-shares[code], code))[:CHOICES]
    categories = tuple(CategoryGuess(code, catalogue.names[code], shares[code] / total, model.words(read, code)) for code in best)
    kind = kind_of(text, model.kind_shares(read), best[0] if best else None)
    reported = barred or reported_unit(text, catalogue)
    where = f"{address} {text}" if address and address not in text else text
    return Suggestion(
        kind=kind,
        categories=categories,
        urgency=urgency_of(text, alarm),
        alarm=alarm,
        confidential=bool(_SECRECY.search(text)) or (kind is Kind.REPORT and bool(best) and best[0] == _DISCIPLINE),
        units=_units(catalogue, shares, text, place, line, day, reported),
        missing=tuple(missing_elements(where, kind, channel)),
        place=place,
        reported=reported,
        rule=catalogue.rule(best[0], text, place, line=line, day=day) if best else None,
        sensitive=sensitive_words(text),
    )


def _units(
    catalogue: Catalogue, shares: dict[str, float], text: str, place: Place, line: str | None, day: date, reported: str | None
) -> tuple[UnitGuess, ...]:
    """Units by the shares of their categories. The unit that is complained about is left out."""
    scores: dict[str, float] = defaultdict(float)
    total = sum(shares.values()) or 1.0
    for category, share in shares.items():
        rule = catalogue.rule(category, text, place, line=line, day=day)
        scores[catalogue.resolve(rule.lead, place).code] += share / total
        for code in rule.co:
            scores[catalogue.resolve(code, place).code] += _CO_SHARE * share / total
    scores.pop(reported or "", None)
    best = sorted(scores, key=lambda code: (-scores[code], code))[:CHOICES]
    return tuple(UnitGuess(catalogue.units[code], min(scores[code], 1.0)) for code in best)


async def suggest(
    core: Core, session: AsyncSession, text: str, *, address: str = "", channel: str | None = None, line: str | None = None
) -> Suggestion:
    """The suggestion by the catalogue in the database. Reads only."""
    model = await store.ready(core.data_dir)
    catalogue = await from_database(session)
    return compose(model, catalogue, text, address=address, channel=channel, line=line, day=to_city(core.clock.now()).date())


async def suggest_for(core: Core, session: AsyncSession, ticket: Ticket) -> Suggestion:
    """The suggestion for a ticket: its category, when it has one, decides the units; its reported unit is not among them."""
    model = await store.ready(core.data_dir)
    catalogue = await from_database(session)
    barred = (
        next((unit.code for unit in catalogue.units.values() if unit.id == ticket.reported_unit_id), None)
        if ticket.reported_unit_id
        else None
    )
    return compose(
        model,
        catalogue,
        f"{ticket.title}。{ticket.content}",
        address=f"{ticket.district}{ticket.address}",
        channel=ticket.channel,
        line=ticket.line,
        day=to_city(core.clock.now()).date(),
        category=ticket.category_code,
        barred=barred,
    )


def suggest_offline(data_dir: Path, text: str, *, channel: str | None = None) -> Suggestion:
    """The suggestion by the seed files, without a database."""
    return compose(store.get(data_dir), from_seed(), text, channel=channel)
