"""Changing a policy takes two people (D13): one proposes a new version, an administrator who is somebody else decides.

Running tickets keep the version they started with, unless a supervisor moves one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.calendar import versions
from ticketing.callback import rules
from ticketing.context import Core
from ticketing.deadline import policy
from ticketing.deadline.book import load_policies
from ticketing.deadline.models import PolicyState, PolicyVersion
from ticketing.deadline.policy import CENTRE, Centre, Policy, PolicyError
from ticketing.people.actor import Actor
from ticketing.people.permissions import may


class Standing(StrEnum):
    """What a version that was put in force is at a moment when another one counts."""

    TO_COME = "to_come"
    SUPERSEDED = "superseded"
    """Tickets that began under it keep it."""


WHOLE = (CENTRE, rules.KEY)
"""Documents of which there is one: the centre's own clocks, the conduct of callbacks. They carry no key inside."""
MAX_DOCUMENT = 20_000
"""Characters of a document as text; a policy has a few hundred."""


async def propose(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    document: dict[str, Any],
    *,
    reason: str,
    key: str = "",
    valid_from: datetime | None = None,
) -> PolicyVersion:
    """Propose a new version of a policy, or a new policy. Checked whole, with everything that is or will be in force.

    Raises NotAllowed, InvalidInput saying what is wrong, Conflict when another proposal for the same policy is open.
    """
    if not may(actor, "policy.propose") or actor.user_id is None:
        raise NotAllowed(_("只有督办和管理员可以提出修改时限规则"))
    key = key or str(document.get("key", ""))
    if key not in WHOLE and document.get("key") != key:
        raise InvalidInput(_("规则编号不能改，新规则请用新编号"), field="key")
    if not 5 <= len(reason.strip()) <= 1000:
        raise InvalidInput(_("请写明修改的理由，至少5个字"), field="reason")
    if len(str(document)) > MAX_DOCUMENT:
        raise InvalidInput(_("规则太长"), field="document")
    now = core.clock.now()
    await load_policies(core, session)  # locks; a change of one policy needs the others beside it
    start = max(valid_from or now, now)
    rows = list(await session.scalars(select(PolicyVersion).where(PolicyVersion.key == key).order_by(PolicyVersion.version)))
    if any(row.state == PolicyState.PROPOSED.value for row in rows):
        raise Conflict(_("这条规则已有待确认的修改，请先处理"))
    latest = next((row for row in reversed(rows) if row.state == PolicyState.IN_FORCE.value), None)
    if latest is not None and latest.document == document:
        raise InvalidInput(_("与现行规则一样，没有要改的"), field="document")
    number = max((row.version for row in rows), default=0) + 1
    await check_whole(session, key, number, document, start)
    proposal = PolicyVersion(
        key=key,
        version=number,
        state=PolicyState.PROPOSED.value,
        valid_from=start,
        document=document,
        reason=reason.strip(),
        proposed_by_id=actor.user_id,
        proposed_at=now,
    )
    session.add(proposal)
    await session.flush()
    data = {"version": number, "reason": reason.strip(), "valid_from": start.isoformat()}
    data["changes"] = differences(latest.document if latest else {}, document)
    await record(session, at=now, name="policy.proposed", subject="policy", subject_id=key, who=actor.who, data=data)
    return proposal


async def decide(core: Core, session: AsyncSession, actor: Actor, proposal_id: int, *, approve: bool, note: str = "") -> PolicyVersion:
    """Put a proposal in force, or refuse it with a reason. An administrator, never the one who proposed it.

    Raises NotAllowed, NotFound, IllegalStep when it is decided already, InvalidInput when it does not fit any more.
    """
    if not may(actor, "policy.decide") or actor.user_id is None:
        raise NotAllowed(_("只有管理员可以确认时限规则"))
    await versions.lock(session)
    proposal = await _open_proposal(session, proposal_id)
    if proposal.proposed_by_id == actor.user_id:
        raise NotAllowed(_("自己提出的修改要由另一位管理员确认"))
    if not approve and len(note.strip()) < 2:
        raise InvalidInput(_("请写明不同意的理由"), field="note")
    now = core.clock.now()
    before = await in_force_document(session, proposal.key, now)
    start = max(proposal.valid_from, now)  # never backwards: what was promised stays promised
    if approve:
        await check_whole(session, proposal.key, proposal.version, proposal.document, start)
        proposal.valid_from = start
    proposal.decided_by_id, proposal.decided_at, proposal.note = actor.user_id, now, note.strip()[:1000]
    proposal.state = (PolicyState.IN_FORCE if approve else PolicyState.REFUSED).value
    await session.flush()
    if approve:
        await versions.bump(session, policies=True)
    data = {
        "version": proposal.version,
        "note": proposal.note,
        "proposed_by": proposal.proposed_by_id,
        "valid_from": proposal.valid_from.isoformat(),
        "changes": differences(before, proposal.document),
    }
    name = "policy.changed" if approve else "policy.refused"
    await record(session, at=now, name=name, subject="policy", subject_id=proposal.key, who=actor.who, data=data)
    return proposal


async def withdraw(core: Core, session: AsyncSession, actor: Actor, proposal_id: int) -> PolicyVersion:
    """Take one's own proposal back. Raises NotAllowed, NotFound, IllegalStep."""
    proposal = await _open_proposal(session, proposal_id)
    if actor.user_id is None or proposal.proposed_by_id != actor.user_id:
        raise NotAllowed(_("只能撤回自己提出的修改"))
    proposal.state, proposal.decided_at = PolicyState.WITHDRAWN.value, core.clock.now()
    await session.flush()
    data = {"version": proposal.version}
    await record(session, at=core.clock.now(), name="policy.withdrawn", subject="policy", subject_id=proposal.key, who=actor.who, data=data)
    return proposal


