"""Alembic owns the schema. `upgrade` is what `hotline db upgrade` and the set-up call; there is no alembic.ini.

Until the first release there is one migration, 0001, whose SQL `script/migration` writes from the models. After it every
change of a model gets a migration of its own, and 0001 is never touched again.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from hotline.database import Database
from hotline.migrations import guards

_LOCK = 0x686F746C696E65  # "hotline": two processes that upgrade at once go one after the other


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def upgrade(database: Database) -> None:
    """Bring the database to the newest schema, in one transaction: all of it or nothing."""
    async with database.engine.begin() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.run_sync(_upgrade)


async def grant(database: Database, role: str) -> None:
    """Let the service's role read and write rows, and nothing else; the event log it may only append to. As the owner.

    Makes the role when it is missing and the owner may. Safe to repeat: every upgrade does.
    """
    append_only = ", ".join(guards.APPEND_ONLY_TABLES)
    async with database.engine.begin() as connection:
        quoted = connection.dialect.identifier_preparer.quote(role)
        if not await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
            await connection.execute(text(f"CREATE ROLE {quoted} LOGIN"))
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {quoted}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quoted}",
            f"REVOKE UPDATE, DELETE, TRUNCATE ON {append_only} FROM {quoted}",
            f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {quoted}",
        ):
            await connection.execute(text(statement))


def head() -> str:
    """The newest migration that this program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


async def current(database: Database) -> str | None:
    """The migration that the database stands at; None when it is empty."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda plain: MigrationContext.configure(plain).get_current_revision())
