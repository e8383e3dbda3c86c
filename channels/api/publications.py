"""公开答复: answers for everybody, worded by one person and passed by another."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Id, NumberText, Page, Sent, Told, text
from channels.api.paging import Paging
from channels.web.inputs import whole_number
from ticketing.people.permissions import ensure
from ticketing.publication import service
from ticketing.publication.models import PublicationState
from ticketing.publication.service import APPROVE, LENGTHS, PROPOSE, Words

TAG = "公开答复"


class PublicationQuery(Page):
    """Which."""

    state: Annotated[PublicationState, Field(description="proposed待审核，published已公开，refused不公开，recalled已撤下")] = (
        PublicationState.PROPOSED
    )


class PublicationOut(Told):
    """One answer in words for everybody."""

    id: int
    version: int = Field(description="下一步时作为version")
    state: str
    title: str
    asked: str
    answered: str
    category_code: str | None
    district: str
    proposed_at: datetime
    published_at: datetime | None
    ended_at: datetime | None
    note: str = Field(description="不公开或撤下的理由")


class Publications(Told):
    """Newest first."""

    items: list[PublicationOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class PublicationWords(Sent):
    """Words without the person; refused when they look like telling who it is."""

    title: Annotated[str, text(*LENGTHS["title"])]
    asked: Annotated[str, text(*LENGTHS["asked"], "问题")]
    answered: Annotated[str, text(*LENGTHS["answered"], "答复")]


class PublicationProposal(PublicationWords):
    """Of a closed ticket."""

    number: NumberText


class PublicationRewording(PublicationWords):
    """Other words for what waits; whoever wrote them last cannot pass them."""

    version: Id


class PublicationSeen(Sent):
    """What was read."""

    version: Id


class PublicationEnd(PublicationSeen):
    """Not for everybody, or no longer."""

    note: Annotated[str, text(4, 200, "理由")]


def _words(sent: PublicationWords) -> Words:
    return Words(sent.title, sent.asked, sent.answered)


def _id(call: Call) -> int:
    return whole_number(call.part("id")) or 0


async def list_publications(call: Call) -> Publications:
    """Those in one state."""
    asked = call.asked(PublicationQuery)
    paging = Paging(call, "publications", asked)
    rows = await service.listed(call.session, call.actor, asked.state, before=paging.before, limit=paging.limit)
    shown, following = paging.cut(rows, lambda row: (row.id,))
    return Publications(items=[PublicationOut.of(row) for row in shown], next=following)


async def propose(call: Call) -> PublicationOut:
    """Hand a wording in."""
    ensure(call.actor, PROPOSE)
    sent = call.sent(PublicationProposal)
    return PublicationOut.of(await service.propose(call.core, call.session, call.actor, sent.number, _words(sent)))


async def reword(call: Call) -> PublicationOut:
    """Write it anew."""
    ensure(call.actor, APPROVE)
    sent = call.sent(PublicationRewording)
    return PublicationOut.of(await service.reword(call.core, call.session, call.actor, _id(call), _words(sent), seen=sent.version))


async def approve(call: Call) -> PublicationOut:
    """Pass it: everybody reads it from now on."""
    ensure(call.actor, APPROVE)
    return PublicationOut.of(await service.approve(call.core, call.session, call.actor, _id(call), seen=call.sent(PublicationSeen).version))


async def end(call: Call) -> PublicationOut:
    """Refuse it or take it off."""
    ensure(call.actor, APPROVE)
    sent = call.sent(PublicationEnd)
    return PublicationOut.of(await service.end(call.core, call.session, call.actor, _id(call), sent.note, seen=sent.version))


_ONE = "/published-answers/{id}"
OPERATIONS = (
    Operation("GET", "/published-answers", list_publications, "listPublications", TAG, "公开答复的清单", answer=Publications,
              query=PublicationQuery),
    Operation("POST", "/published-answers", propose, "proposePublication", TAG, "提交公开答复", answer=PublicationOut,
              body=PublicationProposal, status=201),
    Operation("POST", _ONE + "/reword", reword, "rewordPublication", TAG, "修改文字", answer=PublicationOut, body=PublicationRewording),
    Operation("POST", _ONE + "/approve", approve, "approvePublication", TAG, "审核通过并公开", answer=PublicationOut, body=PublicationSeen),
    Operation("POST", _ONE + "/end", end, "endPublication", TAG, "不公开或撤下", answer=PublicationOut, body=PublicationEnd),
)  # fmt: skip
