"""Several Rasa processes behind one client: a conversation keeps to one of them, and goes to another when that one cannot take it.

Keeping to one is what makes Rasa's own lock (in the memory of a process) enough; going to another is possible because all of them
keep their conversations in one tracker store (docs/decisions/0179).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chatbot.rasa_client import RasaBusy, RasaClient
from hotline.settings import Settings


class RasaPool:
    """The same three calls as one client."""

    def __init__(self, clients: Sequence[RasaClient]) -> None:
        """At least one client; the order must be the same in every process."""
        self._clients = tuple(clients)

    @classmethod
    def of(cls, settings: Settings) -> RasaPool | None:
        """As configured, or None when Rasa is switched off."""
        if not settings.bot_enabled:
            return None
        return cls([RasaClient(url, settings.secret, timeout_s=settings.bot_timeout_s) for url in settings.rasa_urls])

    async def turn(self, conversation_id: UUID, message_id: int, text: str, *, align_form: bool | None) -> None:
        """One turn, by the conversation's own process or by the next that is free.

        A process that was asked and failed is not replaced: the citizen's time is over then. Raises RasaDown.
        """
        first = conversation_id.int % len(self._clients)
        for client in (*self._clients[first:], *self._clients[:first]):
            try:
                return await client.turn(conversation_id, message_id, text, align_form=align_form)
            except RasaBusy as error:
                refused = error
        raise refused

    async def ready(self) -> bool:
        """Whether every process answers and has a model loaded."""
        return all([await client.ready() for client in self._clients])

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()
