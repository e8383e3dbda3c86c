"""Quality inspection of calls (质检): the sample, scores by the sheet, agents' appeals and their decision, averages, the rules."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Id, Page, Query, Sent, Told, text
from channels.api.paging import Paging
from hotline.clock import CITY_ZONE, to_city
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.people.permissions import ensure, may
from ticketing.quality import access, appeals, averages, book, checks, sampling
from ticketing.quality.appeals import LEAST_WORDS
from ticketing.quality.checks import MOST_WORDS
from ticketing.quality.models import CheckState, QualityBook
from ticketing.ticket.access import access_call

TAG = "质检"
Points = Annotated[dict[str, Annotated[int, Field(ge=0, le=100)]], Field(max_length=20, description="评分表各项的分数")]
Fatal = Annotated[list[Annotated[str, text(1, 40)]], Field(max_length=10, default_factory=list, description="一票否决的项")]


class CheckOut(Told):
    """One call that is looked at."""

    id: int
    call_id: UUID
    agent_id: int
    agent: str
    rule: str = Field(description="为什么抽中")
    state: str
    drawn_at: dt.datetime
    book_version: int | None
    points: dict[str, int]
    fatal: list[str]
    score: int | None
    remark: str
    scored_at: dt.datetime | None
    scored_by_id: int | None
    appeal: str
    appealed_at: dt.datetime | None
    first_score: int | None = Field(description="申诉改分之前的分数")
    upheld: bool | None
    decision: str
    decided_at: dt.datetime | None
    decided_by_id: int | None


class Checks(Told):
    """Newest first. Agents see their own scored ones."""

    items: list[CheckOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class CheckQuery(Page):
    """Which checks."""

    state: Annotated[Literal["", "waiting", "scored", "appealed", "decided"], Field(description="不填是全部")] = ""
    agent_id: Annotated[Id | None, Field(description="只要这位话务员的")] = None


class Pick(Sent):
    """A call that the inspector chose."""

    call_id: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$", description="通话的编号")]


class Drawn(Told):
    """How many calls came to the list."""

    drawn: int


class Score(Sent):
    """The sheet, filled in."""

    points: Points
    fatal: Fatal
    remark: Annotated[str, text(0, MOST_WORDS, "扣了分要写原因")] = ""


class Objection(Sent):
    """The agent's words."""

    words: Annotated[str, text(LEAST_WORDS, MOST_WORDS, "哪一项不对、为什么")]


class Judgement(Sent):
    """On an appeal; upheld, the sheet is filled in anew."""

    upheld: bool
    note: Annotated[str, text(LEAST_WORDS, MOST_WORDS)]
    points: Annotated[Points, Field(default_factory=dict)]
    fatal: Fatal


class MonthQuery(Query):
    """Which month."""

    month: Annotated[str, Field(pattern=r"^(20[0-9]{2}-(0[1-9]|1[0-2]))?$", description="例如2026-11，不填是本月")] = ""


class AverageOut(Told):
    """One agent in a month."""

    agent_id: int
    agent: str
    team: str
    checked: int
    mean: float
    worst: int
    fatal: int
    upheld: int
    few: bool = Field(description="评得太少，不宜比较")


class Averages(Told):
    """Lowest mean first."""

    month: str
    items: list[AverageOut]


class BookOut(Told):
    """What is drawn, and the score sheet, as YAML."""

    version: int
    document: str


class BookVersionOut(Told):
    """A published version, without its text."""

    version: int
    note: str
    published_at: dt.datetime
    published_by_id: int


class BookVersions(Told):
    """The last twenty, newest first."""

    items: list[BookVersionOut]


class NewBook(Sent):
    """A further version; its number, which stands in the document, must be one higher than the newest."""

    document: Annotated[str, text(1, book.MOST_CHARACTERS, "YAML")]
    note: Annotated[str, text(5, 500, "为什么改")]


def _out(line: access.Line) -> CheckOut:
    return CheckOut.of(line.check, agent=line.agent)


def _sees(call: Call) -> None:
    """Whether the caller has anything to do with quality. Raises NotAllowed."""
    ensure(call.actor, "quality.score" if may(call.actor, "quality.score") else "quality.appeal")


async def _told(call: Call, check_id: int) -> CheckOut:
    return _out(await access.access_check(call.core, call.session, call.actor, check_id))


async def list_checks(call: Call) -> Checks:
    """Checks that the caller may see."""
    _sees(call)
    asked = call.asked(CheckQuery)
    paging = Paging(call, "quality checks", asked)
    states = (CheckState(asked.state),) if asked.state else tuple(CheckState)
    found = await access.list_checks(
        call.core, call.session, call.actor, states=states, agent_id=asked.agent_id, before=paging.before, limit=paging.limit
    )
    rows, following = paging.cut(found, lambda line: (line.check.id,))
    return Checks(items=[_out(line) for line in rows], next=following)


