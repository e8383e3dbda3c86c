"""The call flow (来电流程) as a document: the one in force, the versions before, a further one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Page, Sent, Told, text
from channels.api.paging import Paging
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.call_flow import versions
from ticketing.call_flow.document import MOST_CHARACTERS, seed_text
from ticketing.call_flow.models import CallFlowVersion
from ticketing.people.permissions import ensure

TAG = "来电流程"


class FlowVersionOut(Told):
    """A published version, without its text."""

    version: int
    sha256: str
    note: str
    published_at: dt.datetime
    published_by_id: int | None


class FlowDocument(Told):
    """What callers meet, as YAML. Without a version of this city: what came with the program (published_at is null)."""

    version: int
    document: str
    note: str
    published_at: dt.datetime | None


class FlowVersions(Told):
    """Newest first; the newest is in force from the next call on."""

    items: list[FlowVersionOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class NewFlow(Sent):
    """A further version; its number, which stands in the document, must be higher than the newest."""

    document: Annotated[str, text(1, MOST_CHARACTERS, "YAML")]
    note: Annotated[str, text(5, 500, "为什么改")]


async def current(call: Call) -> FlowDocument:
    """The document in force."""
    ensure(call.actor, "call_flow.manage")
    newest = await versions.history(call.session, limit=1)
    if newest:
        return _document(newest[0])
    document = await versions.current(call.session)
    return FlowDocument(version=document.version, document=seed_text(), note="", published_at=None)


def _document(row: CallFlowVersion) -> FlowDocument:
    return FlowDocument(version=row.version, document=row.document, note=row.note, published_at=row.published_at)


async def list_versions(call: Call) -> FlowVersions:
    """The published versions."""
    ensure(call.actor, "call_flow.manage")
    paging = Paging(call, "call flow", call.asked(Page))
    found = await versions.history(call.session, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda row: (row.version,))
    items = [FlowVersionOut(**{name: getattr(row, name) for name in FlowVersionOut.model_fields}) for row in rows]
    return FlowVersions(items=items, next=following)


async def get_version(call: Call) -> FlowDocument:
    """One published version."""
    ensure(call.actor, "call_flow.manage")
    row = await call.session.get(CallFlowVersion, call.id())
    if row is None:
        raise NotFound(_("没有这个版本的来电流程"))
    return _document(row)


async def publish(call: Call) -> Answer:
    """Check a document and put it in force from the next call on."""
    sent = call.sent(NewFlow)
    made = await versions.publish(call.core, call.session, call.actor, sent.document, note=sent.note)
    return Answer(_document(await call.session.get_one(CallFlowVersion, made.version)), 201)


OPERATIONS = (
    Operation("GET", "/call-flow", current, "getCallFlow", TAG, "现行的来电流程", answer=FlowDocument),
    Operation("POST", "/call-flow", publish, "publishCallFlow", TAG, "发布来电流程", answer=FlowDocument, body=NewFlow, status=201),
    Operation("GET", "/call-flow/versions", list_versions, "listCallFlows", TAG, "来电流程的各版本", answer=FlowVersions, query=Page),
    Operation("GET", "/call-flow/versions/{id}", get_version, "getCallFlowVersion", TAG, "一个版本的来电流程", answer=FlowDocument),
)
