"""回访 by WeChat: the words 非常满意, 满意 and 不满意 close the citizen's ticket, or send it back for another round."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.words import satisfaction_words
from hotline.i18n import _
from ticketing.callback.service import CallbackResult, finish_callback
from ticketing.context import Core
from ticketing.people.actor import citizen_actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction, TicketState

_JUST_NOW = timedelta(minutes=10)


def menu_content(number: str) -> dict[str, object]:
    """The question as msgmenu. Ids hold digits only: others come back as 0, so the words are what counts."""
    return {
        "head_content": _("您的工单 {number} 已经办理并答复。您对办理结果满意吗？").format(number=number),
        "list": [{"id": str(101 + place), "content": satisfaction_words(one)} for place, one in enumerate(Satisfaction)],
        "tail_content": _("点一下即可，也可以直接回复文字。"),
    }


def recognise(text: str) -> Satisfaction | None:
    """Exactly one of the three words, and nothing else."""
    words = text.strip(" 。.!！")
    return next((one for one in Satisfaction if satisfaction_words(one) == words), None)


async def rate(core: Core, session: AsyncSession, citizen_id: int, satisfaction: Satisfaction) -> str | None:
    """Finish the callback of the citizen's ticket; None when none of them waits for it. Safe to be done twice."""
    mine = select(Ticket).where(Ticket.citizen_id == citizen_id).order_by(Ticket.id.desc())
    waiting = mine.where(Ticket.state == TicketState.CALLBACK.value).limit(1).with_for_update()
    ticket = (await session.scalars(waiting)).first()
    if ticket is not None:
        result = CallbackResult(satisfaction, solved=satisfaction is not Satisfaction.DISSATISFIED)
        await finish_callback(core, session, citizen_actor(citizen_id), ticket, result, by="wechat")
        return _thanks(ticket.number, satisfaction)
    done = mine.where(Ticket.updated_at > core.clock.now() - _JUST_NOW, Ticket.satisfaction == satisfaction.value).limit(1)
    ticket = (await session.scalars(done)).first()
    return _thanks(ticket.number, satisfaction) if ticket is not None else None


def _thanks(number: str, satisfaction: Satisfaction) -> str:
    if satisfaction is Satisfaction.DISSATISFIED:
        return _("收到，工单 {number} 会交回承办单位再办一轮。您可以接着说一说哪里不满意，我们会转告。").format(number=number)
    return _("谢谢您的评价。工单 {number} 已办结。").format(number=number)
