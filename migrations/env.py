"""Alembic's environment: run by echosearch.db.server.migrate.upgrade, or by a developer who writes a migration.

alembic -c migrations/alembic.ini -x home=/tmp/scratch upgrade head
alembic -c migrations/alembic.ini -x home=/tmp/scratch revision --autogenerate -m "what changes"
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from echosearch.db.schema.tables import Base

SCHEMAS = ("core", "phi", "access")


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Look at our schemas only, and never at Alembic's own table."""
    return name in SCHEMAS if kind == "schema" else name != "alembic_version"


def migrate(connection: Connection) -> None:
    connection.execute(text("create schema if not exists core"))  # the version table lives there
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table_schema="core",
        include_schemas=True,
        include_name=include_name,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    from echosearch.db.server.engine import open_engine

    arguments = context.get_x_argument(as_dictionary=True)
    engine = open_engine(arguments.get("url"), Path(arguments.get("home", "scratch")).absolute())
    try:
        with engine.begin() as connection:
            migrate(connection)
    finally:
        engine.dispose()
