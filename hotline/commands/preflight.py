"""What must hold before an upgrade is started, so that it does not fail half-way (lesson 21). Part of `hotline doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from hotline import migrations
from hotline.database import Database

OLDEST_SERVER = 15
"""Major version of PostgreSQL; no extension is used, so none can be missing or too old."""


@dataclass(frozen=True)
class Preflight:
    """What was seen of a database."""

    current: str | None
    """The migration it stands at; None: empty."""
    newest: str
    server: int
    """Major version of the server."""
    role: str
    owns: bool
    """Whether the role of the service owns tables: then it could switch off what guards the event log."""
    superuser: bool
    size_mb: int

    @property
    def pending(self) -> bool:
        """Whether `hotline db upgrade` has something to do."""
        return self.current != self.newest

    def needed_mb(self, least: int) -> int:
        """Free room for an upgrade: a table may be written anew beside its old self, and the same goes through the log."""
        return least + 2 * self.size_mb


async def look(database: Database) -> Preflight:
    """Ask the database. Raises Unavailable."""
    current = await migrations.current(database)
    async with database.transaction() as session:
        row = (
            await session.execute(
                text(
                    "SELECT current_setting('server_version_num')::int / 10000 AS server, current_user::text AS role,"
                    " EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user) AS owns,"
                    " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,"
                    " pg_database_size(current_database()) / 1000000 AS size_mb"
                )
            )
        ).one()
    return Preflight(current, migrations.head(), row.server, row.role, row.owns, row.superuser, row.size_mb)
