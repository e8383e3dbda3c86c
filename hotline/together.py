"""Rows of several tables written by one statement (docs/decisions/0120).

What belongs together is often many small rows: a registration writes eight. An INSERT for each costs a round trip, which is
dearer than the row. Inside `together` the numbers of new rows are drawn first, all by one statement, and the rows are
written by a second one when the block ends:

    async with together(session, Citizen, Ticket):
        await put(session, citizen)         # has its id now, is not in the database yet
        await put(session, ticket)
        await record(session, …)            # its event goes along
    # all is written

Outside of such a block `put` writes at once, so that a service function need not know whether it is called inside of one.
Inside, nothing may read the new rows from the database, or flush what refers to them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, Sequence, Table, Text, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import class_mapper, make_transient_to_detached

from hotline.database import Base

_KEY = "hotline.together"
R = TypeVar("R", bound=Base)
Numbered = type[Base] | Sequence
"""A table whose rows are numbered, or a sequence."""
_Form = tuple[Table, tuple[str, ...], str]
"""How a row is written: its table, its columns, and the unique column whose conflict is passed over (or nothing)."""


class _Gathered:
    """What one block has gathered so far."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[int]] = {}
        self.rows: list[Base] = []
        """Not read before the end: until then they may be changed."""
        self.once: list[tuple[_Form, Mapping[str, Any]]] = []
        self.events: list[dict[str, str]] = []


@asynccontextmanager
async def together(session: AsyncSession, *numbered: Numbered) -> AsyncIterator[None]:
    """Gather what is put into the session and write it at the end; nothing is written when the block raises.

    `numbered` names what numbers are needed of; one more of each is drawn whenever it is asked for.
    """
    if _KEY in session.info:
        raise RuntimeError("blocks of rows that are written together are not nested")
    await session.flush()
    gathered = session.info[_KEY] = _Gathered()
    try:
        await _draw(session, gathered, numbered)
        yield
        await _write(session, gathered)
    finally:
        del session.info[_KEY]


async def put(session: AsyncSession, row: R) -> R:
    """Give a new row to the session: written now, or with the others of its block. It has its number either way."""
    gathered: _Gathered | None = session.info.get(_KEY)
    if gathered is None:
        session.add(row)
        await session.flush()
        return row
    _fill_in(row)
    if getattr(row, "id", 0) is None:
        row.id = await next_number(session, type(row))  # type: ignore[attr-defined]
    gathered.rows.append(row)
    return row


async def put_once(session: AsyncSession, model: type[Base], values: Mapping[str, Any], unique: str) -> None:
    """Write a row unless there is one with the same value of the column `unique`. It is not given to the session."""
    one = (_form(model, tuple(values), unique), values)
    gathered: _Gathered | None = session.info.get(_KEY)
    if gathered is None:
        await _execute(session, [one], [])
    else:
        gathered.once.append(one)


async def append_events(session: AsyncSession, subject: str, items: str) -> None:
    """Call the database's `append_events`, for `hotline.events` only."""
    call = {"subject": subject, "items": items}
    gathered: _Gathered | None = session.info.get(_KEY)
    if gathered is None:
        await _execute(session, [], [call])
    else:
        gathered.events.append(call)


async def get(session: AsyncSession, model: type[R], number: int) -> R | None:
    """The row with this number, whether it is in the database or waits to be written."""
    gathered: _Gathered | None = session.info.get(_KEY)
    for row in gathered.rows if gathered else ():
        if type(row) is model and row.id == number:  # type: ignore[attr-defined]
            return row
    return await session.get(model, number)


async def next_number(session: AsyncSession, numbered: Numbered) -> int:
    """A number that nobody else has. Gaps are possible: what is not used is lost."""
    gathered: _Gathered = session.info.get(_KEY) or _Gathered()
    if not gathered.numbers.get(_sequence(numbered)):
        await _draw(session, gathered, (numbered,))
    return gathered.numbers[_sequence(numbered)].pop()


def _sequence(numbered: Numbered) -> str:
    """PostgreSQL's name for the sequence behind a BIGSERIAL."""
    return numbered.name if isinstance(numbered, Sequence) else f"{numbered.__tablename__}_id_seq"


async def _draw(session: AsyncSession, gathered: _Gathered, numbered: tuple[Numbered, ...]) -> None:
    names = tuple(_sequence(each) for each in numbered)
    if names:
        for name, number in zip(names, (await session.execute(_next_numbers(names))).one(), strict=True):
            gathered.numbers.setdefault(name, []).append(number)


@lru_cache(maxsize=64)
def _next_numbers(names: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    columns: list[ColumnElement[Any]] = [literal_column(f"nextval('{name}')").label(f"n{number}") for number, name in enumerate(names)]
    return select(*columns)


@lru_cache(maxsize=64)
def _columns(model: type[Base]) -> tuple[str, ...]:
    """The columns of a model, whose attributes must have the same names."""
    names = tuple(attribute.key for attribute in class_mapper(model).column_attrs)
    if any(attribute.key != attribute.columns[0].name for attribute in class_mapper(model).column_attrs):
        raise TypeError(f"{model.__name__} names an attribute otherwise than its column")
    return names


def _fill_in(row: Base) -> None:
    """Give what was not set the model's default, as a flush would."""
    for attribute in class_mapper(type(row)).column_attrs:
        if attribute.key in row.__dict__:
            continue
        column = attribute.columns[0]
        default = column.default
        if default is None and column.server_default is not None:
            raise TypeError(f"{column} is filled in by the database: rows written together need a default of the model")
        value = None if default is None else default.arg(None) if default.is_callable else default.arg
        setattr(row, attribute.key, value)


async def _write(session: AsyncSession, gathered: _Gathered) -> None:
    rows = [(_form(type(row), _columns(type(row))), {name: getattr(row, name) for name in _columns(type(row))}) for row in gathered.rows]
    await _execute(session, [*rows, *gathered.once], gathered.events)
    for row in gathered.rows:
        make_transient_to_detached(row)
        session.add(row)


def _form(model: type[Base], columns: tuple[str, ...], unique: str = "") -> _Form:
    return class_mapper(model).local_table, columns, unique  # type: ignore[return-value]


async def _execute(session: AsyncSession, rows: list[tuple[_Form, Mapping[str, Any]]], events: list[dict[str, str]]) -> None:
    if not rows and not events:
        return
    given = {f"r{number}_{name}": value for number, (_row, values) in enumerate(rows) for name, value in values.items()}
    given |= {f"{name}_{number}": value for number, call in enumerate(events) for name, value in call.items()}
    await session.execute(_statement(tuple(form for form, _values in rows), len(events)), given)


@lru_cache(maxsize=256)
def _statement(forms: tuple[_Form, ...], events: int) -> Select[Any]:
    """The statement for rows of this form and so many calls of `append_events`. Kept, as building it costs more than running it."""
    parts = []
    for number, (table, columns, unique) in enumerate(forms):
        into = insert(table).values({name: bindparam(f"r{number}_{name}", type_=table.c[name].type) for name in columns})
        parts.append((into.on_conflict_do_nothing(index_elements=[unique]) if unique else into).cte(f"r{number}"))
    calls = [
        func.append_events(bindparam(f"subject_{number}"), cast(bindparam(f"items_{number}", type_=Text), JSONB))
        for number in range(events)
    ]
    return select(*(calls or [func.count()])).add_cte(*parts)
