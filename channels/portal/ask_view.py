"""The web chat as its citizen sees it: what was said, who is there, how long the queue is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api import chat
from channels.portal import cookies
from channels.web.keys import CORE, DATABASE
from knowledge.article.access import is_told, today_of
from knowledge.article.models import Article
from knowledge.article.topics import announcement
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import place_in_queue
from ticketing.ticket.models import Attachment, Ticket

SHOWN = 100
"""Messages on the page; older ones are left out."""
KEPT = 2000
"""Messages in a transcript to be kept."""
DOTS = "••••••••"
"""Stands in a stored message where a query code was told (`chatbot.reply`)."""
ANSWERED_WITHIN = timedelta(seconds=20)
"""So long the page says that the assistant is answering; then something went wrong, and the citizen may write again."""


@dataclass(frozen=True)
class Talk:
    """The conversation as the page shows it."""

    owner: str
    messages: tuple[Message, ...]
    texts: dict[int, str]
    """What each message says, with a query code that was told just now."""
    slugs: dict[int, str]
    """Address of the article behind an answer, while it is published."""
    choices: tuple[str, ...]
    ticket_number: str
    place: int = 0
    """In the queue for a person, from 1; 0 when it does not wait."""
    answering: bool = False
    """The last word is the citizen's, and the assistant is about to answer."""
    files: tuple[Attachment, ...] = ()
    urgent: str = ""
    """What is said first while an emergency topic is on."""

    @property
    def waiting(self) -> bool:
        """Whether a person was asked for and has not come yet."""
        return self.owner == Owner.QUEUE.value

    @property
    def human(self) -> bool:
        """Whether an agent is there."""
        return self.owner == Owner.HUMAN.value

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self.owner == Owner.CLOSED.value

    def files_of(self, message: Message) -> list[Attachment]:
        """The files that came with a message and are still kept."""
        ids = set(message.data.get("attachments", ()))
        return [file for file in self.files if str(file.id) in ids]


async def load_talk(request: web.Request, known: UUID, *, most: int = SHOWN) -> Talk:
    """What this browser's conversation says; an empty one when there is none."""
    async with request.app[DATABASE].transaction() as session:
        conversation = (await session.scalars(select(Conversation).where(Conversation.id == known))).first()
        if conversation is None or conversation.channel != chat.CHANNEL:
            return Talk(Owner.BOT.value, (), {}, {}, (), "", urgent=await announcement(request.app[CORE], session))
        newest = select(Message).where(Message.conversation_id == known).order_by(Message.id.desc()).limit(most)
        said = list(await session.scalars(newest))[::-1]
        number = await session.scalar(select(Ticket.number).where(Ticket.id == conversation.ticket_id)) if conversation.ticket_id else ""
        last = said[-1] if said else None
        with_bot = conversation.owner == Owner.BOT.value
        unanswered = with_bot and last is not None and last.author == Author.CITIZEN.value and "attachments" not in last.data
        return Talk(
            owner=conversation.owner,
            messages=tuple(said),
            texts={message.id: text_of(request, message) for message in said},
            slugs=await _slugs(request, session, {message.article_id for message in said if message.article_id}),
            choices=tuple(map(str, last.data.get("choices", []))) if with_bot and last and last.author == Author.BOT.value else (),
            ticket_number=number or "",
            place=await place_in_queue(session, conversation),
            answering=unanswered and last is not None and request.app[CORE].clock.now() - last.at < ANSWERED_WITHIN,
            files=tuple(await session.scalars(select(Attachment).where(Attachment.conversation_id == known))),
            urgent="" if said else await announcement(request.app[CORE], session),
        )


def text_of(request: web.Request, message: Message) -> str:
    """The words, with the sealed query code in its place while the receipt is valid; afterwards dots stay."""
    sealed, core = message.data.get("sealed"), request.app[CORE]
    if not sealed or core.clock.now() > message.at + cookies.RECEIPT_AGE:
        return message.text
    return message.text.replace(DOTS, core.vault.open(str(sealed).encode()))


async def _slugs(request: web.Request, session: AsyncSession, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    told = select(Article.id, Article.slug).where(Article.id.in_(ids), is_told(today_of(request.app[CORE])))
    return dict((await session.execute(told)).all())
