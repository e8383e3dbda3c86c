"""Proposals of a document that takes two people (the workflow, the call flow): list, propose, decide, withdraw."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Page, Sent, Told, text
from channels.api.paging import Paging
from ticketing.people.permissions import ensure
from ticketing.second_person import MOST_REASON, SecondPerson


class DocumentProposal(Told):
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


class DocumentProposals(Told):
    """Newest first; at most one waits."""

    items: list[DocumentProposal]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class Proposed(Sent):
    """What every document that is proposed has; its own model adds the text with its limit."""

    document: str
    reason: Annotated[str, text(5, MOST_REASON, "为什么改")]


class ProposalDecision(Sent):
    """Of the second person, who is not the one who proposed it."""

    approve: bool
    note: Annotated[str, text(0, MOST_REASON, "不同意时写明理由")] = ""


@dataclass(frozen=True)
class Proposals:
    """One kind of document and the addresses of its proposals."""

    path: str
    """`/workflow`; the proposals are below it."""
    name: str
    """In operation ids: list{name}Proposals, propose{name}, decide{name}, withdraw{name}."""
    tag: str
    what: str
    """In Chinese, for the summaries."""
    people: SecondPerson[Any]
    body: type[Proposed]

    def operations(self) -> tuple[Operation, ...]:
        """The addresses, for the table of routes."""
        name, below = self.name, f"{self.path}/proposals"

        def post(path: str, run: Any, called: str, summary: str, body: Any = None, status: int = 200) -> Operation:
            return Operation("POST", path, run, called, self.tag, summary, answer=DocumentProposal, body=body, status=status)

        return (
            Operation(
                "GET",
                below,
                self.list_all,
                f"list{name}Proposals",
                self.tag,
                f"提出的{self.what}修改",
                answer=DocumentProposals,
                query=Page,
            ),
            post(below, self.propose, f"propose{name}", f"提出新的{self.what}", self.body, 201),
            post(f"{below}/{{id}}/decide", self.decide, f"decide{name}", "另一位管理员发布或不同意", ProposalDecision),
            post(f"{below}/{{id}}/withdraw", self.withdraw, f"withdraw{name}", f"撤回自己提出的{self.what}"),
        )

    async def list_all(self, call: Call) -> DocumentProposals:
        """What was proposed, and what became of it."""
        ensure(call.actor, self.people.may_propose)
        paging = Paging(call, f"{self.path} proposals", call.asked(Page))
        found = await self.people.proposals(call.session, before=paging.before, limit=paging.limit)
        rows, following = paging.cut(found, lambda row: (row.id,))
        return DocumentProposals(items=[DocumentProposal.of(row) for row in rows], next=following)

    async def propose(self, call: Call) -> Answer:
        """Propose a version."""
        sent = call.sent(self.body)
        return Answer(
            DocumentProposal.of(await self.people.propose(call.core, call.session, call.actor, sent.document, reason=sent.reason)), 201
        )

    async def decide(self, call: Call) -> DocumentProposal:
        """Put it in force or refuse it."""
        sent = call.sent(ProposalDecision)
        return DocumentProposal.of(
            await self.people.decide(call.core, call.session, call.actor, call.id(), approve=sent.approve, note=sent.note)
        )

    async def withdraw(self, call: Call) -> DocumentProposal:
        """Take the own proposal back."""
        return DocumentProposal.of(await self.people.withdraw(call.core, call.session, call.actor, call.id()))
