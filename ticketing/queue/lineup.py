"""Who waits and who can answer, read from the database as `ticketing.queue.matching` wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from ticketing.call_flow.document import Document
from ticketing.context import Core
from ticketing.duty.models import Duty, DutyState, Skill
from ticketing.people.models import User
from ticketing.queue.matching import Agent, Caller
from ticketing.queue.models import Offer, Waiting, WaitState


async def callers_waiting(core: Core, session: AsyncSession, document: Document) -> list[Caller]:
    """Who waits on the line and is offered to nobody; locked."""
    waiting = select(Waiting).where(Waiting.state == WaitState.WAITING.value).order_by(Waiting.entered_at).limit(200)
    rows = list(await session.scalars(waiting.with_for_update(skip_locked=True)))
    now = core.clock.now()
    tried = select(Offer).where(Offer.waiting_id.in_([row.id for row in rows]), Offer.ended_at > now - timedelta(seconds=120))
    anywhere = {name for name, options in document.queues.items() if options.any_line}
    resting: dict[int, set[int]] = {}
    for offer in await session.scalars(tried):
        queue = next(row.queue for row in rows if row.id == offer.waiting_id)
        options = document.queues.get(queue)
        if offer.ended_at and offer.ended_at > now - timedelta(seconds=options.retry if options else 5):
            resting.setdefault(offer.waiting_id, set()).add(offer.user_id)
    return [
        Caller(row.id, row.queue, row.line, row.language, row.dialect, row.weight, row.priority, row.entered_at,
               any_line=row.queue in anywhere, rest=frozenset(resting.get(row.id, ())),
               waited_s=(now - row.entered_at).total_seconds())
        for row in rows
    ]  # fmt: skip


async def ready_agents(core: Core, session: AsyncSession) -> list[Agent]:
    """Who is free, with what they can do; locked."""
    ready = select(Duty).where(Duty.state == DutyState.READY.value, Duty.phone != "").with_for_update(skip_locked=True)
    duties = list(await session.scalars(ready))
    day = to_city(core.clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    ids = [duty.user_id for duty in duties]
    count = select(Offer.user_id, func.count()).where(Offer.user_id.in_(ids), Offer.result == "answered", Offer.offered_at >= day)
    taken: dict[int, int] = {row[0]: row[1] for row in await session.execute(count.group_by(Offer.user_id))}
    return await _agents(session, duties, taken)


async def busy_agents(session: AsyncSession) -> list[Agent]:
    """Who will be free again after what they are at, not locked: a caller may wait a while for one of them."""
    states = [state.value for state in (DutyState.RINGING, DutyState.BUSY, DutyState.WRAP_UP)]
    return await _agents(session, list(await session.scalars(select(Duty).where(Duty.state.in_(states), Duty.phone != ""))), {})


async def _agents(session: AsyncSession, duties: Sequence[Duty], taken: Mapping[int, int]) -> list[Agent]:
    ids = [duty.user_id for duty in duties]
    bound = {row.id: row.line for row in await session.execute(select(User.id, User.line).where(User.id.in_(ids), User.active))}
    skills: dict[int, dict[str, set[str]]] = {}
    for skill in await session.scalars(select(Skill).where(Skill.user_id.in_(ids))):
        skills.setdefault(skill.user_id, {}).setdefault(skill.kind, set()).add(skill.code)
    agents = []
    for duty in duties:
        if duty.user_id not in bound:
            continue  # the account was switched off
        mine, line = skills.get(duty.user_id, {}), bound[duty.user_id]
        lines = {line} if line else mine.get("line", set())
        agents.append(
            Agent(duty.user_id, duty.idle_since, taken.get(duty.user_id, 0), lines=frozenset(lines),
                  languages=frozenset(mine.get("language", ())), dialects=frozenset(mine.get("dialect", ())), bound=bool(line))
        )  # fmt: skip
    return agents


__all__ = ["busy_agents", "callers_waiting", "ready_agents"]
