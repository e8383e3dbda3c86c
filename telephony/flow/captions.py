"""Carries partial results to the pages: of each voice only the newest, all calls together, ten times a second at most."""

from __future__ import annotations

import asyncio
from uuid import UUID

from hotline.database import Database
from hotline.errors import Unavailable
from hotline.logs import get
from telephony.speech.transcriber import Heard
from ticketing.context import Core
from ticketing.conversation.captions import Saying, Speaker, show, sweep

log = get(__name__)
_PAUSE_S = 0.1
_SWEEP_S = 60.0


class CaptionWriter:
    """One for each process. Captions are worth nothing later: what can't be written now is dropped."""

    def __init__(self, core: Core, database: Database) -> None:
        """`run` must be going for anything to be written."""
        self._core = core
        self._database = database
        self._newest: dict[tuple[UUID, Speaker], Saying] = {}
        self._more = asyncio.Event()

    def heard(self, call_id: UUID, conversation_id: UUID | None, speaker: Speaker, heard: Heard) -> None:
        """A partial result, or the final one that takes the caption away."""
        if conversation_id is not None:
            text = heard.text if heard.kind == "partial" else ""
            self._newest[call_id, speaker] = Saying(call_id, conversation_id, speaker, text)
            self._more.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        swept = loop.time()
        while True:
            await self._more.wait()
            self._more.clear()
            sayings, self._newest = list(self._newest.values()), {}
            try:
                async with self._database.transaction() as session:
                    await show(self._core, session, sayings)
                    if loop.time() - swept > _SWEEP_S:
                        swept = loop.time()
                        await sweep(self._core, session)
            except Unavailable as error:
                log.warning("captions_not_written", reason=str(error))
            except Exception:  # a caption more or less is not worth a call
                log.exception("captions_failed")
            await asyncio.sleep(_PAUSE_S)
