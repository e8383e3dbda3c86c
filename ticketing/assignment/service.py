"""What a unit does: sign, contact, reply, sign off, ask to return it. Other units get NotFound."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from hotline.i18n import _
from ticketing.assignment.contact_told import fault_of_contact
from ticketing.assignment.models import Assignment, AssignmentState, Facts, LegalProcedure, Reply
from ticketing.assignment.reply_files import set_files
from ticketing.assignment.statutes import fault_of
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import running, start_review_clock, stop_clocks
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role, User
from ticketing.relation.investigation import EXPLAIN_FROM, level, open_investigation
from ticketing.request.pending import withdraw_pending
from ticketing.request.states import RequestKind
from ticketing.supervision import rules
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import move, take_step, tell
from ticketing.words import table, word

MIN_REPLY, MIN_EXPLANATION = 30, 15


@dataclass(frozen=True)
class ReplyDraft:
    """A structured reply (F09)."""

    facts: Facts
    measures: str
    basis: str = ""
    contact_note: str = ""
    """Mandatory while no contact is recorded (`ticketing.assignment.contact_told`)."""
    explanation: str = ""
    """Why the matter came back; mandatory from the second return on (D05)."""
    legal_procedure: LegalProcedure | None = None
    """The statutory procedure that took the matter over."""
    legal_limit: str = ""
    """Its time limit in words; empty: what the statute says. Mandatory for another procedure."""
    legal_due: date | None = None
    """Its last day; None: as long as the statute allows. Mandatory for another procedure."""
    attachments: tuple[UUID, ...] = ()
    """The files of the ticket that belong to it (`ticketing.assignment.reply_files`)."""
    for_citizen: tuple[UUID, ...] = ()
    """Those of them that the citizen gets to see with the answer; naming a file here is enough."""
    seen: int | None = None
    """The ticket's last event that the writer saw: a draft that came after it is not replaced. None: whatever is there is."""

    @property
    def limit_words(self) -> str:
        """The procedure's time limit as it is kept."""
        if self.legal_procedure is None:
            return ""
        return self.legal_limit.strip() or table("legal_limit").get(self.legal_procedure.value, "")

    @property
    def as_kept(self) -> dict[str, Any]:
        """The columns of `Reply` that the words of the draft fill."""
        return {
            "facts": self.facts.value,
            "measures": self.measures.strip(),
            "basis": self.basis.strip(),
            "contact_note": self.contact_note.strip(),
            "explanation": self.explanation.strip()[:2000],
            "legal_procedure": self.legal_procedure.value if self.legal_procedure else "",
            "legal_limit": self.limit_words,
            "legal_due_on": self.legal_due,
        }


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


def at_work(ticket: Ticket) -> None:
    """Nothing is done on a suspended ticket but resuming it: its clocks stand still. Raises IllegalStep."""
    if ticket.state == TicketState.SUSPENDED.value:
        raise IllegalStep(_("这张工单挂账中，恢复办理以后才能做这一步"))


def _unit_people(actor: Actor, *roles: Role) -> None:
    if not actor.has(*roles):
        raise NotAllowed(_("你的岗位不能做这一步"))


@dataclass(frozen=True)
class Responsibility:
    """五定 (F06): unit and deadline stand in the assignment; leader, person and quality are fixed when the unit signs."""

    leader: str = ""
    """Empty: the unit's chief."""
    person: str = ""
    """Empty: whoever signs."""
    quality: str = ""
    """Empty: the usual standard."""


USUAL_QUALITY = "事实清楚、依据准确、措施具体，办结前与市民联系"


