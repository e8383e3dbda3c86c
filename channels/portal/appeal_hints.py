"""What a citizen is told once before an appeal goes out: it was reported already, it reads like an advertisement, something is missing.

Hints never stop anybody: the second press sends. Of other people's matters only category, district, day and state are told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.appeal_form import AppealForm
from channels.portal.words import state_words
from hotline.i18n import _, texts
from ticketing.context import Core
from ticketing.suggestion.missing import missing_elements
from ticketing.suggestion.similar import similar_public
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import access_opened, tickets_of_number
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Kind

ALIKE = 0.55
"""From this likeness on, at the same place, somebody else's matter is told; one's own from `ALIKE_OWN`."""
ALIKE_OWN = 0.45
MOST_MISSING = 1
"""So much may be missing without a word: the unit will ask."""
_LINK = re.compile(r"https?://|www\.|\.(?:com|cn|net|top|vip)\b", re.IGNORECASE)
_ADVERTISING = re.compile(r"加微信|加我微信|加V|代开发票|代办证|贷款|套现|刷单|兼职|博彩|棋牌|优惠券|代理加盟|低价|出售|VX|v信")
_ASKED = texts(
    {
        "time": "大概什么时候发生的，是不是还在发生",
        "object": "涉及哪个单位、店铺、设施或物品",
        "course": "事情的经过",
        "place": "具体在什么地方",
    }
)


@dataclass(frozen=True)
class Known:
    """A matter like this one, in words that may be shown to anybody."""

    words: str
    own_page: str = ""
    """Where its progress is shown, when it is the citizen's own."""


@dataclass(frozen=True)
class Hints:
    """What is said before sending; false when there is nothing."""

    known: tuple[Known, ...] = ()
    spam: bool = False
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.known or self.spam or len(self.missing) > MOST_MISSING)


async def hints_for(core: Core, session: AsyncSession, form: AppealForm, *, opened: str | None, phone: str | None) -> Hints:
    """The hints for a form without errors.

    Args:
        opened: number of the ticket that this browser may see.
        phone: number that this browser has proved; a typed one proves nothing, so its matters are not looked at.
    """
    place = f"{form.district}{form.where}"
    found = [item for item in await similar_public(session, form.what, place) if item.score >= ALIKE_OWN]
    mine = await _own_numbers(core, session, [item.number for item in found], opened=opened, phone=phone)
    known = []
    for item in found:
        own = item.number in mine
        if own or (item.same_place and item.score >= ALIKE):
            page = "/track" if item.number == opened else "/mine"
            known.append(Known(await _words(session, item.number, own), page if own else ""))
    return Hints(tuple(known[:3]), looks_like_spam(form.what), tuple(_missing(form)))


async def _own_numbers(core: Core, session: AsyncSession, numbers: list[str], *, opened: str | None, phone: str | None) -> set[str]:
    mine = {opened} if opened else set()
    if phone and numbers:
        mine |= {ticket.number for ticket in await session.scalars(tickets_of_number(core, phone).where(Ticket.number.in_(numbers)))}
    return mine


async def _words(session: AsyncSession, number: str, own: bool) -> str:
    ticket = await access_opened(session, number)  # came through `public_tickets`
    state = state_words(ticket.state)
    if own:
        return _("您反映过：{title}（{state}）").format(title=ticket.title, state=state)
    name = await session.scalar(select(Category.name).where(Category.code == ticket.category_code))
    matter = name or _("相近的事")
    return _("{district}{matter}，{state}").format(district=ticket.district, matter=matter, state=state)


def looks_like_spam(text: str) -> bool:
    """Few different characters, or a link together with the words of advertisements."""
    letters = re.sub(r"\W", "", text)
    if len(letters) >= 10 and len(set(letters)) <= max(3, len(letters) // 12):
        return True
    wanted = len(set(_ADVERTISING.findall(text)))
    return wanted >= 3 or (wanted >= 1 and _LINK.search(text) is not None)


def _missing(form: AppealForm) -> list[str]:
    said = " ".join((form.what, form.when, form.where, form.district))
    absent = missing_elements(said, Kind(form.kind), "phone")  # the contact has a field of its own
    if form.where and "place" in absent:
        absent.remove("place")
    if form.when and "time" in absent:
        absent.remove("time")
    return [_(_ASKED[name]) for name in absent if name in _ASKED]
