"""Several small selections read by one statement (docs/decisions/0121).

A page that shows twenty kinds of rows would send twenty statements, each with few rows or none; what a round trip costs decides.
A `Bundle` makes each selection a column of one statement, as a JSON list, and builds the rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, DateTime, LargeBinary, Numeric, Select, TextClause, Uuid, column, func, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeEngine

from hotline.database import Base

Reader = Callable[[Any], Any]
Values = dict[str, Any]
Part = Select[*tuple[Any, ...]]


class Bundle:
    """A statement that is built once. Its parameters are the `bindparam("name")` of the selections."""

    def __init__(self, plain: Mapping[str, TextClause] | None = None, **parts: Part) -> None:
        """`parts` by name, in their own order of rows; `plain`: further columns, each `text("SELECT …")` of one value."""
        self._makers: dict[str, Callable[[Values], Any]] = {}
        columns: list[Any] = []
        for name, part in parts.items():
            short = [each.label(f"c{number}") for number, each in enumerate(part.selected_columns)]  # two tables have an `id`
            inner = part.with_only_columns(*short).subquery(f"of_{name}")
            self._makers[name] = _maker(part, [each.name for each in short])
            columns.append(select(func.json_agg(inner.table_valued(), type_=JSON)).select_from(inner).scalar_subquery().label(name))
        self._plain = dict(plain or {})
        columns += [clause.columns(column("value")).scalar_subquery().label(name) for name, clause in self._plain.items()]
        self._statement: Part = select(*columns)

    async def read(self, session: AsyncSession, **values: Any) -> dict[str, Any]:
        """The rows of every part: an entity or a value for each, a tuple where more than one is selected.

        Entities are for reading only: they do not belong to the session, and a change of them is not written.
        """
        row = (await session.execute(self._statement, values)).one()._mapping
        found = {name: [make(item) for item in row[name] or ()] for name, make in self._makers.items()}
        return found | {name: row[name] for name in self._plain}


def _maker(part: Part, names: list[str]) -> Callable[[Values], Any]:
    """Builds one row of a part from its JSON."""
    makers: list[Callable[[Values], Any]] = []
    columns = list(zip(part.selected_columns, names, strict=True))
    for described in part.column_descriptions:
        mapper = inspect(described["expr"], raiseerr=False)
        if isinstance(mapper, Mapper):
            count = len(mapper.columns)
            fields = {mapper.get_property_by_column(each).key: (name, each.type) for each, name in columns[:count]}
            makers.append(_entity(mapper, fields))
        else:
            count, (each, name) = 1, columns[0]
            makers.append(_value(name, _reader(each.type)))
        del columns[:count]
    return makers[0] if len(makers) == 1 else lambda row: tuple(make(row) for make in makers)


def _entity(mapper: Mapper[Any], columns: dict[str, tuple[str, TypeEngine[Any]]]) -> Callable[[Values], Base]:
    fields = [(key, name, _reader(type_)) for key, (name, type_) in columns.items()]

    def make(row: Values) -> Any:
        entity = mapper.class_manager.new_instance()
        entity.__dict__.update({key: _read(reader, row[name]) for key, name, reader in fields})
        return entity

    def make_or_none(row: Values) -> Any:
        return None if row[key_name] is None else make(row)

    key_name = columns[mapper.get_property_by_column(mapper.primary_key[0]).key][0]
    return make_or_none


def _value(name: str, reader: Reader | None) -> Callable[[Values], Any]:
    return lambda row: _read(reader, row[name])


def _read(reader: Reader | None, value: Any) -> Any:
    return value if reader is None or value is None else reader(value)


def _reader(type_: TypeEngine[Any]) -> Reader | None:
    """How a value of this type comes back from JSON; None for what JSON has itself."""
    readers: tuple[tuple[Any, Reader], ...] = (
        (DateTime, datetime.fromisoformat),
        (Date, date.fromisoformat),
        (LargeBinary, lambda value: bytes.fromhex(value[2:])),
        (Uuid, UUID),
    )
    if isinstance(type_, Numeric) and type_.asdecimal:
        return lambda value: Decimal(str(value))
    return next((reader for kind, reader in readers if isinstance(type_, kind)), None)
