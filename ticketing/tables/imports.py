"""Importing: check every row first, then all of them or none.

The check is the import itself, row by row in savepoints of a transaction that is rolled back. So the preview sees what the services see
(a parent unit in an earlier row, a taken account name), and preview and import cannot disagree.
"""

from __future__ import annotations

import base64
import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.errors import Conflict, HotlineError, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.tables import reader
from ticketing.tables.models import ImportJob
from ticketing.tables.reader import Line, Sheet
from ticketing.tables.table import Column

KEEP = timedelta(days=1)
"""How long a checked file waits for the decision."""


class Change(StrEnum):
    """What a row does."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass
class Outcome:
    """What came of a row."""

    line: Line
    change: Change | None = None
    """None: it has errors."""
    errors: dict[str, str] = field(default_factory=dict)
    """By column; the empty name is the row as a whole."""
    secret: str = ""
    """The one-time password of a new account: shown once to whoever imported it, never stored in clear."""


class Importer(ABC):
    """One kind of table. Made anew for each file."""

    kind: ClassVar[str]
    roles: ClassVar[tuple[Role, ...]]
    columns: ClassVar[tuple[Column, ...]]
    required: ClassVar[frozenset[str]]
    max_rows: ClassVar[int] = 5000

    async def begin(self, core: Core, session: AsyncSession, actor: Actor, lines: tuple[Line, ...]) -> None:  # noqa: B027 - most need none
        """What is the same for all rows; called before the first."""

    @abstractmethod
    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """Write one row; returns what it did and a secret to show. Raises HotlineError with the fields at fault."""

    async def end(self, core: Core, session: AsyncSession, actor: Actor) -> None:  # noqa: B027 - most need none
        """What is done once, after the last row. Raises InvalidInput when the whole does not fit."""


@dataclass(frozen=True)
class Preview:
    """What an import would do."""

    kind: str
    outcomes: tuple[Outcome, ...]
    unknown: tuple[str, ...]
    problem: str = ""
    """What is wrong with the whole, when no single row is to blame."""

    @property
    def ok(self) -> bool:
        """Whether it may be applied."""
        return not self.problem and all(outcome.change is not None for outcome in self.outcomes)

    @property
    def faulty(self) -> list[Outcome]:
        """The rows with errors."""
        return [outcome for outcome in self.outcomes if outcome.change is None]

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what they do."""
        found = Counter(outcome.change.value for outcome in self.outcomes if outcome.change)
        return {change.value: found.get(change.value, 0) for change in Change}


class _Undo(Exception):
    """Ends the transaction of a check."""


def importer(kind: str) -> Importer:
    """The importer of a kind, made anew for each file. Raises InvalidInput for an unknown one."""
    from ticketing.tables.kinds import IMPORTERS

    if kind not in IMPORTERS:
        raise InvalidInput(_("没有这种导入：{kind}").format(kind=kind), field="kind")
    return IMPORTERS[kind]()


def _open(actor: Actor, kind: str, content: bytes) -> tuple[Importer, Sheet]:
    found = importer(kind)
    if not actor.has(*found.roles):
        raise NotAllowed(_("这个岗位不能导入这种表格"))
    sheet = reader.read(content, _names(found.columns), found.required)
    if len(sheet.lines) > found.max_rows:
        raise InvalidInput(_("行数太多，一次最多{n}行，请分开导入").format(n=found.max_rows), field="file")
    return found, sheet


def _names(columns: tuple[Column, ...]) -> Mapping[str, str]:
    """Chinese titles and English keys, in lower case."""
    return {name: column.key for column in columns for name in (column.title.lower(), column.key.lower())}


async def check(core: Core, database: Database, actor: Actor, kind: str, content: bytes) -> Preview:
    """What the file would do, with the errors of every row. Nothing stays written. Raises InvalidInput for the file as a whole."""
    preview: Preview | None = None
    try:
        async with database.transaction() as session:
            preview = await run(core, session, actor, kind, content)
            raise _Undo
    except _Undo:
        pass
    if preview is None:  # pragma: no cover - run either answers or raises
        raise AssertionError("the check ended without an answer")
    return preview


async def rehearse(core: Core, session: AsyncSession, actor: Actor, kind: str, content: bytes) -> Preview:
    """The same as `check` within the caller's transaction: what the rows wrote is taken back, the transaction goes on."""
    savepoint = await session.begin_nested()
    try:
        return await run(core, session, actor, kind, content)
    finally:
        await savepoint.rollback()


