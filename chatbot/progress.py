"""Where an appeal stands, in the citizen's words: state, unit and promised moment, never personal data or content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot import hearing, moments
from chatbot.registration import promise
from chatbot.wording import PERSON, Say
from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.people.actor import citizen_actor
from ticketing.people.models import Unit
from ticketing.relation.links import master_of
from ticketing.supervision.urging import urge
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import access_by_code, own_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState

MAX_CODE_TRIES = 5
"""Wrong codes in one conversation after which only a person helps on."""

_STATES: dict[TicketState, str] = {
    TicketState.DRAFT: "正在登记。",
    TicketState.REGISTERED: "已经登记，等待派给对口单位{due}。",
    TicketState.NEED_INFO: "需要您补充一些情况，请转人工说明。",
    TicketState.REJECTED: "经核对不属于热线受理范围，原因和办法已经写在答复里。",
    TicketState.EMERGENCY_OUT: "已经转给紧急热线处理。",
    TicketState.ANSWERED: "已经答复，等您评价。",
    TicketState.TO_DISPATCH: "正在派给对口单位{due}。",
    TicketState.IN_PROGRESS: "已经交给{unit}办理{due}。",
    TicketState.DISPUTED: "正在商定由哪个单位办理。",
    TicketState.SUSPENDED: "办理需要等待外部条件，已经暂停计时，恢复后会告诉您。",
    TicketState.REPLY_REVIEW: "承办单位已经答复，正在审核{due}。",
    TicketState.CALLBACK: "已经办出结果，等待回访，请您评价。",
    TicketState.CLOSED: "已经办结。",
    TicketState.ARCHIVED: "已经办结。",
    TicketState.MERGED: "与另一件相同的诉求合并办理。",
    TicketState.WITHDRAWN: "已经按您的要求撤回。",
    TicketState.INVALID: "因内容无法核实，没有继续办理。",
}
_PROMISES = {
    TicketState.REGISTERED: "，最晚{moment}派出",
    TicketState.TO_DISPATCH: "，最晚{moment}派出",
    TicketState.IN_PROGRESS: "，最晚{moment}答复您",
    TicketState.REPLY_REVIEW: "，最晚{moment}审完",
}


@dataclass
class Progress:
    """Answers one progress question of one conversation. `state` is the conversation's bot memory, changed in place."""

    core: Core
    session: AsyncSession
    conversation: Conversation
    state: dict[str, Any]

    async def ask(self, text: str) -> Say:
        """The answer, or the question for what is missing (number, then query code)."""
        number = hearing.find_ticket_number(text, self.core.line, self.core.clock.now()) or self.state.get("number")
        own, urging = await self._own(), "催" in text
        if number is None:
            return await self._latest(own, urging=urging) if own else self._ask_number(text)
        for ticket in own:
            if ticket.number == number:
                return await self._tell(ticket, urging=urging)
        code = hearing.find_query_code(hearing.without_ticket_number(text))
        return await self._by_code(number, code) if code else self._ask_code(number)

    async def _own(self) -> list[Ticket]:
        """Tickets that this side may see without a code: the identified citizen's, and the one made in this conversation."""
        known = await own_tickets(self.session, self.conversation.citizen_id) if self.conversation.citizen_id else []
        here = await self.session.get(Ticket, self.conversation.ticket_id) if self.conversation.ticket_id else None
        return known if here is None or here.id in [ticket.id for ticket in known] else [here, *known]

    async def _latest(self, own: list[Ticket], *, urging: bool) -> Say:
        open_ones = [ticket for ticket in own if TicketState(ticket.state).is_open] or own
        say = await self._tell(open_ones[0], urging=urging)
        if len(own) == 1:
            return say
        more = _("您最近一共有{count}件，这是最近的一件。查别的请说编号后五位。").format(count=len(own))
        return Say(say.text + "\n" + more, say.spoken + more)

    def _ask_number(self, text: str) -> Say:
        misheard = self.state.get("offer") == "number" and bool(hearing.digit_runs(text))
        self.state["offer"] = "number"
        again = _("这个编号不完整。") if misheard else ""
        return Say(
            again + _("请告诉我工单编号和查询码，编号像 12345-20261118-00871 这样，今天登记的说后五位也可以。"),
            again + _("请说工单编号，今天登记的说后五位就可以。编号忘了，请说转人工。"),
            choices=(PERSON,),
        )

    def _ask_code(self, number: str) -> Say:
        self.state.update(offer="code", number=number)
        if self.conversation.channel == "phone":
            spoken = _("这件诉求不是用这个号码登记的。请到市民网页凭编号和查询码查询，或者说转人工，由话务员核对后告诉您。")
            return Say(spoken, spoken, choices=(PERSON,))
        return Say(_("请再输入登记时给您的查询码，是八位字母和数字。"), choices=(PERSON,))

    async def _by_code(self, number: str, code: str) -> Say:
        if int(self.state.get("code_tries", 0)) >= MAX_CODE_TRIES:
            return Say(_("查询码输错的次数太多了。请转人工，由话务员核对后帮您查。"), choices=(PERSON,))
        try:
            ticket = await access_by_code(self.core, self.session, number, code)
        except NotFound as error:
            self.state.update(code_tries=int(self.state.get("code_tries", 0)) + 1, offer="code", number=number)
            return Say(str(error), choices=(PERSON,))
        return await self._tell(ticket)

    async def _tell(self, ticket: Ticket, *, urging: bool = False) -> Say:
        for key in ("number", "offer", "code_tries"):
            self.state.pop(key, None)
        about = await self._about(ticket)
        status = await self._status(ticket)
        text = _("工单 {number}，{about}：{status}").format(number=ticket.number, about=about, status=status)
        urged = await self._urge(ticket) if urging else ""
        heard = await self._status(ticket, spoken=True)
        return Say(text + urged, _("您{about}，{status}").format(about=about, status=heard) + urged)

    async def _urge(self, ticket: Ticket) -> str:
        """催办, once a day; under a merged number it is the matter that is urged. What is over is not urged."""
        locked = (await self.session.scalars(select(Ticket).where(Ticket.id == ticket.id).with_for_update())).one()
        try:
            async with self.session.begin_nested():  # a lock that is not to be had must not end the whole turn
                matter = await master_of(self.session, locked)
                if not TicketState(matter.state).is_open:
                    return ""
                await urge(self.core, self.session, citizen_actor(ticket.citizen_id), matter)
        except InvalidInput:
            return _("今天已经替您催过了，单位已经收到。")
        except Conflict:
            return _("这件事正有工作人员在办，暂时没有催成，请稍后再试。")
        return _("已经替您催办，承办单位会看到。")

    async def _about(self, ticket: Ticket) -> str:
        category = await self.session.get(Category, ticket.category_code) if ticket.category_code else None
        day = moments.citizen_day(ticket.received_at)
        if category is None:
            return _("{day}登记的诉求").format(day=day)
        return _("{day}登记的“{category}”诉求").format(day=day, category=category.name)

    async def _status(self, ticket: Ticket, *, spoken: bool = False) -> str:
        state = TicketState(ticket.state)
        master = await self.session.get(Ticket, ticket.master_id) if state is TicketState.MERGED and ticket.master_id else None
        if master is not None:  # another person's: its number and how far it is, nothing else
            merged = _("与另一件相同的诉求合并办理，") if spoken else _("与编号{number}合并办理，").format(number=master.number)
            return merged + await self._status(master, spoken=spoken)
        moment = await promise(self.session, ticket)
        due = ""
        if moment is not None and moment > self.core.clock.now():
            due = _(_PROMISES[state]).format(moment=moments.citizen_moment(moment))
        return _(_STATES[state]).format(due=due, unit=await self._unit(ticket))

    async def _unit(self, ticket: Ticket) -> str:
        statement = (
            select(Unit.name)
            .join(Assignment, Assignment.unit_id == Unit.id)
            .where(Assignment.ticket_id == ticket.id)
            .order_by(Assignment.id.desc())
        )
        return await self.session.scalar(statement.limit(1)) or _("对口单位")


def mentions_number(text: str, core: Core) -> bool:
    """Whether a whole ticket number stands in `text`."""
    found = hearing.find_ticket_number(text, core.line, core.clock.now())
    return found is not None and any(len(run) >= 13 for run in hearing.digit_runs(text))
