"""虚假答复 (D04-D06): a reply that was not true: red card, and a hand-over record to the discipline organ."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState, Reply
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit, User
from ticketing.people.permissions import may
from ticketing.supervision import cards
from ticketing.supervision.formal import next_number
from ticketing.supervision.models import CardReason
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.supervision.suspicions import HAND_OVER_SEQUENCE, HandOver
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

SUPERVISING = (Role.SUPERVISOR, Role.LEADER)
ORGAN = "市纪委监委派驻纪检监察组"
MIN_FACTS = 20
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


async def establish(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    *,
    unit_id: int,
    facts: str,
    hand_over: bool = True,
    organ: str = "",
) -> HandOver | None:
    """A supervisor has proof that a unit's reply was false: red card, and on demand the hand-over. The ticket must be locked.

    Raises NotAllowed, InvalidInput (facts of at least 20 characters), IllegalStep when it was handed over already.
    """
    if not may(actor, "card.give") or actor.user_id is None:
        raise NotAllowed(_("虚假答复由督办或领导认定"))
    if len(facts.strip()) < MIN_FACTS:
        raise InvalidInput(_("请写明答复怎么说、实际查到什么，至少{n}个字").format(n=MIN_FACTS), field="facts")
    if await _replied(session, ticket, unit_id) is None:
        raise InvalidInput(_("这个单位还没有答复过这张工单"), field="unit_id")
    known = select(HandOver.id).where(HandOver.ticket_id == ticket.id, HandOver.unit_id == unit_id, HandOver.state == "sent")
    if hand_over and (await session.scalars(known)).first() is not None:
        raise IllegalStep(_("这个单位的虚假答复已经移交，等纪检监察机关回复"))
    card = await cards.give_by_hand(core, session, actor, ticket, unit_id=unit_id, colour="red", note=facts, reason=CardReason.FALSE_REPLY)
    return await _hand_over(core, session, actor, ticket, unit_id, card.id, facts, organ) if hand_over else None


async def after_investigation(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, findings: str) -> HandOver | None:
    """The supervisor's investigation of the third return found a false reply: the lead unit's is handed over."""
    lead = select(Assignment.unit_id).join(Reply, Reply.assignment_id == Assignment.id)
    lead = lead.where(Assignment.ticket_id == ticket.id).order_by(Assignment.lead.desc(), Reply.id.desc()).limit(1)
    unit_id = await session.scalar(lead)
    if unit_id is None and ticket.repeat_of_id is not None:  # the false reply was given on the ticket that this one repeats
        earlier = select(Assignment.unit_id).join(Reply, Reply.assignment_id == Assignment.id)
        earlier = earlier.where(Assignment.ticket_id == ticket.repeat_of_id).order_by(Assignment.lead.desc(), Reply.id.desc()).limit(1)
        unit_id = await session.scalar(earlier)
    if unit_id is None or actor.user_id is None:
        return None
    if await _replied(session, ticket, unit_id) is not None:
        return await establish(core, session, actor, ticket, unit_id=unit_id, facts=findings)
    return await _hand_over(core, session, actor, ticket, unit_id, None, findings, "")


async def _replied(session: AsyncSession, ticket: Ticket, unit_id: int) -> Reply | None:
    statement = select(Reply).join(Assignment, Assignment.id == Reply.assignment_id)
    statement = statement.where(Assignment.ticket_id == ticket.id, Assignment.unit_id == unit_id, Reply.signed_off_at.is_not(None))
    return (await session.scalars(statement.order_by(Reply.id.desc()).limit(1))).first()


async def _hand_over(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, unit_id: int, card_id: int | None, facts: str, organ: str
) -> HandOver:
    reply = await _replied(session, ticket, unit_id)
    ids = [reply.signed_off_by_id, reply.author_id] if reply is not None else []
    names = {row.id: f"{row.name} {row.staff_number}" for row in await session.scalars(select(User).where(User.id.in_(filter(None, ids))))}
    now = core.clock.now()
    row = HandOver(
        number=await next_number(session, "YJ", HAND_OVER_SEQUENCE, now),
        ticket_id=ticket.id,
        unit_id=unit_id,
        card_id=card_id,
        organ=organ.strip()[:60] or ORGAN,
        persons="、".join(dict.fromkeys(names[user] for user in ids if user in names)),
        facts=facts.strip()[:5000],
        made_at=now,
        made_by_id=int(actor.user_id or 0),
        state="sent",
    )
    session.add(row)
    await session.flush()
    data = {"hand_over": row.id, "number": row.number, "unit": unit_id, "card": card_id}
    await tell(core, session, actor, ticket, "supervise.handed_over", data)
    people = (await Directory.load(session)).of_role(ticket.line, *SUPERVISING)
    await tell_people(core, session, people, NoticeKind.HAND_OVER, ticket, number=row.number)
    return row


@dataclass(frozen=True)
class HandOverLine:
    """A record with what is printed beside it."""

    record: HandOver
    ticket_number: str
    title: str
    unit: str


def _may_see(core: Core, actor: Actor) -> ColumnElement[bool]:
    return visible(core, actor) if may(actor, "finding.decide") else HandOver.id.is_(None)


async def list_hand_overs(
    core: Core, session: AsyncSession, actor: Actor, *, number: str = "", before: int | None = None, limit: int = 50
) -> list[HandOverLine]:
    """Records, newest first, with ids below `before`; with `number` only that one. For supervisors and leaders."""
    statement = (
        select(HandOver, Ticket.number, Ticket.title, Unit.name)
        .join(Ticket, Ticket.id == HandOver.ticket_id)
        .join(Unit, Unit.id == HandOver.unit_id)
        .where(_may_see(core, actor))
    )
    if number:
        statement = statement.where(HandOver.number == number)
    if before is not None:
        statement = statement.where(HandOver.id < before)
    rows = await session.execute(statement.order_by(HandOver.id.desc()).limit(limit))
    return [HandOverLine(row.HandOver, row.number, row.title, row.name) for row in rows]


async def answered(core: Core, session: AsyncSession, actor: Actor, number: str, text: str) -> HandOver:
    """What the discipline organ wrote back is put on record. Raises NotFound, NotAllowed, InvalidInput."""
    if not may(actor, "finding.decide"):
        raise NotAllowed(_("移交记录由督办或领导填写"))
    found = await list_hand_overs(core, session, actor, number=number)
    if not found:
        raise NotFound(_("没有找到这份移交记录"))
    if len(text.strip()) < 5:
        raise InvalidInput(_("请写明回复的内容"), field="answer")
    row = found[0].record
    ticket = (await session.scalars(select(Ticket).where(Ticket.id == row.ticket_id).with_for_update())).one()
    row.state, row.answer, row.answered_at = "answered", text.strip()[:4000], core.clock.now()
    await session.flush()
    await tell(core, session, actor, ticket, "supervise.hand_over_answered", {"number": row.number, "note": row.answer[:500]})
    return row
