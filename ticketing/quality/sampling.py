# ruff: noqa: S608 - statements are put together from constants of this file
"""Drawing calls for inspection: always what somebody complained about, rated badly, is suspicious or very short, and a share by chance.

Called by the scheduler; whatever was missed (an outage, a weekend) is caught up, and what is drawn is not drawn again. Calls of
secret tickets are never drawn: whoever inspects may not see them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.permissions import ensure
from ticketing.quality import book
from ticketing.quality.models import Drawn, QualityCheck

REACH = timedelta(days=7)
"""Complaints, ratings, findings and short talks of this time are looked for."""
_LOCK = 7_120_019
_AGENT = "(c.data->>'agent_id')::bigint"
_TALKS = """
    c.direction = 'in' AND c.state = 'ended' AND c.recording_path IS NOT NULL AND c.data->>'agent_id' IS NOT NULL
    AND c.data->>'person_answered_at' IS NOT NULL
    AND NOT EXISTS (SELECT FROM ticket h WHERE h.conversation_id = c.conversation_id AND h.confidentiality = 'secret')
"""
"""Recorded calls that a person spoke on."""
_NEW = "NOT EXISTS (SELECT FROM quality_check q WHERE q.call_id = c.id)"

_ALWAYS: dict[Drawn, str] = {
    Drawn.COMPLAINT: f"""
        SELECT DISTINCT ON (t.id) c.id, {_AGENT} AS agent_id FROM ticket t
        JOIN citizen z ON z.id = t.citizen_id JOIN citizen y ON y.phone_hash = z.phone_hash
        JOIN call c ON c.citizen_id = y.id AND c.ended_at BETWEEN t.received_at - CAST(:complaint AS interval) AND t.received_at
            AND c.conversation_id IS DISTINCT FROM t.conversation_id
        JOIN staff a ON a.id = {_AGENT} AND a.unit_id = t.reported_unit_id
        WHERE t.kind = 'complaint' AND t.received_at > CAST(:since AS timestamptz) AND t.confidentiality <> 'secret' AND {_TALKS}
        ORDER BY t.id, c.ended_at DESC
    """,
    Drawn.RATED_BADLY: f"""
        SELECT c.id, {_AGENT} AS agent_id FROM callback_task k JOIN ticket t ON t.id = k.ticket_id
        JOIN call c ON c.conversation_id = t.conversation_id
        WHERE k.finished_at > CAST(:since AS timestamptz) AND k.kind = 'evaluation' AND k.satisfaction = 'dissatisfied' AND {_TALKS}
    """,
    Drawn.SUSPICIOUS: f"""
        SELECT c.id, {_AGENT} AS agent_id FROM finding f JOIN ticket t ON t.id = f.ticket_id
        JOIN call c ON c.conversation_id = t.conversation_id
        WHERE f.found_at > CAST(:since AS timestamptz) AND f.state <> 'dismissed' AND f.user_id = {_AGENT} AND {_TALKS}
    """,
    Drawn.SHORT: f"""
        SELECT c.id, {_AGENT} AS agent_id FROM call c
        WHERE c.ended_at > CAST(:since AS timestamptz) AND {_TALKS}
            AND c.ended_at - (c.data->>'person_answered_at')::timestamptz < CAST(:short AS interval)
    """,
}
_SHARE = f"""
    WITH talk AS (
        SELECT c.id, {_AGENT} AS agent_id, (SELECT q.rule FROM quality_check q WHERE q.call_id = c.id) AS rule
        FROM call c WHERE c.ended_at >= :start AND c.ended_at < :until AND {_TALKS}
    ), wanted AS (
        SELECT agent_id,
            least(
                greatest(ceil(count(*) * CAST(:percent AS float8) / 100), CAST(:least AS float8)), CAST(:most AS float8)
            )
                - count(*) FILTER (WHERE rule = 'share') AS missing
        FROM talk GROUP BY agent_id
    ), lot AS (
        SELECT id, agent_id, row_number() OVER (PARTITION BY agent_id ORDER BY random()) AS place FROM talk WHERE rule IS NULL
    )
    SELECT lot.id, lot.agent_id FROM lot JOIN wanted USING (agent_id) WHERE lot.place <= wanted.missing
"""


async def run(core: Core, database: Database) -> int:
    """One draw, as the scheduler calls it. Returns how many calls came to the list."""
    async with database.transaction() as session:
        return await draw(core, session)


async def draw(core: Core, session: AsyncSession) -> int:
    """What the rules in force ask for and is not on the list yet: the always-rules first, then the share by chance."""
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    now, rules = core.clock.now(), (await book.current(session)).sampling
    values = {"since": now - REACH, "short": timedelta(seconds=rules.short_seconds), "complaint": timedelta(days=rules.complaint_days)}
    drawn = 0
    for rule, statement in _ALWAYS.items():
        needed = {name: value for name, value in values.items() if f":{name}" in statement}
        drawn += await _put(session, rule, statement, now, needed)
    for start, until, over in _weeks(now):
        chance = {"start": start, "until": until, "percent": rules.share_percent, "least": rules.least if over else 0, "most": rules.most}
        drawn += await _put(session, Drawn.SHARE, _SHARE, now, chance)
    if drawn:
        await record(session, at=now, name="quality.drawn", subject="quality", subject_id="all", who=SYSTEM.who, data={"count": drawn})
    return drawn


def _weeks(now: datetime) -> list[tuple[datetime, datetime, bool]]:
    """The week before and this one up to midnight, from Monday in the city's time, and whether it is over.

    A running day is not drawn from: whoever calls in the morning would be drawn more often than who calls at night.
    """
    today = to_city(now).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    return [(monday - timedelta(days=7), monday, True), (monday, today, False)]


async def _put(session: AsyncSession, rule: Drawn, statement: str, now: datetime, values: dict[str, object]) -> int:
    put = f"""
        INSERT INTO quality_check (call_id, agent_id, rule, state, drawn_at)
        SELECT DISTINCT ON (c.id) c.id, found.agent_id, '{rule.value}', 'waiting', CAST(:now AS timestamptz)
        FROM ({statement}) AS found JOIN call c ON c.id = found.id
        WHERE {_NEW} ORDER BY c.id
        ON CONFLICT (call_id) DO NOTHING RETURNING id
    """
    return len((await session.execute(text(put), {"now": now, **values})).all())


async def pick(core: Core, session: AsyncSession, actor: Actor, call: Call) -> QualityCheck:
    """Put a call on the list by hand, or find the check that it has. `call` came through `access_call`.

    Raises NotAllowed, and InvalidInput when no person spoke on it.
    """
    actor = ensure(actor, "quality.score")
    agent = call.data.get("agent_id")
    if call.ended_at is None or agent is None or call.recording_path is None:
        raise InvalidInput(_("只能评已经结束、有录音、话务员接听过的通话"))
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    known = (await session.scalars(select(QualityCheck).where(QualityCheck.call_id == call.id))).first()
    if known is not None:
        return known
    check = QualityCheck(call_id=call.id, agent_id=int(agent), rule=Drawn.BY_HAND.value, drawn_at=core.clock.now())
    session.add(check)
    await session.flush()
    await record(session, at=core.clock.now(), name="quality.picked", subject="quality_check", subject_id=check.id, who=actor.who)
    return check
