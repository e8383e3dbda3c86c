"""Every column with words about a ticket or a conversation, found from the tables themselves.

What is not listed as a code counts as words: a column that somebody adds tomorrow is redacted and erased without anybody
remembering this file. Codes, counters and dates stay, so that statistics of old years remain right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, MetaData, Table, Text, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ColumnElement

from hotline.sealed_words import is_code

ERASED = "（按保存期限或本人要求，这里的文字已清除；编号、类别、区划、日期保留，事件记录完整可验。）"
"""Stands where words were. Long enough for the rules of the tables (a reply has thirty characters), short enough for a title."""
_CODES = frozenset({
    "action", "attitude", "author", "between", "body_hash", "by", "called", "category_code", "cause", "channel",
    "codec", "colour", "community", "confidentiality", "contact_by", "direction", "dispatch_mode", "district",
    "end_reason", "event", "excluded_reason", "external_id", "handling_kind", "handover_reason", "how", "key", "kind",
    "last_error", "legal_procedure", "limit_unit", "line", "message_id", "no_callback_reason", "number", "outcome",
    "owner", "plan", "policy_key", "publicity", "purpose", "query_code_hash", "question", "reason_class", "recording_path",
    "refusal_reason", "result", "rule", "satisfaction", "sip_call_id", "source", "stage", "state", "step", "street",
    "tags", "template", "token_hash", "transcriber", "urgency", "worker",
})  # fmt: skip
"""Codes and numbers by the name of their column."""
_CODES_OF_ONE = frozenset({
    "assignment.quality_standard", "assignment.responsible_leader", "assignment.responsible_person", "callback_answer.value",
    "card.reason", "commitment.promised_by", "formal_supervision.ordered_by", "hand_over.organ", "reply.facts",
    "return_call.reason", "ticket.publicity",
})  # fmt: skip
"""The same by table and column. Officials who answer for something stay named."""
_LEAST, _MOST = 30, 90
"""No column asks for more characters than the one, or allows fewer than the other."""
_SKIPPED = frozenset({"event", "event_key", "citizen", "attachment", "deadline", "legal_hold", "erasure", "file_removal"})
"""Events are sealed with a key of their own, the citizen's row by the person's key; attachments are deleted as files."""
_ROOTS = ("ticket", "conversation")


@dataclass(frozen=True)
class Place:
    """The words of one table that hang on one root."""

    table: Table
    columns: tuple[Column[Any], ...]
    condition: Callable[[Sequence[Any]], ColumnElement[bool]]
    """Which rows belong to these root ids."""


def places(metadata: MetaData, root: str) -> list[Place]:
    """The places of words below `root` ("ticket" or "conversation"), the root itself included."""
    found = []
    for table in metadata.sorted_tables:
        if table.name in _SKIPPED:
            continue
        condition = _condition(table, root, metadata)
        columns = tuple(column for column in table.columns if _holds_words(column))
        if condition is not None and columns:
            found.append(Place(table, columns, condition))
    return found


def _holds_words(column: Column[Any]) -> bool:
    if column.primary_key or column.foreign_keys or column.name in _CODES or f"{column.table.name}.{column.name}" in _CODES_OF_ONE:
        return False
    return isinstance(column.type, Text | LargeBinary | JSONB)


def _condition(
    table: Table, root: str, metadata: MetaData, seen: frozenset[str] = frozenset()
) -> Callable[[Sequence[Any]], ColumnElement[bool]] | None:
    """The way from `table` to the root by its foreign keys; None when there is none."""
    if table.name == root:
        key = table.c.id
        return lambda ids: key.in_(ids)
    if table.name in _ROOTS or table.name in seen:
        return None
    parents = {next(iter(column.foreign_keys)).column.table.name: column for column in table.columns if column.foreign_keys}
    if root in parents:
        column = table.c.get(f"{root}_id", parents[root])
        return lambda ids: column.in_(ids)
    if "ticket" in parents:
        return None  # belongs to a ticket, not to the conversation
    for name, column in parents.items():
        parent = metadata.tables[name]
        if name in ("staff", "unit", "category", "citizen", "article", "line", "burst"):
            continue
        above = _condition(parent, root, metadata, seen | {table.name})
        if above is not None and "id" in parent.c:
            target = next(iter(column.foreign_keys)).column
            return lambda ids, column=column, target=target, above=above: column.in_(select(target).where(above(ids)))  # type: ignore[misc]
    return None


async def rewrite(session: AsyncSession, place: Place, ids: Sequence[Any], change: Callable[[str], str]) -> None:
    """Put every text of a place through `change`; what is sealed or structured and cannot be read as text is emptied."""
    key = list(place.table.primary_key.columns)
    rows = (await session.execute(select(*key, *place.columns).where(place.condition(ids)).with_for_update(of=place.table))).all()
    for row in rows:
        values = {}
        for column in place.columns:
            value = getattr(row, column.name)
            new = _changed(column, value, change)
            if new != value:
                values[column] = new
            clear = place.table.columns.get(column.name.removesuffix("_sealed")) if column.name.endswith("_sealed") else None
            if value is not None and clear is not None:  # sealed or in clear, one of both must be there
                values[clear] = ERASED
        if values:
            here = [column == getattr(row, column.name) for column in key]
            await session.execute(update(place.table).where(*here).values(values))


def _changed(column: Column[Any], value: Any, change: Callable[[str], str]) -> Any:
    if value is None or value == "":
        return value
    if isinstance(column.type, Text):
        if column.name.endswith("_hash"):  # a keyed hash finds the person again
            return None if column.nullable else ""
        return _fitting(value, change(value))
    if isinstance(column.type, LargeBinary):
        return None if column.nullable else b""
    return _changed_data(value, change)


def _fitting(old: str, new: str) -> str:
    """`new` as long as the tables' rules want it: marks are shorter or longer than what they stand for."""
    return new.ljust(min(len(old), _LEAST), "＊") if len(new) < len(old) else new[: max(len(old), _MOST)]


def _changed_data(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value) if value else value
    if isinstance(value, dict):
        # codes are no words, also in data; a key that other systems know a ticket by must stay the only one
        kept = {name: item for name, item in value.items() if name != "sealed"}
        return {
            name: item if name == "migrated_key" or (isinstance(item, str) and is_code(item)) else _changed_data(item, change)
            for name, item in kept.items()
        }
    return [_changed_data(item, change) for item in value] if isinstance(value, list) else value
