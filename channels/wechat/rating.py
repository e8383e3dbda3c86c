"""回访 by WeChat: the question with its three buttons. The words that come back are understood by `channels.affairs`."""

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
from ticketing.callback.models import CallbackTask
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction, TicketState

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
