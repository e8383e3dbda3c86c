"""What every model of the API shares: strict reading, nothing unknown, text that the database takes, times with a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

MAX_ID = 2**53 - 1
"""Largest identifier: every JSON reader can hold it exactly."""
_NO_NUL = r"^[^\x00]*$"


class Sent(BaseModel):
    """Base of what callers send: no type is bent into another, no unknown field is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """Base of query strings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def text(minimum: int, maximum: int, description: str | None = None) -> Any:
    """What a string must hold to, for use in Annotated: so many characters, no NUL."""
    return Field(min_length=minimum, max_length=maximum, pattern=_NO_NUL, description=description)


def _in_range(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2200:
        raise ValueError("时间应在1970年到2200年之间")
    return moment.astimezone(UTC)


Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
"""A time with a zone."""
NumberText = Annotated[str, Field(pattern=r"^[0-9]{3,8}-[0-9]{8}-[0-9]{5,9}$", description="工单编号")]


class Page(Query):
    """A page of a list: `cursor` is what the answer before gave as `next`."""

    limit: Annotated[int, Field(ge=1, le=200, description="一页最多几条")] = 50
    cursor: Annotated[str, Field(max_length=200, pattern=_NO_NUL, description="上一页的next；不填从头开始")] = ""
