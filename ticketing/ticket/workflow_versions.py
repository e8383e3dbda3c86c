"""Versions of the workflow in the database. The newest is in force; a running ticket follows it from its next step on.

A version that would leave tickets in a state without a way out is refused (DIGIT PGR: states cannot be removed while
tickets are in them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ForeignKey, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline import logs
from hotline.database import Base
from hotline.errors import InvalidInput, NotAllowed
from hotline.events import record
from hotline.i18n import _
from ticketing.calendar import versions
from ticketing.context import Core
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role
from ticketing.ticket import workflow
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.workflow import Workflow, WorkflowError
from ticketing.words import word

_log = logs.get(__name__)
MAX_VERSION = 1_000_000
"""A higher number is a slip of the finger, after which nothing could be published any more."""


class WorkflowVersion(Base):
    """One published version. Rows are only added."""

    __tablename__ = "workflow_version"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[str]
    """The YAML text."""
    sha256: Mapped[str]
    note: Mapped[str] = mapped_column(default="", server_default="")
    published_at: Mapped[datetime]
    published_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


_known = versions.PerDatabase()


async def current(session: AsyncSession) -> Workflow:
    """The workflow in force, the one of the package while the table is empty. Parsed once per process and version."""
    version = (await versions.current(session)).workflow
    if not version:
        return workflow.load()
    known: Workflow | None = _known.get(session, version)
    if known is None:
        document = await session.scalar(select(WorkflowVersion.document).where(WorkflowVersion.version == version))
        known = workflow.parse_text(document or "")
        _known.put(session, version, known)
    return known


async def seed(core: Core, session: AsyncSession) -> bool:
    """Publish the package's workflow when it is newer than the package's own in force; True when it was.

    What an administrator published stays in force at an upgrade, whatever its number: the log says that the package has a newer one.
    """
    wanted = workflow.load()
    in_force = (await session.scalars(select(WorkflowVersion).order_by(WorkflowVersion.version.desc()).limit(1))).first()
    if in_force is not None and wanted.version <= in_force.version:
        return False
    if in_force is not None and in_force.published_by_id is not None:
        _log.warning("workflow.kept", in_force=in_force.version, package=wanted.version)
        return False
    return await _write(core, session, SYSTEM, workflow.seed_text(), wanted.version, "hotline")


async def publish(core: Core, session: AsyncSession, actor: Actor, text: str, *, note: str) -> Workflow:
    """Put a new version in force. Only an administrator; its number must be higher than the newest.

    Raises InvalidInput with the entry at fault, or with the states in which tickets would be stuck.
    """
    if not actor.has(Role.ADMIN):
        raise NotAllowed(_("只有管理员可以发布流程"))
    if len(note.strip()) < 5:
        raise InvalidInput(_("请写明为什么改流程"), field="note")
    wanted = await checked(session, text)
    await _write(core, session, actor, text, wanted.version, note.strip()[:500])
    return wanted


async def checked(session: AsyncSession, text: str) -> Workflow:
    """The workflow of `text`, if it could be put in force now. Raises InvalidInput like `publish`."""
    try:
        wanted = workflow.parse_text(text)
    except WorkflowError as error:
        raise InvalidInput(_("流程文件有误：{error}").format(error=error), field="document") from error
    newest = await session.scalar(select(func.max(WorkflowVersion.version))) or 0
    if wanted.version <= newest:
        raise InvalidInput(_("版本号应大于{newest}").format(newest=newest), field="document")
    if wanted.version > MAX_VERSION:
        raise InvalidInput(_("版本号太大"), field="document")
    _every_step_is_known(wanted)
    await _nobody_stuck(session, wanted)
    return wanted


async def in_force_text(session: AsyncSession) -> str:
    """The document in force as text, the one of the package while the table is empty."""
    newest = await history(session, limit=1)
    return newest[0].document if newest else workflow.seed_text()


async def history(session: AsyncSession, *, before: int | None = None, limit: int = 50) -> list[WorkflowVersion]:
    """Published versions, newest first; `before`: only lower ones."""
    statement = select(WorkflowVersion).order_by(WorkflowVersion.version.desc()).limit(limit)
    return list(await session.scalars(statement if before is None else statement.where(WorkflowVersion.version < before)))


def _every_step_is_known(wanted: Workflow) -> None:
    """The program takes these steps and no others: what nobody may do keeps its place in the document with an empty `who`."""
    there, known = step_names(wanted), step_names(workflow.load())
    if missing := known - there:
        raise InvalidInput(_("流程里缺少这些步骤：{names}").format(names="、".join(sorted(missing))), field="document")
    if unknown := there - known:
        raise InvalidInput(_("程序不认识这些步骤：{names}").format(names="、".join(sorted(unknown))), field="document")


def step_names(found: Workflow) -> set[str]:
    """Every step of a workflow by its part and its name, `ticket.dispatch`, as a message names it."""
    parts: dict[str, Iterable[str]] = {
        "ticket": found.transitions,
        "assignment": found.assignment.transitions,
        "requests": {kind.value for kind in found.requests},
        "acts": found.acts,
    }
    return {f"{part}.{name}" for part, named in parts.items() for name in named}


async def _nobody_stuck(session: AsyncSession, wanted: Workflow) -> None:
    ways_out = {source.value for item in wanted.transitions.values() for source in item.sources}
    stuck = [state.value for state in TicketState if state.is_open and state.value not in ways_out]
    for state in stuck:
        if await session.scalar(select(Ticket.id).where(Ticket.state == state).limit(1)):
            raise InvalidInput(_("还有“{state}”的工单，新流程里没有出路").format(state=word("state", state)), field="document")


async def _write(core: Core, session: AsyncSession, actor: Actor, text: str, version: int, note: str) -> bool:
    digest = hashlib.sha256(text.encode()).hexdigest()
    values = {
        "version": version, "document": text, "sha256": digest, "note": note,
        "published_at": core.clock.now(), "published_by_id": actor.user_id,
    }  # fmt: skip
    done = await session.execute(insert(WorkflowVersion).values(**values).on_conflict_do_nothing().returning(WorkflowVersion.version))
    if done.first() is None:
        return False
    versions.forget(session)
    data = {"version": version, "sha256": digest, "note": note}
    await record(session, at=core.clock.now(), name="workflow.published", subject="workflow", subject_id=version, who=actor.who, data=data)
    return True
