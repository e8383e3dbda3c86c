"""One operation of the staff API: what it takes, what it answers, and what a handler is given.

`channels.api.openapi` writes the description from these values and `channels.api.run` serves them, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.inputs import whole_number
from hotline.database import Database
from hotline.errors import NotFound
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.access_token.service import Bearer
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket

M = TypeVar("M", bound=BaseModel)


@dataclass
class Call:
    """One request, after the token was checked and everything sent was read."""

    request: web.Request
    core: Core
    settings: Settings
    database: Database
    session: AsyncSession
    """The transaction of this request; committed when the handler returns."""
    bearer: Bearer
    body: BaseModel | None = None
    query: BaseModel | None = None
    ticket: Ticket | None = None
    """Set by `channels.api.ticket_door`."""
    number: str = ""
    """Of the same ticket: a refusal then says what changed and what is allowed now."""
    seen: int | None = None
    """The last event that the caller has seen, from If-Match."""

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.bearer.actor

    def part(self, name: str) -> str:
        """A variable part of the address."""
        return self.request.match_info[name]

    def id(self) -> int:
        """The number in the address. Raises NotFound when it is none."""
        number = whole_number(self.part("id"))
        if number is None:
            raise NotFound(_("没有找到"))
        return number

    def sent(self, model: type[M]) -> M:
        """The body, already checked against `model`. Raises TypeError for a model that the operation does not declare."""
        return _as(model, self.body)

    def asked(self, model: type[M]) -> M:
        """The query, already checked against `model`. Raises TypeError for a model that the operation does not declare."""
        return _as(model, self.query)


def _as(model: type[M], value: BaseModel | None) -> M:
    if not isinstance(value, model):
        raise TypeError(f"the operation does not declare {model.__name__}")
    return value


@dataclass(frozen=True)
class Answer:
    """What a handler answers when more than a body is to be said."""

    body: BaseModel | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: web.StreamResponse | None = None
    """A file."""


Handler = Callable[[Call], Awaitable[BaseModel | Answer]]


@dataclass(frozen=True)
class Operation:
    """An address with a method. `path` is written as OpenAPI writes it, below /api/v1."""

    method: str
    path: str
    run: Handler
    name: str
    """operationId"""
    tag: str
    summary: str
    """In Chinese; one line."""
    answer: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    status: int = 200
    description: str = ""
    changes: bool | None = None
    """Whether a token that may only read is refused; by default every method but GET changes something."""
    versioned: bool = False
    """Takes If-Match and answers with an ETag."""
    upload: bool = False
    """Takes multipart/form-data with `files` instead of JSON."""
    download: bool = False
    media: tuple[str, ...] = ("application/octet-stream",)
    """Types of a download."""
    own_transactions: bool = False
    """The handler opens transactions itself (bulk); it then keeps idempotency itself as well."""
    repeatable: bool = False
    """Sent twice it does no more than once: it takes no Idempotency-Key."""

    @property
    def writes(self) -> bool:
        """Whether the token needs the scope `write`."""
        return self.method != "GET" if self.changes is None else self.changes

    @property
    def idempotent_key(self) -> bool:
        """Whether an Idempotency-Key is honoured."""
        return self.method == "POST" and self.writes and not self.repeatable

    @property
    def parts(self) -> list[str]:
        """Names of the variable parts of the address."""
        return [piece[1:-1] for piece in cast("list[Any]", self.path.split("/")) if piece.startswith("{")]
