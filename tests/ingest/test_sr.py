"""Structured reports through a real ingest: their measurements answer questions, and stand and fall with their file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.db.files.measurements import measurements_of
from echosearch.db.files.status import why
from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.files.srfile import sr_dataset
from echosearch.search.ask import ask
from echosearch.search.results import Hit, SearchOptions, as_json
from ingest.options import IngestOptions, IngestSummary
from ingest.pipeline import ingest
from tests.ingest.conftest import Export
from tests.phantom.test_measurements import BIPLANE, EF, METHOD, modifier, number

STUDY = "1.2.392.1"


def write_sr(path: Path, ef: str | None, study: str = STUDY, patient: str = "0001234", **tags: object) -> Path:
    """A phantom's SR as the file of another study; ``ef``: its one measurement."""
    dataset = sr_dataset(next(phantom_studies(patients=1, seed=1)), 1, [generate_uid()])
    dataset.StudyInstanceUID, dataset.PatientID, dataset.IssuerOfPatientID = study, patient, ""
    if ef is not None:
        dataset.ContentSequence = [number(EF, ef, "%", modifier(METHOD, BIPLANE))]
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def measured(export: Export) -> Export:
    """Three studies: EF 32 by SR, EF 61 by SR, nothing."""
    for study in range(3):
        uid = f"1.2.392.{study + 1}"
        export.cine(f"ST{study}/IM", f"{uid}.1", study=uid, patient=f"000{study}", seed=study)
    write_sr(export.root / "ST0/SR", "32", "1.2.392.1", "0000")
    write_sr(export.root / "ST1/SR", "61", "1.2.392.2", "0001")
    return export


def run(archive: Archive, export: Export, **given: object) -> IngestSummary:
    return ingest(archive, export.root, IngestOptions(**given))  # type: ignore[arg-type]


def hits(archive: Archive, query: str, **given: object) -> dict[str, Hit]:
    """Study -> hit, of those that state the question or deny it."""
    found = ask(archive, query, SearchOptions(top_k=200, **given))  # type: ignore[arg-type]
    return {hit.study: hit for hit in found.hits if hit.why is not None and hit.why.verdict != "silent"}


def values(archive: Archive, study: str) -> dict[str, float]:
    key = archive.keyring.study(study)
    with archive.engine.connect() as connection:
        return {one.concept: one.value for one in measurements_of(connection, [key]).get(key, [])}


