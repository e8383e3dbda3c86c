"""The channel of one process, put together from its services."""

from __future__ import annotations

from typing import Any, Protocol

from channels.wechat.answers import Answers
from channels.wechat.api import Client
from channels.wechat.desk import Desk
from channels.wechat.ears import Ears
from channels.wechat.envelope import Envelope
from channels.wechat.journal import Journal
from channels.wechat.sender import Sender
from hotline.database import Database
from hotline.settings import Settings
from ticketing.context import Core


class Services(Protocol):
    """What the channel needs of `hotline.assembly.Services`."""

    @property
    def settings(self) -> Settings:
        """Settings of this process."""
        ...

    @property
    def core(self) -> Core:
        """First argument of the service functions."""
        ...

    @property
    def database(self) -> Database:
        """The pool."""
        ...

    @property
    def dialogue(self) -> Any:
        """`chatbot.dialogue.Dialogue`."""
        ...

    @property
    def transcriber(self) -> Any:
        """`telephony.speech.Transcriber` or None; loading it takes seconds."""
        ...


class Channel:
    """Everything of the channel that lives in a process."""

    def __init__(self, services: Services) -> None:
        """Connects to nothing yet."""
        settings, core, database = services.settings, services.core, services.database
        self.settings, self.core = settings, core
        self.envelope = Envelope.of(settings)
        self.client = Client.of(settings)
        self.journal = Journal(core, database, site=settings.web_url)
        ears = Ears(self.client, lambda: services.transcriber)
        self.desk = Desk(self.journal, Answers(settings, core, database, services.dialogue, ears).answer)
        self.sender = Sender(settings, core, database, self.client)

    async def close(self) -> None:
        """Wait for running work, so that a restart interrupts nobody."""
        await self.desk.drain()
