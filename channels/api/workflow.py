"""The workflow (流程) as a document: the one in force, the versions before, and proposals that a second person decides."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Page, Sent, Told, text
from channels.api.paging import Paging
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.people.permissions import ensure
from ticketing.ticket import workflow, workflow_proposals, workflow_versions
from ticketing.ticket.workflow_proposals import MOST_CHARACTERS, MOST_REASON, WorkflowProposal
from ticketing.ticket.workflow_versions import WorkflowVersion

TAG = "流程"


class WorkflowDocument(Told):
    """States and steps, as YAML. Without a version in the database: what came with the program (published_at is null)."""

    version: int
    document: str
    note: str
    published_at: dt.datetime | None
    published_by_id: int | None


class WorkflowVersionOut(Told):
    """A published version, without its text."""

    version: int
    sha256: str
    note: str
    published_at: dt.datetime
    published_by_id: int | None


class WorkflowVersions(Told):
    """Newest first; the newest is in force."""

    items: list[WorkflowVersionOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class WorkflowProposalOut(Told):
    """proposed, published, refused or withdrawn."""

    id: int
    version: int
    state: str
    reason: str
    proposed_at: dt.datetime
    proposed_by_id: int
    decided_at: dt.datetime | None
    decided_by_id: int | None
    note: str
    document: str


class WorkflowProposals(Told):
    """Newest first; at most one waits."""

    items: list[WorkflowProposalOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class NewWorkflow(Sent):
    """A further version; its number, which stands in the document, must be higher than the newest."""

    document: Annotated[str, text(1, MOST_CHARACTERS, "YAML")]
    reason: Annotated[str, text(5, MOST_REASON, "为什么改")]


class WorkflowDecision(Sent):
    """Of the second person, who is not the one who proposed it."""

    approve: bool
    note: Annotated[str, text(0, MOST_REASON, "不同意时写明理由")] = ""


async def current(call: Call) -> WorkflowDocument:
    """The workflow in force."""
    ensure(call.actor, "workflow.propose")
    newest = await workflow_versions.history(call.session, limit=1)
    if newest:
        return _document(newest[0])
    found = workflow.load()
    return WorkflowDocument(
        version=found.version, document=workflow.seed_text(), note="", published_at=None, published_by_id=None
    )  # fmt: skip


def _document(row: WorkflowVersion) -> WorkflowDocument:
    return WorkflowDocument(**{name: getattr(row, name) for name in WorkflowDocument.model_fields})


async def list_versions(call: Call) -> WorkflowVersions:
    """The published versions."""
    ensure(call.actor, "workflow.propose")
    paging = Paging(call, "workflow", call.asked(Page))
    found = await workflow_versions.history(call.session, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda row: (row.version,))
    items = [WorkflowVersionOut(**{name: getattr(row, name) for name in WorkflowVersionOut.model_fields}) for row in rows]
    return WorkflowVersions(items=items, next=following)


async def get_version(call: Call) -> WorkflowDocument:
    """One published version."""
    ensure(call.actor, "workflow.propose")
    row = await call.session.get(WorkflowVersion, call.id())
    if row is None:
        raise NotFound(_("没有这个版本的流程"))
    return _document(row)


async def list_proposals(call: Call) -> WorkflowProposals:
    """What was proposed, and what became of it."""
    ensure(call.actor, "workflow.propose")
    paging = Paging(call, "workflow proposals", call.asked(Page))
    found = await workflow_proposals.proposals(call.session, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda row: (row.id,))
    return WorkflowProposals(items=[_out(row) for row in rows], next=following)


def _out(row: WorkflowProposal) -> WorkflowProposalOut:
    return WorkflowProposalOut(**{name: getattr(row, name) for name in WorkflowProposalOut.model_fields})


async def propose(call: Call) -> Answer:
    """Propose a version."""
    sent = call.sent(NewWorkflow)
    made = await workflow_proposals.propose(call.core, call.session, call.actor, sent.document, reason=sent.reason)
    return Answer(_out(made), 201)


async def decide(call: Call) -> WorkflowProposalOut:
    """Put it in force or refuse it."""
    sent = call.sent(WorkflowDecision)
    return _out(await workflow_proposals.decide(call.core, call.session, call.actor, call.id(), approve=sent.approve, note=sent.note))


async def withdraw(call: Call) -> WorkflowProposalOut:
    """Take the own proposal back."""
    return _out(await workflow_proposals.withdraw(call.core, call.session, call.actor, call.id()))


def _get(path: str, run: Any, name: str, summary: str, answer: Any, query: Any = None) -> Operation:
    return Operation("GET", path, run, name, TAG, summary, answer=answer, query=query)


def _post(path: str, run: Any, name: str, summary: str, body: Any = None, status: int = 200) -> Operation:
    return Operation("POST", path, run, name, TAG, summary, answer=WorkflowProposalOut, body=body, status=status)


OPERATIONS = (
    _get("/workflow", current, "getWorkflow", "现行的流程", WorkflowDocument),
    _get("/workflow/versions", list_versions, "listWorkflows", "流程的各版本", WorkflowVersions, Page),
    _get("/workflow/versions/{id}", get_version, "getWorkflowVersion", "一个版本的流程", WorkflowDocument),
    _get("/workflow/proposals", list_proposals, "listWorkflowProposals", "提出的流程修改", WorkflowProposals, Page),
    _post("/workflow/proposals", propose, "proposeWorkflow", "提出新的流程", NewWorkflow, 201),
    _post("/workflow/proposals/{id}/decide", decide, "decideWorkflow", "另一位管理员发布或不同意", WorkflowDecision),
    _post("/workflow/proposals/{id}/withdraw", withdraw, "withdrawWorkflow", "撤回自己提出的流程"),
)
