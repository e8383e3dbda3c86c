"""Which version of calendar, policies and workflow is in force: read once per transaction, in one small statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Engine, Label, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.calendar.models import Rules

_KEY = "ticketing.rules"
COLUMNS: tuple[Label[int], ...] = (
    literal_column("coalesce((SELECT calendar_version FROM rules WHERE id = 1), 0)").label("calendar"),
    literal_column("coalesce((SELECT policies_version FROM rules WHERE id = 1), 0)").label("policies"),
    literal_column("coalesce((SELECT max(version) FROM workflow_version), 0)").label("workflow"),
)
"""For the first statement of a transaction, which then need not be followed by one for the versions: see `keep`."""
_READ = select(*COLUMNS)


@dataclass(frozen=True)
class Versions:
    """The versions in force. Zero: the row was never written, the defaults hold."""

    calendar: int
    policies: int
    workflow: int = 0


async def current(session: AsyncSession) -> Versions:
    """The versions as this transaction sees them first; one small statement per transaction."""
    transaction = session.sync_session.get_transaction()
    known = session.info.get(_KEY)
    if known is not None and transaction is not None and known[0] is transaction:
        return known[1]  # type: ignore[no-any-return]
    row = (await session.execute(_READ)).one()
    versions = Versions(row.calendar, row.policies, row.workflow)
    keep(session, versions)
    return versions


def keep(session: AsyncSession, versions: Versions) -> None:
    """Let `versions`, which a statement of this transaction has read with `COLUMNS`, hold for the transaction."""
    session.info[_KEY] = (session.sync_session.get_transaction(), versions)


def forget(session: AsyncSession) -> None:
    """Read the versions anew: this transaction has changed them."""
    session.info.pop(_KEY, None)


async def bump(session: AsyncSession, *, calendar: bool = False, policies: bool = False) -> Versions:
    """Count versions up. Locks the row, so two changes come one after the other; returns the new versions."""
    values = {"id": 1, "calendar_version": 1, "policies_version": 1}
    add = {}
    if calendar:
        add["calendar_version"] = Rules.calendar_version + 1
    if policies:
        add["policies_version"] = Rules.policies_version + 1
    await session.execute(insert(Rules).values(values).on_conflict_do_update(index_elements=["id"], set_=add))
    forget(session)
    return await current(session)


async def lock(session: AsyncSession) -> None:
    """Make the row if there is none, and hold it to the end of the transaction."""
    await session.execute(insert(Rules).values(id=1).on_conflict_do_nothing(index_elements=["id"]))
    await session.execute(text("SELECT 1 FROM rules WHERE id = 1 FOR UPDATE"))


class PerDatabase:
    """What a process keeps of one version: a value per database, dropped when the version differs."""

    _all: ClassVar[WeakSet[PerDatabase]] = WeakSet()

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._all.add(self)
        self._known: WeakKeyDictionary[Engine, tuple[int, Any]] = WeakKeyDictionary()

    def get(self, session: AsyncSession, version: int) -> Any | None:
        """The value of this version, if it is known."""
        found = self._known.get(session.get_bind().engine)
        return found[1] if found is not None and found[0] == version else None

    def put(self, session: AsyncSession, version: int, value: Any) -> None:
        """Keep the value. Version 0 (no row yet) is not kept: rows may appear without a count."""
        if version:
            self._known[session.get_bind().engine] = (version, value)

    @classmethod
    def forget(cls, engine: Engine) -> None:
        """This engine connects to another database from now on (tests do that)."""
        for each in cls._all:
            each._known.pop(engine, None)
