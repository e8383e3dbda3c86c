"""Articles for what is being said: the best three with the sentence that fits, to be read aloud or put into the answer by one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.article.access import today_of
from knowledge.article.models import Article
from knowledge.search.sentence import matching_sentence
from knowledge.search.service import MIDDLE, search
from ticketing.context import Core

RECENT = 3
"""How many of the citizen's last sentences knowledge is searched for."""
_LONGEST = 300


@dataclass(frozen=True)
class Reading:
    """An article for what is being said."""

    article: Article
    sentence: str


async def readings(core: Core, session: AsyncSession, said: Sequence[str]) -> list[Reading]:
    """The best articles for the citizen's last sentences; what was said last counts when together they fit nothing."""
    if not said:
        return []
    for asked in dict.fromkeys(("。".join(said[-RECENT:])[-_LONGEST:], said[-1][-_LONGEST:])):
        hits = await search(session, asked, limit=3, today=today_of(core))
        if found := [Reading(hit.article, matching_sentence(hit.article, asked)) for hit in hits if hit.score >= MIDDLE]:
            return found
    return []
