"""Scenes (场景值) of posters' codes: which place's poster a citizen scanned. Kept with the conversation and what is registered from it."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.incoming import Incoming
from ticketing.conversation.models import Conversation
from ticketing.people.models import Unit

PREFIX = "u_"
"""A poster belongs to a unit (a district or street): its scene is this and the unit's code."""
_SCENE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIRST_SCAN = "qrscene_"


def of(message: Incoming) -> str:
    """The scene of a scan, by somebody new (subscribe with `qrscene_…`) or by a follower (SCAN); empty for anything else."""
    if message.event not in ("subscribe_scan", "subscribe", "scan"):
        return ""
    scene = message.get("EventKey").removeprefix(_FIRST_SCAN)
    return scene if _SCENE.fullmatch(scene) else ""


async def remember(session: AsyncSession, conversation: Conversation, scene: str) -> str:
    """Keep the scene with the conversation; the place's name, empty when it is none of our posters'."""
    place = await place_of(session, scene)
    if place:
        conversation.scene = scene
    return place


async def place_of(session: AsyncSession, scene: str) -> str:
    """The name of the unit whose poster has this scene; empty when there is none."""
    if not scene.startswith(PREFIX):
        return ""
    return await session.scalar(select(Unit.name).where(Unit.code == scene.removeprefix(PREFIX))) or ""


def scene_of(unit: Unit) -> str:
    """The scene of a unit's poster."""
    return PREFIX + unit.code