async def run(core: Core, session: AsyncSession, actor: Actor, kind: str, content: bytes) -> Preview:
    """Write the rows into the caller's transaction, which the caller keeps or throws away."""
    found, sheet = _open(actor, kind, content)
    await found.begin(core, session, actor, sheet.lines)
    outcomes = []
    for line in sheet.lines:
        outcome = Outcome(line)
        try:
            async with session.begin_nested():
                outcome.change, outcome.secret = await found.take(core, session, actor, line)
                await session.flush()
        except InvalidInput as error:
            outcome.change, outcome.errors = None, error.errors or {error.field or "": str(error)}
        except HotlineError as error:
            outcome.change, outcome.errors = None, {error.field or "": str(error)}
        except (IntegrityError, DataError):
            outcome.change, outcome.errors = None, {"": _("与已有的数据冲突，或有不能保存的内容")}
        outcomes.append(outcome)
    problem = ""
    if all(outcome.change is not None for outcome in outcomes):
        try:
            await found.end(core, session, actor)
        except HotlineError as error:
            problem = str(error)
    return Preview(kind, tuple(outcomes), sheet.unknown, problem)


async def apply(core: Core, session: AsyncSession, actor: Actor, kind: str, content: bytes) -> Preview:
    """All rows, or none: raises InvalidInput when one of them has an error (the caller's transaction is then rolled back)."""
    preview = await run(core, session, actor, kind, content)
    if not preview.ok:
        first = preview.faulty[0] if preview.faulty else None
        told = preview.problem or (f"{first.line.number}: {'；'.join(first.errors.values())}" if first else "")
        raise InvalidInput(_("有{n}行不能导入，没有写入任何内容。第{told}").format(n=len(preview.faulty), told=told), field="file")
    digest = hashlib.sha256(content).hexdigest()
    data = {"kind": kind, "sha256": digest, **preview.counts}
    await record(session, at=core.clock.now(), name="import.applied", subject="import", subject_id=digest[:32], who=actor.who, data=data)
    return preview


async def keep(core: Core, session: AsyncSession, actor: Actor, kind: str, content: bytes, file_name: str) -> ImportJob:
    """Keep a checked file until the person decides."""
    job = ImportJob(
        id=uuid4(), kind=kind, file_name=file_name[:200], sha256=hashlib.sha256(content).hexdigest(),
        content_sealed=core.vault.seal(base64.b64encode(content).decode()), made_by_id=actor.account, made_at=core.clock.now(),
    )  # fmt: skip
    session.add(job)
    await session.flush()
    return job


async def apply_kept(core: Core, session: AsyncSession, actor: Actor, job_id: UUID) -> tuple[ImportJob, Preview]:
    """Apply a file that was checked: only by whoever uploaded it, once. Raises NotFound, Conflict, InvalidInput."""
    job = await _access(session, actor, job_id)
    content = base64.b64decode(core.vault.open(job.content_sealed or b""))
    preview = await apply(core, session, actor, job.kind, content)
    job.state, job.decided_at, job.content_sealed, job.counts = "applied", core.clock.now(), None, dict(preview.counts)
    await session.flush()
    return job, preview


async def drop_kept(core: Core, session: AsyncSession, actor: Actor, job_id: UUID) -> None:
    """Throw a checked file away."""
    job = await _access(session, actor, job_id)
    job.state, job.decided_at, job.content_sealed = "dropped", core.clock.now(), None
    await session.flush()


async def _access(session: AsyncSession, actor: Actor, job_id: UUID) -> ImportJob:
    job = (await session.scalars(select(ImportJob).where(ImportJob.id == job_id).with_for_update())).first()
    if job is None or job.made_by_id != actor.user_id:
        raise NotFound(_("没有找到这次导入"))
    if job.state != "waiting":
        raise Conflict(_("这次导入已经处理过了"))
    return job


async def forget_old(core: Core, session: AsyncSession) -> int:
    """Drop files that nobody decided on within a day; called by the scheduler."""
    gone = await session.execute(
        update(ImportJob)
        .where(ImportJob.state == "waiting", ImportJob.made_at < core.clock.now() - KEEP)
        .values(state="dropped", content_sealed=None, decided_at=core.clock.now())
        .returning(ImportJob.id)
    )
    return len(gone.all())
