"""The workflow (流程) as a document: the one in force, the versions before, and proposals that a second person decides."""

from __future__ import annotations

from typing import Annotated

from channels.api.documents import Documents
from channels.api.models import text
from channels.api.proposals import Proposals, Proposed
from ticketing.ticket import workflow, workflow_versions
from ticketing.ticket.workflow_proposals import MOST_CHARACTERS, WORKFLOWS
from ticketing.ticket.workflow_versions import WorkflowVersion

TAG = "流程"
DOCUMENTS = Documents(
    path="/workflow", name="Workflow", tag=TAG, what="流程", permission="workflow.propose", row=WorkflowVersion,
    history=workflow_versions.history, shipped=lambda: (workflow.load().version, workflow.seed_text()),
)  # fmt: skip


class NewWorkflow(Proposed):
    """A further version; its number, which stands in the document, must be higher than the newest."""

    document: Annotated[str, text(1, MOST_CHARACTERS, "YAML")]


PROPOSALS = Proposals(path="/workflow", name="Workflow", tag=TAG, what="流程", people=WORKFLOWS, body=NewWorkflow)
OPERATIONS = (*DOCUMENTS.operations(), *PROPOSALS.operations())
