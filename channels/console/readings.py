"""Articles for what is being said: the best three with the sentence that fits, to be read aloud or put into the answer by one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.districts import district_of
from chatbot.guide import title_of
from knowledge.article.access import today_of
from knowledge.article.models import Article
from knowledge.search.filters import Filters
from knowledge.search.sentence import matching_sentence
from knowledge.search.service import MIDDLE, search
from ticketing.context import Core
from ticketing.conversation.models import Conversation

RECENT = 3
"""How many of the citizen's last sentences knowledge is searched for."""
MOST_HEARD = 20
"""In how many of them a district is looked for."""
_LONGEST = 300


@dataclass(frozen=True)
class Reading:
    """An article for what is being said."""

    article: Article
    sentence: str

    @property
    def title(self) -> str:
        """With where and for whom it holds."""
        return title_of(self.article)


async def readings(core: Core, session: AsyncSession, conversation: Conversation, said: Sequence[str]) -> list[Reading]:
    """The best articles for the citizen's last sentences; what was said last counts when together they fit nothing.

    Of districts only the one where they live, when it is known; otherwise all, each with its district behind the title: the agent can ask.
    """
    if not said:
        return []
    filters = Filters(district=await district_of(session, conversation, dict(conversation.bot_state or {}), *said[-MOST_HEARD:]))
    for asked in dict.fromkeys(("。".join(said[-RECENT:])[-_LONGEST:], said[-1][-_LONGEST:])):
        hits = await search(session, asked, limit=3, today=today_of(core), filters=filters)
        if found := [Reading(hit.article, matching_sentence(hit.article, asked)) for hit in hits if hit.score >= MIDDLE]:
            return found
    return []
