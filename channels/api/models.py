"""What every model of the API shares: strict reading, nothing unknown, text that the database takes, times with a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from hotline.i18n import _

MAX_ID = 2**53 - 1
"""Largest identifier: every JSON reader can hold it exactly."""


class _Storable(BaseModel):
    @field_validator("*", mode="after")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        """PostgreSQL stores no NUL."""
        if any("\0" in item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)):
            raise ValueError(_("内容里有不能保存的字符，请重新输入"))
        return value


class Sent(_Storable):
    """Base of what callers send: no type is bent into another, no unknown field is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(_Storable):
    """Base of query strings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, row: object, **more: Any) -> Self:
        """The answer about a row that has the same names; `more` are the fields it has not, or has otherwise."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields if name not in more}, **more)


class Switch(Sent):
    """Off or on."""

    active: bool


def text(minimum: int, maximum: int, description: str | None = None) -> Any:
    """What a string must hold to, for use in Annotated: so many characters."""
    return Field(min_length=minimum, max_length=maximum, description=description)


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
    cursor: Annotated[str, Field(max_length=200, description="上一页的next；不填从头开始")] = ""
