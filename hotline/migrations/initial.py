"""Writes migration 0001 from the models. Used by `script/migration` until the first release, and by the test of it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import create_mock_engine

from hotline.migrations import guards
from hotline.schema import metadata
from ticketing.callback.models import AUTHOR_GUARD
from ticketing.statistics import day_triggers
from ticketing.ticket import triggers

FILE = Path(__file__).parent / "versions" / "0001_initial.sql"
SEPARATOR = ";\n\n"


def statements_of(script: str) -> list[str]:
    """The statements of a script whose statements end with a semicolon and an empty line."""
    return [statement for statement in script.split(SEPARATOR) if statement.strip()]


def sql() -> str:
    """Every CREATE statement of the models in a working order, then the guards of the event log."""
    statements: list[str] = []

    def collect(statement: Any, *_args: Any, **_options: Any) -> None:
        lines = str(statement.compile(dialect=engine.dialect)).strip().splitlines()
        statements.append("\n".join(line.rstrip() for line in lines if line.strip()))

    engine = create_mock_engine("postgresql+asyncpg://", collect)
    metadata.create_all(engine, checkfirst=False)
    # SQLAlchemy keeps the indexes of a table in a set: neighbours are sorted, so that the file comes out the same each time
    ordered = [each for is_index, group in groupby(statements, _is_index) for each in (sorted(group) if is_index else group)]
    return SEPARATOR.join([*ordered, *guards.statements(), *AUTHOR_GUARD, *triggers.STATEMENTS, *day_triggers.STATEMENTS]) + SEPARATOR


def _is_index(statement: str) -> bool:
    return statement.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))


def write() -> Path:
    """Write the file and say where it is."""
    FILE.write_text("-- Written by script/migration from the models. Do not edit.\n\n" + sql(), encoding="utf-8")
    return FILE
