"""The supervision page: cards and scores, rectification, orders, urgings, findings, bursts, promises. One address, one tab each."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page, see_other
from channels.console.session import Staff, require_may
from channels.web import keyset
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import CITY_ZONE, to_city
from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _, texts
from ticketing.context import Core
from ticketing.people.permissions import may
from ticketing.supervision import bursts, cards, commitments, false_reply, findings, formal, rectification, urging
from ticketing.supervision.suspicions import Rule

T = TypeVar("T")

PAGE_SIZE = 50
TABS = texts(
    {
        "cards": ("黄牌红牌", "card.see"),
        "rectification": ("整改", "card.see"),
        "formal": ("督办单", "card.see"),
        "urging": ("催办", "board.see"),
        "findings": ("疑点", "finding.decide"),
        "bursts": ("群体预警", "burst.see"),
        "commitments": ("承诺", "card.see"),
    }
)
"""Key -> word and the permission that it asks for."""
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
Form = dict[str, str]
Act = Callable[[Core, AsyncSession, Staff, str, Form], Awaitable[tuple[str, str]]]


@dataclass(frozen=True)
class _Asked:
    """What the address asks for."""

    core: Core
    session: AsyncSession
    person: Staff
    query: Form
    all: bool
    """Also what is done with."""
    beyond: tuple[datetime, int] | None
    """Where the page before ended, for lists in the order of a time."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/supervision?tab=…: the first tab that the person may see unless one is named."""
    return await _page(request)


async def _page(request: web.Request, *, problem: HotlineError | None = None, tab: str = "", kept: str = "") -> web.Response:
    person = require_may(request, *(permission for _word, permission in TABS.values()))
    tabs = {key: _(word) for key, (word, permission) in TABS.items() if may(person.actor, permission)}
    tab = tab or request.query.get("tab", "")
    tab = tab if tab in tabs else next(iter(tabs))
    query = dict(request.query)
    async with request.app[DATABASE].transaction() as session:
        asked = _Asked(request.app[CORE], session, person, query, query.get("all") == "1", keyset.read_number(query.get("after")))
        values = await _LOADERS[tab](asked)
    return page(
        request,
        "console/supervision.html",
        nav="board" if may(person.actor, "board.see") else "supervision",
        status=problem.status if problem else 200,
        tabs=tabs,
        tab=tab,
        all=asked.all,
        later=asked.beyond is not None,
        problem=str(problem) if problem else "",
        kept=kept,
        in_unit=person.role.in_unit,
        may={name: may(person.actor, name) for name in _PERMISSIONS},
        mine=person.user.id,
        page_size=PAGE_SIZE,
        **values,
    )


_PERMISSIONS = (
    "card.revoke", "rectification.do", "rectification.confirm", "formal.answer", "supervision.open", "finding.decide", "burst.decide",
    "commitment.note", "commitment.judge",
)  # fmt: skip


def month_bounds(text: str, now: datetime) -> tuple[str, datetime, datetime]:
    """A month as written and its first moment and that of the next, in the city's time; the present one when it makes no sense."""
    found = _MONTH.fullmatch(text)
    year, month = (int(found[1]), int(found[2])) if found else (to_city(now).year, to_city(now).month)
    start = datetime(year, month, 1, tzinfo=CITY_ZONE)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=CITY_ZONE)
    return f"{year:04}-{month:02}", start, end


async def _cards(asked: _Asked) -> dict[str, Any]:
    month, start, end = month_bounds(asked.query.get("month", ""), asked.core.clock.now())
    unit = whole_number(asked.query.get("unit"))
    colour = asked.query.get("colour", "")
    last = whole_number(asked.query.get("before"))
    before = None
    if last is not None:
        card, _ticket = await cards.access_card(asked.core, asked.session, asked.person.actor, last)
        before = (card.at, card.id)
    lines = await cards.list_cards(
        asked.core, asked.session, asked.person.actor, unit_id=unit, colour=colour if colour in ("yellow", "red") else "",
        since=start, until=end, before=before, limit=PAGE_SIZE + 1,
    )  # fmt: skip
    scores = await cards.scores(asked.core, asked.session, asked.person.actor, start, end)
    return {"lines": lines[:PAGE_SIZE], "more": len(lines) > PAGE_SIZE, "scores": scores, "month": month, "unit": unit, "colour": colour}