def report_table(path: Path, rows: dict[str, str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["study_uid", "report_text"])
        writer.writerows(rows.items())
    return path


def test_measurements_answer_where_there_is_no_report(archive: Archive, measured: Export) -> None:
    summary = run(archive, measured)
    assert (summary.indexed, summary.skipped, summary.quarantined) == (3, 2, 0)
    low, high = (archive.keyring.study(f"1.2.392.{n}") for n in (1, 2))
    found = hits(archive, "EF 40%未満", include_denied=True)
    assert {study: hit.why.verdict for study, hit in found.items() if hit.why} == {low: "stated", high: "denied"}
    assert set(hits(archive, "EF 50%以上")) == {high}
    assert ask(archive, "EF 40%未満", SearchOptions()).total == 1
    with archive.engine.connect() as connection:  # an ingest leaves nothing to be looked up by its rows
        assert connection.scalar(text("select count(*) from core.stale_study")) == 0
        assert connection.scalar(text("select count(*) from core.study_bits where concept = 'sr:lvef'")) == 2
    shown = as_json(ask(archive, "EF 40%未満", SearchOptions()))["hits"][0]["why"]
    assert shown["measurements"] == [{"concept": "lvef", "value": 32.0, "unit": "%", "source": "sr"}]
    assert (shown["facts"], shown["disagree"]) == ([], False)


def test_a_second_run_reads_no_report_again(archive: Archive, measured: Export) -> None:
    run(archive, measured)
    before = claimed_times(archive)
    run(archive, measured)
    assert claimed_times(archive) == before


def claimed_times(archive: Archive) -> list[object]:
    with archive.engine.connect() as connection:
        return list(connection.scalars(text("select updated_at from core.source_file order by id")))


def test_all_that_the_phantom_measures_is_taken(archive: Archive, export: Export) -> None:
    export.cine("IM", "1.2.392.1.1", study=STUDY)
    write_sr(export.root / "SR", None)
    run(archive, export)
    found = values(archive, STUDY)
    assert {"lvef", "lvdd", "lvds", "ivs", "pw", "lad"} <= set(found)
    assert 30 < found["lvdd"] < 80  # mm; the file has cm
    status = status_of(archive, export.root / "SR")
    assert status == ("NOT_A_CINE_CLASS", f"SOP class 1.2.840.10008.5.1.4.1.1.88.33, {len(found)} measurements")


def status_of(archive: Archive, path: Path) -> tuple[str | None, str | None]:
    with archive.engine.connect() as connection:
        found = why(connection, archive.keyring.path(path.resolve()))
    assert found is not None
    return found.reason, found.detail


@pytest.mark.parametrize(("ef", "written", "disagree"), [("32", 35, False), ("32", 44, True), ("38", 55, True)])
def test_a_report_that_says_otherwise_is_shown(
    archive: Archive, measured: Export, tmp_path: Path, ef: str, written: int, disagree: bool
) -> None:
    write_sr(measured.root / "ST0/SR", ef, "1.2.392.1", "0000")
    table = report_table(tmp_path / "r.csv", {"1.2.392.1": f"EF {written}%。"})
    run(archive, measured, reports=table)
    (hit,) = hits(archive, "EF 40%未満").values()
    assert hit.why is not None
    assert [fact.value for fact in hit.why.facts] == [written]
    assert [one.value for one in hit.why.measurements] == [float(ef)]
    assert hit.why.disagree is disagree


def test_values_that_are_far_apart_disagree_though_both_answer(
    archive: Archive, measured: Export, tmp_path: Path
) -> None:
    run(archive, measured, reports=report_table(tmp_path / "r.csv", {"1.2.392.1": "EF 20%。"}))
    (hit,) = hits(archive, "EF 40%未満").values()
    assert hit.why is not None
    assert hit.why.disagree


def test_a_report_before_its_study_waits_for_it(archive: Archive, export: Export) -> None:
    write_sr(export.root / "A_SR", "32")
    run(archive, export)
    assert values(archive, STUDY) == {}
    export.cine("IM", "1.2.392.1.1", study=STUDY)
    run(archive, export)
    assert values(archive, STUDY) == {"lvef": 32.0}


def test_another_patients_measurements_are_not_taken(archive: Archive, export: Export) -> None:
    export.cine("IM", "1.2.392.1.1", study=STUDY)
    write_sr(export.root / "SR", "32", patient="9999999")
    run(archive, export)
    assert values(archive, STUDY) == {}
    assert hits(archive, "EF 40%未満") == {}


def test_another_issuers_measurements_are_not_taken(archive: Archive, export: Export) -> None:
    export.cine("IM", "1.2.392.1.1", study=STUDY, IssuerOfPatientID="A")
    write_sr(export.root / "SR", "32", IssuerOfPatientID="B")
    run(archive, export)
    assert values(archive, STUDY) == {}
    write_sr(export.root / "SR2", "35")  # names no issuer: nothing contradicts
    run(archive, export)
    assert values(archive, STUDY) == {"lvef": 35.0}


def test_a_study_in_conflict_has_no_measurements(archive: Archive, export: Export) -> None:
    export.cine("IM", "1.2.392.1.1", study=STUDY)
    write_sr(export.root / "SR", "32")
    run(archive, export)
    assert values(archive, STUDY) == {"lvef": 32.0}
    export.cine("IM2", "1.2.392.1.2", study=STUDY, patient="7777777", seed=1)
    run(archive, export)
    assert values(archive, STUDY) == {}


@pytest.mark.parametrize("becomes", ["another value", "text", "a cine", "another study"])
def test_what_a_file_was_before_is_forgotten(archive: Archive, export: Export, becomes: str) -> None:
    export.cine("IM", "1.2.392.1.1", study=STUDY)
    path = write_sr(export.root / "SR", "32")
    run(archive, export)
    match becomes:
        case "another value":
            write_sr(path, "45.5")
        case "text":
            path.write_bytes(b"no report any more")
        case "a cine":
            export.cine("SR", "1.2.392.1.3", study=STUDY, seed=3)
        case _:
            write_sr(path, "32", study="1.2.392.22222")
    run(archive, export)
    assert values(archive, STUDY) == ({"lvef": 45.5} if becomes == "another value" else {})
    with archive.engine.connect() as connection:
        stored = connection.scalar(text("select count(*) from core.sr_value"))
        assert stored == connection.scalar(text("select count(*) from phi.sr_file"))  # one value each
        assert stored == (1 if becomes.startswith("another") else 0)


def test_reports_that_an_older_version_skipped_are_read_once(archive: Archive, measured: Export) -> None:
    run(archive, measured)
    with archive.engine.begin() as connection:
        connection.execute(
            text(
                "update core.source_file set detail = 'SOP class 1.2.840.10008.5.1.4.1.1.88.33'"
                " where reason = 'NOT_A_CINE_CLASS'"
            )
        )
        connection.execute(text("delete from core.sr_value"))
        connection.execute(text("delete from phi.sr_file"))
    encoder = archive.encoder
    run(archive, measured)
    assert values(archive, STUDY) == {"lvef": 32.0}
    before = claimed_times(archive)
    run(archive, measured)
    assert claimed_times(archive) == before
    assert archive.encoder is encoder


def deep(levels: int) -> Dataset:
    item = number(EF, "32", "%")
    for _ in range(levels):
        outer = Dataset()
        outer.RelationshipType, outer.ValueType, outer.ContentSequence = "CONTAINS", "CONTAINER", [item]
        item = outer
    return item


def test_hostile_reports_end_no_worker(archive: Archive, export: Export) -> None:
    export.cine("IM", "1.2.392.1.1", study=STUDY)
    wide = [number(EF, "32", "%")] * 20_001  # one more than is read
    for name, content in {
        "DEEP": [deep(80)],
        "WIDE": wide,
        "UNIT": [number(EF, "32", "cm"), number(("29436-3", "LN", "LVIDd"), "50", "furlong")],
        "IMPOSSIBLE": [number(EF, "320", "%")],
    }.items():
        write_sr(export.root / name, None, ContentSequence=content)
    nan = write_sr(export.root / "NAN", "32.25")
    nan.write_bytes(nan.read_bytes().replace(b"32.25 ", b"NaN   "))
    whole = write_sr(export.root / "CUT", "32").read_bytes()
    (export.root / "CUT").write_bytes(whole[:-40])
    summary = run(archive, export)
    assert (summary.indexed, summary.skipped, summary.quarantined) == (1, 6, 0)
    assert values(archive, STUDY) == {}
    with archive.engine.connect() as connection:
        assert connection.scalar(text("select max(attempts) from core.source_file")) == 1
