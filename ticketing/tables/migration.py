# ruff: noqa: E501 - one column after the other
"""Tickets of another hotline. History is taken as it was: no clock of ours judges it, and no citizen gets a message about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _
from hotline.security import hash_query_code, new_query_code
from ticketing.citizen.service import by_contact, normalise_phone
from ticketing.context import Core
from ticketing.deadline.service import start_dispatch_clock
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.tables.cells import moment_of
from ticketing.tables.imports import Change, Importer
from ticketing.tables.reader import Line
from ticketing.tables.table import Column
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import NUMBER_SEQUENCE, Ticket
from ticketing.ticket.service import MAX_CONTENT, MAX_LENGTHS, MIN_CONTENT, make_title
from ticketing.ticket.states import Channel, Kind, Satisfaction, Source, TicketState
from ticketing.ticket.steps import tell
from ticketing.words import table

MIGRATED = "migrated"
"""Reason for there being no callback result of ours."""


class TicketImporter(Importer):
    """Tickets, by the number they had elsewhere. One that came before is left as it is: it may have gone on here."""

    kind = "tickets"
    roles = (Role.SUPERVISOR,)
    required = frozenset({"migrated_key", "received_at", "kind", "content"})
    columns = (
        Column("migrated_key", "原编号"), Column("received_at", "登记时间"), Column("kind", "类型"), Column("channel", "渠道"),
        Column("category_code", "类别代码"), Column("title", "标题"), Column("content", "内容"), Column("district", "区县"),
        Column("address", "地址"), Column("name", "姓名"), Column("phone", "电话"), Column("closed_at", "办结时间"), Column("answer", "答复"),
        Column("satisfaction", "满意度"),
    )  # fmt: skip

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.categories: frozenset[str] = frozenset()

    async def begin(self, core: Core, session: AsyncSession, actor: Actor, lines: tuple[Line, ...]) -> None:
        """Which of them are here already, and the categories."""
        key = Ticket.extra["migrated_key"].astext
        wanted = [line.cells["migrated_key"] for line in lines]
        # with the condition of the partial index, or PostgreSQL does not use it
        found = await session.execute(select(key, Ticket.id).where(Ticket.extra.has_key("migrated_key"), key.in_(wanted)))
        self.known = {row[0]: row[1] for row in found}
        self.categories = frozenset(await session.scalars(select(Category.code)))

    async def take(self, core: Core, session: AsyncSession, actor: Actor, line: Line) -> tuple[Change, str]:
        """One ticket: closed with its result, or open with a dispatch clock that starts now."""
        cells = line.cells
        key = cells["migrated_key"]
        if key in self.known:
            if self.known[key] == 0:
                raise InvalidInput(_("这个原编号在文件里出现了两次"), field="migrated_key")
            return Change.SAME, ""
        values = self._values(core, cells)
        self.known[key] = 0
        citizen = await by_contact(core, session, name=cells.get("name", ""), phone=cells.get("phone", ""))
        number = int(await session.scalar(select(NUMBER_SEQUENCE.next_value())) or 0)
        now = core.clock.now()
        ticket = Ticket(
            number=f"{actor.line or core.line}-{to_city(now):%Y%m%d}-{number % 100_000:05d}",
            query_code_hash=hash_query_code(new_query_code(), core.secret), line=actor.line or core.line, citizen_id=citizen.id if citizen else None,
            anonymous=citizen is None, contact_by="phone" if cells.get("phone") else "none", source=Source.OTHER_HOTLINE.value,
            updated_at=now, created_by_id=actor.user_id, extra={"migrated_key": key}, **values,
        )  # fmt: skip
        session.add(ticket)
        await session.flush()
        await tell(core, session, actor, ticket, "ticket.migrated", {"key": key, "state": ticket.state})
        if ticket.state == TicketState.REGISTERED.value:
            await start_dispatch_clock(core, session, ticket)
        return Change.NEW, ""

    def _values(self, core: Core, cells: Any) -> dict[str, Any]:
        """The columns of the ticket. Raises InvalidInput naming every cell at fault."""
        errors: dict[str, str] = {}
        received, closed = _moment(cells, "received_at", errors), _moment(cells, "closed_at", errors)
        content, category = cells["content"], cells.get("category_code", "")
        category = category.zfill(4) if category else ""
        if not cells["migrated_key"] or len(cells["migrated_key"]) > 60:
            errors["migrated_key"] = _("请填原来的编号，最多60个字符")
        if not MIN_CONTENT <= len(content) <= MAX_CONTENT:
            errors["content"] = _("内容应为{a}到{b}个字").format(a=MIN_CONTENT, b=MAX_CONTENT)
        if category and category not in self.categories:
            errors["category_code"] = _("没有这个类别：{code}").format(code=category)
        for name, limit in MAX_LENGTHS.items():
            if len(cells.get(name, "")) > limit:
                errors[name] = _("这里最多{limit}个字").format(limit=limit)
        if cells.get("phone") and normalise_phone(cells["phone"]) is None:
            errors["phone"] = _("手机号应为11位数字，固定电话请加区号")
        if received is None and "received_at" not in errors:
            errors["received_at"] = _("请填登记时间")
        if received and received > core.clock.now():
            errors["received_at"] = _("登记时间还没有到")
        if closed and received and not received <= closed <= core.clock.now():
            errors["closed_at"] = _("办结时间要在登记时间之后、现在之前")
        kind = _choice(cells, "kind", table("kind"), errors)
        channel = _choice(cells, "channel", table("channel"), errors) or Channel.STAFF.value
        satisfaction = _choice(cells, "satisfaction", table("satisfaction"), errors)
        if not kind and "kind" not in errors:
            errors["kind"] = _("请填类型：{words}").format(words="、".join(table("kind").values()))
        if errors:
            raise InvalidInput(errors=errors)
        return {
            "state": (TicketState.CLOSED if closed else TicketState.REGISTERED).value, "channel": channel, "kind": Kind(kind).value,
            "category_code": category or None, "title": cells.get("title") or make_title(content, cells.get("address", "")),
            "content": content, "district": cells.get("district", ""), "address": cells.get("address", ""), "received_at": received,
            "closed_at": closed, "answer": cells.get("answer") or None,
            "satisfaction": Satisfaction(satisfaction).value if satisfaction and closed else None,
            "no_callback_reason": MIGRATED if closed and not satisfaction else None,
        }  # fmt: skip


def _moment(cells: Any, key: str, errors: dict[str, str]) -> datetime | None:
    if not cells.get(key):
        return None
    try:
        return moment_of(cells[key], key)
    except InvalidInput as error:
        errors[key] = str(error)
        return None


def _choice(cells: Any, key: str, words: Mapping[str, str], errors: dict[str, str]) -> str:
    """The value behind a Chinese word or an English key; empty when the cell is."""
    text = cells.get(key, "")
    if not text or text.lower() in words:
        return str(text.lower())
    for value, said in words.items():
        if said == text:
            return value
    errors[key] = _("可以填：{words}").format(words="、".join(words.values()))
    return ""
