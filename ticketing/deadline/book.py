"""The policies of this installation: which are in force now, and the one a ticket started with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.calendar import versions
from ticketing.callback import rules
from ticketing.context import Core
from ticketing.deadline import policy
from ticketing.deadline.models import PolicyState, PolicyVersion
from ticketing.deadline.policy import CENTRE, Centre, Policies, Policy, PolicyError
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, HandlingKind, Kind, Urgency

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
"""From when the first version is valid: before every ticket."""
_known = versions.PerDatabase()


@dataclass(frozen=True)
class _Dated:
    """One version that is or was in force."""

    valid_from: datetime
    value: Policy | Centre


class Book:
    """Every version that was ever put in force, built once per process and version of the whole."""

    def __init__(self, rows: list[PolicyVersion]) -> None:
        """Check every document. Raises PolicyError."""
        self._versions: dict[str, dict[int, _Dated]] = {}
        self._now: tuple[datetime | None, datetime | None, Policies] | None = None
        for row in rows:
            value = policy.parse_centre(row.document, row.version) if row.key == CENTRE else policy.parse_policy(row.document, row.version)
            self._versions.setdefault(row.key, {})[row.version] = _Dated(row.valid_from, value)

    def at(self, moment: datetime) -> Policies:
        """The policies in force at `moment`: of each key the newest version that is valid by then."""
        if not self._versions:
            return policy.load()
        if self._now is not None:
            since, until, known = self._now
            if (since is None or since <= moment) and (until is None or moment < until):
                return known
        dates = sorted({dated.valid_from for of_key in self._versions.values() for dated in of_key.values()})
        since = max((date for date in dates if date <= moment), default=None)
        until = min((date for date in dates if date > moment), default=None)
        known = self._at(moment)
        self._now = (since, until, known)
        return known

    def _at(self, moment: datetime) -> Policies:
        chosen: dict[str, Policy | Centre] = {}
        for key, of_key in self._versions.items():
            valid = [dated for dated in of_key.values() if dated.valid_from <= moment]
            if valid:
                chosen[key] = max(valid, key=lambda dated: (dated.valid_from, dated.value.version)).value
        centre = chosen.pop(CENTRE, None)
        if not isinstance(centre, Centre):
            raise PolicyError(f"no {CENTRE} is valid at {moment.isoformat()}")
        return policy.combine(centre, [value for value in chosen.values() if isinstance(value, Policy)])

    def version(self, key: str, number: int | None) -> Policy:
        """One version of one policy, in force or not any more. Raises PolicyError."""
        if not self._versions:
            return policy.load().by_key(key)
        of_key = self._versions.get(key, {})
        found = of_key.get(number) if number is not None else (of_key[max(of_key)] if of_key else None)
        if found is None or not isinstance(found.value, Policy):
            raise PolicyError(f"no policy {key} version {number}")
        return found.value


async def book(session: AsyncSession) -> Book:
    """The book as this transaction sees it; read whole once per process and version of the policies."""
    version = (await versions.current(session)).policies
    known: Book | None = _known.get(session, version)
    if known is None:
        in_force = select(PolicyVersion).where(PolicyVersion.state == PolicyState.IN_FORCE.value, PolicyVersion.key != rules.KEY)
        known = Book(list(await session.scalars(in_force.order_by(PolicyVersion.id))))
        _known.put(session, version, known)
    return known


async def policies(session: AsyncSession, at: datetime) -> Policies:
    """The policies in force at `at`."""
    return (await book(session)).at(at)


async def policy_for(
    session: AsyncSession,
    ticket: Ticket,
    *,
    at: datetime,
    mode: DispatchMode | None = None,
    handling: HandlingKind | None = None,
    leader_days: int | None = None,
) -> Policy:
    """The policy for a ticket that is dispatched at `at`; what is not given is taken from the ticket.

    The caller stores its `key` and `version` with the ticket. Raises PolicyError when none fits, which the check of the
    whole on load makes impossible for the modes, kinds and urgencies that exist.
    """
    chosen = mode or (DispatchMode(ticket.dispatch_mode) if ticket.dispatch_mode else None)
    return (await policies(session, at)).find(
        chosen,
        Urgency(ticket.urgency),
        kind=Kind(ticket.kind),
        handling=handling or HandlingKind(ticket.handling_kind),
        line=ticket.line,
        leader_days=leader_days if leader_days is not None else ticket.leader_days,
    )


async def policy_of(session: AsyncSession, ticket: Ticket) -> Policy:
    """The policy version that a dispatched ticket started with (or was moved to). Raises PolicyError when it has none."""
    if ticket.policy_key is None:
        raise PolicyError(f"ticket {ticket.number} was not dispatched yet")
    return (await book(session)).version(ticket.policy_key, ticket.policy_version)


async def load_policies(core: Core, session: AsyncSession) -> int:
    """Take the policies that come with the program, and the conduct of callbacks, into a database that has none.

    Returns how many versions there are. What was changed since in the console stays. Raises PolicyError when the file is wrong.
    """
    await versions.lock(session)
    known = set(await session.scalars(select(PolicyVersion.key)))
    policy.load()
    wanted = {rules.KEY: rules.conduct(), **({} if known else dict(policy.documents(policy.seed())))}
    now = core.clock.now()
    for key in wanted.keys() - known:
        document = wanted[key]
        session.add(
            PolicyVersion(
                key=key,
                version=1,
                state=PolicyState.IN_FORCE.value,
                valid_from=ALWAYS,
                document=document,
                reason="随系统提供",
                proposed_at=now,
                decided_at=now,
            )
        )
    await session.flush()
    if wanted.keys() - known:
        await versions.bump(session, policies=True)
    return int(await session.scalar(select(func.count()).select_from(PolicyVersion)) or 0)


__all__ = ["Book", "book", "load_policies", "policies", "policy_for", "policy_of"]
