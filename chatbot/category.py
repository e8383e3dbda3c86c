"""Suggests the category of an appeal from the keywords of the catalogue. A dispatcher decides; this only sorts the pile."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.search.words import simplify
from ticketing.taxonomy.models import Category


def best(text: str, keywords: Iterable[tuple[str, str]]) -> str | None:
    """The code whose keywords fit `text` best (longer words count more); None when nothing fits.

    Args:
        text: what the citizen said.
        keywords: (code, blank-separated keywords).
    """
    plain = simplify(text)
    scores = {code: sum(len(word) ** 2 for word in set(words.split()) if word in plain) for code, words in keywords}
    code = max(scores, key=lambda key: (scores[key], key), default=None)
    return code if code is not None and scores[code] else None


async def suggest(session: AsyncSession, text: str) -> str | None:
    """The code of the category that fits, or None."""
    rows = await session.execute(select(Category.code, Category.keywords).where(Category.active).order_by(Category.code))
    return best(text, [(row.code, row.keywords) for row in rows])
