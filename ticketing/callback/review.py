"""Review of the units' replies by somebody outside the unit (T20, T21)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.assignment import procedure
from ticketing.assignment.models import Assignment, AssignmentState, Reply
from ticketing.assignment.reply_files import count_for_citizen
from ticketing.callback.tasks import open_callback
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import go_on_after_review, stop_clocks
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import move, take_step
from ticketing.words import word

GATES = ("law", "wording", "signoff", "letter")
"""四关：法律政策、文字格式、审核签发、办理函复 (F07)"""


async def review(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, accept: bool, gates: tuple[str, ...] = (), note: str = ""
) -> None:
    """T20/T21: somebody outside the unit passes the replies or sends them back. The author may not review."""
    if not actor.has(Role.DISPATCHER, Role.SUPERVISOR):
        raise NotAllowed(_("你的岗位不能审核答复"))
    if accept and set(gates) != set(GATES):
        raise InvalidInput(_("四关都要核对：法律政策、文字格式、审核签发、办理函复"), field="gates")
    if not accept and len(note.strip()) < 5:
        raise InvalidInput(_("请写明退回的理由"), field="note")
    replies = await _replies(session, ticket)
    # the answer is set with the step: the citizen's notice holds it
    told: dict[str, Any] = _told(replies) if accept else {}
    action = "accept_reply" if accept else "send_back"
    data: dict[str, Any] = {"note": note.strip()[:1000]}
    if accept and (shown := await count_for_citizen(session, [reply.id for _assignment, reply in replies])):
        data["files"] = shown
    await take_step(core, session, actor, ticket, action, data=data, **told)
    await stop_clocks(core, session, ticket.id, ClockKind.REVIEW)
    now = core.clock.now()
    for assignment, reply in replies:
        if actor.user_id in (reply.author_id, reply.signed_off_by_id):  # somebody outside the unit, also after a change of role
            raise NotAllowed(_("不能审核自己起草或审签的答复"))
        reply.reviewed_by_id, reply.reviewed_at, reply.accepted, reply.review_note = actor.user_id, now, accept, note.strip()
        await move(session, actor, assignment, "accept" if accept else "redo")
        if accept:
            assignment.accepted_at = now
        else:
            await go_on_after_review(core, session, ticket, assignment.id)
    if accept:
        await procedure.begin(core, session, ticket, replies)
        await open_callback(core, session, ticket)
    await session.flush()


def _told(replies: list[tuple[Assignment, Reply]]) -> dict[str, Any]:
    """What the citizen is told: the measures, and the statutory procedure that goes on, if there is one (P-REPORT)."""
    answer = "\n".join(reply.measures for _assignment, reply in replies)
    legal = next((reply for _assignment, reply in replies if reply.legal_procedure), None)
    if legal is None:
        return {"answer": answer, "legal_procedure": "", "legal_limit": ""}
    words = _("这件事已进入法定程序“{procedure}”，办理期限：{limit}。结果由承办单位依法告知您。").format(
        procedure=word("legal_procedure", legal.legal_procedure), limit=legal.legal_limit
    )
    return {"answer": f"{answer}\n{words}", "legal_procedure": legal.legal_procedure, "legal_limit": legal.legal_limit}


async def _replies(session: AsyncSession, ticket: Ticket) -> list[tuple[Assignment, Reply]]:
    statement = (
        select(Assignment, Reply)
        .join(Reply, Reply.assignment_id == Assignment.id)
        .where(
            Assignment.ticket_id == ticket.id,
            Assignment.state == AssignmentState.REPLIED.value,
            Reply.round == ticket.round,
            Reply.accepted.is_(None),
        )
        .order_by(Assignment.lead.desc(), Assignment.id)
    )
    return [(row.Assignment, row.Reply) for row in await session.execute(statement)]
