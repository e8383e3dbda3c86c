"""Erasing a person (个人信息删除): one asks with a reason, another confirms, then the keys are destroyed and the words removed.

The events stay, with their hashes: what they said is sealed with keys that no longer exist. What was counted stays counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from hotline.sealed_words import destroy_keys
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import destroy_key
from ticketing.conversation.models import Call, Conversation
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.publication.models import PublishedAnswer
from ticketing.retention.models import Erasure, LegalHold
from ticketing.retention.rules import Work, cut_off, erase_conversations, erase_recordings, forget_callers, forget_files
from ticketing.retention.words import ERASED, places, rewrite
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import tell

DECIDING = (Role.ADMIN, Role.SUPERVISOR)
"""Who may ask for an erasure and who may confirm it; never the same person."""


@dataclass(frozen=True)
class _Found:
    """Everything of one person."""

    citizens: list[Citizen]
    tickets: list[Ticket]


async def request_erasure(
    work: Work, session: AsyncSession, actor: Actor, *, reason: str, number: str = "", phone_hash: str = ""
) -> list[Erasure]:
    """Ask for the erasure of the citizen of a ticket, of an anonymous ticket, or of everybody known by a phone's hash.

    Raises `NotFound`, `IllegalStep` (a ticket is still open or held), `Conflict` (already asked for), `NotAllowed`.
    """
    if not actor.has(*DECIDING):
        raise NotAllowed(_("你的岗位不能申请清除个人信息"))
    if len(reason.strip()) < 4:
        raise InvalidInput(_("请写明清除的理由，至少4个字"), field="reason")
    rows = []
    for citizen_id, ticket_id in await _targets(session, number, phone_hash):
        await _refuse_what_is_needed(session, await _all_of(session, citizen_id, ticket_id))
        same = (Erasure.citizen_id == citizen_id) if citizen_id else (Erasure.ticket_id == ticket_id)
        if (await session.scalars(select(Erasure.id).where(same, Erasure.confirmed_at.is_(None)))).first():
            raise Conflict(_("已经有人申请清除，等待另一人确认"))
        row = Erasure(
            citizen_id=citizen_id,
            ticket_id=ticket_id,
            reason=reason.strip()[:500],
            asked_by_id=actor.account,
            asked_at=work.core.clock.now(),
        )
        session.add(row)
        rows.append(row)
    await session.flush()
    return rows


async def _targets(session: AsyncSession, number: str, phone_hash: str) -> list[tuple[int | None, int | None]]:
    if phone_hash:
        known = list(await session.scalars(select(Citizen.id).where(Citizen.phone_hash == phone_hash).order_by(Citizen.id)))
        if not known:
            raise NotFound(_("没有找到这个号码的市民"))
        return [(citizen_id, None) for citizen_id in known]
    ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).first()
    if ticket is None:
        raise NotFound(_("没有找到这张工单，或者你没有查看它的权限"))
    return [(ticket.citizen_id, None) if ticket.citizen_id else (None, ticket.id)]


async def _all_of(session: AsyncSession, citizen_id: int | None, ticket_id: int | None) -> _Found:
    citizen = await session.get(Citizen, citizen_id) if citizen_id else None
    whose = Ticket.citizen_id == citizen_id if citizen_id else Ticket.id == ticket_id
    tickets = list(await session.scalars(select(Ticket).where(whose).order_by(Ticket.id).with_for_update()))
    return _Found([citizen] if citizen else [], tickets)


async def _refuse_what_is_needed(session: AsyncSession, found: _Found) -> None:
    running = [ticket.number for ticket in found.tickets if TicketState(ticket.state).is_open]
    if running:
        raise IllegalStep(_("工单{numbers}还在办理，办结或撤回以后才能清除").format(numbers="、".join(running[:3])))
    ids = [ticket.id for ticket in found.tickets]
    if ids and await session.scalar(select(LegalHold.ticket_id).where(LegalHold.ticket_id.in_(ids)).limit(1)):
        raise IllegalStep(_("有工单因诉讼、复议或审计须保留，解除保留以后才能清除"))


async def confirm_erasure(work: Work, session: AsyncSession, actor: Actor, erasure_id: int) -> int:
    """The second person confirms: the person is erased in this transaction, files follow. Returns the number of tickets.

    Raises `NotFound`, `NotAllowed` (same person, wrong role), `IllegalStep` (a ticket is open or held again).
    """
    row = await session.get(Erasure, erasure_id, with_for_update=True)
    if row is None or row.confirmed_at is not None:
        raise NotFound(_("没有找到等待确认的清除申请"))
    if not actor.has(*DECIDING) or actor.account == row.asked_by_id:
        raise NotAllowed(_("要由另一位管理员或督办确认"))
    found = await _all_of(session, row.citizen_id, row.ticket_id)
    await _refuse_what_is_needed(session, found)
    row.confirmed_by_id, row.confirmed_at = actor.account, work.core.clock.now()
    await _erase(work, session, actor, found)
    return len(found.tickets)


async def _erase(work: Work, session: AsyncSession, actor: Actor, found: _Found) -> None:
    core, now = work.core, work.core.clock.now()
    ticket_ids = [ticket.id for ticket in found.tickets]
    citizen_ids = [citizen.id for citizen in found.citizens]
    talks = await _conversations(session, found)
    for ticket in found.tickets:
        await tell(core, session, actor, ticket, "person.erased")
        await forget_files(core, session, ticket.id, why="erased")
    await session.execute(delete(PublishedAnswer).where(PublishedAnswer.ticket_id.in_(ticket_ids)))
    for place in places(work.metadata, "ticket"):
        await rewrite(session, place, ticket_ids, lambda words: ERASED)
    calls = list(await session.scalars(select(Call.id).where(Call.conversation_id.in_(talks))))
    await erase_recordings(work, session, calls, why="erased")
    await forget_callers(work, session, calls)
    await erase_conversations(work, session, talks, why="erased")
    await _forget_messages(session, citizen_ids, [str(each) for each in (*ticket_ids, *talks)])
    await cut_off(session, ticket_ids, now)
    for citizen_id in citizen_ids:
        await destroy_key(core, session, await session.get_one(Citizen, citizen_id))
        await record(
            session, at=now, name="person.erased", subject="person", subject_id=citizen_id, who=actor.who, data={"tickets": len(ticket_ids)}
        )
    await destroy_keys(session, now, "ticket", [str(each) for each in ticket_ids])
    await destroy_keys(session, now, "call", [str(each) for each in calls])


async def _conversations(session: AsyncSession, found: _Found) -> Sequence[object]:
    """Conversations of the person, by whatever way they hang on him."""
    of_tickets = [ticket.conversation_id for ticket in found.tickets if ticket.conversation_id]
    of_person = [citizen.id for citizen in found.citizens]
    theirs = or_(Conversation.id.in_(of_tickets), Conversation.citizen_id.in_(of_person))
    called = select(Call.conversation_id).where(Call.citizen_id.in_(of_person))
    return list(await session.scalars(select(Conversation.id).where(or_(theirs, Conversation.id.in_(called)))))


async def _forget_messages(session: AsyncSession, citizen_ids: list[int], recipients: list[str]) -> None:
    """Messages to the outside: sent ones lose their text, waiting ones are not sent any more."""
    people = [str(each) for each in citizen_ids]
    statement = text(
        "UPDATE outbox SET payload = '{}', last_error = 'erased', state = CASE WHEN state = 'waiting' THEN 'parked' ELSE state END"
        " WHERE recipient = ANY(:recipients)"
    )
    await session.execute(statement, {"recipients": [*people, *recipients]})


async def hold(work: Work, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str) -> None:
    """Keep a ticket whatever the policies say (诉讼、复议、审计)."""
    if not actor.has(*DECIDING):
        raise NotAllowed(_("你的岗位不能做这一步"))
    if len(reason.strip()) < 4:
        raise InvalidInput(_("请写明保留的理由，至少4个字"), field="reason")
    if await session.get(LegalHold, ticket.id) is not None:
        raise Conflict(_("这件工单已经设为保留"))
    session.add(LegalHold(ticket_id=ticket.id, reason=reason.strip()[:500], held_by_id=actor.user_id, held_at=work.core.clock.now()))
    await tell(work.core, session, actor, ticket, "retention.held", {"reason": reason.strip()[:500]})


async def release(work: Work, session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    """End the hold. The policies apply again."""
    if not actor.has(*DECIDING):
        raise NotAllowed(_("你的岗位不能做这一步"))
    held = await session.get(LegalHold, ticket.id, with_for_update=True)
    if held is None:
        raise NotFound(_("这件工单没有设为保留"))
    await session.delete(held)
    await tell(work.core, session, actor, ticket, "retention.released")
