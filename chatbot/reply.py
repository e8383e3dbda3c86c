"""What one turn answers, as the channels see it, and how it is kept so that a repeat gets the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.wording import Say
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import add_message

_DOTS = "••••••••"


@dataclass(frozen=True)
class Answer:
    """One thing to say to the citizen."""

    text: str
    spoken: str
    """For the voice: Chinese characters and plain punctuation only."""
    article_id: int | None = None
    article_version: int | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class TicketRef:
    """A ticket that this turn made. The query code is shown to the citizen only."""

    number: str
    query_code: str


@dataclass(frozen=True)
class Turn:
    """The outcome of one utterance."""

    answers: tuple[Answer, ...]
    handover: bool
    """The citizen was handed to a person in this turn."""
    handover_reason: str | None
    ticket: TicketRef | None
    owner: Owner
    """Who has the conversation now. Unless it is the bot, no answer was given and a person will."""
    degraded: bool
    """Rasa did not answer; rules and search did."""
    form_open: bool
    finished: bool
    """The citizen said goodbye."""


@dataclass
class Reply:
    """What was decided; written by the engine, not yet stored."""

    says: list[Say] = field(default_factory=list)
    handover_reason: str | None = None
    ticket: TicketRef | None = None
    finished: bool = False
    degraded: bool = False


async def store(core: Core, session: AsyncSession, conversation: Conversation, message_id: int, reply: Reply) -> Turn:
    """Write the answers. The query code is sealed, since staff who read the conversation must not see it."""
    written = []
    for place, say in enumerate(reply.says):
        data: dict[str, Any] = {"reply_to": message_id, "choices": list(say.choices), "spoken": say.aloud}
        if say.secret:
            data["sealed"] = core.vault.seal(say.secret).decode()
        if place == len(reply.says) - 1:
            data["turn"] = {
                "handover": reply.handover_reason,
                "ticket": reply.ticket.number if reply.ticket else None,
                "finished": reply.finished,
                "degraded": reply.degraded,
                "form": conversation.draft is not None,
            }
        text = say.text.replace("{secret}", _DOTS) if say.secret else say.text
        written.append(await add_message(core, session, conversation, Author.BOT, text, article=say.article, data=data))
    await session.flush()
    return _turn(core, conversation, written)


async def stored_turn(core: Core, session: AsyncSession, conversation: Conversation, message_id: int) -> Turn | None:
    """The turn that answered this message, or None when it was not answered by the bot."""
    statement = select(Message).where(
        Message.conversation_id == conversation.id,
        Message.id > message_id,
        Message.author == Author.BOT.value,
        Message.data["reply_to"].astext == str(message_id),
    )
    messages = list(await session.scalars(statement.order_by(Message.id)))
    return _turn(core, conversation, messages) if messages else None


def _turn(core: Core, conversation: Conversation, messages: Sequence[Message]) -> Turn:
    about = messages[-1].data.get("turn", {})
    secret = next((core.vault.open(message.data["sealed"].encode()) for message in messages if "sealed" in message.data), "")
    return Turn(
        answers=tuple(_answer(message, secret) for message in messages),
        handover=about.get("handover") is not None,
        handover_reason=about.get("handover"),
        ticket=TicketRef(about["ticket"], secret) if about.get("ticket") else None,
        owner=Owner(conversation.owner),
        degraded=bool(about.get("degraded")),
        form_open=bool(about.get("form")),
        finished=bool(about.get("finished")),
    )


def silent(conversation: Conversation) -> Turn:
    """The turn in which the bot says nothing, because a person has the conversation or it is closed."""
    return Turn((), False, None, None, Owner(conversation.owner), False, conversation.draft is not None, False)


def _answer(message: Message, secret: str) -> Answer:
    text = message.text.replace(_DOTS, secret) if "sealed" in message.data else message.text
    choices = tuple(message.data.get("choices", ()))
    return Answer(text, str(message.data.get("spoken", "")), message.article_id, message.article_version, choices)
