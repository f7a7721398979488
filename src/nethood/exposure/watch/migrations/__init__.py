"""How the schema of the watcher's store came to be: alembic's migrations, in versions/."""
