"""Statements that are built and compiled once and then run with other values.

SQLAlchemy builds an expression and looks for its compiled form at every call; for the long statements of lists that costs more
than PostgreSQL needs to answer them (docs/decisions/0125). Whoever keeps a `Prepared` does so under everything that shaped it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Row, Select
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]


class Prepared:
    """One compiled SELECT. Its columns come as the driver gives them: none may need SQLAlchemy's own reading (JSON, enumerations)."""

    def __init__(self, statement: Select[Any]) -> None:
        """Compile. Parameters made by `bindparam("name")` are given at each run, all others keep the value they have now."""
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        values = compiled.params
        self._names: list[str] = list(compiled.positiontup or ())
        self._fixed: dict[str, Any] = {}
        for name in self._names:
            kind = compiled.binds[name].type.dialect_impl(_DIALECT)
            process = kind.bind_processor(_DIALECT)
            self._fixed[name] = process(values[name]) if process and values[name] is not None else values[name]

    async def rows(self, session: AsyncSession, **values: Any) -> Sequence[Row[Any]]:
        """Run it; `values` for its named parameters, as the driver takes them."""
        given = {**self._fixed, **values}
        connection = await session.connection()
        return (await connection.exec_driver_sql(self.sql, tuple(given[name] for name in self._names))).all()


@asynccontextmanager
async def keeping_plans(session: AsyncSession) -> AsyncIterator[None]:
    """Inside, PostgreSQL plans a statement once for each connection, not anew for the values of each run.

    For statements whose way is the same whatever the values are, and that take longer to plan than to run (docs/decisions/0160).
    """
    connection = await session.connection()
    await connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
    try:
        yield
    except BaseException:
        await connection.invalidate()  # what it was about is lost; it must not go back into the pool with this setting
        raise
    await connection.exec_driver_sql("RESET plan_cache_mode")
