"""What every call is given, and the few types that the flow's files share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from hotline.database import Database
from hotline.errors import Unavailable
from hotline.logs import get
from hotline.settings import Settings
from telephony.flow.answer_times import AnswerTimes
from telephony.flow.captions import CaptionWriter
from telephony.speech.prompts import PromptStore
from telephony.speech.transcriber import Transcriber, TranscriptSession
from telephony.speech.voice import Voice
from ticketing.context import Core

if TYPE_CHECKING:
    from chatbot.reply import Turn
    from telephony.queue.switchboard import Switchboard


log = get(__name__)


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


def open_transcript(transcriber: Transcriber | None, event: str) -> TranscriptSession | None:
    """A recogniser for one voice; None without a model, or when as many run as the machine can do: logged as `event`.

    What is said then is in the recording, and is written down after the call.
    """
    if transcriber is None:
        return None
    try:
        return transcriber.open(8000)
    except Unavailable as error:
        log.warning(event, reason=str(error))
        return None


class CallerGone(Exception):
    """The call is over; whatever was going on stops here and the call is wound up."""

    def __init__(self, reason: str) -> None:
        """`reason` is the end reason of the call, for example caller_hung_up or rtp_timeout."""
        super().__init__(reason)
        self.reason = reason
