"""The workflow (流程) as a document: the one in force, the versions before, and proposals that a second person decides."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.documents import Documents
from channels.api.models import Page, Sent, Told, text
from channels.api.paging import Paging
from ticketing.people.permissions import ensure
from ticketing.ticket import workflow, workflow_proposals, workflow_versions
from ticketing.ticket.workflow_proposals import MOST_CHARACTERS, MOST_REASON, WorkflowProposal
from ticketing.ticket.workflow_versions import WorkflowVersion

TAG = "流程"


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


DOCUMENTS = Documents(
    path="/workflow", name="Workflow", tag=TAG, what="流程", permission="workflow.propose", row=WorkflowVersion,
    history=workflow_versions.history, shipped=lambda: (workflow.load().version, workflow.seed_text()),
)  # fmt: skip


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


def _post(path: str, run: Any, name: str, summary: str, body: Any = None, status: int = 200) -> Operation:
    return Operation("POST", path, run, name, TAG, summary, answer=WorkflowProposalOut, body=body, status=status)


OPERATIONS = (
    *DOCUMENTS.operations(),
    Operation(
        "GET", "/workflow/proposals", list_proposals, "listWorkflowProposals", TAG, "提出的流程修改",
        answer=WorkflowProposals, query=Page,
    ),
    _post("/workflow/proposals", propose, "proposeWorkflow", "提出新的流程", NewWorkflow, 201),
    _post("/workflow/proposals/{id}/decide", decide, "decideWorkflow", "另一位管理员发布或不同意", WorkflowDecision),
    _post("/workflow/proposals/{id}/withdraw", withdraw, "withdrawWorkflow", "撤回自己提出的流程"),
)  # fmt: skip
