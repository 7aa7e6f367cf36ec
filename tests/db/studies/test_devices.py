"""Names that were typed as a machine's: kept in phi, shown under a label, mended in archives made before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, text

from echosearch.db.server.migrate import upgrade
from echosearch.db.studies.devices import devices_here, shown_device
from tests.db.conftest import KEYRING, Ledger, header
from tests.db.server.test_migrations import config


def test_a_name_is_kept_in_phi(engine: Engine, ledger: Ledger) -> None:
    ledger.store(
        header("1.1", study="1", device="GE Vivid E95"),
        header("2.1", study="2", device="GE YAMADA^TARO"),
        header("3.1", study="3", device="GE YAMADA^TARO"),
        header("4.1", study="4", device=None),
    )
    with engine.begin() as connection:
        shown = set(connection.scalars(text("select device from core.video")))
        (label,) = shown - {"GE Vivid E95", None}
        assert len(shown) == 3
        assert label.startswith("GE device ")
        assert devices_here(connection) == {label: "GE YAMADA^TARO", "GE Vivid E95": "GE Vivid E95"}
        assert shown_device(connection, KEYRING, header("9", device="GE YAMADA^TARO")) == label
        connection.execute(text("create role es_core; grant usage on schema core to es_core"))
        connection.execute(text("grant select on all tables in schema core to es_core; set local role es_core"))
        assert devices_here(connection) == {label: label, "GE Vivid E95": "GE Vivid E95"}
        connection.execute(text("reset role"))
        connection.rollback()


@pytest.fixture
def blank(database: Engine) -> Iterator[Engine]:
    admin = database.execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("drop database if exists made_before"))
        connection.execute(text("create database made_before"))
        folder = connection.scalar(text("show data_directory"))
    engine = create_engine(f"postgresql+psycopg://postgres@/made_before?host={folder}")
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text("drop database made_before"))


def fill(connection: Connection, devices: dict[str, tuple[str, str]]) -> None:
    """Patient n, study n, video n with (name, device), and a vector that the index has."""
    connection.execute(
        text(
            "insert into core.encoder (fingerprint, name, version, dimension, licence, provenance, trained)"
            " values ('f', 'n', '1', 1, '', '', true)"
        )
    )
    for key, (name, device) in devices.items():
        given = {"k": key, "name": name, "device": device, "id": key[:8]}
        for statement in (
            "insert into core.patient (patient_key) values (:k)",
            "insert into phi.patient (patient_key, issuer, patient_id, name) values (:k, '', :id, :name)",
            "insert into core.study (study_key, patient_key) values (:k, :k)",
            "insert into core.video (video_key, study_key, file_sha256, pixel_sha256, n_frames, rows, columns,"
            " device, transfer_syntax_uid, photometric, mode, mode_source)"
            " values (:k, :k, '', '', 2, 1, 1, :device, '', '', 'bmode', '')",
            "insert into core.embedding (encoder_id, video_key, vector, gen, indexed_gen) values (1, :k, '', 3, 3)",
        ):
            connection.execute(text(statement), given)


def devices_of(connection: Connection) -> dict[str, str]:
    rows = connection.execute(text("select cast(video_key as text) as key, device from core.video"))
    return {row.key: row.device for row in rows}


def test_an_archive_made_before(blank: Engine) -> None:
    upgrade(blank)
    keys = [f"{n:08d}-0000-0000-0000-000000000000" for n in range(4)]
    said = dict(
        zip(
            keys,
            [
                ("A^B", "GE Vivid E95"),
                ("YAMADA^TARO", "YAMADA^TARO"),
                ("C^D", "YAMADA^TARO"),
                ("CANON^J", "Canon Aplio"),
            ],
            strict=True,
        )
    )
    with blank.begin() as connection:
        command.downgrade(config(connection), "0001")
        fill(connection, said)
    upgrade(blank)
    with blank.begin() as connection:
        shown = devices_of(connection)
        assert shown[keys[0]] == "GE Vivid E95"
        assert shown[keys[1]] == shown[keys[2]] != shown[keys[3]]
        assert all(shown[key].startswith("device ") for key in keys[1:])
        due = connection.execute(text("select cast(key as text), gen, op, collection from core.outbox order by key"))
        assert [tuple(row) for row in due] == [(key, 4, "upsert", "videos") for key in keys[1:]]
        command.downgrade(config(connection), "0001")
        back = devices_of(connection)
        assert back == {key: device for key, (_, device) in said.items()}
