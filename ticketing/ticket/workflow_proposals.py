"""Changing the workflow takes two people, as changing a deadline does (D13): one proposes, an administrator who is somebody else decides.

In force from the next step of every ticket on. `hotline workflow publish` stays the way of whoever has the server itself: it is
written down as one person's act.
"""

from __future__ import annotations

from hotline.database import Base
from ticketing.second_person import MOST_REASON, ProposalColumns, SecondPerson, proposal_rules
from ticketing.ticket import workflow_versions

MOST_CHARACTERS = 200_000
"""Of a document; the package's has a quarter of it."""


class WorkflowProposal(ProposalColumns, Base):
    """A workflow that waits for the second person, or what became of it."""

    __tablename__ = "workflow_proposal"
    __table_args__ = proposal_rules("workflow_proposal")


WORKFLOWS = SecondPerson(
    WorkflowProposal, subject="workflow", may_propose="workflow.propose", may_decide="workflow.decide",
    most_characters=MOST_CHARACTERS, lock=7_120_020, checked=workflow_versions.checked, publish=workflow_versions.publish,
)  # fmt: skip

__all__ = ["MOST_CHARACTERS", "MOST_REASON", "WORKFLOWS", "WorkflowProposal"]
