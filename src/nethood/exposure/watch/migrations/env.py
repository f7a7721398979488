"""What alembic runs: the migrations on the connection it is given, in that one's transaction."""

from __future__ import annotations

from alembic import context

from nethood.exposure.watch.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
