"""The one door to checks: who sees which, and whether the recording and the words behind it are open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, false, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.people.actor import Actor
from ticketing.people.lines import calls_of
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.quality import book
from ticketing.quality.models import CheckState, QualityCheck
from ticketing.ticket.access import closed_conversations, conversations_about_withheld, withheld_conversations

PAGE = 50


@dataclass(frozen=True)
class Line:
    """A check with its call and the agent's name."""

    check: QualityCheck
    call: Call
    agent: str


def visible_checks(core: Core, actor: Actor) -> ColumnElement[bool]:
    """Inspectors and supervisors see every call without a ticket that is hidden from them; agents their own scored ones.

    For statements with QualityCheck and Call. Nobody inspects himself: what he sees of his own calls is what any agent sees.
    """
    if may(actor, "quality.score"):
        return and_(
            QualityCheck.agent_id != actor.account,
            Call.conversation_id.not_in(withheld_conversations(core, actor)),
            Call.conversation_id.not_in(conversations_about_withheld(core, actor)),
            calls_of(actor),
        )
    if may(actor, "quality.appeal"):
        return and_(QualityCheck.agent_id == actor.account, QualityCheck.state != CheckState.WAITING.value)
    return false()


def lines(core: Core, actor: Actor) -> Select[QualityCheck, Call, str]:
    """The statement of what the actor may see."""
    return (
        select(QualityCheck, Call, User.name)
        .join(Call, Call.id == QualityCheck.call_id)
        .join(User, User.id == QualityCheck.agent_id)
        .where(visible_checks(core, actor))
    )


async def access_check(core: Core, session: AsyncSession, actor: Actor, check_id: int, *, lock: bool = False) -> Line:
    """A check that the actor may see, the row locked when it is to be changed. Raises NotFound."""
    statement = lines(core, actor).where(QualityCheck.id == check_id)
    if lock:
        statement = statement.with_for_update(of=QualityCheck).execution_options(populate_existing=True)
    row = (await session.execute(statement)).first()
    if row is None:
        raise NotFound(_("没有找到这次质检"))
    return Line(row[0], row[1], row[2])


async def list_checks(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    *,
    states: tuple[CheckState, ...],
    agent_id: int | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[Line]:
    """Checks in these states, newest first; `before`: the id at which the page before ended."""
    statement = lines(core, actor).where(QualityCheck.state.in_([state.value for state in states]))
    if agent_id is not None:
        statement = statement.where(QualityCheck.agent_id == agent_id)
    if before is not None:
        statement = statement.where(QualityCheck.id < before)
    rows = await session.execute(statement.order_by(QualityCheck.id.desc()).limit(limit))
    return [Line(row[0], row[1], row[2]) for row in rows]


async def appeal_open(core: Core, session: AsyncSession, check: QualityCheck) -> bool:
    """Whether the days in which the agent may appeal go on still."""
    rules = await book.of_version(session, check.book_version)
    return check.scored_at is not None and core.clock.now() < check.scored_at + timedelta(days=rules.appeal_days)


async def hears(core: Core, session: AsyncSession, actor: Actor, line: Line) -> bool:
    """Whether recording and transcript are open to who may see the check.

    Who scores hears. The agent hears the own call again while an appeal is possible or goes on, and no longer: it is full of
    a citizen's private matters.
    """
    if may(actor, "quality.score"):
        return True
    if await closed_conversations(core, session, actor, [line.call.conversation_id]):
        return False
    return line.check.state == CheckState.APPEALED.value or (
        line.check.state == CheckState.SCORED.value and await appeal_open(core, session, line.check)
    )