async def sign(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, fixed: Responsibility = Responsibility()) -> Assignment:
    """T10: the unit takes the ticket over (签收) and names who is responsible (五定).

    The sign clock stops; the handling clock has run since dispatch. A pending wish to return it ends thereby.
    """
    _unit_people(actor, Role.CLERK, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    at_work(ticket)
    await move(session, actor, assignment, "sign")
    assignment.signed_at, assignment.signed_by_id = core.clock.now(), actor.user_id
    assignment.responsible_leader = fixed.leader.strip()[:50] or await _chief(session, assignment.unit_id) or actor.label
    assignment.responsible_person = fixed.person.strip()[:50] or actor.label
    assignment.quality_standard = fixed.quality.strip()[:200] or _(USUAL_QUALITY)
    await withdraw_pending(core, session, ticket, RequestKind.RETURN, assignment_id=assignment.id)
    await stop_clocks(core, session, ticket.id, ClockKind.SIGN, assignment_id=assignment.id)
    data = {
        "assignment": assignment.id, "unit": assignment.unit_id,
        "leader": assignment.responsible_leader, "person": assignment.responsible_person, "quality": assignment.quality_standard,
    }  # fmt: skip
    await tell(core, session, actor, ticket, "assignment.signed", data, public=True)
    return assignment


async def _chief(session: AsyncSession, unit_id: int) -> str:
    statement = select(User.name).where(User.unit_id == unit_id, User.role == Role.CHIEF.value, User.active).order_by(User.id).limit(1)
    return await session.scalar(statement) or ""


async def contact(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, *, way: str, note: str) -> None:
    """T14: the unit has spoken with the citizen (先行联系). `way`: phone, sms, wechat or visit."""
    _unit_people(actor, Role.CLERK, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    at_work(ticket)
    _expect(assignment, AssignmentState.SIGNED, AssignmentState.WORKING, AssignmentState.REDO)
    if len(note.strip()) < 5:
        raise InvalidInput(_("请写明联系的情况"), field="note")
    now = core.clock.now()
    assignment.contacted_at = assignment.contacted_at or now
    await move(session, actor, assignment, "contact")
    await stop_clocks(core, session, ticket.id, ClockKind.CONTACT, assignment_id=assignment.id)
    data = {"assignment": assignment.id, "unit": assignment.unit_id, "way": way, "note": note.strip()[:1000]}
    await tell(core, session, actor, ticket, "assignment.contacted", data, public=True)


def check_reply(draft: ReplyDraft) -> dict[str, str]:
    """Gate before sign-off: what is wrong with the reply, by field. Empty when nothing is."""
    errors: dict[str, str] = {}
    measures = draft.measures.strip()
    if len(measures) < MIN_REPLY:
        errors["measures"] = _("答复太简单，办理措施和结果至少写{count}个字").format(count=MIN_REPLY)
    elif found := next((phrase for phrase in rules.load().monitoring.brush_off.refused if phrase in measures), None):
        errors["measures"] = _("“{phrase}”没有回答市民的问题，请写明怎么办的、结果如何").format(phrase=found)
    if draft.facts in (Facts.TRUE, Facts.PARTLY) and not draft.basis.strip():
        errors["basis"] = _("请写明依据")
    if draft.legal_procedure is not None and not 2 <= len(draft.limit_words) <= 100:
        errors["legal_limit"] = _("请写明法定程序的办理期限，100字以内")
    return errors


async def draft_reply(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, draft: ReplyDraft) -> Reply:
    """T18, first half: the clerk writes the reply, with its files, and hands it to the unit's chief.

    While it waits for the signature the same draft again changes nothing, and another one replaces it only when its writer saw it
    (decision 0260). Raises InvalidInput per field, Conflict.
    """
    _unit_people(actor, Role.CLERK)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    at_work(ticket)
    _expect(assignment, AssignmentState.SIGNED, AssignmentState.WORKING, AssignmentState.REDO, AssignmentState.UNIT_REVIEW)
    reply = await current_reply(session, assignment, ticket.round)
    if reply is not None and assignment.state == AssignmentState.UNIT_REVIEW.value:
        if await _is_same(session, actor, reply, draft):
            return reply
        if draft.seen is not None and await _drafted_since(session, ticket, assignment, draft.seen):
            raise Conflict(_("答复已经交首席代表审签，没有保存。要替换它，请先看过现在的答复再提交"))
    errors = check_reply(draft)
    if fault := fault_of(draft.legal_procedure, draft.legal_due, to_city(core.clock.now()).date()):
        errors["legal_due"] = fault
    if fault := await fault_of_contact(session, ticket, assignment, draft.contact_note):
        errors["contact_note"] = fault
    if level(ticket) >= EXPLAIN_FROM and len(draft.explanation.strip()) < MIN_EXPLANATION:
        errors["explanation"] = _("这是第{n}次反映，请写明上次为什么没有解决，至少{count}个字").format(
            n=level(ticket), count=MIN_EXPLANATION
        )
    if errors:
        raise InvalidInput(errors=errors)
    if reply is None:
        reply = Reply(assignment_id=assignment.id, round=ticket.round)
        session.add(reply)
    for name, value in draft.as_kept.items():
        setattr(reply, name, value)
    reply.author_id, reply.written_at = actor.account, core.clock.now()
    await move(session, actor, assignment, "draft_reply")
    await session.flush()
    await set_files(session, ticket, reply, draft.attachments, for_citizen=draft.for_citizen)
    shown = set(draft.for_citizen)
    data = {"assignment": assignment.id, "reply": reply.id, "files": len({*draft.attachments, *shown}), "for_citizen": len(shown)}
    await tell(core, session, actor, ticket, "reply.drafted", data)
    return reply


async def _is_same(session: AsyncSession, actor: Actor, reply: Reply, draft: ReplyDraft) -> bool:
    """Whether this person sends what waits already, word for word and file for file: the button was pressed twice."""
    if reply.author_id != actor.account or any(getattr(reply, name) != value for name, value in draft.as_kept.items()):
        return False
    files = select(Attachment.id, Attachment.for_citizen).where(Attachment.reply_id == reply.id)
    wanted = {file: file in draft.for_citizen for file in (*draft.attachments, *draft.for_citizen)}
    return dict((await session.execute(files)).all()) == wanted


async def _drafted_since(session: AsyncSession, ticket: Ticket, assignment: Assignment, seen: int) -> bool:
    """Whether a draft of this unit was handed to the chief after event number `seen` of the ticket."""
    events = await history(session, "ticket", ticket.id)
    return any(each.seq > seen and each.name == "reply.drafted" and each.data.get("assignment") == assignment.id for each in events)


async def refuse_draft(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, note: str) -> None:
    """The chief gives the draft back to the clerk."""
    _unit_people(actor, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    at_work(ticket)
    _expect(assignment, AssignmentState.UNIT_REVIEW)
    if len(note.strip()) < 2:
        raise InvalidInput(_("请写明要改什么"), field="note")
    await move(session, actor, assignment, "refuse_draft")
    await tell(core, session, actor, ticket, "reply.draft_refused", {"assignment": assignment.id, "note": note.strip()[:500]})


async def sign_off(core: Core, session: AsyncSession, actor: Actor, assignment_id: int) -> None:
    """T18, second half: the chief signs (首席代表审签). The handling clock stops; when all replies are in, review begins."""
    _unit_people(actor, Role.CHIEF)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    at_work(ticket)
    _expect(assignment, AssignmentState.UNIT_REVIEW)
    reply = await current_reply(session, assignment, ticket.round)
    if reply is None:
        raise IllegalStep(_("还没有起草答复"))
    if reply.author_id == actor.user_id:  # four eyes: also as deputy, and after a deputyship or with a new role
        raise NotAllowed(_("自己起草的答复不能自己审签，请由首席代表或另一位代理人审签，或退给经办人重写"))
    now = core.clock.now()
    reply.signed_off_by_id, reply.signed_off_at = actor.user_id, now
    await move(session, actor, assignment, "sign_off")
    assignment.replied_at = now
    done = (ClockKind.HANDLE, ClockKind.CONTACT, ClockKind.PLAN, ClockKind.ON_SITE)
    await stop_clocks(core, session, ticket.id, *done, assignment_id=assignment.id)
    await withdraw_pending(core, session, ticket, assignment_id=assignment.id)  # whoever has answered needs no more time
    await tell(core, session, actor, ticket, "assignment.replied", {"assignment": assignment.id, "unit": assignment.unit_id})
    await reply_ready(core, session, ticket)


async def reply_ready(core: Core, session: AsyncSession, ticket: Ticket) -> bool:
    """T19: all required replies are in and no investigation is open: the review begins, with its clock. True when it did.

    While the supervisor still investigates (D06), the same clock runs for the findings: nobody else owes anything then.
    """
    await session.flush()
    states = list(await session.scalars(select(Assignment.state).where(Assignment.ticket_id == ticket.id)))
    if any(AssignmentState(state).is_open for state in states) or AssignmentState.REPLIED.value not in states:
        return False
    if ticket.state != TicketState.IN_PROGRESS.value:
        return False
    if await open_investigation(session, ticket) is not None:
        if all(clock.kind != ClockKind.REVIEW.value for clock in await running(session, ticket.id)):
            await start_review_clock(core, session, ticket)
        return False
    await stop_clocks(core, session, ticket.id, ClockKind.REVIEW)
    await take_step(core, session, SYSTEM, ticket, "reply_ready")
    await start_review_clock(core, session, ticket)
    return True


async def waive(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, reason: str) -> None:
    """T19: the reply of a co-unit is not needed (免答复); its clocks end. Raises InvalidInput, IllegalStep."""
    _unit_people(actor, Role.DISPATCHER, Role.SUPERVISOR)
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    if ticket.state != TicketState.IN_PROGRESS.value:
        raise IllegalStep(_("只有办理中的工单可以免协办单位答复"))
    if assignment.lead:
        raise IllegalStep(_("主办单位的答复不能免去"))
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明为什么不需要这个单位答复"), field="reason")
    others = select(Assignment.state).where(Assignment.ticket_id == ticket.id, Assignment.id != assignment.id)
    if not any(state == AssignmentState.REPLIED.value or AssignmentState(state).is_open for state in await session.scalars(others)):
        # under investigation nobody leads: the ticket would lie still
        raise IllegalStep(_("没有别的单位在办或已答复，这个单位的答复不能免去"))
    await move(session, actor, assignment, "cancel")
    assignment.waived_reason = reason.strip()[:500]
    await stop_clocks(core, session, ticket.id, assignment_id=assignment.id, cancelled=True)
    await withdraw_pending(core, session, ticket, assignment_id=assignment.id)
    data = {"assignment": assignment.id, "unit": assignment.unit_id, "reason": assignment.waived_reason}
    await tell(core, session, actor, ticket, "assignment.waived", data)
    await reply_ready(core, session, ticket)


async def current_reply(session: AsyncSession, assignment: Assignment, round_: int) -> Reply | None:
    """The latest reply of this round that review has not refused."""
    statement = select(Reply).where(Reply.assignment_id == assignment.id, Reply.round == round_, Reply.accepted.is_not(False))
    return (await session.scalars(statement.order_by(Reply.id.desc()).limit(1))).first()
