"""What every call is given, and the few types that the flow's files share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from hotline.database import Database
from hotline.settings import Settings
from telephony.flow.answer_times import AnswerTimes
from telephony.flow.captions import CaptionWriter
from telephony.speech.prompts import PromptStore
from telephony.speech.transcriber import Transcriber
from telephony.speech.voice import Voice
from ticketing.context import Core

if TYPE_CHECKING:
    from chatbot.reply import Turn
    from telephony.queue.switchboard import Switchboard


class Bot(Protocol):
    """The dialogue as the flow uses it: `chatbot.dialogue.Dialogue`."""

    async def turn(self, conversation_id: UUID, text: str, *, external_id: str | None = None, data: dict[str, Any] | None = None) -> Turn:
        """Store what the citizen said and answer it. Raises `hotline.errors.Unavailable` when the database is gone."""
        ...


@dataclass(frozen=True)
class Parts:
    """What the calls of one telephony process share."""

    settings: Settings
    core: Core
    database: Database
    bot: Bot
    transcriber: Transcriber | None
    """None: messages are taken instead (degraded mode)."""
    voice: Voice
    prompts: PromptStore
    worker: str
    """Name of this process, the same after a restart: the next one ends the calls that a dead one left open."""
    switchboard: Switchboard
    """Where agents are found."""
    captions: CaptionWriter | None = None
    """Shows what is being said; None: only complete sentences are seen."""
    answer_times: AnswerTimes = field(default_factory=AnswerTimes)


class CallerGone(Exception):
    """The call is over; whatever was going on stops here and the call is wound up."""

    def __init__(self, reason: str) -> None:
        """`reason` is the end reason of the call, for example caller_hung_up or rtp_timeout."""
        super().__init__(reason)
        self.reason = reason
