"""两人确认: a document that takes two people (D13). One proposes the next version, somebody else who may decides.

What is put in force this way (the workflow, the call flow) brings its table, its rights and its own check; the rest is here.
At most one proposal of a kind waits; a row is never changed once it was decided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure
from ticketing.ticket.states import sql_values

LEAST_REASON, MOST_REASON = 5, 500


class ProposalState(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    PUBLISHED = "published"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ProposalColumns:
    """The columns of a table of proposals; `proposal_rules` are its constraints."""

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

    if TYPE_CHECKING:

        def __init__(self, **columns: Any) -> None:
            """As every table of ours is made."""


def proposal_rules(table: str) -> tuple[CheckConstraint | Index, ...]:
    """The last word of the database: two people, decided once, one that waits."""
    return (
        CheckConstraint(f"state IN ({sql_values(ProposalState)})", name="state"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided"),
        CheckConstraint(  # nobody is no second person: a comparison with NULL would pass
            "state NOT IN ('published', 'refused') OR decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id", name="two_people"
        ),
        Index(f"uq_{table}_waiting", text("(true)"), unique=True, postgresql_where=text("state = 'proposed'")),
    )


class Versioned(Protocol):
    """A document that says which version it is."""

    @property
    def version(self) -> int:
        """Its number."""


Row = TypeVar("Row", bound=ProposalColumns)


@dataclass(frozen=True)
class SecondPerson(Generic[Row]):
    """One kind of document."""

    table: type[Row]
    subject: str
    """Of its events: `<subject>.proposed`, `.refused`, `.withdrawn`; publishing writes an event of its own."""
    may_propose: str
    may_decide: str
    """Permissions."""
    most_characters: int
    lock: int
    """Key of the advisory lock under which proposals are made."""
    checked: Callable[[AsyncSession, str], Awaitable[Versioned]]
    """The document of a text that could be put in force now; raises InvalidInput saying what is wrong."""
    publish: Callable[..., Awaitable[object]]
    """(core, session, actor, text, note=): put it in force; raises InvalidInput like `checked`."""

    async def propose(self, core: Core, session: AsyncSession, actor: Actor, document: str, *, reason: str) -> Row:
        """Propose a further version. It is checked now and once more when it is decided.

        Raises NotAllowed, InvalidInput saying what is wrong, Conflict while another proposal waits.
        """
        actor, reason, document = ensure(actor, self.may_propose), reason.strip(), document.replace("\r\n", "\n")
        if not LEAST_REASON <= len(reason) <= MOST_REASON:
            raise InvalidInput(_("请写明为什么改流程"), field="reason")
        if len(document) > self.most_characters:
            raise InvalidInput(_("文件太长，最多{n}个字").format(n=self.most_characters), field="document")
        await session.execute(select(func.pg_advisory_xact_lock(self.lock)))
        if await self.waiting(session) is not None:
            raise Conflict(_("已有一份流程在等另一位管理员确认，请先处理"))
        proposal = self.table(
            version=(await self.checked(session, document)).version, document=document, reason=reason, proposed_at=core.clock.now(),
            proposed_by_id=actor.account,
        )  # fmt: skip
        session.add(proposal)
        await session.flush()
        await self._tell(core, session, actor, proposal, "proposed", {"reason": reason})
        return proposal

    async def decide(self, core: Core, session: AsyncSession, actor: Actor, proposal_id: int, *, approve: bool, note: str = "") -> Row:
        """Put it in force, or refuse it with a reason; never whoever proposed it.

        Raises NotAllowed, NotFound, IllegalStep when it is decided already, InvalidInput when it does not fit any more.
        """
        actor, note = ensure(actor, self.may_decide), note.strip()
        proposal = await self._open(session, proposal_id)
        if proposal.proposed_by_id == actor.account:
            raise NotAllowed(_("自己提出的流程要由另一位管理员确认"))
        if not approve and len(note) < 2:
            raise InvalidInput(_("请写明不同意的理由"), field="note")
        if approve:
            await self.publish(core, session, actor, proposal.document, note=proposal.reason)
        proposal.state = (ProposalState.PUBLISHED if approve else ProposalState.REFUSED).value
        proposal.decided_at, proposal.decided_by_id, proposal.note = core.clock.now(), actor.account, note[:MOST_REASON]
        await session.flush()
        if not approve:
            await self._tell(core, session, actor, proposal, "refused", {"note": proposal.note})
        return proposal

    async def withdraw(self, core: Core, session: AsyncSession, actor: Actor, proposal_id: int) -> Row:
        """Take the own proposal back. Raises NotAllowed, NotFound, IllegalStep."""
        actor = ensure(actor, self.may_propose)
        proposal = await self._open(session, proposal_id)
        if proposal.proposed_by_id != actor.account:
            raise NotAllowed(_("只能撤回自己提出的修改"))
        proposal.state, proposal.decided_at = ProposalState.WITHDRAWN.value, core.clock.now()
        await session.flush()
        await self._tell(core, session, actor, proposal, "withdrawn", {})
        return proposal

    async def waiting(self, session: AsyncSession) -> Row | None:
        """The one that waits for the second person."""
        wanted = select(self.table).where(self.table.state == ProposalState.PROPOSED.value)
        return (await session.scalars(wanted)).one_or_none()

    async def proposals(self, session: AsyncSession, *, before: int | None = None, limit: int = 50) -> list[Row]:
        """All of them, newest first; `before`: only those with a lower id."""
        statement = select(self.table).order_by(self.table.id.desc()).limit(limit)
        return list(await session.scalars(statement if before is None else statement.where(self.table.id < before)))

    async def _open(self, session: AsyncSession, proposal_id: int) -> Row:
        proposal = await session.get(self.table, proposal_id, with_for_update=True)
        if proposal is None:
            raise NotFound(_("没有找到这条修改"))
        if proposal.state != ProposalState.PROPOSED.value:
            raise IllegalStep(_("这条修改已经处理过了"))
        return proposal

    async def _tell(self, core: Core, session: AsyncSession, actor: Actor, proposal: Row, what: str, data: dict[str, Any]) -> None:
        told = {"version": proposal.version, "proposal": proposal.id, **data}
        name = f"{self.subject}.{what}"
        await record(session, at=core.clock.now(), name=name, subject=self.subject, subject_id=proposal.version, who=actor.who, data=told)


__all__ = ["LEAST_REASON", "MOST_REASON", "ProposalColumns", "ProposalState", "SecondPerson", "proposal_rules"]
