"""What a unit does: sign, contact, reply, sign off, ask to return it. Other units get NotFound."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState, Facts, Reply
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import start_dispatch_clock, start_policy_clock, stop_clocks
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import take_step, tell
from ticketing.words import word

MIN_REPLY = 30
BRUSH_OFFS = ("请找有关部门", "请咨询相关部门", "正在处理中", "正在处理当中", "已转有关部门", "无法处理", "不归我们管")
"""Phrases that answer nothing (F11)."""


@dataclass(frozen=True)
class ReplyDraft:
    """A structured reply (F09)."""

    facts: Facts
    measures: str
    basis: str = ""
    contact_note: str = ""


async def access_assignment(session: AsyncSession, actor: Actor, assignment_id: int) -> tuple[Assignment, Ticket]:
    """The assignment and its ticket, both locked. Unit people reach only their own unit's. Raises NotFound."""
    assignment = (await session.scalars(select(Assignment).where(Assignment.id == assignment_id))).first()
    allowed = actor.has(Role.DISPATCHER, Role.SUPERVISOR) or (
        actor.has(Role.CLERK, Role.CHIEF) and assignment is not None and assignment.unit_id == actor.unit_id
    )
    if assignment is None or not allowed:
        raise NotFound(_("没有找到这张工单"))
    ticket = (await session.scalars(select(Ticket).where(Ticket.id == assignment.ticket_id).with_for_update())).one()
    await session.refresh(assignment, with_for_update=True)
    return assignment, ticket


def _expect(assignment: Assignment, *states: AssignmentState) -> None:
    if assignment.state not in {state.value for state in states}:
        raise IllegalStep(_("本单位的办理状态是“{state}”，现在不能做这一步").format(state=word("assignment", assignment.state)))


def _unit_people(actor: Actor, *roles: Role) -> None:
    if not actor.has(*roles):
        raise NotAllowed(_("你的岗位不能做这一步"))


