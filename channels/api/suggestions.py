"""`POST /api/v1/suggestions`: what the machine makes of an appeal's text. Reads only; nothing of the text is kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Sent, Told, text
from ticketing.suggestion.service import suggest
from ticketing.ticket.states import Kind, Urgency


class TextSent(Sent):
    """An appeal as the citizen typed or spoke it."""

    text: Annotated[str, text(1, 5000, "市民说的话")]
    channel: Literal["phone", "wechat", "web", "sms", "open311", "staff"] | None = Field(
        None, description="来自哪个渠道；不填按不知道联系方式算"
    )


class LikelyCategory(Told):
    """A category and how sure the machine is."""

    code: str
    name: str
    confidence: float = Field(ge=0, le=1)


class LikelyUnit(Told):
    """A unit and how sure the machine is."""

    code: str
    name: str
    confidence: float = Field(ge=0, le=1)


class SuggestionOut(Told):
    """The proposal; a person decides."""

    kind: Kind
    category: str | None = Field(description="最可能的类别；看不出时为null")
    categories: list[LikelyCategory] = Field(max_length=3)
    urgency: Urgency
    emergency_line: Literal["110", "119", "120", "122", "gas", "power"] | None = Field(description="应先转的紧急热线")
    confidential: bool = Field(description="市民要求保密，或内容应当保密")
    units: list[LikelyUnit] = Field(max_length=3, description="最可能的承办单位；被反映的单位不在其中")
    missing: list[Literal["contact", "time", "place", "object", "course"]] = Field(description="五要素里还要问的")
    words: list[str] = Field(description="起决定作用的词")


async def propose(call: Call) -> SuggestionOut:
    """Kind, category, urgency, units, missing elements."""
    sent = call.sent(TextSent)
    found = await suggest(call.core, call.session, sent.text, channel=sent.channel, line=call.actor.line)
    return SuggestionOut.model_validate(found.answer())


OPERATIONS = (
    Operation(
        "POST",
        "/suggestions",
        propose,
        "suggest",
        "派单建议",
        "按内容建议类型、类别、紧急程度和单位",
        answer=SuggestionOut,
        body=TextSent,
        changes=False,
    ),
)
