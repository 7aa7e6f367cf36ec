"""Migrations against a real PostgreSQL: up, down, up again; equal to the tables; safe from several processes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, text

from echosearch.db.schema.tables import Base
from echosearch.db.server.migrate import head_revision, migrations_folder, upgrade
from echosearch.errors import ArchiveError

EVERYTHING = text(
    """
    select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('core', 'phi', 'access') and c.relname not like 'alembic_version%' order by 1
    """
)


@pytest.fixture
def blank(database: Engine) -> Iterator[Engine]:
    """An engine on an empty database beside the session's own."""
    admin = database.execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("drop database if exists blank"))
        connection.execute(text("create database blank"))
        folder = connection.scalar(text("show data_directory"))
    engine = create_engine(f"postgresql+psycopg://postgres@/blank?host={folder}")
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text("drop database blank"))


def config(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(migrations_folder()))
    made.attributes["connection"] = connection
    return made


def difference(engine: Engine) -> list[object]:
    """What Alembic would still change to make the database equal to the tables."""

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return name in ("core", "phi", "access") if kind == "schema" else name != "alembic_version"

    options = {"include_schemas": True, "include_name": ours, "compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def test_from_blank_to_head_equals_the_tables(blank: Engine) -> None:
    upgrade(blank)
    assert difference(blank) == []
    with blank.connect() as connection:
        assert connection.scalar(text("select version_num from core.alembic_version")) == head_revision()


def test_check_constraints_equal_the_tables(blank: Engine) -> None:
    """Alembic does not compare them: compare with what the tables themselves would create."""
    query = text(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint "
        "where contype = 'c' and connamespace::regnamespace::text in ('core', 'phi', 'access') order by 1, 2"
    )
    upgrade(blank)
    with blank.connect() as connection:
        migrated = connection.execute(query).all()
    with blank.begin() as connection:
        for schema in ("access", "core", "phi"):
            connection.execute(text(f"drop schema {schema} cascade"))
            connection.execute(text(f"create schema {schema}"))
        Base.metadata.create_all(connection)
        assert connection.execute(query).all() == migrated
    assert migrated


def test_down_to_base_leaves_nothing_and_up_again_works(blank: Engine) -> None:
    upgrade(blank)
    with blank.begin() as connection:
        command.downgrade(config(connection), "base")
    with blank.connect() as connection:
        assert connection.execute(EVERYTHING).all() == []
    upgrade(blank)
    assert difference(blank) == []


def test_every_migration_goes_down_and_up(blank: Engine) -> None:
    upgrade(blank)
    for _ in migrations_folder().glob("versions/*.py"):
        with blank.begin() as connection:
            command.downgrade(config(connection), "-1")
    upgrade(blank)
    assert difference(blank) == []


def test_an_archive_made_before_gets_its_points_counted(blank: Engine) -> None:
    with blank.begin() as connection:
        command.upgrade(config(connection), "0001")
        statements = """
            insert into core.encoder (fingerprint, name, version, dimension, licence, provenance, trained)
                select x, x, '1', 8, '', '', true from unnest(array['a', 'b']) x;
            insert into core.patient (patient_key) values ('00000000-0000-0000-0000-000000000001');
            insert into core.study (study_key, patient_key)
                select gen_random_uuid(), patient_key from core.patient, generate_series(1, 7);
            insert into core.study_embedding (encoder_id, study_key, vector, n_videos, gated, indexed_gen)
                select e.id, s.study_key, '', 1, true, case when e.name = 'a' then 1 end
                from core.encoder e, core.study s;
            update core.study_embedding set indexed_gen = null where ctid = (select min(ctid) from core.study_embedding)
        """
        for statement in statements.split(";"):
            connection.execute(text(statement))
    upgrade(blank)
    counted = text(
        "select e.name, c.collection, c.points from core.index_count c join core.encoder e on e.id = encoder_id"
    )
    with blank.connect() as connection:
        assert connection.execute(counted).all() == [("a", "studies", 6)]


def test_an_older_archive_keeps_what_it_knew_of_its_patients(blank: Engine) -> None:
    """Sex and birth date were a patient's: each of the patient's studies and videos begins with them."""
    patient, studies, videos = str(UUID(int=1)), [str(UUID(int=2)), str(UUID(int=3))], [str(UUID(int=4))]
    rows = [
        f"insert into core.patient values ('{patient}', 'F')",
        f"insert into phi.patient values ('{patient}', '', '0007', 'Name', '1950-01-02')",
        *(f"insert into core.study (study_key, patient_key, age) values ('{key}', '{patient}', 71)" for key in studies),
        *(f"insert into phi.study values ('{key}', '{patient}', '{key}', '', null)" for key in studies),
        "insert into core.video (video_key, study_key, file_sha256, pixel_sha256, n_frames, rows, columns,"
        f" transfer_syntax_uid, photometric, mode, mode_source) values ('{videos[0]}', '{studies[0]}', '', '', 2, 1, 1,"
        " '', '', 'bmode', 'regions')",
        f"insert into phi.video values ('{videos[0]}', '1.2', '1.3')",
    ]
    with blank.begin() as connection:
        connection.execute(text("create schema core"))
        command.upgrade(config(connection), "0001")
        for row in rows:
            connection.execute(text(row))
    upgrade(blank)
    assert difference(blank) == []
    with blank.connect() as connection:
        known = connection.execute(text("select sex, age, birth_date from core.study join phi.study using (study_key)"))
        assert [(row[0], row[1], str(row[2])) for row in known] == [("F", 71, "1950-01-02")] * 2
        said = connection.execute(text("select sex, age, birth_date from core.video join phi.video using (video_key)"))
        assert [(row[0], row[1], str(row[2])) for row in said] == [("F", 71, "1950-01-02")]


def test_up_to_date_costs_no_alembic(blank: Engine) -> None:
    upgrade(blank)
    url = blank.url.render_as_string(hide_password=False)
    code = (
        "import sys\nfrom sqlalchemy import create_engine\nfrom echosearch.db.server.migrate import upgrade\n"
        f"engine = create_engine({url!r})\nupgrade(engine)\nassert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_several_processes_at_once(blank: Engine) -> None:
    url = blank.url.render_as_string(hide_password=False)
    code = (
        "from sqlalchemy import create_engine\nfrom echosearch.db.server.migrate import upgrade\n"
        f"engine = create_engine({url!r})\nengine.connect().close()\nupgrade(engine)\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert difference(blank) == []


def test_a_failure_half_way_leaves_the_database_as_it_was(blank: Engine) -> None:
    with blank.begin() as connection:  # the last table of the migration is already there
        connection.execute(text("create schema core"))
        connection.execute(text("create table core.report_embedding (x int)"))
    with pytest.raises(Exception, match="report_embedding"):
        upgrade(blank)
    with blank.begin() as connection:
        assert connection.execute(EVERYTHING).scalars().all() == ["core.report_embedding"]
        connection.execute(text("drop table core.report_embedding"))
    upgrade(blank)
    assert difference(blank) == []


def test_a_database_of_a_newer_program(blank: Engine) -> None:
    upgrade(blank)
    with blank.begin() as connection:
        connection.execute(text("update core.alembic_version set version_num = '9999'"))
    with pytest.raises(ArchiveError, match=r"9999.*newer"):
        upgrade(blank)


def test_head_is_what_alembic_says() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(migrations_folder())).get_heads() == [head_revision()]


def test_migrations_are_in_the_wheel() -> None:
    """The force-include of pyproject.toml and migrations_folder() name the same place."""
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert re.search(r'^"migrations" = "echosearch/migrations"$', project, re.MULTILINE)
    assert migrations_folder() == Path(__file__).parents[3] / "migrations"


def test_roles_of_the_documentation(blank: Engine) -> None:
    """The SQL in docs/operations.md runs, and gives each role what it says."""
    page = (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8")
    found = re.search(r"```sql\n(.*?)```", page, re.DOTALL)
    assert found is not None
    upgrade(blank)
    with blank.connect() as connection:  # rolled back: roles belong to the whole server
        for statement in re.sub(r"--.*", "", found[1]).split(";"):
            if statement.strip():
                connection.execute(text(statement))
        connection.execute(text("create table core.later (x int)"))

        def may(role: str, action: str, table: str) -> object:
            return connection.scalar(
                text("select has_table_privilege(:role, :table, :action)"),
                {"role": role, "table": table, "action": action},
            )

        assert may("es_search", "select", "core.video")
        assert may("es_search", "select", "core.alembic_version")
        assert may("es_search", "select", "core.later")
        assert not may("es_search", "select", "phi.patient")
        assert not may("es_search", "insert", "core.video")
        assert may("es_phi", "select", "phi.patient")
        assert may("es_phi", "select", "core.video")
        assert not may("es_phi", "update", "phi.patient")
        assert may("es_ingest", "delete", "phi.patient")
        assert may("es_ingest", "insert", "core.later")
