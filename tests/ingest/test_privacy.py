"""Canaries: names, ids and UIDs of the input reach the phi schema and the operator's questions, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.cli.main import cli
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from tests.ingest.conftest import Export

PATIENT, NAME, ACCESSION = "CANARY-0042", "CANARYNAME^TARO", "CANARYACC"
STUDY, SOP = "1.2.392.200036.9116.4242", "1.2.392.200036.9116.4242.1"
REPORT = "カナリア太郎様、重度僧帽弁逆流。"
SECRETS = (PATIENT, "CANARYNAME", ACCESSION, STUDY, "19530102", "1953-01-02", "IM_SECRET", "カナリア")


@pytest.fixture
def secretive(export: Export, tmp_path: Path) -> Export:
    """Cines and a broken file of one patient, typed in as a machine too, and a report that names him."""
    for number, maker in enumerate(("GE", "GE", "CANARYNAME")):
        whose = {"study": STUDY, "patient": PATIENT, "name": NAME}
        machine = {"Manufacturer": maker, "ManufacturerModelName": f"CANARYNAME {number}"}
        export.cine(f"CANARYDIR/IM_SECRET{number}", f"{SOP}.{number}", **whose, **machine)
    whole = (export.root / "CANARYDIR/IM_SECRET0").read_bytes()
    export.put("CANARYDIR/IM_SECRET_CUT", whole[:-300], "TRUNCATED")
    (tmp_path / "reports.csv").write_text(
        f"study_uid,patient_id,report_text\n{STUDY},{PATIENT},{REPORT}\n1.2.3,CANARY-1,{REPORT}\n", encoding="utf-8"
    )
    return export


def files_under(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_no_canary_outside_phi(
    archive: Archive, secretive: Export, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)  # it would log every parameter, were it not told to
    summary = ingest(archive, secretive.root, IngestOptions(reports=tmp_path / "reports.csv"))
    assert (summary.indexed, summary.quarantined) == (3, 1)
    archive.index.close()
    stored = list(files_under(archive.settings.home / "qdrant"))
    assert any(archive.keyring.study(STUDY).encode() in content for content in stored)  # pseudonyms are what is there
    with archive.engine.connect() as connection:
        tables = connection.scalars(text("select tablename from pg_tables where schemaname = 'core'")).all()
        core = "\n".join(
            str(tuple(row)) for table in tables for row in connection.execute(text(f"select * from core.{table}"))
        )
    for secret in SECRETS:
        assert secret not in caplog.text
        assert secret not in core
        assert not [1 for content in stored if secret.encode() in content], secret


def test_no_canary_on_the_terminal_unless_asked(
    secretive: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole command line, its own stores; the tiny encoder, untrained."""
    monkeypatch.setenv("ECHOSEARCH_HOME", str(tmp_path / "home"))
    reports = str(tmp_path / "reports.csv")

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, [*arguments], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    tiny = str(tmp_path / "tiny")
    said = run("encoder", "init", "--size", "tiny", "--reports", reports, "--out", tiny)
    said += run("encoder", "use", tiny)
    said += run("ingest", str(secretive.root), "--reports", reports, code=3)
    said += run("ingest", str(secretive.root), code=3)
    hits = run("query", "--report", "僧帽弁逆流")
    said += hits + run("status") + run("status", "--unmatched") + run("verify")
    for asked, code in (("ge", 0), ("CANARYNAME", 0), ("Aplio", 1)):
        said += run("query", "--report", "弁", "--where", f'device = "{asked}"', code=code)
    said += run("similar", ACCESSION) + run("report", STUDY, "--json")
    for secret in SECRETS:
        assert secret not in said, secret
    assert PATIENT in run("query", "--report", "僧帽弁逆流", "--identified")
    for log in (tmp_path / "home").rglob("log*"):
        if log.is_file():
            assert not [secret for secret in SECRETS if secret.encode() in log.read_bytes()]
