"""Run by Alembic. The connection always comes from `hotline.migrations`."""

from __future__ import annotations

from alembic import context

from hotline.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
