"""A version of the call flow takes two people: what callers hear, one proposes and another decides. In force from the next call on."""

from __future__ import annotations

from hotline.database import Base
from ticketing.call_flow import versions
from ticketing.call_flow.document import MOST_CHARACTERS
from ticketing.second_person import MOST_REASON, ProposalColumns, SecondPerson, proposal_rules


class CallFlowProposal(ProposalColumns, Base):
    """A call flow that waits for the second person, or what became of it."""

    __tablename__ = "call_flow_proposal"
    __table_args__ = proposal_rules("call_flow_proposal")


CALL_FLOWS = SecondPerson(
    CallFlowProposal, subject="call_flow", may_propose="call_flow.manage", may_decide="call_flow.decide",
    most_characters=MOST_CHARACTERS, lock=7_120_021, checked=versions.checked, publish=versions.publish,
)  # fmt: skip

__all__ = ["CALL_FLOWS", "MOST_REASON", "CallFlowProposal"]
