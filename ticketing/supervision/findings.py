"""The list of suspicions and what people decide on them: confirmed (a card follows) or dismissed with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Unit, User
from ticketing.people.permissions import may
from ticketing.supervision import cards, false_reply
from ticketing.supervision.models import CardReason
from ticketing.supervision.suspicions import Finding, Rule
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

PAGE = 50
OUTCOMES = ("dismiss", "confirm", "yellow", "red", "false_reply")
"""What may be decided: no ground; confirmed without a card; with a card; a false reply, which is handed over."""


@dataclass(frozen=True)
class FindingLine:
    """One line of the list."""

    finding: Finding
    number: str
    title: str
    unit: str
    person: str


def may_see(core: Core, actor: Actor) -> ColumnElement[bool]:
    """Suspicions are for supervisors and leaders, on tickets that they may see. For statements with Finding and Ticket."""
    return visible(core, actor) if may(actor, "finding.decide") else Finding.id.is_(None)


async def list_findings(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    *,
    open_only: bool = True,
    rule: Rule | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[FindingLine]:
    """Suspicions, newest first."""
    statement = (
        select(Finding, Ticket.number, Ticket.title, Unit.name, User.name.label("person"))
        .join(Ticket, Ticket.id == Finding.ticket_id)
        .outerjoin(Unit, Unit.id == Finding.unit_id)
        .outerjoin(User, User.id == Finding.user_id)
        .where(may_see(core, actor))
    )
    if open_only:
        statement = statement.where(Finding.state == "open")
    if rule is not None:
        statement = statement.where(Finding.rule == rule.value)
    if before is not None:
        statement = statement.where(Finding.id < before)
    rows = await session.execute(statement.order_by(Finding.id.desc()).limit(limit))
    return [FindingLine(row.Finding, row.number, row.title, row.name or "", row.person or "") for row in rows]


async def decide(core: Core, session: AsyncSession, actor: Actor, finding_id: int, *, outcome: str, note: str) -> Finding:
    """Decide on a suspicion, with a reason. A card goes to the unit of the finding; the clerk of the centre gets none.

    Raises NotAllowed, NotFound, IllegalStep, InvalidInput.
    """
    if not may(actor, "finding.decide"):
        raise NotAllowed(_("疑点由督办或领导处理"))
    statement = select(Ticket).join(Finding, Finding.ticket_id == Ticket.id).where(Finding.id == finding_id, may_see(core, actor))
    ticket = (await session.scalars(statement.with_for_update(of=Ticket))).first()
    if ticket is None:
        raise NotFound(_("没有找到这个疑点"))
    finding = (await session.scalars(select(Finding).where(Finding.id == finding_id).with_for_update())).one()
    if finding.state != "open":
        raise IllegalStep(_("这个疑点已经处理过了"))
    if outcome not in OUTCOMES:
        raise InvalidInput(_("请选择怎么处理"), field="outcome")
    if len(note.strip()) < (20 if outcome == "false_reply" else 10):
        raise InvalidInput(_("请写明理由：核实了什么，至少10个字；虚假答复至少20个字"), field="note")
    if finding.unit_id is None and outcome not in ("dismiss", "confirm"):
        raise InvalidInput(_("这个疑点不涉及承办单位，不能发牌"), field="outcome")
    await _follow(core, session, actor, ticket, finding, outcome, note.strip())
    finding.state = "dismissed" if outcome == "dismiss" else "confirmed"
    finding.note, finding.decided_at, finding.decided_by_id = note.strip()[:1000], core.clock.now(), actor.user_id
    await session.flush()
    data = {"rule": finding.rule, "outcome": outcome, "card": finding.card_id, "note": finding.note[:500]}
    name = f"monitor.{finding.state}"
    await record(session, at=core.clock.now(), name=name, subject="finding", subject_id=finding.id, who=actor.who, data=data)
    return finding


async def _follow(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, finding: Finding, outcome: str, note: str) -> None:
    """What a confirmed suspicion brings about."""
    if finding.unit_id is None or outcome in ("dismiss", "confirm"):
        return
    if outcome == "false_reply":
        handed = await false_reply.establish(core, session, actor, ticket, unit_id=finding.unit_id, facts=note)
        finding.card_id = handed.card_id if handed is not None else None
        return
    card = await cards.give_by_hand(
        core, session, actor, ticket, unit_id=finding.unit_id, colour=outcome, note=note, reason=CardReason.FINDING
    )
    finding.card_id = card.id
