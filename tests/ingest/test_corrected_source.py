"""What was corrected at its source: reports follow the study and the patient, filters follow the device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.db.access.viewer import LOCAL
from echosearch.db.lookup import resolve_study
from echosearch.db.studies.reports import LinkCounts
from echosearch.errors import WhereError
from echosearch.search.filter_parser import parse_where
from echosearch.search.query import query_text
from echosearch.search.results import SearchOptions
from echosearch.search.similar import similar
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.verify import verify
from tests.ingest.conftest import Export, write_cine


def links(archive: Archive) -> list[tuple[str | None, str | None]]:
    """Of each report: the StudyInstanceUID that it belongs to, or why it belongs to none."""
    query = text("select s.study_uid, r.link_problem from core.report r left join phi.study s using (study_key)")
    with archive.engine.connect() as connection:
        return [(row.study_uid, row.link_problem) for row in connection.execute(query)]


def write_reports(path: Path, columns: str, *rows: str) -> Path:
    path.write_text("\n".join([f"{columns},report_text", *(f"{row},重度僧帽弁逆流" for row in rows)]), encoding="utf-8")
    return path


def report_counts(archive: Archive, export: Export, reports: Path | None = None) -> LinkCounts:
    """Ingest, and return how many of the archive's reports are linked and how many are not."""
    counts = ingest(archive, export.root, IngestOptions(reports=reports)).reports
    assert counts is not None
    return counts


def correct(export: Export, name: str, sop: str, **changed: str) -> None:
    os.utime(export.cine(name, sop, seed=1, **changed), (5, 5))


def test_a_report_follows_its_accession_number_to_the_corrected_study(
    archive: Archive, export: Export, tmp_path: Path
) -> None:
    export.cine("IM_1", "1.2.1", study="1.2.392.1", patient="A", seed=1)
    reports = write_reports(tmp_path / "r.csv", "accession_number,patient_id", "CANARYACC,A")
    ingest(archive, export.root, IngestOptions(reports=reports))
    correct(export, "IM_1", "1.2.1", study="1.2.392.77", patient="A")
    assert report_counts(archive, export).linked == 1
    assert links(archive) == [("1.2.392.77", None)]
    with archive.engine.connect() as connection:
        assert resolve_study(connection, "CANARYACC", LOCAL).study == archive.keyring.study("1.2.392.77")
    assert verify(archive).clean  # the report's point says whose it is now


@pytest.mark.parametrize("second_file", [False, True])
def test_a_report_leaves_a_study_that_turns_out_to_be_another_patients(
    archive: Archive, export: Export, tmp_path: Path, second_file: bool
) -> None:
    export.cine("IM_1", "1.2.1", study="1.2.392.1", patient="" if second_file else "A", seed=1)
    reports = write_reports(tmp_path / "r.csv", "study_uid,patient_id", "1.2.392.1,A")
    assert report_counts(archive, export, reports).linked == 1
    if second_file:
        export.cine("IM_2", "1.2.2", study="1.2.392.1", patient="B", seed=2)
    else:
        correct(export, "IM_1", "1.2.1", study="1.2.392.1", patient="B")
    counts = report_counts(archive, export)
    assert (counts.linked, counts.conflict) == (0, 1)
    assert links(archive) == [(None, "conflict")]
    assert archive.index.count(archive.collection("reports")) == 0
    assert verify(archive).clean


def test_a_device_is_found_by_the_name_that_hits_show(archive: Archive, export: Export) -> None:
    """Trade marks and half-width kana: what is typed is brought to one form, so what is stored is, too."""
    names = {"ISO_IR 192": ("GE", "Vivid™ E95"), "ISO_IR 13": ("ﾄｳｼﾊﾞ", "Aplio")}
    for number, (charset, (maker, model)) in enumerate(names.items()):
        tags = {"SpecificCharacterSet": charset, "Manufacturer": maker, "ManufacturerModelName": model}
        export.cine(f"IM_{number}", f"1.2.{number}", study=f"1.9.{number}", seed=number, **tags)
    ingest(archive, export.root, IngestOptions())
    shown = [hit.device for hit in query_text(archive, "重度", SearchOptions()).hits]
    assert sorted(filter(None, shown)) == ["GE Vivid™ E95", "ﾄｳｼﾊﾞ Aplio"]
    for device in shown:
        found = query_text(archive, "重度", SearchOptions(where=parse_where(f'device = "{device}"'))).hits
        assert [hit.device for hit in found] == [device]


