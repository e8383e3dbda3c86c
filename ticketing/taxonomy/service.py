"""Suggesting a category for an appeal by the words of the catalogue. The machine proposes, the dispatcher decides."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category


@dataclass(frozen=True)
class Suggestion:
    """One proposed category with its unit and the words that speak for it."""

    category: Category
    unit: Unit
    score: float
    reasons: tuple[str, ...]


async def suggest(session: AsyncSession, text: str, *, limit: int = 3) -> list[Suggestion]:
    """The categories whose words occur in `text`, best first; empty when none does.

    A word counts more the longer it is and the fewer categories share it (inverse document frequency).
    """
    statement = select(Category, Unit).join(Unit, Unit.id == Category.unit_id).where(Category.active, Unit.active)
    rows = [(row.Category, row.Unit, _words(row.Category)) for row in await session.execute(statement)]
    shared = Counter(word for _category, _unit, words in rows for word in words)
    found = []
    for category, unit, words in rows:
        reasons = tuple(sorted((word for word in words if word in text), key=lambda word: (-len(word), text.index(word))))
        if reasons:
            score = sum(len(word) * math.log(1 + len(rows) / shared[word]) for word in reasons)
            found.append(Suggestion(category, unit, score, reasons))
    return sorted(found, key=lambda item: (-item.score, item.category.code))[:limit]


def _words(category: Category) -> set[str]:
    """The keywords, and the parts of the name: 路灯与户外广告 gives 路灯, 户外广告."""
    parts = category.name.replace("与", " ").replace("和", " ").replace("、", " ").split()
    return {word for word in (*category.keywords.split(), *parts) if len(word) >= 2}
