"""What page and gateway say to each other: one JSON object a message. docs/browser-phone.md has the table."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

LARGEST_BYTES = 64 * 1024
"""An SDP offer of Chromium is 3 to 6 kB."""


class BadMessage(ValueError):
    """Not one of the messages below."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Hello(_Message):
    """The page's first word: the pass that the web process gave it."""

    type: Literal["hello"]
    phone_pass: Annotated[str, Field(max_length=2000)]


class Accept(_Message):
    """The agent picks up; also how a page that was reloaded comes back into its call."""

    type: Literal["accept"]
    call: str
    sdp: Annotated[str, Field(max_length=LARGEST_BYTES)]


class Refuse(_Message):
    """The agent does not pick up: the next one is rung."""

    type: Literal["refuse"]
    call: str


class HangUp(_Message):
    """The page ends the call."""

    type: Literal["hangup"]
    call: str = ""


class Press(_Message):
    """A key of the page's keypad, sent on to the other side as RFC 4733."""

    type: Literal["digit"]
    call: str = ""
    digit: Annotated[str, Field(pattern=r"^[0-9*#A-D]$")]


class Place(_Message):
    """A citizen's page calls the hotline."""

    type: Literal["call"]
    sdp: Annotated[str, Field(max_length=LARGEST_BYTES)]


FromPage = Hello | Accept | Refuse | HangUp | Press | Place
_any: TypeAdapter[FromPage] = TypeAdapter(Annotated[FromPage, Field(discriminator="type")])


def read(text: str) -> FromPage:
    """One message of the page; raises BadMessage."""
    try:
        return _any.validate_json(text)
    except ValidationError as error:
        raise BadMessage(str(error.errors(include_input=False, include_url=False)[0]["msg"])) from None


def write(kind: str, **fields: Any) -> str:
    """One message for the page."""
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)