@pytest.mark.parametrize(
    "changed", [{"patient": ""}, {"patient": "A"}, {"patient": "A", "IssuerOfPatientID": "HOSPITAL"}]
)
def test_a_new_file_of_a_study_leaves_that_studys_patient_out(
    archive: Archive, export: Export, tmp_path: Path, changed: dict[str, Any]
) -> None:
    """Also where it does not say whose it is, or says it more fully: at ingest it would be that patient's."""
    for number, patient in enumerate("AAB"):
        export.cine(f"IM_{number}", f"1.2.{number}", study=f"1.9.{number}", patient=patient, seed=number)
    ingest(archive, export.root, IngestOptions())
    new = write_cine(tmp_path / "new", "1.2.77", study="1.9.0", seed=7, **changed)
    assert [hit.study for hit in similar(archive, str(new), SearchOptions()).hits] == [archive.keyring.study("1.9.2")]


def test_a_file_that_names_another_patient_than_its_study_leaves_both_out(
    archive: Archive, export: Export, tmp_path: Path
) -> None:
    """Corrected, and not ingested again yet."""
    for number, patient in enumerate("AABBC"):
        export.cine(f"IM_{number}", f"1.2.{number}", study=f"1.9.{number}", patient=patient, seed=number)
    ingest(archive, export.root, IngestOptions())
    for sop, seed in (("1.2.77", 7), ("1.2.0", 0)):  # a new file of the study, and a re-export of one that is here
        new = write_cine(tmp_path / "new", sop, study="1.9.0", patient="B", seed=seed)
        assert [hit.study for hit in similar(archive, str(new), SearchOptions()).hits] == [
            archive.keyring.study("1.9.4")
        ]


def test_tables_name_files_through_a_link_as_the_walk_does(archive: Archive, export: Export, tmp_path: Path) -> None:
    export.cine("IM_1", "1.2.1", seed=1)
    (tmp_path / "pacs").symlink_to(export.root)
    views = tmp_path / "views.csv"
    views.write_text(f"path,view\n{tmp_path}/pacs/IM_1,4CH\n")
    assert ingest(archive, tmp_path / "pacs", IngestOptions(views=views)).ungated_studies == 0


def test_an_encoder_without_a_vocabulary_is_for_videos(archive: Archive, export: Export, tmp_path: Path) -> None:
    export.cine("IM_1", "1.2.1", study="1.2.392.1", seed=1)
    reports = write_reports(tmp_path / "r.csv", "study_uid,patient_id", "1.2.392.1,0001234")
    archive.encoder.reads_texts = False  # type: ignore[misc]
    for given in (reports, None):
        summary = ingest(archive, export.root, IngestOptions(reports=given))
        assert (summary.indexed, summary.new_reports, summary.unread_texts) == (1, 0, True)
    assert verify(archive).clean
    archive.encoder.reads_texts = True  # type: ignore[misc]
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.new_reports, summary.unread_texts) == (1, False)


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
    with pytest.raises(WhereError, match="no video is from such a machine; near are Vivid S70"):
        devices("Vivid E95")
    assert (devices("vivid"), devices("S70")) == (["Vivid S70"], ["Vivid S70"])
    assert verify(archive).clean


def found_studies(archive: Archive) -> dict[str, set[str]]:
    """StudyInstanceUID -> the patient ids that a search shows it under; videos, so that none can hide in a mean."""
    hits = query_text(archive, "重度", SearchOptions(group="video", top_k=100, identified=True)).hits
    found: dict[str, set[str]] = {}
    for hit in hits:
        assert hit.identified is not None
        found.setdefault(hit.identified.study_uid, set()).add(hit.identified.patient_id)
    return found


