"""A citizen's own tickets in a chat that knows who writes (WeChat by openid, SMS by number): overview, rating, supplement.

What is not recognised here goes to the dialogue. Everything may run twice for the same message, so a message that was
answered before gets its stored answer.
"""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.words import satisfaction_words, state_words
from chatbot.hearing import find_ticket_number, without_ticket_number
from hotline.errors import HotlineError
from hotline.i18n import _
from ticketing.callback.models import CallbackTask, TaskState
from ticketing.callback.service import CallbackResult, finish_callback
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import add_message
from ticketing.people.actor import citizen_actor
from ticketing.ticket.access import own_tickets, tickets_of_citizen
from ticketing.ticket.dispatch import supplement
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction, TicketState

WORDS = frozenset({"我的工单", "我的诉求", "我的投诉", "查我的工单", "我的工单进度"})
SUPPLEMENTED = "supplement"
"""Key of `Conversation.bot_state`: the id of the ticket that was added to last and the moment; pictures that follow belong to it."""
_SUPPLEMENT = re.compile(r"\s*(?:我要|我想)?补充(?:一下|材料|说明|情况|内容)?(?:\s*[:：,，。]\s*|\s+|(?=\d)|$)(.*)", re.DOTALL)
"""With a blank, a colon or a number after it: 补充养老保险怎么办 is a question."""
_JUST_NOW = timedelta(minutes=10)
_LOOK_BACK = 20


async def answer(core: Core, session: AsyncSession, conversation: Conversation, text: str, *, key: str, by: str) -> str | None:
    """The answer to words about own tickets, stored with the conversation; None when they mean something else.

    Args:
        key: the message's key in the conversation.
        by: how a rating came: wechat or link (SMS).
    """
    citizen_id = conversation.citizen_id
    if citizen_id is None or conversation.owner == Owner.HUMAN.value or conversation.draft:
        return None
    done = select(Message.text).where(Message.conversation_id == conversation.id, Message.external_id == f"{key}:answer")
    said: str | None = await session.scalar(done)
    if said is not None:
        return said
    if text.strip(" 。？?") in WORDS:
        said = await overview(session, citizen_id)
    elif (satisfaction := recognise(text)) is not None:
        said = await rate(core, session, citizen_id, satisfaction, by=by)
    elif (match := _SUPPLEMENT.fullmatch(text)) is not None:
        said = await _supplement(core, session, conversation, citizen_id, match[1])
    if said is not None:
        await add_message(core, session, conversation, Author.CITIZEN, text, external_id=key)
        await add_message(core, session, conversation, Author.BOT, said, external_id=f"{key}:answer")
    return said


async def overview(session: AsyncSession, citizen_id: int) -> str:
    """The last five tickets with their states."""
    tickets = await own_tickets(session, citizen_id)
    if not tickets:
        return _("您还没有通过这个号码提交过工单。直接说出要反映的事，我来帮您登记。")
    lines = [_("您最近的工单："), *(f"{ticket.number} {state_words(ticket.state)}\n{ticket.title}" for ticket in tickets)]
    lines.append(_("回复工单编号，可以看办理情况；回复“补充”和内容，可以补充情况。"))
    return "\n".join(lines)


async def _supplement(core: Core, session: AsyncSession, conversation: Conversation, citizen_id: int, rest: str) -> str | None:
    """补充 [编号] 内容: to the named ticket of this citizen, to the one that was asked for something, or to the only open one."""
    tickets = [one for one in await own_tickets(session, citizen_id, limit=_LOOK_BACK) if TicketState(one.state).is_open]
    number = find_ticket_number(rest, core.line, core.clock.now())
    named = [one for one in tickets if one.number == number]
    if not tickets:
        return None  # «补充» may mean anything: the dialogue answers
    if number is not None and not named:
        return _("没有在您的工单里找到{number}，或者它已经办结。回复“我的工单”可以看编号。").format(number=number)
    asked = [one for one in tickets if one.state == TicketState.NEED_INFO.value]
    wanted = named or (asked if len(asked) == 1 else tickets)
    if len(wanted) > 1:
        listed = "\n".join(f"{one.number} {one.title}" for one in wanted[:5])
        return _("您有几件事正在办理，请回复“补充”加编号和内容：\n{listed}").format(listed=listed)
    words = (without_ticket_number(rest) if named else rest).strip(" ，,:：。")
    if len(words) < 2:
        return _("请在“补充”后面写上内容，例如：补充 施工一般在晚上11点以后。照片可以接着发。")
    ticket = (await session.scalars(select(Ticket).where(Ticket.id == wanted[0].id).with_for_update())).one()
    try:
        async with session.begin_nested():
            await supplement(core, session, citizen_actor(citizen_id), ticket, words)
    except HotlineError as error:
        return str(error)
    conversation.bot_state = {**conversation.bot_state, SUPPLEMENTED: {"ticket": ticket.id, "at": core.clock.now().isoformat()}}
    return _("已补充到工单{number}，承办单位会看到。").format(number=ticket.number)


async def waiting_for_citizen(session: AsyncSession, citizen_id: int) -> Ticket | None:
    """The only own ticket that waits for what the citizen was asked for; None when there is none, or more than one."""
    tickets = [one for one in await own_tickets(session, citizen_id, limit=_LOOK_BACK) if one.state == TicketState.NEED_INFO.value]
    return tickets[0] if len(tickets) == 1 else None


def recognise(text: str) -> Satisfaction | None:
    """Exactly one of the three words, and nothing else."""
    words = text.strip(" 。.!！")
    return next((one for one in Satisfaction if satisfaction_words(one) == words), None)


async def rate(core: Core, session: AsyncSession, citizen_id: int, satisfaction: Satisfaction, *, by: str) -> str | None:
    """Finish the callback of the citizen's ticket; None when none of them waits for it. Safe to be done twice."""
    mine = tickets_of_citizen(citizen_id).limit(1)
    tasks = select(CallbackTask.ticket_id)
    asked = Ticket.id.in_(tasks.where(CallbackTask.state == TaskState.OPEN.value)) & (Ticket.state == TicketState.CALLBACK.value)
    ticket = (await session.scalars(mine.where(asked).with_for_update())).first()
    if ticket is not None:
        result = CallbackResult(satisfaction, solved=satisfaction is not Satisfaction.DISSATISFIED, contacted=None, attitude=None)
        await finish_callback(core, session, citizen_actor(citizen_id), ticket, result, by=by)
        return _thanks(ticket.number, satisfaction)
    said = (CallbackTask.finished_at > core.clock.now() - _JUST_NOW) & (CallbackTask.satisfaction == satisfaction.value)
    ticket = (await session.scalars(mine.where(Ticket.id.in_(tasks.where(said))))).first()
    return _thanks(ticket.number, satisfaction) if ticket is not None else None


def _thanks(number: str, satisfaction: Satisfaction) -> str:
    if satisfaction is Satisfaction.DISSATISFIED:
        return _("收到，工单 {number} 我们会马上再联系您，查明原因后请承办单位重办。您可以接着说一说哪里不满意。").format(number=number)
    return _("谢谢您的评价。工单 {number} 已办结。").format(number=number)
