"""The call flow (来电流程) as a document: the one in force, the versions before, and proposals that a second person decides."""

from __future__ import annotations

from typing import Annotated

from channels.api.documents import Documents
from channels.api.models import text
from channels.api.proposals import Proposals, Proposed
from ticketing.call_flow import versions
from ticketing.call_flow.document import MOST_CHARACTERS, package_document, seed_text
from ticketing.call_flow.models import CallFlowVersion
from ticketing.call_flow.proposals import CALL_FLOWS

TAG = "来电流程"
DOCUMENTS = Documents(
    path="/call-flow", name="CallFlow", tag=TAG, what="来电流程", permission="call_flow.manage", row=CallFlowVersion,
    history=versions.history, shipped=lambda: (package_document().version, seed_text()),
)  # fmt: skip


class NewCallFlow(Proposed):
    """A further version; its number, which stands in the document, must be higher than the newest. In force from the next call on."""

    document: Annotated[str, text(1, MOST_CHARACTERS, "YAML")]


PROPOSALS = Proposals(path="/call-flow", name="CallFlow", tag=TAG, what="来电流程", people=CALL_FLOWS, body=NewCallFlow)
OPERATIONS = (*DOCUMENTS.operations(), *PROPOSALS.operations())
