"""Migrate the database to the newest schema (Alembic), safely from several processes at once."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from echosearch.errors import ArchiveError

__all__ = ["head_revision", "migrations_folder", "upgrade"]

UPGRADE_LOCK = 0x6563686F_01  # "echo" 1: an advisory lock of the database
_REVISION = re.compile(r"^(down_revision|revision)\b[^=]*=\s*(?:[\"'](\w+)[\"']|None)", re.MULTILINE)


def migrations_folder() -> Path:
    """Return the folder with env.py and versions/: echosearch/migrations in a wheel, migrations/ in a checkout."""
    package = Path(__file__).parents[2]
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").exists():
            return folder
    raise ArchiveError(f"no migrations beside {package}: the installation is not complete, install echosearch again")


@cache
def head_revision() -> str:
    """Return the newest revision, from the text of the files: importing Alembic takes longer than the check."""
    revisions: set[str] = set()
    parents: set[str] = set()
    for file in (migrations_folder() / "versions").glob("*.py"):
        found = dict(_REVISION.findall(file.read_text(encoding="utf-8")))
        revisions.add(found["revision"])
        parents.add(found["down_revision"])
    heads = revisions - parents
    if len(heads) != 1:
        raise ArchiveError(f"{len(heads)} newest migrations in {migrations_folder()}, there must be one")
    return heads.pop()


def upgrade(engine: Engine) -> None:
    """Create or migrate the schema; two short queries when it is up to date. All of it happens, or nothing.

    Raises ArchiveError when the database is newer than this program, StoreUnreachable when it does not answer.
    """
    with engine.connect() as connection:
        if _current(connection) == head_revision():
            return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    with engine.begin() as connection:
        connection.execute(text("set local statement_timeout = 0; set local lock_timeout = '10min'"))
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as exc:
            raise ArchiveError(
                f"the database is at schema {_current(connection)}, which this echosearch does not know: "
                "it was made by a newer one; install that"
            ) from exc


def _current(connection: Connection) -> str | None:
    if connection.scalar(text("select to_regclass('core.alembic_version')")) is None:
        return None
    current: str | None = connection.scalar(text("select version_num from core.alembic_version"))
    return current
