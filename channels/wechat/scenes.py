"""Scenes (场景值) of posters' codes: which poster a citizen scanned. Kept with the conversation and what is registered from it."""

from __future__ import annotations

import re

from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat import posters
from channels.wechat.incoming import Incoming
from ticketing.context import Core
from ticketing.conversation.models import Conversation

_SCENE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIRST_SCAN = "qrscene_"


def of(message: Incoming) -> str:
    """The scene of a scan, by somebody new (subscribe with `qrscene_…`) or by a follower (SCAN); empty for anything else."""
    if message.event not in ("subscribe_scan", "subscribe", "scan"):
        return ""
    scene = message.get("EventKey").removeprefix(_FIRST_SCAN)
    return scene if _SCENE.fullmatch(scene) else ""


async def remember(core: Core, session: AsyncSession, conversation: Conversation, message: Incoming, source: int) -> str:
    """Count the scan and keep its scene with the conversation; the poster's words, empty when it is none of ours."""
    scene = of(message)
    if not scene:
        return ""
    newcomer = message.event != "scan"
    poster = await posters.scanned(session, scene, source=source, at=core.clock.now(), newcomer=newcomer)
    if poster is None:
        return ""
    conversation.scene = scene
    return await posters.label(session, poster)
