"""Bodies of the steps after the reply: review, callback, second visit, investigation, supervision."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from channels.api.models import Id, Sent, text


class Attitude(StrEnum):
    """How the citizen was treated."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"


class Review(Sent):
    """T20, T21."""

    accept: bool
    gates: Annotated[
        list[Annotated[str, Field(max_length=40)]],
        Field(max_length=10, description="四项审核", default_factory=list),
    ]
    note: Annotated[str, text(0, 1000)] = ""


class Visit(Sent):
    """T22, T23: what the citizen said. The second visit may take place in the same talk: then with cause and what is to be mended."""

    contacted: bool
    solved: bool
    attitude: Attitude
    satisfaction: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z_0-9]+$", description="问卷里的满意程度")]
    note: Annotated[str, text(0, 2000)] = ""
    cause: Annotated[str, Field(max_length=40, pattern=r"^[a-z_]*$", description="不满意的原因")] = ""
    rectification: Annotated[str, text(0, 2000, "要整改什么")] = ""


class Attempt(Sent):
    """A try that did not reach the citizen."""

    outcome: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[a-z_]+$")]
    note: Annotated[str, text(0, 1000)] = ""


class Evidence(Sent):
    """T24."""

    evidence: Annotated[str, text(1, 2000)]
    explanation: Annotated[str, text(5, 2000, "向市民解释了什么")]
    cause: Annotated[str, Field(max_length=40, pattern=r"^[a-z_]*$")] = ""


class DecideRedo(Sent):
    """T23: the second visit sends it back to work."""

    cause: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z_]+$")]
    cause_note: Annotated[str, text(0, 1000)] = ""
    rectification: Annotated[str, text(1, 2000, "要整改什么")]


class ReturnCallBody(Sent):
    """回拨 is done."""

    return_call: Id
    outcome: Annotated[str, Field(pattern="^(answered|noted)$")] = "noted"
    answer: Annotated[str, text(0, 5000)] = ""
    note: Annotated[str, text(0, 2000)] = ""


class Findings(Sent):
    """D06: the supervisor's own investigation ends."""

    false_reply: Annotated[bool, Field(description="以前的答复不实")]
    findings: Annotated[str, text(1, 5000)]


class Exclude(Sent):
    """Left out of the rates, or counted again."""

    excluded: bool
    reason: Annotated[str, text(0, 500)] = ""


class Supervise(Sent):
    """Formal supervision (督办单)."""

    unit_id: Id
    demands: Annotated[str, text(1, 4000)]
    days: Annotated[int, Field(ge=1, le=365, description="几个工作日内答复")]
    ordered_by: Annotated[str, text(0, 60)] = ""
    instruction: Annotated[str, text(0, 2000)] = ""


class GiveCard(Sent):
    """A card by hand."""

    unit_id: Id
    colour: Literal["yellow", "red"]
    note: Annotated[str, text(1, 1000)]


class FalseReply(Sent):
    """A reply is established as false."""

    unit_id: Id
    facts: Annotated[str, text(1, 5000)]
    hand_over: Annotated[bool, Field(description="移交")]
    organ: Annotated[str, text(0, 60, "移交给谁")] = ""


class Commit(Sent):
    """Who promised what by when."""

    what: Annotated[str, text(1, 1000)]
    promised_by: Annotated[str, text(0, 60)] = ""
    due_at: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="兑现日期")]