def test_a_renumbered_export_gives_no_study_away(archive: Archive, export: Export) -> None:
    """The first file goes and the others move up: each name now holds what another one held."""
    for number in range(6):
        export.cine(f"IM_{number}", f"1.2.{number}", study=f"1.9.{number // 2}", patient=f"P{number // 2}", seed=number)
    ingest(archive, export.root, IngestOptions())
    for number in range(5):
        (export.root / f"IM_{number + 1}").rename(export.root / f"IM_{number}")
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.indexed, summary.pending) == (5, 0)
    assert verify(archive).clean
    assert found_studies(archive) == {f"1.9.{n}": {f"P{n}"} for n in range(3)}
    export.cine("ZZ", "1.2.99", study="1.9.1", patient="INTRUDER", seed=99)
    summary = ingest(archive, export.root, IngestOptions())
    assert summary.reasons.get("PATIENT_CONFLICT") == 3
    assert found_studies(archive) == {"1.9.0": {"P0"}, "1.9.2": {"P2"}}
    assert verify(archive).clean


@pytest.mark.parametrize("now", ["another video", "cut", "text", "another instance"])
def test_what_a_file_was_before_is_not_found_any_more(archive: Archive, export: Export, now: str) -> None:
    path = export.cine("IM_0", "1.2.0", study="1.9.0", patient="P0", seed=0)
    export.cine("IM_1", "1.2.1", study="1.9.1", patient="P1", seed=1)
    ingest(archive, export.root, IngestOptions())
    match now:
        case "another video":
            export.cine("IM_0", "1.2.7", study="1.9.7", patient="P7", seed=7)
        case "another instance":
            export.cine("IM_0", "1.2.7", study="1.9.0", patient="P0", seed=0)
        case "cut":
            path.write_bytes(path.read_bytes()[:-200])
        case "text":
            path.write_text("no ultrasound")
    os.utime(path, (5, 5))
    ingest(archive, export.root, IngestOptions())
    expected = {"another video": {"1.9.7": {"P7"}}, "another instance": {"1.9.0": {"P0"}}}.get(now, {})
    assert found_studies(archive) == {"1.9.1": {"P1"}, **expected}
    assert archive.index.count(archive.collection("videos")) == 1 + len(expected)
    assert verify(archive).clean


def test_a_copy_stands_in_when_its_original_becomes_another_video(archive: Archive, export: Export) -> None:
    original = export.cine("IM_0", "1.2.0", study="1.9.0", patient="P0", seed=0)
    (export.root / "IM_1").write_bytes(original.read_bytes())
    assert ingest(archive, export.root, IngestOptions()).reasons == {"DUPLICATE": 1}
    correct(export, "IM_0", "1.2.7", study="1.9.7", patient="P7")
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.indexed, summary.pending) == (2, 0)
    assert found_studies(archive) == {"1.9.0": {"P0"}, "1.9.7": {"P7"}}


def test_corrections_of_a_moved_file_are_followed(archive: Archive, export: Export) -> None:
    for number in range(3):
        export.cine(f"IM_{number}", f"1.2.{number}", study=f"1.9.{number}", patient=f"P{number}", seed=number)
    ingest(archive, export.root, IngestOptions())
    (export.root / "moved").mkdir()
    for number in range(3):
        (export.root / f"IM_{number}").rename(export.root / "moved" / f"IM_{number}")
    batches = archive.encoder.batches  # type: ignore[attr-defined]
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.found, summary.indexed) == (3, 3)
    assert archive.encoder.batches == batches  # type: ignore[attr-defined]
    export.cine("moved/IM_0", "1.2.0", study="1.9.7", patient="P0", seed=0)
    export.cine("moved/IM_1", "1.2.1", study="1.9.1", patient="P7", seed=1)
    export.cine("moved/IM_2", "1.2.2", study="1.9.2", patient="P2", seed=2, ManufacturerModelName="Aplio")
    assert ingest(archive, export.root, IngestOptions()).indexed == 3
    assert found_studies(archive) == {"1.9.7": {"P0"}, "1.9.1": {"P7"}, "1.9.2": {"P2"}}
    assert len(query_text(archive, "重度", SearchOptions(where=parse_where("device = Aplio"))).hits) == 1
    assert verify(archive).clean


