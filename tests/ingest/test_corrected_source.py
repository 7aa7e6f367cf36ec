"""What was corrected at its source: reports follow the study and the patient, filters follow the device."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.db.lookup import resolve_study
from echosearch.search.hits import SearchOptions
from echosearch.search.query import query_text
from echosearch.search.where import parse_where
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.verify import verify
from tests.ingest.conftest import Export


def links(archive: Archive) -> list[tuple[str | None, str | None]]:
    """Of each report: the StudyInstanceUID that it belongs to, or why it belongs to none."""
    query = text("select s.study_uid, r.link_problem from core.report r left join phi.study s using (study_key)")
    with archive.engine.connect() as connection:
        return [(row.study_uid, row.link_problem) for row in connection.execute(query)]


def write_reports(path: Path, columns: str, *rows: str) -> Path:
    path.write_text("\n".join([f"{columns},report_text", *(f"{row},重度僧帽弁逆流" for row in rows)]), encoding="utf-8")
    return path


def correct(export: Export, name: str, sop: str, **changed: str) -> None:
    os.utime(export.cine(name, sop, seed=1, **changed), (5, 5))


def test_a_report_follows_its_accession_number_to_the_corrected_study(
    archive: Archive, export: Export, tmp_path: Path
) -> None:
    export.cine("IM_1", "1.2.1", study="1.2.392.1", patient="A", seed=1)
    reports = write_reports(tmp_path / "r.csv", "accession_number,patient_id", "CANARYACC,A")
    ingest(archive, export.root, IngestOptions(reports=reports))
    correct(export, "IM_1", "1.2.1", study="1.2.392.77", patient="A")
    assert ingest(archive, export.root, IngestOptions()).reports.linked == 1
    assert links(archive) == [("1.2.392.77", None)]
    with archive.engine.connect() as connection:
        assert resolve_study(connection, "CANARYACC").study == archive.keyring.study("1.2.392.77")
    assert verify(archive).clean  # the report's point says whose it is now


@pytest.mark.parametrize("second_file", [False, True])
def test_a_report_leaves_a_study_that_turns_out_to_be_another_patients(
    archive: Archive, export: Export, tmp_path: Path, second_file: bool
) -> None:
    export.cine("IM_1", "1.2.1", study="1.2.392.1", patient="" if second_file else "A", seed=1)
    reports = write_reports(tmp_path / "r.csv", "study_uid,patient_id", "1.2.392.1,A")
    assert ingest(archive, export.root, IngestOptions(reports=reports)).reports.linked == 1
    if second_file:
        export.cine("IM_2", "1.2.2", study="1.2.392.1", patient="B", seed=2)
    else:
        correct(export, "IM_1", "1.2.1", study="1.2.392.1", patient="B")
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.reports.linked, summary.reports.conflict) == (0, 1)
    assert links(archive) == [(None, "conflict")]
    assert archive.index.count(archive.collection("reports")) == 0
    assert verify(archive).clean


def test_a_condition_on_the_device_is_answered_by_the_videos_that_it_made(
    archive: Archive, export: Export, tmp_path: Path
) -> None:
    """A study can have videos of two devices: its mean, made of the gated ones, has none."""
    export.cine("IM_1", "1.2.1", study="1.2.392.1", seed=1, ManufacturerModelName="Vivid E95")
    views = tmp_path / "views.csv"
    views.write_text("sop_uid,view\n1.2.1,4CH\n1.2.2,Other\n")
    ingest(archive, export.root, IngestOptions(views=views))
    export.cine("IM_2", "1.2.2", study="1.2.392.1", seed=2, ManufacturerModelName="Aplio")
    ingest(archive, export.root, IngestOptions())
    assert verify(archive).clean

    def devices(name: str) -> list[str | None]:
        hits = query_text(archive, "重度", SearchOptions(where=parse_where(f'device = "{name}"'))).hits
        return [hit.device for hit in hits]

    assert (devices("Aplio"), devices("Vivid E95")) == (["Aplio"], ["Vivid E95"])
    correct(export, "IM_1", "1.2.1", study="1.2.392.1", ManufacturerModelName="Vivid S70")
    ingest(archive, export.root, IngestOptions())
    assert (devices("Vivid E95"), devices("Vivid S70")) == ([], ["Vivid S70"])
    assert verify(archive).clean
