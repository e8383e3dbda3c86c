"""Posters with a WeChat code of their own (带参数二维码): made for a unit, found again by its scene, their scans and tickets counted.

The codes are permanent (QR_LIMIT_STR_SCENE, 100,000 for one account); the same scene always gives the same code, so what the
platform says is asked once and kept. A poster that was withdrawn still works where it hangs: it is only offered no more.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.api import Client
from channels.wechat.models import Poster, PosterScan
from hotline.errors import InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.people.permissions import ensure
from ticketing.ticket.models import Ticket

PERMISSION = "poster.manage"
UNIT, OWN = "u_", "p_"
"""Scenes of a unit's common poster (with the unit's code), and of one that was made by hand."""
MAX_NAME, MAX_PLACE, MAX_PURPOSE = 40, 60, 30
PAGE = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Wanted:
    """What somebody typed for a poster."""

    unit_id: int
    name: str
    place: str = ""
    purpose: str = ""

    def check(self) -> None:
        """Raises InvalidInput that names every field at fault."""
        errors = {}
        if not 2 <= len(self.name) <= MAX_NAME:
            errors["name"] = _("名称应为2到{n}个字").format(n=MAX_NAME)
        for field, most in (("place", MAX_PLACE), ("purpose", MAX_PURPOSE)):
            if len(getattr(self, field)) > most:
                errors[field] = _("这里最多{limit}个字").format(limit=most)
        for field in ("name", "place", "purpose"):
            if _CONTROL.search(getattr(self, field)):
                errors[field] = _("这里有不能保存的字符，请重新输入")
        if errors:
            raise InvalidInput(errors=errors)


@dataclass(frozen=True)
class Listed:
    """A poster with its figures."""

    poster: Poster
    unit: str
    scans: int
    newcomers: int
    """Scans by which somebody began to follow the account."""
    tickets: int


async def make(core: Core, session: AsyncSession, actor: Actor, wanted: Wanted) -> Poster:
    """A new poster. Raises NotAllowed, InvalidInput."""
    ensure(actor, PERMISSION)
    wanted.check()
    unit = await session.get(Unit, wanted.unit_id)
    if unit is None or not unit.active:
        raise InvalidInput(errors={"unit_id": _("请从列表里选择单位")})
    poster = Poster(
        scene=f"{OWN}{secrets.token_hex(6)}",
        unit_id=unit.id,
        name=wanted.name,
        place=wanted.place,
        purpose=wanted.purpose,
        created_at=core.clock.now(),
        created_by_id=actor.user_id,
    )
    session.add(poster)
    await session.flush()
    data = {"name": poster.name, "unit": unit.id, "place": poster.place, "scene": poster.scene}
    await record(session, at=core.clock.now(), name="poster.made", subject="poster", subject_id=poster.id, who=actor.who, data=data)
    return poster


async def switch(core: Core, session: AsyncSession, actor: Actor, poster_id: int, *, active: bool) -> Poster:
    """Withdraw a poster, or offer it again. Once more changes nothing. Raises NotAllowed, NotFound."""
    poster = await get(session, actor, poster_id, lock=True)
    if (poster.withdrawn_at is None) == active:
        return poster
    poster.withdrawn_at = None if active else core.clock.now()
    name = "poster.offered" if active else "poster.withdrawn"
    await record(session, at=core.clock.now(), name=name, subject="poster", subject_id=poster.id, who=actor.who)
    return poster


async def get(session: AsyncSession, actor: Actor, poster_id: int, *, lock: bool = False) -> Poster:
    """One poster. Raises NotAllowed, NotFound."""
    ensure(actor, PERMISSION)
    poster = await session.get(Poster, poster_id, with_for_update=lock)
    if poster is None:
        raise NotFound(_("没有找到这张海报"))
    return poster


async def listed(session: AsyncSession, actor: Actor, *, before: int | None = None) -> list[Listed]:
    """`PAGE` posters, newest first, with how often they were scanned and how many tickets came by them: numbers only."""
    ensure(actor, PERMISSION)
    statement = select(Poster, Unit.name).join(Unit, Unit.id == Poster.unit_id).order_by(Poster.id.desc()).limit(PAGE)
    found = [(row[0], row[1]) for row in await session.execute(statement.where(Poster.id < before) if before else statement)]
    ids, scenes = [poster.id for poster, _unit in found], [poster.scene for poster, _unit in found]
    new = func.count().filter(PosterScan.newcomer)
    counted = select(PosterScan.poster_id, func.count(), new).where(PosterScan.poster_id.in_(ids)).group_by(PosterScan.poster_id)
    scans = {row[0]: (row[1], row[2]) for row in await session.execute(counted)}
    scene = Ticket.extra["scene"].astext
    by_scene = select(scene, func.count()).where(Ticket.extra.has_key("scene"), scene.in_(scenes)).group_by(scene)
    tickets = {row[0]: row[1] for row in await session.execute(by_scene)}
    return [Listed(poster, unit, *scans.get(poster.id, (0, 0)), tickets.get(poster.scene, 0)) for poster, unit in found]


async def scanned(session: AsyncSession, scene: str, *, source: int, at: datetime, newcomer: bool) -> Poster | None:
    """Somebody scanned a code: count it once for each message of the journal. None when the scene is none of ours."""
    poster = await find(session, scene, at)
    if poster is not None:
        row = {"source": source, "poster_id": poster.id, "scanned_at": at, "newcomer": newcomer}
        await session.execute(insert(PosterScan).values(row).on_conflict_do_nothing())
    return poster


async def find(session: AsyncSession, scene: str, at: datetime) -> Poster | None:
    """The poster of a scene; a unit's common one that hung before posters were kept is known by the unit's code."""
    known = (await session.scalars(select(Poster).where(Poster.scene == scene))).first()
    if known is not None or not scene.startswith(UNIT):
        return known
    unit = (await session.scalars(select(Unit).where(Unit.code == scene.removeprefix(UNIT)))).first()
    return (await of_units(session, [unit], at))[0] if unit is not None else None


async def of_units(session: AsyncSession, units: Sequence[Unit], at: datetime) -> list[Poster]:
    """The units' common posters, in this order, made where there is none yet. Raises InvalidInput for a code that is too long."""
    if long := [unit.code for unit in units if len(UNIT + unit.code) > 64]:
        raise InvalidInput(_("单位代码太长，不能做场景值：{codes}"), codes="、".join(long))
    rows = [{"scene": UNIT + unit.code, "unit_id": unit.id, "name": unit.name[:MAX_NAME], "created_at": at} for unit in units]
    if rows:
        await session.execute(insert(Poster).values(rows).on_conflict_do_nothing(index_elements=["scene"]))
    found = {each.scene: each for each in await session.scalars(select(Poster).where(Poster.scene.in_([row["scene"] for row in rows])))}
    return [found[UNIT + unit.code] for unit in units]


async def label(session: AsyncSession, poster: Poster) -> str:
    """What a citizen reads of it: unit and name, once if they are the same."""
    unit = await session.scalar(select(Unit.name).where(Unit.id == poster.unit_id)) or ""
    return poster.name if unit in poster.name else f"{unit}·{poster.name}"


async def units_for(session: AsyncSession, codes: Sequence[str]) -> list[Unit]:
    """The units with these codes, in this order; without codes every street and town (level 3). Raises NotFound."""
    if not codes:
        return list(await session.scalars(select(Unit).where(Unit.level == 3).order_by(Unit.id)))
    found = {unit.code: unit for unit in await session.scalars(select(Unit).where(Unit.code.in_(codes)))}
    if missing := [code for code in codes if code not in found]:
        raise NotFound(_("没有这些单位：{codes}"), codes="、".join(missing))
    return [found[code] for code in codes]


async def with_codes(client: Client, rows: Sequence[Poster]) -> None:
    """Ask the platform for the codes that are not known yet; making them again does no harm. Raises `PlatformError`."""
    for poster in rows:
        poster.code_url = poster.code_url or await client.scene_code(poster.scene)
