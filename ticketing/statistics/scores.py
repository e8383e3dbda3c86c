"""Unit score cards (4d): computed from logged events only, every component visible with its list, no score given by hand (G15)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.people.models import Unit
from ticketing.statistics.figures import EVERYTHING, SECRET, Cut, Figure, Filter, Line, compute
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.period import Period
from ticketing.statistics.scope import Scope

WEIGHTS = {"signed": 0.15, "contacted": 0.10, "on_time": 0.25, "solved": 0.25, "satisfied": 0.15, "first_pass": 0.10}
"""Component (an indicator) and its weight. A component without any row is left out, and the others share its weight."""
YELLOW_POINTS, RED_POINTS = 1, 3
SMALL_SAMPLE = 10
"""Units with fewer assignments in the period are shown without score band and rank: chance would decide."""
EXCELLENT_SATISFACTION = 80.0
"""优秀 also needs this 满意率, in percent (G12)."""
_NEEDED = (*WEIGHTS, "assigned", "yellow", "red")


class Band(StrEnum):
    """Grade (G10)."""

    EXCELLENT = "优秀"
    GOOD = "良好"
    FAIR = "合格"
    FAIL = "不合格"


@dataclass(frozen=True)
class Card:
    """One unit's score with what it is made of."""

    unit_id: int
    unit: str
    figures: dict[str, Figure]
    score: float | None
    """0 to 100; None when no component has a row."""
    band: Band | None
    """None for a small sample."""
    rank: int | None

    @property
    def small(self) -> bool:
        """Whether the sample is too small to be ranked."""
        return self.figures["assigned"].denominator < SMALL_SAMPLE


def score_of(figures: dict[str, Figure]) -> float | None:
    """Weighted components minus the cards, not below zero; None when there is nothing to weigh."""
    known = {key: value for key in WEIGHTS if (value := figures[key].value) is not None}
    weight = sum(WEIGHTS[key] for key in known)
    if not weight:
        return None
    points = sum(WEIGHTS[key] * value for key, value in known.items()) / weight
    cards = YELLOW_POINTS * figures["yellow"].denominator + RED_POINTS * figures["red"].denominator
    return max(0.0, points - cards)


def band_of(score: float, satisfied: float | None) -> Band:
    """95, 75 and 60 points; 优秀 only with a satisfaction of at least 80 %."""
    if score >= 95 and satisfied is not None and satisfied >= EXCELLENT_SATISFACTION:
        return Band.EXCELLENT
    return Band.GOOD if score >= 75 else Band.FAIR if score >= 60 else Band.FAIL


async def score_cards(core: Core, session: AsyncSession, scope: Scope, period: Period, *, only: Filter = EVERYTHING) -> list[Card]:
    """The cards of every unit with an assignment in the period: ranked ones first, best first."""
    lines = await compute(core, session, scope, period, [BY_KEY[key] for key in _NEEDED], by=(Cut.UNIT,), only=only)
    names = {row.id: row.name for row in await session.execute(select(Unit.id, Unit.name))}
    cards = [_card(line, names) for line in lines if line.at[0] not in ("", SECRET)]
    ranked = sorted((card for card in cards if card.band is not None), key=lambda card: (-(card.score or 0.0), card.unit))
    rest = sorted((card for card in cards if card.band is None), key=lambda card: (-card.figures["assigned"].denominator, card.unit))
    return _ranked(ranked) + rest


def _card(line: Line, names: dict[int, str]) -> Card:
    unit_id = int(line.at[0])
    score = score_of(line.figures)
    small = line.figures["assigned"].denominator < SMALL_SAMPLE
    band = None if small or score is None else band_of(score, line.figures["satisfied"].value)
    return Card(unit_id, names.get(unit_id, str(unit_id)), line.figures, score, band, None)


def _ranked(cards: list[Card]) -> list[Card]:
    """Equal scores (to one decimal, as shown) share a rank."""
    found: list[Card] = []
    for place, card in enumerate(cards, 1):
        before = found[-1] if found else None
        tied = before is not None and round(before.score or 0.0, 1) == round(card.score or 0.0, 1)
        rank = before.rank if tied and before is not None else place
        found.append(Card(card.unit_id, card.unit, card.figures, card.score, card.band, rank))
    return found
