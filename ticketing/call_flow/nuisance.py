"""骚扰号码: who is kept from the line, for how long and why. Every entry has an end and an event; nobody is kept out for good."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.call_flow.models import NuisanceNumber
from ticketing.citizen.service import normalise_phone
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure

LONGEST_DAYS = 30
PROTECTED = frozenset({"110", "119", "120", "122"})


async def is_nuisance(core: Core, session: AsyncSession, caller: str | None) -> bool:
    """Whether this caller is kept from the line now. A withheld number never is."""
    number = normalise_phone(caller)
    if number is None:
        return False
    digest, now = core.vault.fingerprint(number, "phone"), core.clock.now()
    row = select(NuisanceNumber.id).where(NuisanceNumber.number_hash == digest, NuisanceNumber.until > now).limit(1)
    return await session.scalar(row) is not None


async def listed(core: Core, session: AsyncSession) -> list[NuisanceNumber]:
    """Who is kept from the line now, by the end."""
    now = core.clock.now()
    return list(await session.scalars(select(NuisanceNumber).where(NuisanceNumber.until > now).order_by(NuisanceNumber.until)))


async def add(core: Core, session: AsyncSession, actor: Actor, number: str, *, days: int, reason: str) -> NuisanceNumber:
    """Keep a number from the line. Raises NotAllowed, InvalidInput, Conflict when it is kept already."""
    actor = ensure(actor, "nuisance.manage")
    found = normalise_phone(number)
    if found is None or number.strip() in PROTECTED:
        raise InvalidInput(_("请填写完整的电话号码"), field="number")
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(_("时间是1到{n}天").format(n=LONGEST_DAYS), field="days")
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明原因，至少5个字"), field="reason")
    if await is_nuisance(core, session, found):
        raise Conflict(_("这个号码已经在名单里"))
    now = core.clock.now()
    row = NuisanceNumber(
        number_hash=core.vault.fingerprint(found, "phone"), masked=_mask(found), reason=reason.strip()[:200],
        added_at=now, added_by_id=actor.account, until=now + timedelta(days=days),
    )  # fmt: skip
    session.add(row)
    await session.flush()
    await _event(core, session, actor, row, "nuisance.added", {"days": days})
    return row


async def lift(core: Core, session: AsyncSession, actor: Actor, entry: int) -> None:
    """Let the number call again. Raises NotAllowed, NotFound when it is not kept any more."""
    actor = ensure(actor, "nuisance.manage")
    row = await session.get(NuisanceNumber, entry, with_for_update=True)
    if row is None or row.until <= core.clock.now():
        raise NotFound(_("没有找到这个号码"))
    row.until = core.clock.now()
    await _event(core, session, actor, row, "nuisance.lifted", {})


def _mask(number: str) -> str:
    digits = number.removeprefix("+86")
    return f"{digits[:3]}****{digits[-4:]}"


async def _event(core: Core, session: AsyncSession, actor: Actor, row: NuisanceNumber, name: str, data: dict[str, object]) -> None:
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="nuisance", subject_id=row.id, who=actor.who, data=dict(data))