async def sign(core: Core, session: AsyncSession, actor: Actor, assignment_id: int) -> Assignment:
    """T10: the unit takes the ticket over (签收). The sign clock stops; the handling clock has run since dispatch."""
    _unit_people(actor, Role.CLERK, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    _expect(assignment, AssignmentState.ASSIGNED)
    assignment.state, assignment.signed_at, assignment.signed_by_id = AssignmentState.SIGNED.value, core.clock.now(), actor.user_id
    assignment.return_requested_at = None
    await stop_clocks(core, session, ticket.id, ClockKind.SIGN, assignment_id=assignment.id)
    await tell(core, session, actor, ticket, "assignment.signed", {"assignment": assignment.id, "unit": assignment.unit_id}, public=True)
    return assignment


async def contact(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, *, way: str, note: str) -> None:
    """T14: the unit has spoken with the citizen (先行联系). `way`: phone, sms, wechat or visit."""
    _unit_people(actor, Role.CLERK, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    _expect(assignment, AssignmentState.SIGNED, AssignmentState.WORKING, AssignmentState.REDO)
    if len(note.strip()) < 5:
        raise InvalidInput(_("请写明联系的情况"), field="note")
    now = core.clock.now()
    assignment.contacted_at = assignment.contacted_at or now
    if assignment.state == AssignmentState.SIGNED.value:
        assignment.state = AssignmentState.WORKING.value
    await stop_clocks(core, session, ticket.id, ClockKind.CONTACT, assignment_id=assignment.id)
    data = {"assignment": assignment.id, "unit": assignment.unit_id, "way": way, "note": note.strip()[:1000]}
    await tell(core, session, actor, ticket, "assignment.contacted", data, public=True)


async def request_return(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, reason: str) -> None:
    """T11: the unit says that it is not its matter, before signing, with the legal basis. The clocks go on."""
    _unit_people(actor, Role.CLERK, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    _expect(assignment, AssignmentState.ASSIGNED)
    if len(reason.strip()) < 10:
        raise InvalidInput(_("请写明退单的职责依据，至少10个字"), field="reason")
    if assignment.return_reason is not None:
        raise IllegalStep(_("这张工单已经申请过退单，不能再退"))
    assignment.return_reason, assignment.return_requested_at, assignment.return_requested_by_id = (
        reason.strip()[:1000],
        core.clock.now(),
        actor.user_id,
    )
    await tell(core, session, actor, ticket, "return.requested", {"assignment": assignment.id, "reason": reason.strip()})


async def decide_return(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, *, approve: bool, note: str = "") -> None:
    """T11/T12: the dispatcher decides. Approved: the ticket waits for dispatch again; refused: the unit must sign."""
    _unit_people(actor, Role.DISPATCHER, Role.SUPERVISOR)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    if assignment.return_requested_at is None or assignment.state != AssignmentState.ASSIGNED.value:
        raise IllegalStep(_("没有等待处理的退单申请"))
    assignment.return_requested_at = None
    name = "return.approved" if approve else "return.refused"
    await tell(core, session, actor, ticket, name, {"assignment": assignment.id, "note": note.strip()[:500]})
    if not approve:
        return
    assignment.state = AssignmentState.RETURNED.value
    await stop_clocks(core, session, ticket.id, assignment_id=assignment.id, cancelled=True)
    if assignment.lead:
        others = select(Assignment).where(
            Assignment.ticket_id == ticket.id, Assignment.id != assignment.id, Assignment.state != AssignmentState.RETURNED.value
        )
        for other in await session.scalars(others):
            other.state = AssignmentState.CANCELLED.value
            await stop_clocks(core, session, ticket.id, assignment_id=other.id, cancelled=True)
        await take_step(core, session, actor, ticket, "redispatch", dispatched_at=None)
        await start_dispatch_clock(core, session, ticket)
    else:
        await _reply_ready(core, session, actor, ticket)


def check_reply(draft: ReplyDraft) -> dict[str, str]:
    """Gate before sign-off: what is wrong with the reply, by field. Empty when nothing is."""
    errors: dict[str, str] = {}
    measures = draft.measures.strip()
    if len(measures) < MIN_REPLY:
        errors["measures"] = _("答复太简单，办理措施和结果至少写{count}个字").format(count=MIN_REPLY)
    elif found := next((phrase for phrase in BRUSH_OFFS if phrase in measures), None):
        errors["measures"] = _("“{phrase}”没有回答市民的问题，请写明怎么办的、结果如何").format(phrase=found)
    if draft.facts in (Facts.TRUE, Facts.PARTLY) and not draft.basis.strip():
        errors["basis"] = _("请写明依据")
    return errors


async def draft_reply(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, draft: ReplyDraft) -> Reply:
    """T18, first half: the clerk writes the reply and hands it to the unit's chief. Raises InvalidInput per field."""
    _unit_people(actor, Role.CLERK, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    _expect(assignment, AssignmentState.SIGNED, AssignmentState.WORKING, AssignmentState.REDO, AssignmentState.UNIT_REVIEW)
    if errors := check_reply(draft):
        raise InvalidInput(errors=errors)
    reply = await current_reply(session, assignment, ticket.round)
    if reply is None:
        reply = Reply(assignment_id=assignment.id, round=ticket.round)
        session.add(reply)
    reply.facts, reply.measures, reply.basis, reply.contact_note = (
        draft.facts.value,
        draft.measures.strip(),
        draft.basis.strip(),
        draft.contact_note.strip(),
    )
    reply.author_id, reply.written_at = _user(actor), core.clock.now()
    assignment.state = AssignmentState.UNIT_REVIEW.value
    await session.flush()
    await tell(core, session, actor, ticket, "reply.drafted", {"assignment": assignment.id, "reply": reply.id})
    return reply


async def refuse_draft(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, note: str) -> None:
    """The chief gives the draft back to the clerk."""
    _unit_people(actor, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    _expect(assignment, AssignmentState.UNIT_REVIEW)
    if len(note.strip()) < 2:
        raise InvalidInput(_("请写明要改什么"), field="note")
    assignment.state = AssignmentState.WORKING.value
    await tell(core, session, actor, ticket, "reply.draft_refused", {"assignment": assignment.id, "note": note.strip()[:500]})


async def sign_off(core: Core, session: AsyncSession, actor: Actor, assignment_id: int) -> None:
    """T18, second half: the chief signs (首席代表审签). The handling clock stops; when all replies are in, review begins."""
    _unit_people(actor, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    _expect(assignment, AssignmentState.UNIT_REVIEW)
    reply = await current_reply(session, assignment, ticket.round)
    if reply is None:
        raise IllegalStep(_("还没有起草答复"))
    now = core.clock.now()
    reply.signed_off_by_id, reply.signed_off_at = actor.user_id, now
    assignment.state, assignment.replied_at = AssignmentState.REPLIED.value, now
    await stop_clocks(core, session, ticket.id, ClockKind.HANDLE, ClockKind.CONTACT, assignment_id=assignment.id)
    await tell(core, session, actor, ticket, "assignment.replied", {"assignment": assignment.id, "unit": assignment.unit_id})
    await _reply_ready(core, session, actor, ticket)


async def _reply_ready(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    """T19: all required replies are in; the review clock starts."""
    await session.flush()
    states = list(await session.scalars(select(Assignment.state).where(Assignment.ticket_id == ticket.id)))
    if any(AssignmentState(state).is_open for state in states) or AssignmentState.REPLIED.value not in states:
        return
    await take_step(core, session, SYSTEM, ticket, "reply_ready")
    await start_policy_clock(core, session, ticket, ClockKind.REVIEW)


async def current_reply(session: AsyncSession, assignment: Assignment, round_: int) -> Reply | None:
    """The latest reply of this round that review has not refused."""
    statement = select(Reply).where(Reply.assignment_id == assignment.id, Reply.round == round_, Reply.accepted.is_not(False))
    return (await session.scalars(statement.order_by(Reply.id.desc()).limit(1))).first()


def _user(actor: Actor) -> int:
    if actor.user_id is None:
        raise NotAllowed(_("请用个人账号登录"))
    return actor.user_id