def test_a_large_study_is_corrected_as_a_small_one(archive: Archive, export: Export) -> None:
    for number in range(40):
        export.cine(f"IM_{number:02d}", f"1.2.{number}", study="1.9.1", patient="A", seed=number)
    ingest(archive, export.root, IngestOptions())
    for number in range(40):
        export.cine(f"IM_{number:02d}", f"1.2.{number}", study="1.9.1", patient="B", seed=number)
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.indexed, summary.reasons) == (40, {})
    assert found_studies(archive) == {"1.9.1": {"B"}}
    assert verify(archive).clean


def test_a_study_whose_export_is_gone_still_has_its_patient(archive: Archive, export: Export) -> None:
    """Exports are deleted when they have been ingested: what they said goes on counting."""
    export.cine("IM_0", "1.2.0", study="1.9.0", patient="A", seed=0)
    ingest(archive, export.root, IngestOptions())
    (export.root / "IM_0").unlink()
    export.cine("IM_1", "1.2.1", study="1.9.0", patient="B", seed=1)
    summary = ingest(archive, export.root, IngestOptions())
    assert summary.reasons == {"PATIENT_CONFLICT": 2}
    assert archive.index.count(archive.collection("videos")) == 0


def test_corrected_attributes_are_followed(archive: Archive, export: Export) -> None:
    export.cine("IM_0", "1.2.0", study="1.9.0", patient="A", seed=0)
    export.cine("IM_1", "1.2.1", study="1.9.1", patient="B", seed=1)
    ingest(archive, export.root, IngestOptions())
    new = {"StudyDate": "20200101", "PatientSex": "M", "PatientBirthDate": "19900101", "AccessionNumber": "NEW"}
    os.utime(export.cine("IM_0", "1.2.0", study="1.9.0", patient="A", seed=0, **new), (5, 5))
    ingest(archive, export.root, IngestOptions())
    wanted = SearchOptions(where=parse_where("sex = M and age = 30 and date = 2020-01"))
    assert [hit.study for hit in query_text(archive, "重度", wanted).hits] == [archive.keyring.study("1.9.0")]
    with archive.engine.connect() as connection:
        assert resolve_study(connection, "NEW", LOCAL).study == archive.keyring.study("1.9.0")
    assert verify(archive).clean
    less = {"StudyDate": "", "PatientSex": "", "PatientBirthDate": "", "AccessionNumber": ""}
    os.utime(export.cine("IM_0", "1.2.0", study="1.9.0", patient="A", seed=0, **less), (6, 6))
    ingest(archive, export.root, IngestOptions())
    assert len(query_text(archive, "重度", wanted).hits) == 1  # what it does not say any more stays known


def test_a_file_that_joins_a_dispute_leaves_its_former_video(archive: Archive, export: Export) -> None:
    """It is corrected into a study of another patient, whose own file was touched: both are refused."""
    export.cine("IM_3", "9.3", study="1.1", patient="P1", seed=3)
    export.cine("IM_4", "9.4", study="1.4", patient="P4", seed=4)
    ingest(archive, export.root, IngestOptions())
    os.utime(export.cine("IM_3", "9.3", study="1.4", patient="P1", seed=3), (5, 5))
    os.utime(export.root / "IM_4", (5, 5))
    assert ingest(archive, export.root, IngestOptions()).reasons == {"PATIENT_CONFLICT": 2}
    report = verify(archive)
    assert (report.clean, report.faults) == (True, ())
    assert archive.index.count(archive.collection("videos")) == 0