async def _rectification(asked: _Asked) -> dict[str, Any]:
    lines = await rectification.list_tasks(
        asked.core, asked.session, asked.person.actor, open_only=not asked.all, beyond=asked.beyond, limit=PAGE_SIZE + 1
    )
    return _cut(lines, lambda line: keyset.written(line.task.due_at, line.task.id))


async def _formal(asked: _Asked) -> dict[str, Any]:
    before = whole_number(asked.query.get("before"))
    lines = await formal.list_formal(
        asked.core, asked.session, asked.person.actor, open_only=not asked.all, before=before, limit=PAGE_SIZE + 1
    )
    return {"lines": lines[:PAGE_SIZE], "more": len(lines) > PAGE_SIZE}


async def _urging(asked: _Asked) -> dict[str, Any]:
    before = whole_number(asked.query.get("before"))
    lines = await urging.list_urgings(asked.core, asked.session, asked.person.actor, before=before, limit=PAGE_SIZE + 1)
    return {"lines": lines[:PAGE_SIZE], "more": len(lines) > PAGE_SIZE}


async def _findings(asked: _Asked) -> dict[str, Any]:
    before, wanted = whole_number(asked.query.get("before")), asked.query.get("rule", "")
    rule = Rule(wanted) if wanted in {rule.value for rule in Rule} else None
    lines = await findings.list_findings(
        asked.core, asked.session, asked.person.actor, open_only=not asked.all, rule=rule, before=before, limit=PAGE_SIZE + 1
    )
    records = await false_reply.list_hand_overs(asked.core, asked.session, asked.person.actor, limit=20)
    return {"lines": lines[:PAGE_SIZE], "more": len(lines) > PAGE_SIZE, "rule": rule.value if rule else "", "records": records}


async def _bursts(asked: _Asked) -> dict[str, Any]:
    before = whole_number(asked.query.get("before"))
    lines = await bursts.list_bursts(
        asked.core, asked.session, asked.person.actor, open_only=not asked.all, before=before, limit=PAGE_SIZE + 1
    )
    return {"lines": lines[:PAGE_SIZE], "more": len(lines) > PAGE_SIZE}


async def _commitments(asked: _Asked) -> dict[str, Any]:
    lines = await commitments.list_commitments(
        asked.core, asked.session, asked.person.actor, open_only=not asked.all, beyond=asked.beyond, limit=PAGE_SIZE + 1
    )
    return _cut(lines, lambda line: keyset.written(line.commitment.due_at, line.commitment.id))


def _cut(lines: list[T], place: Callable[[T], str]) -> dict[str, Any]:
    """A page and where it ended, when there is another."""
    more = len(lines) > PAGE_SIZE
    return {"lines": lines[:PAGE_SIZE], "more": more, "ended": place(lines[PAGE_SIZE - 1]) if more else ""}


_LOADERS: dict[str, Callable[[_Asked], Awaitable[dict[str, Any]]]] = {
    "cards": _cards,
    "rectification": _rectification,
    "formal": _formal,
    "urging": _urging,
    "findings": _findings,
    "bursts": _bursts,
    "commitments": _commitments,
}


async def show_formal(request: web.Request) -> web.StreamResponse:
    """GET /console/supervision/formal/{number}: the order as it is printed."""
    person = require_may(request, "card.see")
    async with request.app[DATABASE].transaction() as session:
        line = await formal.get_line(request.app[CORE], session, person.actor, request.match_info["number"])
    return page(request, "console/formal.html", nav="board" if may(person.actor, "board.see") else "supervision", line=line)


