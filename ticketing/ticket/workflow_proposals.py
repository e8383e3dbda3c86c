"""Changing the workflow takes two people, as changing a deadline does (D13): one proposes, an administrator who is somebody else decides.

`hotline workflow publish` stays the way of whoever has the server itself: it is written down as one person's act.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure
from ticketing.ticket import workflow_versions
from ticketing.ticket.states import sql_values

MOST_CHARACTERS = 200_000
"""Of a document; the package's has a quarter of it."""
LEAST_REASON, MOST_REASON = 5, 500
_LOCK = 7_120_020


class ProposalState(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    PUBLISHED = "published"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class WorkflowProposal(Base):
    """A workflow that waits for the second person, or what became of it. Never changed once decided."""

    __tablename__ = "workflow_proposal"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(ProposalState)})", name="state"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("state NOT IN ('published', 'refused') OR decided_by_id <> proposed_by_id", name="two_people"),
        Index("uq_workflow_proposal_waiting", text("(true)"), unique=True, postgresql_where=text("state = 'proposed'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    """What the document says of itself; higher than every version there is."""
    document: Mapped[str]
    """The YAML text."""
    state: Mapped[str] = mapped_column(default=ProposalState.PROPOSED.value)
    reason: Mapped[str]
    proposed_at: Mapped[datetime]
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str] = mapped_column(default="", server_default="")


async def propose(core: Core, session: AsyncSession, actor: Actor, document: str, *, reason: str) -> WorkflowProposal:
    """Propose a further version. It is checked now and once more when it is decided.

    Raises NotAllowed, InvalidInput saying what is wrong, Conflict while another proposal waits.
    """
    actor, reason = ensure(actor, "workflow.propose"), reason.strip()
    if not LEAST_REASON <= len(reason) <= MOST_REASON:
        raise InvalidInput(_("请写明为什么改流程"), field="reason")
    if len(document) > MOST_CHARACTERS:
        raise InvalidInput(_("文件太长，最多{n}个字").format(n=MOST_CHARACTERS), field="document")
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if await waiting(session) is not None:
        raise Conflict(_("已有一份流程在等另一位管理员确认，请先处理"))
    wanted = await workflow_versions.checked(session, document)
    proposal = WorkflowProposal(
        version=wanted.version, document=document, reason=reason, proposed_at=core.clock.now(), proposed_by_id=actor.account
    )
    session.add(proposal)
    await session.flush()
    await _tell(core, session, actor, proposal, "workflow.proposed", {"reason": reason})
    return proposal


async def decide(core: Core, session: AsyncSession, actor: Actor, proposal_id: int, *, approve: bool, note: str = "") -> WorkflowProposal:
    """Put it in force from the next step of every ticket on, or refuse it with a reason; never whoever proposed it.

    Raises NotAllowed, NotFound, IllegalStep when it is decided already, InvalidInput when it does not fit any more.
    """
    actor, note = ensure(actor, "workflow.decide"), note.strip()
    proposal = await _open(session, proposal_id)
    if proposal.proposed_by_id == actor.account:
        raise NotAllowed(_("自己提出的流程要由另一位管理员确认"))
    if not approve and len(note) < 2:
        raise InvalidInput(_("请写明不同意的理由"), field="note")
    if approve:
        await workflow_versions.publish(core, session, actor, proposal.document, note=proposal.reason)
    proposal.state = (ProposalState.PUBLISHED if approve else ProposalState.REFUSED).value
    proposal.decided_at, proposal.decided_by_id, proposal.note = core.clock.now(), actor.account, note[:MOST_REASON]
    await session.flush()
    if not approve:
        await _tell(core, session, actor, proposal, "workflow.refused", {"note": proposal.note})
    return proposal


async def withdraw(core: Core, session: AsyncSession, actor: Actor, proposal_id: int) -> WorkflowProposal:
    """Take the own proposal back. Raises NotAllowed, NotFound, IllegalStep."""
    actor = ensure(actor, "workflow.propose")
    proposal = await _open(session, proposal_id)
    if proposal.proposed_by_id != actor.account:
        raise NotAllowed(_("只能撤回自己提出的修改"))
    proposal.state, proposal.decided_at = ProposalState.WITHDRAWN.value, core.clock.now()
    await session.flush()
    await _tell(core, session, actor, proposal, "workflow.withdrawn", {})
    return proposal


async def waiting(session: AsyncSession) -> WorkflowProposal | None:
    """The one that waits for the second person."""
    wanted = select(WorkflowProposal).where(WorkflowProposal.state == ProposalState.PROPOSED.value)
    return (await session.scalars(wanted)).one_or_none()


async def proposals(session: AsyncSession, *, before: int | None = None, limit: int = 50) -> list[WorkflowProposal]:
    """All of them, newest first; `before`: only those with a lower id."""
    statement = select(WorkflowProposal).order_by(WorkflowProposal.id.desc()).limit(limit)
    return list(await session.scalars(statement if before is None else statement.where(WorkflowProposal.id < before)))


async def _open(session: AsyncSession, proposal_id: int) -> WorkflowProposal:
    proposal = await session.get(WorkflowProposal, proposal_id, with_for_update=True)
    if proposal is None:
        raise NotFound(_("没有找到这条修改"))
    if proposal.state != ProposalState.PROPOSED.value:
        raise IllegalStep(_("这条修改已经处理过了"))
    return proposal


async def _tell(core: Core, session: AsyncSession, actor: Actor, proposal: WorkflowProposal, name: str, data: dict[str, object]) -> None:
    told = {"version": proposal.version, "proposal": proposal.id, **data}
    await record(session, at=core.clock.now(), name=name, subject="workflow", subject_id=proposal.version, who=actor.who, data=told)
