"""Files that move and disagree: what no file backs is not found any more, whatever was refused meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.db.admission.conflicts import forget_conflicts
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.verify import verify
from tests.ingest.conftest import Export, write_cine
from tests.ingest.test_corrected_source import found_studies


@pytest.mark.parametrize("dispute", ["two patients", "another patient's study", "other pixels", "an older dispute"])
def test_a_moved_file_that_is_refused_is_not_found_as_it_was(archive: Archive, export: Export, dispute: str) -> None:
    export.cine("first", "1.2.1", study="1.9.1", patient="P1", seed=1)
    export.cine("other", "1.2.5", study="1.9.5", patient="P5", seed=5)
    export.cine("bystander", "1.2.6", study="1.9.6", patient="P6", seed=6)
    ingest(archive, export.root, IngestOptions())
    (export.root / "first").unlink()
    moved = {"two patients": "1.9.8", "another patient's study": "1.9.5", "other pixels": "1.9.1"}.get(dispute, "1.9.8")
    match dispute:
        case "two patients" | "an older dispute":
            export.cine("x", "1.2.8", study="1.9.8", patient="P2", seed=8)
            export.cine("y", "1.2.9", study="1.9.8", patient="P3", seed=9)
        case "other pixels":
            export.cine("zz", "1.2.1", study="1.9.1", patient="P1", seed=7)
    if dispute == "an older dispute":
        ingest(archive, export.root, IngestOptions())
    export.cine("z_moved", "1.2.1", study=moved, patient="P1", seed=1)
    summary = ingest(archive, export.root, IngestOptions())
    report = verify(archive)
    assert (report.clean, report.faults) == (True, ())
    others = {} if dispute == "another patient's study" else {"1.9.5": {"P5"}}
    assert found_studies(archive) == {"1.9.6": {"P6"}, **others}
    assert summary.reasons in ({"PATIENT_CONFLICT": 3}, {"PATIENT_CONFLICT": 2}, {"UID_CONFLICT": 2})


def test_an_archive_that_holds_what_no_file_backs_heals_at_its_next_ingest(
    archive: Archive, export: Export, tmp_path: Path
) -> None:
    for number in range(2):
        export.cine(f"IM_{number}", f"1.2.{number}", study=f"1.9.{number}", patient=f"P{number}", seed=number)
    ingest(archive, export.root, IngestOptions())
    with archive.engine.begin() as connection:
        connection.execute(text("delete from core.source_file where id = 1"))
    new = write_cine(tmp_path / "elsewhere" / "IM_7", "1.2.7", study="1.9.7", patient="P7", seed=7)
    ingest(archive, new.parent, IngestOptions())
    assert found_studies(archive) == {"1.9.1": {"P1"}, "1.9.7": {"P7"}}
    assert verify(archive).clean


def test_a_file_that_felled_its_runs_leaves_nothing_to_be_found(archive: Archive, export: Export) -> None:
    export.cine("IM_0", "1.2.0", study="1.9.0", patient="P0", seed=0)
    ingest(archive, export.root, IngestOptions())
    with archive.engine.begin() as connection:  # it was claimed to be read again, and the run died, for the 25th time
        connection.execute(text("update core.source_file set state = 'registered', orphaned = 24, claimed_by = 1"))
    assert ingest(archive, export.root, IngestOptions()).reasons == {"RUN_DIED": 1}
    assert archive.index.count(archive.collection("videos")) == 0
    assert verify(archive).clean


def test_a_copy_that_is_read_again_stays_a_copy(archive: Archive, export: Export) -> None:
    """Also where its name was there before that of the file that it is a copy of."""
    export.cine("a", "1.2.0", study="1.9.0", patient="P0", seed=0)
    ingest(archive, export.root, IngestOptions())
    original = export.cine("b", "1.2.1", study="1.9.1", patient="P1", seed=1)
    ingest(archive, export.root, IngestOptions())
    for time in (5, 6):
        (export.root / "a").write_bytes(original.read_bytes())
        os.utime(export.root / "a", (time, time))
        assert ingest(archive, export.root, IngestOptions()).reasons == {"DUPLICATE": 1}
        assert verify(archive).clean
    assert found_studies(archive) == {"1.9.1": {"P1"}}


def test_an_archive_in_which_two_files_back_one_video_heals(archive: Archive, export: Export) -> None:
    original = export.cine("a", "1.2.0", study="1.9.0", patient="P0", seed=0)
    (export.root / "b").write_bytes(original.read_bytes())
    ingest(archive, export.root, IngestOptions())
    with archive.engine.begin() as connection:
        connection.execute(text("update core.source_file set state = 'indexed', reason = null, detail = null"))
    assert verify(archive).faults == ("1 videos are backed by more than one file",)
    assert ingest(archive, export.root, IngestOptions()).reasons == {"DUPLICATE": 1}
    assert verify(archive).clean


def test_a_file_that_vanished_before_it_was_read_does_not_wait_for_ever(archive: Archive, export: Export) -> None:
    export.cine("a", "1.2.0", study="1.9.0", patient="P0", seed=0)
    export.cine("b", "1.2.0", study="1.9.0", patient="P0", seed=1)
    assert ingest(archive, export.root, IngestOptions()).reasons == {"UID_CONFLICT": 2}
    with archive.engine.begin() as connection:
        assert forget_conflicts(connection) == 2  # the run that was to read them again died
    (export.root / "b").unlink()
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.found, summary.indexed, summary.pending) == (1, 1, 0)
    assert verify(archive).clean