async def show_hand_over(request: web.Request) -> web.StreamResponse:
    """GET /console/supervision/hand-over/{number}: the record as it is printed."""
    person = require_may(request, "finding.decide")
    async with request.app[DATABASE].transaction() as session:
        found = await false_reply.list_hand_overs(request.app[CORE], session, person.actor, number=request.match_info["number"])
    if not found:
        raise NotFound(_("没有找到这份移交记录"))
    return page(request, "console/hand_over.html", nav="board", line=found[0])


def _number(text: str) -> int:
    value = whole_number(text)
    if value is None:
        raise NotFound(_("没有找到这一项"))
    return value


def _yes(form: Form, name: str) -> bool:
    if form.get(name) not in ("yes", "no"):
        raise InvalidInput(_("请选择怎么处理"), field=name)
    return form[name] == "yes"


async def _revoke(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    await cards.revoke(core, session, person.actor, _number(key), form.get("reason", ""))
    return "cards", "card_revoked"


async def _finish(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    cause, measure = form.get("cause", ""), form.get("measure", "")
    await rectification.finish(core, session, person.actor, _number(key), cause=cause, measure=measure)
    return "rectification", "rectified"


async def _judge(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    confirm = _yes(form, "accept")
    await rectification.judge(core, session, person.actor, _number(key), confirm=confirm, note=form.get("note", ""))
    return "rectification", "rectification_confirmed" if confirm else "rectification_returned"


async def _answer(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    await formal.answer(core, session, person.actor, key, form.get("answer", ""))
    return "formal", "formal_answered"


async def _conclude(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    accept = _yes(form, "accept")
    await formal.conclude(core, session, person.actor, key, accept=accept, text=form.get("note", ""))
    return "formal", "formal_concluded" if accept else "formal_sent_back"


async def _withdraw(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    await formal.withdraw(core, session, person.actor, key, form.get("reason", ""))
    return "formal", "formal_withdrawn"


async def _decide_finding(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    await findings.decide(core, session, person.actor, _number(key), outcome=form.get("outcome", ""), note=form.get("note", ""))
    return "findings", "finding_decided"


async def _organ_answered(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    await false_reply.answered(core, session, person.actor, key, form.get("answer", ""))
    return "findings", "hand_over_answered"


async def _decide_burst(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    await bursts.decide(core, session, person.actor, _number(key), handled=_yes(form, "handled"), note=form.get("note", ""))
    return "bursts", "burst_decided"


async def _decide_commitment(core: Core, session: AsyncSession, person: Staff, key: str, form: Form) -> tuple[str, str]:
    await commitments.decide(core, session, person.actor, _number(key), kept=_yes(form, "kept"), proof=form.get("proof", ""))
    return "commitments", "commitment_decided"


STEPS: dict[str, tuple[str, Act]] = {
    "card-revoke": ("cards", _revoke),
    "rectification-finish": ("rectification", _finish),
    "rectification-judge": ("rectification", _judge),
    "formal-answer": ("formal", _answer),
    "formal-conclude": ("formal", _conclude),
    "formal-withdraw": ("formal", _withdraw),
    "finding-decide": ("findings", _decide_finding),
    "hand-over-answered": ("findings", _organ_answered),
    "burst-decide": ("bursts", _decide_burst),
    "commitment-decide": ("commitments", _decide_commitment),
}
"""Last part of the address -> tab and what it does; the services check permission, state and unit."""


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/supervision/{key}/{step}: one step, in one transaction, then back to the tab.

    A refused step shows the tab again with what was written.
    """
    person = require_may(request, *(permission for _word, permission in TABS.values()))
    form = {name: value.strip() for name, value in (await request.post()).items() if isinstance(value, str)}
    tab, step = STEPS[request.match_info["step"]]
    try:
        async with request.app[DATABASE].transaction() as session:
            tab, done = await step(request.app[CORE], session, person, request.match_info["key"], form)
    except NotFound:
        raise
    except HotlineError as error:
        written = "\n".join(value for name, value in form.items() if name not in ("csrf", "accept", "outcome", "handled", "kept") and value)
        return await _page(request, problem=error, tab=tab, kept=written)
    return see_other(request, f"/console/supervision?tab={tab}", done)