async def get_check(call: Call) -> CheckOut:
    """One check."""
    _sees(call)
    return await _told(call, call.id())


async def pick(call: Call) -> CheckOut:
    """Put a call on the list, or find the check that it has."""
    ensure(call.actor, "quality.score")
    try:
        call_id = UUID(call.sent(Pick).call_id)
    except ValueError:
        raise NotFound(_("没有找到这通电话")) from None
    chosen = await access_call(call.core, call.session, call.actor, call_id)
    return await _told(call, (await sampling.pick(call.core, call.session, call.actor, chosen)).id)


async def draw(call: Call) -> Drawn:
    """Draw now what the rules ask for and is not on the list yet; the scheduler does it every hour."""
    ensure(call.actor, "quality.rules")
    return Drawn(drawn=await sampling.draw(call.core, call.session))


async def score(call: Call) -> CheckOut:
    """Score a call that waits for it."""
    sent = call.sent(Score)
    await checks.score(call.core, call.session, call.actor, call.id(), points=sent.points, fatal=sent.fatal, remark=sent.remark)
    return await _told(call, call.id())


async def appeal(call: Call) -> CheckOut:
    """Object to the own score, once."""
    await appeals.appeal(call.core, call.session, call.actor, call.id(), call.sent(Objection).words)
    return await _told(call, call.id())


async def decide(call: Call) -> CheckOut:
    """Decide on an appeal; never whoever gave the score."""
    sent = call.sent(Judgement)
    await appeals.decide(
        call.core, call.session, call.actor, call.id(), upheld=sent.upheld, note=sent.note, points=sent.points, fatal=sent.fatal
    )
    return await _told(call, call.id())


async def list_averages(call: Call) -> Averages:
    """Agents' means of a month; an agent sees the own line."""
    _sees(call)
    month = call.asked(MonthQuery).month or f"{to_city(call.core.clock.now()):%Y-%m}"
    year, number = int(month[:4]), int(month[5:])
    start = dt.datetime(year, number, 1, tzinfo=CITY_ZONE)
    until = dt.datetime(year + number // 12, number % 12 + 1, 1, tzinfo=CITY_ZONE)
    found = await averages.averages(call.core, call.session, call.actor, start, until)
    return Averages(month=month, items=[AverageOut.of(one) for one in found])


async def get_book(call: Call) -> BookOut:
    """The rules in force."""
    ensure(call.actor, "quality.score")
    return BookOut(version=(await book.current(call.session)).version, document=await book.text_of(call.session))


async def list_books(call: Call) -> BookVersions:
    """The versions."""
    ensure(call.actor, "quality.score")
    rows: list[QualityBook] = await book.history(call.session)
    return BookVersions(items=[BookVersionOut.of(row) for row in rows])


async def publish_book(call: Call) -> Answer:
    """Other rules, from the next draw and the next score on."""
    sent = call.sent(NewBook)
    made = await book.publish(call.core, call.session, call.actor, sent.document, note=sent.note)
    return Answer(BookOut(version=made.version, document=await book.text_of(call.session)), 201)


def _check(path: str, run: Any, name: str, summary: str, body: Any = None) -> Operation:
    return Operation("POST", f"/quality/checks{path}", run, name, TAG, summary, answer=CheckOut, body=body)


OPERATIONS = (
    Operation("GET", "/quality/checks", list_checks, "listChecks", TAG, "质检的通话", answer=Checks, query=CheckQuery),
    Operation("GET", "/quality/checks/{id}", get_check, "getCheck", TAG, "一次质检", answer=CheckOut),
    _check("", pick, "pickCall", "选一通电话来评", Pick),
    _check("/{id}/score", score, "scoreCall", "评分", Score),
    _check("/{id}/appeal", appeal, "appealScore", "话务员申诉", Objection),
    _check("/{id}/decide", decide, "decideAppeal", "处理申诉", Judgement),
    Operation("POST", "/quality/draws", draw, "drawSample", TAG, "按规则抽样", answer=Drawn),
    Operation("GET", "/quality/averages", list_averages, "listAverages", TAG, "一个月的平均分", answer=Averages, query=MonthQuery),
    Operation("GET", "/quality/book", get_book, "getQualityBook", TAG, "现行的抽样规则和评分表", answer=BookOut),
    Operation("POST", "/quality/book", publish_book, "publishQualityBook", TAG, "发布新的规则", answer=BookOut, body=NewBook, status=201),
    Operation("GET", "/quality/book/versions", list_books, "listQualityBooks", TAG, "规则的各版本", answer=BookVersions),
)
