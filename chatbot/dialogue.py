"""One turn of any conversation on any channel: the only thing that web, WeChat and telephony call."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select

from chatbot import guide
from chatbot.engine import respond, respond_in
from chatbot.learned import Learned
from chatbot.rasa_client import RasaClient, RasaDown
from chatbot.rasa_files import RasaFiles
from chatbot.rasa_pool import RasaPool
from chatbot.registration import save_unfinished
from chatbot.rephrase import EndpointRephraser, Rephraser
from chatbot.reply import Answer, TicketRef, Turn, silent, stored_turn
from chatbot.rewording import reword
from hotline import logs
from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import add_message, get_conversation

LOG = logs.get(__name__)
MAX_TEXT = 5000
"""Longer utterances are cut. A channel that wants to refuse them does so itself."""


class Dialogue:
    """Answers citizens. One per process; holds no state of a conversation, that is all in the database."""

    def __init__(
        self,
        core: Core,
        database: Database,
        rasa: RasaClient | RasaPool | None,
        rephraser: Rephraser | None = None,
        learned: Learned | None = None,
    ) -> None:
        """`rasa` None: rules, the learned classifier and search answer alone. `rephraser` None: answers stay as the editors wrote them.

        `learned` None: no model is at hand; rules and examples find the intent when Rasa does not.
        """
        self._core = core
        self._database = database
        self._rasa = rasa
        self._rephraser = rephraser
        self._learned = learned or Learned(None)

    @classmethod
    def of(cls, core: Core, database: Database, settings: Settings) -> Dialogue:
        """The dialogue as configured."""
        return cls(core, database, RasaPool.of(settings), EndpointRephraser.of(settings), Learned(RasaFiles.of(settings).registry))

    async def close(self) -> None:
        """Close the connections to Rasa and to the language model."""
        if self._rasa is not None:
            await self._rasa.close()
        if self._rephraser is not None:
            await self._rephraser.close()

    async def turn(self, conversation_id: UUID, text: str, *, external_id: str | None = None, data: dict[str, Any] | None = None) -> Turn:
        """Answer one utterance. What the citizen said is committed before anything else happens.

        Args:
            conversation_id: an open conversation (`ticketing.conversation.service.open_conversation`).
            text: what was typed or heard.
            external_id: the channel's own id of the utterance: a repeat gets the stored answers and changes nothing.
            data: kept with the message (confidence, seconds in the recording, attachment ids).

        Raises InvalidInput for an empty text, NotFound for an unknown conversation, Unavailable when the database is away.
        """
        said = text.replace("\0", "").strip()[:MAX_TEXT]
        if not said:
            raise InvalidInput(_("请写一句话"), field="text")
        async with self._database.transaction() as session:
            conversation = await get_conversation(session, conversation_id, lock=True)
            message = await add_message(self._core, session, conversation, Author.CITIZEN, said, external_id=external_id, data=data)
            message_id, said = message.id, message.text
            if conversation.owner != Owner.BOT.value:
                return await stored_turn(self._core, session, conversation, message_id) or silent(conversation)
        turn = await self._answer(conversation_id, message_id, said)
        if self._rephraser is None:
            return turn
        return await reword(self._core, self._database, self._rephraser, conversation_id, message_id, said, turn)

    async def _answer(self, conversation_id: UUID, message_id: int, said: str) -> Turn:
        async with self._database.transaction() as session:
            conversation = await get_conversation(session, conversation_id, lock=True)
            answered = await respond_in(self._core, session, conversation, message_id, None)
            if answered is None and self._rasa is None:
                hint = await asyncio.to_thread(self._learned.classify, said)
                answered = await respond_in(self._core, session, conversation, message_id, hint, degraded=True)
            align = None if answered is not None else _needed_alignment(conversation)
        if answered is not None:
            return answered
        return await self._ask_rasa(conversation_id, message_id, said, align) or await self._fall_back(conversation_id, message_id, said)

    async def warm_up(self) -> None:
        """Load dictionaries, examples and the search index, so that the first citizen does not wait for them.

        Computes in a thread. Raises Unavailable when the database is away; the turn does it then when it is needed.
        """
        await asyncio.to_thread(self._learned.classify, "身份证怎么办")
        async with self._database.transaction() as session:
            await guide.find(self._core, session, "身份证")

    async def repeat(self, conversation_id: UUID) -> Turn | None:
        """The last turn that the bot answered, for a channel that has to say it again; None when there is none."""
        async with self._database.transaction() as session:
            conversation = await get_conversation(session, conversation_id)
            last = select(Message.data["reply_to"].astext).where(
                Message.conversation_id == conversation_id, Message.author == Author.BOT.value, Message.data.has_key("reply_to")
            )
            message_id = await session.scalar(last.order_by(Message.id.desc()).limit(1))
            return await stored_turn(self._core, session, conversation, int(message_id)) if message_id else None

    async def _ask_rasa(self, conversation_id: UUID, message_id: int, text: str, align_form: bool | None) -> Turn | None:
        """Rasa calls our action endpoint, which writes the answer; None when it did not."""
        if self._rasa is None:
            return None
        try:
            await self._rasa.turn(conversation_id, message_id, text, align_form=align_form)
        except RasaDown:
            return None
        async with self._database.reading() as session:
            conversation = await get_conversation(session, conversation_id)
            answered = await stored_turn(self._core, session, conversation, message_id)
            if answered is None and conversation.owner != Owner.BOT.value:
                return silent(conversation)
        if answered is None:
            LOG.warning("rasa.no_action", conversation=str(conversation_id))
        return answered

    async def _fall_back(self, conversation_id: UUID, message_id: int, text: str) -> Turn:
        hint = await asyncio.to_thread(self._learned.classify, text)  # after a switch it reads the new model
        async with self._database.transaction() as session:
            turn = await respond(self._core, session, conversation_id, message_id, hint, degraded=True)
            conversation = await get_conversation(session, conversation_id)
            conversation.bot_state = {**conversation.bot_state, "restart": True}
        return cast(Turn, turn)  # with a hint there is always a turn


def _needed_alignment(conversation: Conversation) -> bool | None:
    """Whether Rasa's memory has to be set right first: it heard nothing of turns that went without it, or an agent had it."""
    state = dict(conversation.bot_state)
    form_open = conversation.draft is not None
    if not state.pop("restart", False) and bool(state.get("rasa_form")) == form_open:
        return None
    conversation.bot_state = {**state, "rasa_form": form_open}
    return form_open


def note_rasa_form(conversation: Conversation, form_open: bool) -> None:
    """Remember whether Rasa believes that the form is open."""
    if bool(conversation.bot_state.get("rasa_form")) != form_open:
        conversation.bot_state = {**conversation.bot_state, "rasa_form": form_open}


__all__ = ["Answer", "Dialogue", "TicketRef", "Turn", "note_rasa_form", "save_unfinished"]
