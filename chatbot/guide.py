"""Answers from the knowledge base: find, tell with article and version, note what nobody could answer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.wording import Say
from hotline.clock import to_city
from hotline.i18n import _
from knowledge.article.models import Article, UnansweredQuestion
from knowledge.article.service import used
from knowledge.article.text import render
from knowledge.search.service import MIDDLE, Hit, is_sure, is_told, search
from ticketing.context import Core

MOST_CHOICES = 3


@dataclass(frozen=True)
class Found:
    """What the search says about a question."""

    hits: tuple[Hit, ...]

    @property
    def sure(self) -> bool:
        """Whether the first hit may be told as the answer."""
        return is_sure(self.hits)

    @property
    def maybe(self) -> tuple[Hit, ...]:
        """The hits that are good enough to be offered as choices."""
        return tuple(hit for hit in self.hits[:MOST_CHOICES] if hit.score >= MIDDLE)


async def find(core: Core, session: AsyncSession, question: str) -> Found:
    """Search the published and valid articles."""
    return Found(tuple(await search(session, question, limit=MOST_CHOICES, today=to_city(core.clock.now()).date())))


async def told(core: Core, session: AsyncSession, article_id: int) -> Article | None:
    """The article if it may still be told today: it may have been recalled since it was offered."""
    today = to_city(core.clock.now()).date()
    return (await session.scalars(select(Article).where(Article.id == article_id, is_told(today)))).first()


async def answer(session: AsyncSession, article: Article) -> Say:
    """The whole answer as text, the short one as speech."""
    await used(session, article)
    return Say(render(article), article.spoken + _("您还有别的问题吗？"), article=(article.id, article.version))


async def note_unanswered(core: Core, session: AsyncSession, channel: str, question: str, found: Found) -> None:
    """Keep the question for the editors, cut to a sane length."""
    best = found.hits[0] if found.hits else None
    session.add(
        UnansweredQuestion(
            text=question[:500],
            channel=channel,
            at=core.clock.now(),
            best_article_id=best.article.id if best else None,
            best_score=best.score if best else 0.0,
        )
    )
    await session.flush()
