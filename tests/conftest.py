"""A real PostgreSQL for the whole session, empty tables for each test, and an archive with a fake encoder."""

from __future__ import annotations

import gc
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, text

from echosearch.archive import Archive
from echosearch.db.schema.base import Base
from echosearch.db.server.engine import open_engine, upgrade
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.edge.index import EdgeIndex
from echosearch.settings import Settings
from tests.support.forked_program import fork_what_is_spawned, python

# before torch is imported, here and in every child: the suite runs a process for each core, its tensors are small, and
# torch's other threads would spin in wait for them
os.environ.setdefault("OMP_NUM_THREADS", "1")

# In memory where there is room: each index and each PostgreSQL that a test makes waits for the disk some hundred times,
# and none is to outlive a power loss. TMPDIR, if it is set, says where else. Children inherit it.
MEMORY, ROOM = Path("/dev/shm"), 8 << 30  # bytes; a whole run with two workers needs about half
if "TMPDIR" not in os.environ and MEMORY.is_dir():
    about = os.statvfs(MEMORY)
    if about.f_bavail * about.f_frsize >= ROOM and not about.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# tests start the program some hundred times: without its bytecode each start compiles it anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

fork_what_is_spawned(python)

# the same examples in every run, so that no run fails by chance; --hypothesis-profile=slow looks for new ones
hypothesis_settings.register_profile("quick", max_examples=60, derandomize=True, deadline=None, database=None)
hypothesis_settings.register_profile("slow", max_examples=3000, deadline=None, database=None)
hypothesis_settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """Leave what is imported and collected, which stays to the end, out of every later look for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # objects, not 700: it took a tenth of processor time


@pytest.fixture
def brief_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `encoder check` measure its three rates on one call each, not for two seconds."""
    monkeypatch.setattr("echosearch.encoder.check.SECONDS", 0.01)


@pytest.fixture
def forked_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a test starts as another Python be a fork that has imported torch: two seconds of the processor less."""
    monkeypatch.setattr("sys.executable", python())


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it (what a marker demands stays)."""
    kept = {"ECHOSEARCH_REQUIRE", "ECHOSEARCH_QDRANT_URL", "ECHOSEARCH_QDRANT_API_KEY"}
    for name in os.environ:
        if name.startswith("ECHOSEARCH_") and name not in kept:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def database() -> Iterator[Engine]:
    """An engine on a migrated, embedded PostgreSQL that lives as long as the session.

    Not under pytest's own folder: another session of the same user closes that folder to the server's user.
    """
    with tempfile.TemporaryDirectory(prefix="echosearch-tests-") as home:
        engine = open_engine(None, Path(home))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for setting in ("fsync", "full_page_writes"):  # nothing in it is to outlive a power loss
                connection.execute(text(f"alter system set {setting} = off"))
            connection.execute(text("select pg_reload_conf()"))
        upgrade(engine)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(database: Engine) -> Engine:
    """The session's engine, every table empty."""
    empty_tables(database)
    return database


def empty_tables(database: Engine) -> None:
    """Delete every row and start every sequence again.

    To truncate would give each table and index a new file: a tenth of a second of the processor for all of them.
    What the planner knows of their sizes is forgotten, as it would be by that: from tables that it takes for empty it
    joins the rows of the next test one by one, for minutes.
    """
    named = ", ".join(f"'{table.schema}.{table.name}'" for table in Base.metadata.sorted_tables)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        written = connection.scalars(
            text(f"select name from unnest(array[{named}]) as name where pg_relation_size(name::regclass) > 0")
        ).all()
        if written:
            # in one transaction, without triggers, those of foreign keys among them
            emptied = ";".join(f"delete from {name}" for name in written)
            connection.exec_driver_sql(f"begin; set local session_replication_role = replica; {emptied}; commit")
            connection.exec_driver_sql(f"vacuum {', '.join(written)}")
            connection.exec_driver_sql(
                "update pg_class set relpages = 0, reltuples = -1 where relkind in ('r', 'i', 'p') and reltuples <> -1"
                " and relnamespace in (select oid from pg_namespace where nspname in ('core', 'phi'))"
            )
        connection.execute(
            text(
                "select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
                " from pg_sequences where last_value is not null"
            )
        )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(stat.S_IRWXU)
    return Settings(home=home, workers=2)


@pytest.fixture
def archive(settings: Settings, engine: Engine) -> Iterator[Archive]:
    """An archive on the session's PostgreSQL and its own embedded index, with a fake encoder."""
    index = EdgeIndex(settings.home / "qdrant", lock_wait_seconds=1.0)
    yield Archive(settings, engine, index, FakeEncoder())
    index.close()
