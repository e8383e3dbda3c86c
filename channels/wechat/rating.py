"""回访 by WeChat: the words 非常满意, 满意 and 不满意 close the citizen's ticket, or send it back for another round."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.words import satisfaction_words
from channels.wechat.outbox import queue_rating
from channels.wechat.replies import cut
from hotline.events import Outbox
from hotline.i18n import _
from ticketing.callback.batch import note_sent
from ticketing.callback.models import CallbackTask, TaskState
from ticketing.callback.service import CallbackResult, finish_callback
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.people.actor import citizen_actor
from ticketing.ticket.access import tickets_of_citizen
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction, TicketState

_JUST_NOW = timedelta(minutes=10)
_WINDOW = timedelta(hours=47)
"""The platform takes messages for 48 h after the citizen's last one."""
_MAX_ANSWER_BYTES = 1200


def question(ticket: Ticket) -> str:
    """What the citizen is asked; the answer of the unit stands in it, since the chat is theirs alone."""
    text = _("您的工单 {number} 已经办理并答复。").format(number=ticket.number)
    if ticket.answer:
        text += "\n" + cut(ticket.answer, _MAX_ANSWER_BYTES)
    return text + "\n" + _("您对办理结果满意吗？")


def as_menu(question_text: str) -> dict[str, object]:
    """The question as msgmenu. Ids hold digits only: others come back as 0, so the words are what counts."""
    return {
        "head_content": question_text,
        "list": [{"id": str(101 + place), "content": satisfaction_words(one)} for place, one in enumerate(Satisfaction)],
        "tail_content": _("点一下即可，也可以直接回复文字。"),
    }


async def ask_due(core: Core, session: AsyncSession, limit: int = 20) -> int:
    """Ask once per round about tickets that wait for their callback, as long as the citizen can still be written to.

    Whoever does not answer is called by a person, as everybody else is.
    """
    asked = select(Outbox.id).where(Outbox.dedupe_key == func.concat("wechat:rating:", Ticket.number, ":", Ticket.round))
    statement = (
        select(Ticket, Conversation)
        .join(Conversation, Conversation.id == Ticket.conversation_id)
        .join(CallbackTask, (CallbackTask.ticket_id == Ticket.id) & (CallbackTask.state == "open"))
        .where(
            Ticket.state == TicketState.CALLBACK.value,
            Conversation.channel == "wechat",
            Conversation.citizen_id == Ticket.citizen_id,
            Conversation.updated_at > core.clock.now() - _WINDOW,
            ~asked.exists(),
        )
        .limit(limit)
        .with_for_update(of=(Ticket, CallbackTask), skip_locked=True)
    )
    rows = list(await session.execute(statement))
    for row in rows:
        await queue_rating(core, session, row.Conversation, question(row.Ticket), f"{row.Ticket.number}:{row.Ticket.round}")
        await note_sent(core, session, row.Ticket, channel="wechat")
    return len(rows)


def recognise(text: str) -> Satisfaction | None:
    """Exactly one of the three words, and nothing else."""
    words = text.strip(" 。.!！")
    return next((one for one in Satisfaction if satisfaction_words(one) == words), None)


async def rate(core: Core, session: AsyncSession, citizen_id: int, satisfaction: Satisfaction) -> str | None:
    """Finish the callback of the citizen's ticket; None when none of them waits for it. Safe to be done twice."""
    mine = tickets_of_citizen(citizen_id).limit(1)
    tasks = select(CallbackTask.ticket_id)
    asked = Ticket.id.in_(tasks.where(CallbackTask.state == TaskState.OPEN.value)) & (Ticket.state == TicketState.CALLBACK.value)
    ticket = (await session.scalars(mine.where(asked).with_for_update())).first()
    if ticket is not None:
        result = CallbackResult(satisfaction, solved=satisfaction is not Satisfaction.DISSATISFIED, contacted=None, attitude=None)
        await finish_callback(core, session, citizen_actor(citizen_id), ticket, result, by="wechat")
        return _thanks(ticket.number, satisfaction)
    said = (CallbackTask.finished_at > core.clock.now() - _JUST_NOW) & (CallbackTask.satisfaction == satisfaction.value)
    ticket = (await session.scalars(mine.where(Ticket.id.in_(tasks.where(said))))).first()
    return _thanks(ticket.number, satisfaction) if ticket is not None else None


def _thanks(number: str, satisfaction: Satisfaction) -> str:
    if satisfaction is Satisfaction.DISSATISFIED:
        return _("收到，工单 {number} 我们会马上再联系您，查明原因后请承办单位重办。您可以接着说一说哪里不满意。").format(number=number)
    return _("谢谢您的评价。工单 {number} 已办结。").format(number=number)
