"""The archive on disk: strict DICOM, honest identity, tables that agree with each other and with the files."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path
from typing import TypedDict

import numpy as np
import pydicom
import pytest
from pydicom import config
from pydicom.dataset import Dataset

from echosearch.errors import InputError
from echosearch.phantom.files.archive import (
    WORDINGS,
    ArchiveSummary,
    phantom_studies,
    study_cines,
    write_archive,
    write_study,
)
from echosearch.phantom.files.srfile import measured_values
from echosearch.phantom.heart.findings import FINDINGS
from echosearch.phantom.imaging.cine import render_cine
from echosearch.reading.dicom import read_frames, read_header
from echosearch.reading.dicom.measurements import best_ejection_fraction, measurements_in
from echosearch.video import Mode


class Size(TypedDict):
    frames: int
    rows: int
    columns: int


TINY: Size = {"frames": 4, "rows": 96, "columns": 128}

# US Multi-frame IOD (PS3.3 A.7), attributes that must have a value
TYPE_1 = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "NumberOfFrames",
    "FrameIncrementPointer",
    "FrameTime",
    "LossyImageCompression",
    "SpecificCharacterSet",
    "SequenceOfUltrasoundRegions",
]
# attributes that must be there, perhaps empty
TYPE_2 = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "SeriesNumber",
    "Manufacturer",
    "InstanceNumber",
    "PatientOrientation",
    "ContentDate",
    "ContentTime",
    "ImageType",
]
REGION_TYPE_1 = [
    "RegionLocationMinX0",
    "RegionLocationMinY0",
    "RegionLocationMaxX1",
    "RegionLocationMaxY1",
    "PhysicalUnitsXDirection",
    "PhysicalUnitsYDirection",
    "PhysicalDeltaX",
    "PhysicalDeltaY",
    "RegionSpatialFormat",
    "RegionDataType",
    "RegionFlags",
]
SR_TYPE_1 = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "SeriesNumber",
    "InstanceNumber",
    "CompletionFlag",
    "VerificationFlag",
    "ContentDate",
    "ContentTime",
    "ValueType",
    "ConceptNameCodeSequence",
    "ContinuityOfContent",
    "ContentTemplateSequence",
    "ContentSequence",
    "CurrentRequestedProcedureEvidenceSequence",
]
SR_TYPE_2 = ["ReferencedPerformedProcedureStepSequence", "PerformedProcedureCodeSequence"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> ArchiveSummary:
    return write_archive(tmp_path_factory.mktemp("phantom") / "archive", patients=3, seed=8, **TINY)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydicom raises where it would warn."""
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def files(summary: ArchiveSummary, prefix: str) -> list[Path]:
    found = sorted((summary.out / "DICOM").rglob(f"{prefix}_*"))
    assert found
    return found


@pytest.mark.usefixtures("strict")
def test_cines_pass_a_strict_reader(archive: ArchiveSummary) -> None:
    for path in files(archive, "IM"):
        ds = pydicom.dcmread(path)
        text = str(ds)  # every value is decoded and checked
        assert "SYNTHETIC" in text
        for keyword in TYPE_1:
            assert keyword in ds, keyword
            assert not ds[keyword].is_empty, keyword
        for keyword in TYPE_2:
            assert keyword in ds, keyword
        for region in ds.SequenceOfUltrasoundRegions:
            for keyword in REGION_TYPE_1:
                assert keyword in region, keyword
            assert 0 <= region.RegionLocationMinX0 < region.RegionLocationMaxX1 < ds.Columns
            assert 0 <= region.RegionLocationMinY0 < region.RegionLocationMaxY1 < ds.Rows
        assert ds.file_meta.TransferSyntaxUID == pydicom.uid.JPEGBaseline8Bit
        assert ds.PhotometricInterpretation == "YBR_FULL_422"
        assert ds.FrameIncrementPointer == 0x00181063
        assert ds.pixel_array.shape == (4, 96, 128, 3)
        assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID


@pytest.mark.usefixtures("strict")
def test_measurement_objects_pass_a_strict_reader(archive: ArchiveSummary) -> None:
    for path in files(archive, "SR"):
        ds = pydicom.dcmread(path)
        assert "SYNTHETIC" in str(ds)
        for keyword in SR_TYPE_1:
            assert keyword in ds, keyword
            assert not ds[keyword].is_empty, keyword
        for keyword in SR_TYPE_2:
            assert keyword in ds, keyword
        cines = {p.name for p in path.parent.glob("IM_*")}
        assert len(_referenced(ds)) == len(cines)


def _referenced(ds: Dataset) -> list[str]:
    series = ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    return [str(item.ReferencedSOPInstanceUID) for item in series.ReferencedSOPSequence]


