"""Documents of which each version is kept (the workflow, the call flow): the one in force, the versions before, one of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Page, Told
from channels.api.paging import Paging
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.people.permissions import ensure


class DocumentVersion(Told):
    """A published version, without its text."""

    version: int
    sha256: str
    note: str
    published_at: dt.datetime
    published_by_id: int | None


class Document(Told):
    """A document as YAML. Before the city published one: what came with the program (published_at is null)."""

    version: int
    document: str
    note: str
    published_at: dt.datetime | None
    published_by_id: int | None


class DocumentVersions(Told):
    """Newest first; the newest is in force."""

    items: list[DocumentVersion]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class Row(Protocol):
    """A row of the document's table; the columns are those of `Document` and `DocumentVersion`."""

    version: Any


@dataclass(frozen=True)
class Documents:
    """One kind of document and its three addresses that read it."""

    path: str
    """`/workflow`; the versions are below it."""
    name: str
    """In operation ids: get{name}, list{name}s, get{name}Version."""
    tag: str
    what: str
    """In Chinese, for the summaries."""
    permission: str
    row: type[Any]
    history: Callable[..., Awaitable[Sequence[Row]]]
    """(session, before=, limit=): published versions, newest first."""
    shipped: Callable[[], tuple[int, str]]
    """Number and text of what came with the program."""

    def operations(self) -> tuple[Operation, ...]:
        """The addresses, for the table of routes."""
        name, below = self.name, f"{self.path}/versions"
        return (
            Operation("GET", self.path, self.current, f"get{name}", self.tag, f"现行的{self.what}", answer=Document),
            Operation("GET", below, self.versions, f"list{name}s", self.tag, f"{self.what}的各版本", answer=DocumentVersions, query=Page),
            Operation("GET", f"{below}/{{id}}", self.version, f"get{name}Version", self.tag, f"一个版本的{self.what}", answer=Document),
        )

    async def current(self, call: Call) -> Document:
        """The document in force."""
        ensure(call.actor, self.permission)
        if newest := await self.history(call.session, limit=1):
            return as_document(newest[0])
        version, text = self.shipped()
        return Document(version=version, document=text, note="", published_at=None, published_by_id=None)

    async def versions(self, call: Call) -> DocumentVersions:
        """The published versions."""
        ensure(call.actor, self.permission)
        paging = Paging(call, self.path, call.asked(Page))
        found = await self.history(call.session, before=paging.before, limit=paging.limit)
        rows, following = paging.cut(found, lambda row: (row.version,))
        return DocumentVersions(items=[DocumentVersion.of(row) for row in rows], next=following)

    async def version(self, call: Call) -> Document:
        """One published version."""
        ensure(call.actor, self.permission)
        row = await call.session.get(self.row, call.id())
        if row is None:
            raise NotFound(_("没有这个版本"))
        return as_document(row)


def as_document(row: Row) -> Document:
    """A published version with its text."""
    return Document.of(row)