async def _open_proposal(session: AsyncSession, proposal_id: int) -> PolicyVersion:
    proposal = (await session.scalars(select(PolicyVersion).where(PolicyVersion.id == proposal_id).with_for_update())).one_or_none()
    if proposal is None:
        raise NotFound(_("没有找到这条修改"))
    if proposal.state != PolicyState.PROPOSED.value:
        raise IllegalStep(_("这条修改已经处理过了"))
    return proposal


async def check_whole(session: AsyncSession, key: str, number: int, document: dict[str, Any], start: datetime) -> None:
    """Whether the document is right and the whole still is, from `start` on at every moment a version begins.

    Raises InvalidInput with the reason.
    """
    if key == rules.KEY:
        _check_conduct(document, number)
        return
    wanted = select(PolicyVersion).where(PolicyVersion.state == PolicyState.IN_FORCE.value, PolicyVersion.key != rules.KEY)
    in_force = list(await session.scalars(wanted))
    try:
        parsed = _parse(key, document, number)
        others = [(row.key, row.version, row.valid_from, _parse(row.key, row.document, row.version)) for row in in_force]
        everything = [*(row for row in others if row[:2] != (key, number)), (key, number, start, parsed)]
        for moment in sorted({start, *(row[2] for row in everything if row[2] > start)}):
            _combine_at(everything, moment)
    except PolicyError as error:
        raise InvalidInput(_("规则有误：{error}"), field="document", error=str(error)) from error


def _check_conduct(document: dict[str, Any], number: int) -> None:
    """The conduct of callbacks stands by itself: nothing else has to fit with it."""
    try:
        rules.with_conduct(document, number)
    except rules.RulesError as error:
        raise InvalidInput(_("规则有误：{error}"), field="document", error=str(error)) from error


def _parse(key: str, document: dict[str, Any], number: int) -> Policy | Centre:
    return policy.parse_centre(document, number) if key == CENTRE else policy.parse_policy(document, number)


def _combine_at(everything: list[tuple[str, int, datetime, Policy | Centre]], moment: datetime) -> None:
    newest: dict[str, tuple[datetime, int, Policy | Centre]] = {}
    for key, number, start, value in everything:
        if start <= moment and (key not in newest or (start, number) > newest[key][:2]):
            newest[key] = (start, number, value)
    centre = newest.pop(CENTRE, None)
    if centre is None or not isinstance(centre[2], Centre):
        raise PolicyError(f"no {CENTRE}")
    policy.combine(centre[2], [value for _start, _number, value in newest.values() if isinstance(value, Policy)])


async def in_force(session: AsyncSession, key: str, at: datetime) -> PolicyVersion | None:
    """The version of `key` that is in force at `at`."""
    rows = select(PolicyVersion).where(
        PolicyVersion.key == key, PolicyVersion.state == PolicyState.IN_FORCE.value, PolicyVersion.valid_from <= at
    )
    return (await session.scalars(rows.order_by(PolicyVersion.valid_from.desc(), PolicyVersion.version.desc()).limit(1))).first()


async def in_force_document(session: AsyncSession, key: str, at: datetime) -> dict[str, Any]:
    """The document of `key` that is in force at `at`; empty when there is none."""
    found = await in_force(session, key, at)
    return dict(found.document) if found else {}


async def standings(session: AsyncSession, rows: Sequence[PolicyVersion], at: datetime) -> dict[int, str]:
    """How each version stands at `at`, by its id. What was put in force is `in_force`, `to_come` before its day, `superseded` after it."""
    decided = [row for row in rows if row.state == PolicyState.IN_FORCE.value]
    begun = (
        select(PolicyVersion.key, PolicyVersion.id)
        .where(
            PolicyVersion.key.in_({row.key for row in decided}),
            PolicyVersion.state == PolicyState.IN_FORCE.value,
            PolicyVersion.valid_from <= at,
        )
        .order_by(PolicyVersion.valid_from, PolicyVersion.version)
    )
    current = set(dict((await session.execute(begun)).all()).values())  # of each policy the last one
    found = {row.id: row.state for row in rows}
    for row in decided:
        if row.id not in current:
            found[row.id] = (Standing.TO_COME if row.valid_from > at else Standing.SUPERSEDED).value
    return found


async def proposals(session: AsyncSession) -> list[PolicyVersion]:
    """What waits for the second person, oldest first."""
    waiting = select(PolicyVersion).where(PolicyVersion.state == PolicyState.PROPOSED.value)
    return list(await session.scalars(waiting.order_by(PolicyVersion.id)))


async def history(session: AsyncSession, *, key: str = "", before: int | None = None, limit: int = 200) -> list[PolicyVersion]:
    """All versions, newest first; `key`: of one policy; `before`: only those with a lower id."""
    statement = select(PolicyVersion).order_by(PolicyVersion.id.desc()).limit(limit)
    if key:
        statement = statement.where(PolicyVersion.key == key)
    return list(await session.scalars(statement if before is None else statement.where(PolicyVersion.id < before)))


async def count_tickets(session: AsyncSession, key: str) -> int:
    """How many open clocks run by a version of this policy. For the person who decides."""
    from ticketing.deadline.models import OPEN, Deadline
    from ticketing.ticket.models import Ticket

    statement = select(func.count(func.distinct(Deadline.ticket_id))).join(Ticket, Ticket.id == Deadline.ticket_id)
    return int(await session.scalar(statement.where(Deadline.state.in_(OPEN), Ticket.policy_key == key)) or 0)


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What changes between two documents: field, before, after. For the event and for the person who confirms."""
    names = [*after, *(name for name in before if name not in after)]
    return [{"field": name, "before": before.get(name), "after": after.get(name)} for name in names if before.get(name) != after.get(name)]