def test_everything_says_that_it_is_synthetic(archive: ArchiveSummary) -> None:
    for path in files(archive, "IM") + files(archive, "SR"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert re.fullmatch(r"PHANTOM-S8-\d{4}", ds.PatientID)
        assert ds.InstitutionName == "SYNTHETIC"
        assert ds.Manufacturer.startswith("PHANTOM")
        assert ds.SeriesDescription.startswith("SYNTHETIC")
        for uid in (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID):
            assert uid.startswith("2.25.")
            assert uid.is_valid


def test_japanese_names_are_in_ir_87_with_three_groups(archive: ArchiveSummary) -> None:
    path = files(archive, "IM")[0]
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    name = ds.PatientName
    assert list(ds.SpecificCharacterSet) == ["", "ISO 2022 IR 87"]
    assert b"\x1b$B" in path.read_bytes()[:4000]  # the escape sequence of JIS X 0208
    assert re.fullmatch(r"[A-Za-z]+\^[A-Za-z]+", name.alphabetic)
    assert re.fullmatch(r"[一-龠]+\^[一-龠]+", name.ideographic)
    assert re.fullmatch(r"[ぁ-ん]+\^[ぁ-ん]+", name.phonetic)


def test_our_own_reader_sees_what_was_drawn(archive: ArchiveSummary) -> None:
    study = next(phantom_studies(patients=1, seed=8))
    for plan in study_cines(study):
        path = next((archive.out / "DICOM" / "P0001" / "S1").glob(f"IM_{plan.number:04d}*"))
        header = read_header(path)
        assert header.mode == (Mode.COLOR if plan.color else Mode.BMODE)
        assert header.mode_source == "regions"
        assert header.n_frames == 4
        assert header.heart_rate == study.heart_rate
        assert header.notes == ()
        drawn = render_cine(study, plan.view, plan.color, **TINY)
        read = read_frames(path).pixels
        assert np.abs(read.astype(int) - drawn).mean() < 6  # JPEG, chroma at half width


def test_measurements_read_back_equal_the_truth(archive: ArchiveSummary) -> None:
    truth = {row["study_uid"]: row for row in table(archive.out / "truth.csv")}
    studies = {study.accession_number: study for study in phantom_studies(patients=3, seed=8)}
    for path in files(archive, "SR"):
        ds = pydicom.dcmread(path)
        found = measurements_in(ds)
        assert best_ejection_fraction(found) == (float(truth[ds.StudyInstanceUID]["ef"]), "biplane")
        expected = measured_values(studies[ds.AccessionNumber])
        got = {(m.concept.value, m.site.value if m.site else "", m.unit, m.value) for m in found}
        assert got == {(v.concept.value, v.site.value, v.unit.value, v.value) for v in expected}


def test_tables_agree_with_the_files(archive: ArchiveSummary) -> None:
    reports, views, truth = (table(archive.out / f"{name}.csv") for name in ("reports", "views", "truth"))
    assert list(reports[0]) == ["study_uid", "accession_number", "patient_id", "study_date", "report_text"]
    assert list(views[0]) == ["sop_uid", "path", "view", "view_prob"]
    assert list(truth[0]) == ["study_uid", "patient_id", "study_date", "ef", *FINDINGS]
    assert [row["study_uid"] for row in reports] == [row["study_uid"] for row in truth]
    assert len(reports) == archive.studies == archive.measurement_objects
    assert len(views) == archive.cines
    studies = set()
    for row in views:
        ds = pydicom.dcmread(archive.out / row["path"], stop_before_pixels=True)
        assert ds.SOPInstanceUID == row["sop_uid"]
        assert 0.5 <= float(row["view_prob"]) <= 1
        studies.add((ds.StudyInstanceUID, ds.PatientID, ds.StudyDate))
    assert studies == {(r["study_uid"], r["patient_id"], r["study_date"].replace("-", "")) for r in reports}


def test_some_files_have_no_extension(archive: ArchiveSummary) -> None:
    assert {path.suffix for path in files(archive, "IM")} == {"", ".dcm"}


def test_a_study_written_alone_has_the_same_bytes(archive: ArchiveSummary, tmp_path: Path) -> None:
    study = list(phantom_studies(patients=3, seed=8))[-1]
    for row in write_study(tmp_path, study, **TINY).cines:
        one, two = (hashlib.sha256((root / row.path).read_bytes()).digest() for root in (tmp_path, archive.out))
        assert one == two


def test_worker_processes_write_the_same_archive(archive: ArchiveSummary, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    again = write_archive(
        tmp_path / "archive", 3, 8, workers=2, progress=lambda done, total: steps.append((done, total)), **TINY
    )
    assert steps == [(i + 1, again.studies) for i in range(again.studies)]
    for name in ("reports.csv", "views.csv", "truth.csv"):
        assert (again.out / name).read_bytes() == (archive.out / name).read_bytes()
    for path in files(archive, "IM"):
        assert (again.out / path.relative_to(archive.out)).read_bytes() == path.read_bytes()


def test_an_archive_is_never_written_over_another(archive: ArchiveSummary, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not empty"):
        write_archive(archive.out, patients=1, seed=1)
    with pytest.raises(InputError, match="at least 1"):
        write_archive(tmp_path / "none", patients=0, seed=1)
    with pytest.raises(InputError, match="wording is 'third': it is one of first, other, letter"):
        write_archive(tmp_path / "none", patients=1, seed=1, wording="third")
    assert not (tmp_path / "none").exists()


def test_a_wording_changes_the_reports_alone(archive: ArchiveSummary, tmp_path: Path) -> None:
    other = write_archive(tmp_path / "other", 3, 8, wording="other", **TINY)
    one, two = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (archive.out, other.out)
    )
    assert one.keys() == two.keys()
    assert {str(name) for name in one if one[name] != two[name]} == {"reports.csv", "README.txt"}
    texts = [[row["report_text"] for row in table(made.out / "reports.csv")] for made in (archive, other)]
    studies = list(phantom_studies(patients=3, seed=8))
    assert texts == [[said(study) for study in studies] for said in (WORDINGS["first"], WORDINGS["other"])]
