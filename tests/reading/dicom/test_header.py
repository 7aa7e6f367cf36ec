"""What read_header makes of attributes as real archives hold them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import UID

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom import read_header
from echosearch.reading.dicom.elements.values import age_in_years, display_name
from echosearch.reading.dicom.sop_class import SECONDARY_CAPTURES, ULTRASOUND, VOLUMES
from echosearch.reading.files import open_regular
from echosearch.video import Hospital, Mode, VideoHeader

Frames = NDArray[np.uint8]
WriteCine = Callable[..., Path]
MakeRegion = Callable[..., Dataset]


@pytest.fixture
def header(write_cine: WriteCine, frames: Frames) -> Callable[..., VideoHeader]:
    return lambda **attributes: read_header(write_cine(frames.tobytes(), **attributes), issuer="SITE")


@pytest.fixture
def refusal(write_cine: WriteCine, frames: Frames) -> Callable[..., Skipped | Quarantined]:
    def refused(**attributes: Any) -> Skipped | Quarantined:
        with pytest.raises(FileRefused) as error:
            read_header(write_cine(frames.tobytes(), **attributes))
        return error.value.outcome

    return refused


def test_a_real_cine() -> None:
    path = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    found = read_header(path, issuer="SITE")
    dataset = pydicom.dcmread(path)
    assert (found.n_frames, found.rows, found.columns) == (30, 240, 320)
    assert found.sop_uid == dataset.SOPInstanceUID
    assert found.study_uid == dataset.StudyInstanceUID
    data = path.read_bytes()
    start, end = data.index(b"\xff\xd8"), data.rindex(b"\xfe\xff\xdd\xe0")  # the first JPEG, the end of the last
    assert found.pixel_digest == hashlib.sha256(data[start:end]).digest()
    assert found.content_digest == hashlib.sha256(data[:start] + data[end:] + found.pixel_digest).digest()
    assert found.issuer == "SITE"  # the file names none
    assert found.device == "SonoSite, Inc. Turbo"
    assert found.heart_rate is None  # it says 0
    assert found.mode == Mode.BMODE
    assert found.mode_source == "regions"
    assert found.frame_seconds == pytest.approx(1 / 30, rel=1e-3)
    # the box is (84, 31)-(595, 414) in a 320 x 240 image: left from 640 x 480
    box = found.regions[0]
    assert (box.x0, box.y0, box.x1, box.y1) == (42, 16, 298, 208)
    assert box.mm_per_pixel is None
    assert "regions_rescaled" in found.notes


def test_identity(header: Callable[..., VideoHeader]) -> None:
    found = header(PatientID=" 0001234 ", AccessionNumber="A1 ", IssuerOfPatientID="HOSPITAL")
    assert (found.patient_id, found.accession_number, found.issuer) == ("0001234", "A1", "HOSPITAL")
    assert "0001234" not in repr(found)
    assert "no_patient_id" in header(PatientID="").notes


def test_an_identifier_is_never_cut_short(
    header: Callable[..., VideoHeader], refusal: Callable[..., Skipped | Quarantined]
) -> None:
    """12 of 12\\34 would be another patient."""
    assert header(PatientID="12\\34").patient_id == "12\\34"
    assert header(PatientID="1234\0").patient_id == "1234"
    assert refusal(PatientID="12\0 34") == Quarantined(Reason.BAD_HEADER, "PatientID holds a NUL")


@pytest.mark.parametrize("keyword", ["PatientID", "IssuerOfPatientID", "AccessionNumber"])
def test_an_identifier_of_endless_length_is_refused(
    refusal: Callable[..., Skipped | Quarantined], keyword: str
) -> None:
    """PostgreSQL's indexes take 2,704 bytes: such a file would end the ingest, and the next one too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of the length
        outcome = refusal(**{keyword: "CANARY" * 1000})
    assert outcome == Quarantined(Reason.BAD_HEADER, f"{keyword} is longer than 256 characters")


def test_a_file_meta_class_that_is_no_uid_is_not_repeated(write_cine: WriteCine, frames: Frames) -> None:
    """It would go into the ledger as it is: NULs, which PostgreSQL refuses, and whatever else stands there."""
    path = write_cine(frames.tobytes(), SOPClassUID=None)
    data = path.read_bytes()
    at = data.index(b"\x02\x00\x02\x00UI")
    data = data[: at + 8] + b"CANARY\0^NAME".ljust(data[at + 6], b"9") + data[at + 8 + data[at + 6] :]
    path.write_bytes(data)
    assert read_header(path).n_frames == 6  # its modality says ultrasound
    path.write_bytes(data.replace(b"CS\x02\x00US", b"CS\x02\x00XX"))
    with pytest.raises(FileRefused) as refused:
        read_header(path)
    assert refused.value.outcome == Quarantined(Reason.BAD_HEADER, "SOPClassUID (0008,0016) is missing")


def test_the_file_without_preamble(write_cine: WriteCine, frames: Frames) -> None:
    path = write_cine(frames.tobytes(), syntax="1.2.840.10008.1.2")
    data = path.read_bytes()
    path.write_bytes(data[132:])  # file meta first
    assert read_header(path).n_frames == 6
    length = int.from_bytes(data[140:144], "little")
    path.write_bytes(data[144 + length :])  # the dataset alone
    assert read_header(path).n_frames == 6


@pytest.mark.parametrize("uid", ["", "  ", "not a uid", "1." * 40])
def test_a_missing_sop_uid_becomes_a_synthetic_one(write_cine: WriteCine, frames: Frames, uid: str) -> None:
    path = write_cine(frames.tobytes())
    dataset = pydicom.dcmread(path)
    dataset["SOPInstanceUID"]._value = uid
    dataset.save_as(path)
    found = read_header(path)
    assert found.sop_uid.startswith("2.25.")
    assert UID(found.sop_uid).is_valid
    assert "synthetic_uid" in found.notes
    assert read_header(path).sop_uid == found.sop_uid  # the same bytes, the same UID
    assert found.sop_uid not in repr(found)


def test_uids_are_stripped_and_an_invalid_one_that_occurs_is_kept(write_cine: WriteCine, frames: Frames) -> None:
    path = write_cine(frames.tobytes())
    data = path.read_bytes()
    assert data.count(b"1.2.826.0.1.2\0") == 1
    path.write_bytes(data.replace(b"1.2.826.0.1.2\0", b"1.2.03.0.1.2 \0"))
    assert read_header(path).study_uid == "1.2.03.0.1.2"


def test_no_study_uid(refusal: Callable[..., Skipped | Quarantined]) -> None:
    assert refusal(StudyInstanceUID="").reason == Reason.NO_IDENTITY
    assert refusal(StudyInstanceUID=None).reason == Reason.NO_IDENTITY


STORAGE = "1.2.840.10008.5.1.4.1.1."


def test_the_uids_are_the_dictionarys() -> None:
    names = {UID(uid).name for uid in ULTRASOUND}
    assert {name.replace(" (Retired)", "") for name in names} == {
        "Ultrasound Image Storage",
        "Ultrasound Multi-frame Image Storage",
    }
    assert all("Secondary Capture" in UID(uid).name for uid in SECONDARY_CAPTURES)
    assert {UID(uid).name for uid in VOLUMES} == {"Enhanced US Volume Storage", "Photoacoustic Image Storage"}


@pytest.mark.parametrize("end", ["3.1", "6.1", "3", "6"])
def test_every_ultrasound_class_may_be_a_cine(header: Callable[..., VideoHeader], end: str) -> None:
    assert header(SOPClassUID=STORAGE + end).n_frames == 6


@pytest.mark.parametrize(
    ("end", "modality", "outcome"),
    [
        ("6.2", "US", Reason.VOLUME),
        ("7", "US", Reason.SECONDARY_CAPTURE),
        ("7.4", "OT", Reason.SECONDARY_CAPTURE),
        ("7", "CT", Reason.NOT_A_CINE_CLASS),
        ("88.33", "SR", Reason.NOT_A_CINE_CLASS),
        ("104.1", "DOC", Reason.NOT_A_CINE_CLASS),
        ("66", "US", Reason.NOT_A_CINE_CLASS),
        ("88.59", "KO", Reason.NOT_A_CINE_CLASS),
        ("11.1", "PR", Reason.NOT_A_CINE_CLASS),
        ("2", "CT", Reason.NOT_A_CINE_CLASS),
    ],
)
def test_other_classes(refusal: Callable[..., Skipped | Quarantined], end: str, modality: str, outcome: Reason) -> None:
    found = refusal(SOPClassUID=STORAGE + end, Modality=modality)
    assert isinstance(found, Skipped)
    assert found.reason == outcome


def test_secondary_capture_by_opt_in(write_cine: WriteCine, frames: Frames) -> None:
    path = write_cine(frames.tobytes(), SOPClassUID=STORAGE + "7.4")
    assert read_header(path, allow_secondary_capture=True).n_frames == 6


def test_an_ultrasound_cine_that_lost_its_class(write_cine: WriteCine, frames: Frames) -> None:
    path = write_cine(frames.tobytes(), syntax="1.2.840.10008.1.2", SOPClassUID=None)
    data = path.read_bytes()
    path.write_bytes(data[144 + int.from_bytes(data[140:144], "little") :])
    assert read_header(path).n_frames == 6


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_jpeg2k.dcm", "examples_palette.dcm"])
def test_stills(name: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_header(Path(str(get_testdata_file(name, download=False))))
    assert refused.value.outcome == Skipped(Reason.STILL)


@pytest.mark.parametrize(
    ("attributes", "seconds", "source"),
    [
        ({"FrameTime": "20"}, 0.02, "FrameTime"),
        ({"FrameTime": "20", "CineRate": 30}, 0.02, "FrameTime"),
        ({"FrameTime": "0", "CineRate": 25}, 0.04, "CineRate"),
        ({"FrameTime": None, "RecommendedDisplayFrameRate": 40}, 0.025, "RecommendedDisplayFrameRate"),
        ({"FrameTime": None, "EffectiveDuration": "0.3"}, 0.05, "EffectiveDuration"),
        (
            {"FrameIncrementPointer": 0x00181065, "FrameTimeVector": ["0", "50", "50", "60", "50", "50"]},
            0.05,
            "FrameTimeVector",
        ),
        ({"FrameTime": "1"}, None, None),  # 1000 frames a second
        ({"FrameTime": "500"}, None, None),
        ({"FrameTime": None}, None, None),
    ],
)
def test_timing(
    header: Callable[..., VideoHeader], attributes: dict[str, Any], seconds: float | None, source: str | None
) -> None:
    found = header(**attributes)
    assert found.frame_seconds == pytest.approx(seconds)
    assert found.frame_seconds_source == source
    assert ("no_timing" in found.notes) == (seconds is None)


@pytest.mark.parametrize(
    ("boxes", "mode"),
    [
        ([(1, 1)], Mode.BMODE),
        ([(1, 1), (1, 2)], Mode.COLOR),
        ([(1, 1), (1, 1), (5, 0xD)], Mode.DUAL),
        ([(1, 1), (4, 0xA)], Mode.BMODE),
    ],
)
def test_mode_by_regions(
    header: Callable[..., VideoHeader], region: MakeRegion, boxes: list[tuple[int, int]], mode: Mode
) -> None:
    found = header(sequence=[region(f, t, 2, 2, 40, 40) for f, t in boxes])
    assert (found.mode, found.mode_source) == (mode, "regions")


@pytest.mark.parametrize("box", [(3, 3), (3, 4), (1, 3), (2, 1)])
def test_spectral_and_m_mode_are_skipped(
    refusal: Callable[..., Skipped | Quarantined], region: MakeRegion, box: tuple[int, int]
) -> None:
    assert refusal(sequence=[region(1, 1, 0, 0, 9, 9), region(*box, 2, 2, 40, 40)]).reason == Reason.SPECTRAL


def test_regions_against_the_image(header: Callable[..., VideoHeader], region: MakeRegion) -> None:
    scale = {"PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.05, "PhysicalDeltaY": 0.05}
    inside = header(sequence=[region(1, 1, 2, 3, 63, 47, **scale)]).regions[0]
    assert (inside.x0, inside.y0, inside.x1, inside.y1) == (2, 3, 64, 48)
    assert inside.mm_per_pixel == pytest.approx(0.5)
    off_by_one = header(sequence=[region(1, 1, 0, 0, 64, 47, **scale)]).regions[0]  # MaxX1 = Columns
    assert off_by_one.x1 == 64
    assert off_by_one.mm_per_pixel == pytest.approx(0.5)
    nonsense = header(sequence=[region(1, 1, 0, 0, 5000, 4000, **scale)])
    assert nonsense.regions == ()
    assert "regions_ignored" in nonsense.notes


@pytest.mark.parametrize(
    ("value", "expected"),
    [("20240401", date(2024, 4, 1)), ("2024.04.01", date(2024, 4, 1)), ("2024-04-01", date(2024, 4, 1))],
)
def test_dates(write_cine: WriteCine, frames: Frames, value: str, expected: date) -> None:
    assert _with_raw(write_cine(frames.tobytes()), "StudyDate", value).study_date == expected


@pytest.mark.parametrize("value", ["00000000", "19000229", "2024", "yesterday"])
def test_a_date_that_is_none(write_cine: WriteCine, frames: Frames, value: str) -> None:
    found = _with_raw(write_cine(frames.tobytes()), "StudyDate", value)
    assert found.study_date is None
    assert "no_study_date" in found.notes


def _with_raw(path: Path, keyword: str, value: str) -> VideoHeader:
    """Write a value that pydicom itself would not let through."""
    data = path.read_bytes()
    at = data.index(b"\x08\x00\x20\x00DA\x08\x00")
    padded = value.encode() + b" " * (len(value) % 2)
    path.write_bytes(data[: at + 6] + len(padded).to_bytes(2, "little") + padded + data[at + 16 :])
    return read_header(path)


UNSOUND = {
    "beyond the image by 5": (50, 2, 68, 40),
    "beyond the image by 1000": (2, 2, 1063, 40),
    "negative": (2**32 - 900, 2**32 - 900, 2**32 - 3, 2**32 - 3),  # as unsigned numbers store it
    "empty": (0, 0, 0, 0),
    "a line": (10, 10, 40, 10),
}


@pytest.mark.parametrize("corners", UNSOUND.values(), ids=UNSOUND)
@pytest.mark.parametrize("first", [True, False])
def test_one_unsound_box_neither_voids_nor_decides_all(
    write_cine: WriteCine, frames: Frames, region: MakeRegion, corners: tuple[int, int, int, int], first: bool
) -> None:
    tissue, sweep = region(1, 1, 2, 2, 50, 20), region(3, 3, 2, 22, 50, 46)

    def written(*boxes: Dataset) -> Path:
        return write_cine(frames.tobytes(), sequence=boxes if first else boxes[::-1])

    bar, spectral = region(0, 0xE, *corners), region(3, 3, *corners)
    with pytest.raises(FileRefused, match="SPECTRAL"):
        read_header(written(bar, tissue, sweep))
    found = read_header(written(spectral, tissue))
    assert (found.mode, found.mode_source) == (Mode.BMODE, "regions")
    assert [(box.x0, box.y0, box.x1, box.y1) for box in found.regions] == [(2, 2, 51, 21)]
    assert "regions_dropped" in found.notes
    assert "regions_ignored" in read_header(written(spectral)).notes


@pytest.mark.parametrize("missing", ["RegionLocationMinX0", "RegionLocationMaxY1"])
def test_a_box_that_lacks_a_corner(header: Callable[..., VideoHeader], region: MakeRegion, missing: str) -> None:
    sweep = region(3, 3, 2, 22, 50, 46)
    del sweep[missing]
    found = header(sequence=[region(1, 1, 2, 2, 50, 20), sweep])
    assert (found.mode, len(found.regions)) == (Mode.BMODE, 1)


@pytest.mark.parametrize("corners", [(50, 20, 2, 2), (50, 2, 2, 20), (2, 20, 50, 2)])
def test_exchanged_corners_are_the_same_box(
    header: Callable[..., VideoHeader], region: MakeRegion, corners: tuple[int, int, int, int]
) -> None:
    found = header(sequence=[region(1, 1, *corners)])
    assert [(box.x0, box.y0, box.x1, box.y1) for box in found.regions] == [(2, 2, 51, 21)]
    assert found.mode == Mode.BMODE


def test_a_box_that_is_mostly_inside_is_clipped_and_loses_its_scale(
    header: Callable[..., VideoHeader], refusal: Callable[..., Skipped | Quarantined], region: MakeRegion
) -> None:
    scale = {"PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.05, "PhysicalDeltaY": 0.05}
    found = header(sequence=[region(1, 1, 2, 2, 67, 40, **scale), region(1, 1, 2, 2, 50, 40, **scale)])
    assert [(box.x1, box.mm_per_pixel) for box in found.regions] == [(64, None), (51, pytest.approx(0.5))]
    assert refusal(sequence=[region(1, 1, 0, 0, 50, 20), region(3, 3, 2, 22, 67, 46)]).reason == Reason.SPECTRAL


@pytest.mark.parametrize("keyword", ["RegionDataType", "RegionSpatialFormat"])
@pytest.mark.parametrize("value", [None, 0, 99, 65535])
def test_a_box_of_an_unknown_kind_says_nothing(
    header: Callable[..., VideoHeader], region: MakeRegion, keyword: str, value: int | None
) -> None:
    box = region(1, 1, 2, 2, 50, 40)
    if value is None:
        del box[keyword]
    else:
        setattr(box, keyword, value)
    assert header(sequence=[box]).mode_source != "regions"
    assert header(sequence=[box, region(1, 1, 2, 2, 50, 40)]).mode == Mode.BMODE


@pytest.fixture
def flow() -> Frames:
    """Grey speckle with a jet that comes and goes, red then blue."""
    grey = np.repeat(np.random.default_rng(3).integers(20, 160, (6, 48, 64, 1), np.uint8), 3, axis=-1)
    for i in range(6):
        grey[i, 10:30, 20 + i : 30 + i] = (220, 40, 20) if i % 2 else (20, 60, 230)
    return grey


@pytest.mark.parametrize("boxes", [[], [(1, 1)], [(1, 1), (1, 1)], [(1, 1), (5, 0xE)]])
@pytest.mark.parametrize(("flag", "source"), [(1, "flag"), (0, "pixels"), (None, "pixels")])
def test_a_tissue_box_does_not_outvote_flow(
    write_cine: WriteCine, region: MakeRegion, flow: Frames, boxes: list[tuple[int, int]], flag: int | None, source: str
) -> None:
    sequence = [region(f, t, 2, 2, 62, 46) if t == 1 else region(f, t, 0, 0, 9, 9) for f, t in boxes]
    found = read_header(write_cine(flow.tobytes(), sequence=sequence, UltrasoundColorDataPresent=flag))
    assert (found.mode, found.mode_source) == (Mode.COLOR, source)


def test_the_flag_beside_a_colour_box_a_sweep_and_a_grey_picture(
    write_cine: WriteCine, region: MakeRegion, flow: Frames
) -> None:
    given = {"UltrasoundColorDataPresent": 1}
    tissue, colour, sweep = region(1, 1, 2, 2, 62, 46), region(1, 2, 9, 9, 40, 40), region(3, 3, 2, 22, 62, 46)
    found = read_header(write_cine(flow.tobytes(), sequence=[tissue, colour], **given))
    assert (found.mode, found.mode_source) == (Mode.COLOR, "regions")
    with pytest.raises(FileRefused, match="SPECTRAL"):
        read_header(write_cine(flow.tobytes(), sequence=[tissue, sweep], **given))
    one = np.ascontiguousarray(flow[..., 0]).tobytes()
    found = read_header(write_cine(one, photometric="MONOCHROME2", sequence=[tissue], **given))
    assert (found.mode, found.mode_source) == (Mode.BMODE, "regions")


def test_what_moves_in_colour_beside_the_picture_is_no_flow(write_cine: WriteCine, region: MakeRegion) -> None:
    grey = np.repeat(np.random.default_rng(3).integers(20, 160, (6, 96, 128, 1), np.uint8), 3, axis=-1)
    given = {"rows": 96, "columns": 128}
    for i in range(6):
        grey[i, 70 + 3 * i : 72 + 3 * i, 10:118] = (250, 250, 30)  # a yellow ECG within the tissue box: a thin line
        grey[i, 4:14, 90 + i : 126] = (240, 30, 20)  # something red in a box of its own
    boxes = [region(1, 1, 0, 0, 127, 95), region(4, 0xA, 84, 0, 127, 20)]
    found = read_header(write_cine(grey.tobytes(), sequence=boxes, **given))
    assert (found.mode, found.mode_source) == (Mode.BMODE, "regions")


@pytest.mark.parametrize(
    ("attributes", "age"),
    [
        ({"PatientAge": "000Y", "PatientBirthDate": "19500101"}, 74),  # placeholders
        ({"PatientAge": "999Y", "PatientBirthDate": "19500101"}, 74),
        ({"PatientAge": "000D", "PatientBirthDate": "19500101"}, 74),
        ({"PatientAge": "030Y", "PatientBirthDate": "19500101"}, 74),
        ({"PatientAge": "073Y", "PatientBirthDate": "19500101"}, 73),  # within two years: the machine knows better
        ({"PatientAge": "000Y", "PatientBirthDate": "20240301"}, 0),
        ({"PatientAge": "006D", "PatientBirthDate": "20240326"}, 0),
        ({"PatientAge": "018M", "PatientBirthDate": "20221001"}, 1),
        ({"PatientAge": "012D"}, 0),
        ({"PatientAge": "000Y"}, None),
        ({"PatientAge": "999Y"}, None),
        ({"PatientAge": "999M"}, 83),
        ({"PatientAge": "045Y", "PatientBirthDate": "19000101"}, 45),  # a birth date that is none
        ({"PatientAge": "045Y", "PatientBirthDate": "00010101"}, 45),
        ({"PatientAge": "045Y", "PatientBirthDate": "20990101"}, 45),
        ({"PatientBirthDate": "19000101"}, None),
        ({"PatientAge": "045Y", "PatientBirthDate": "19500101", "StudyDate": "19700101"}, 45),  # a clock never set
        ({"PatientAge": "045Y"}, 45),
        ({"PatientAge": "018M"}, 1),
        ({"PatientBirthDate": "19600402"}, 63),  # the study is of 2024-04-01: the birthday is tomorrow
        ({"PatientBirthDate": "19600401"}, 64),
        ({"PatientBirthDate": "20990101"}, None),
        ({}, None),
    ],
)
def test_age(header: Callable[..., VideoHeader], attributes: dict[str, str], age: int | None) -> None:
    assert header(**attributes).age_years == age


@pytest.mark.parametrize("age", ["-74Y", "74", "7 4Y", "0074Y", "74.5Y", "NaNY", "", "unknown"])
def test_an_age_that_is_none(age: str) -> None:
    assert age_in_years(age, date(1950, 1, 1), date(2024, 4, 1)) == 74
    assert age_in_years(age, None, date(2024, 4, 1)) is None


@pytest.mark.parametrize(
    ("attributes", "issuer", "hospital"),
    [
        ({}, "SITE", Hospital()),
        ({"IssuerOfPatientID": "HIS"}, "HIS", Hospital()),
        (
            {"IssuerOfPatientIDQualifiersSequence": {"UniversalEntityID": "1.2.392.7"}},
            "1.2.392.7",
            Hospital(authority="1.2.392.7"),
        ),
        (
            {"IssuerOfPatientID": "HIS", "IssuerOfPatientIDQualifiersSequence": {"UniversalEntityID": "1.2.392.7"}},
            "HIS",
            Hospital(authority="1.2.392.7"),
        ),
        ({"IssuerOfPatientIDQualifiersSequence": {}}, "SITE", Hospital()),
        (
            {"InstitutionName": "City  HOSPITAL ", "InstitutionAddress": "Osaka"},
            "SITE",
            Hospital(name="city hospital", address="osaka"),
        ),
        (
            {"InstitutionName": "ＣＩＴＹ Hospital", "SpecificCharacterSet": "ISO_IR 192"},
            "SITE",
            Hospital(name="city hospital"),
        ),
    ],
)
def test_who_gave_the_patient_id(
    header: Callable[..., VideoHeader], attributes: dict[str, Any], issuer: str, hospital: Hospital
) -> None:
    sequence = "IssuerOfPatientIDQualifiersSequence"
    if sequence in attributes:
        item = Dataset()
        for keyword, value in attributes[sequence].items():
            setattr(item, keyword, value)
        attributes = attributes | {sequence: [item]}
    found = header(**attributes)
    assert (found.issuer, found.hospital) == (issuer, hospital)
    assert "osaka" not in repr(found)


@pytest.mark.parametrize(("value", "sex"), [("M", "M"), ("F", "F"), ("O", "O"), ("", None), ("U", None)])
def test_sex(header: Callable[..., VideoHeader], value: str, sex: str | None) -> None:
    assert header(PatientSex=value).sex == sex


@pytest.mark.parametrize(
    ("declared", "stored", "shown"),
    [
        (
            "\\ISO 2022 IR 87",
            "Yamada^Tarou=山田^太郎=やまだ^たろう".encode("iso2022_jp"),
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Takahashi=髙橋^①".encode(), "Takahashi=髙橋^①"),
        # Shift_JIS under a wrong declaration, as archives hold it
        (None, "山田^太郎".encode("cp932"), "山田^太郎"),
        ("ISO_IR 100", "山田^太郎".encode("cp932"), "山田^太郎"),
        ("\\ISO 2022 IR 87", "髙橋^花子".encode("cp932"), "髙橋^花子"),
        ("ISO_IR 192", "山田^太郎".encode("cp932"), "山田^太郎"),
        ("ISO_IR 13", "山田^太郎".encode("cp932"), "山田^太郎"),
        # UTF-8 under one
        ("ISO_IR 13", "山田^太郎".encode(), "山田^太郎"),
        ("GB18030", "Yamada^Taro=山田^太郎".encode(), "Yamada^Taro=山田^太郎"),
        ("\\ISO 2022 IR 87", "山田^ﾀﾛｳ".encode(), "山田^ﾀﾛｳ"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎".encode("cp932"), "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"),
        ("ISO_IR 100", "Müller^Jürgen".encode("latin-1"), "Müller^Jürgen"),  # no mojibake: left alone
        ("ISO_IR 100", "Hélène^Séverine".encode("latin-1"), "Hélène^Séverine"),
        (None, "Émile^Élodie".encode("latin-1"), "Émile^Élodie"),
        ("ISO_IR 144", "Иванов^Иван".encode("iso8859_5"), "Иванов^Иван"),
        ("ISO_IR 166", "สมชาย".encode("iso8859_11"), "สมชาย"),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
        ("GB18030", "Wang^XiaoDong=王^小東=".encode("gb18030"), "Wang^XiaoDong=王^小東"),
        # Shift_JIS under the declaration of Chinese: told by its kana alone
        ("GB18030", "Yamada^Taro=山田^太郎=やまだ^たろう".encode("cp932"), "Yamada^Taro=山田^太郎=やまだ^たろう"),
        ("GB18030", "髙橋^ハナコ".encode("cp932"), "髙橋^ハナコ"),
        ("GB18030", "山田^はなこ".encode("gb18030"), "山田^はなこ"),
        ("NONSENSE", b"Smith^John", "Smith^John"),
        ("ISO_IR 100", b"Smith^John\0\0rest", "Smith^John"),  # PostgreSQL takes no NUL
        (None, "山田^太郎\0".encode("cp932") + b"x", "山田^太郎"),
    ],
)
def test_japanese_names(write_cine: WriteCine, frames: Frames, declared: str | None, stored: bytes, shown: str) -> None:
    path = write_cine(frames.tobytes(), PatientName="PLACEHOLDER")
    data = path.read_bytes()
    at = data.index(b"\x10\x00\x10\x00PN")
    stored += b" " * (len(stored) % 2)
    data = data[: at + 6] + len(stored).to_bytes(2, "little") + stored + data[at + 8 + 12 :]
    if declared is not None:
        charset = declared.encode() + b" " * (len(declared) % 2)
        at = data.index(b"\x08\x00\x16\x00UI")
        data = data[:at] + b"\x08\x00\x05\x00CS" + len(charset).to_bytes(2, "little") + charset + data[at:]
    path.write_bytes(data)
    found = read_header(path)
    assert found.patient_name == shown
    assert found.patient_id == "0001234"


def test_mode_by_pixels_where_there_are_no_regions(write_cine: WriteCine) -> None:
    rng = np.random.default_rng(3)
    grey = np.repeat(rng.integers(20, 160, (6, 48, 64, 1), np.uint8), 3, axis=-1)
    assert read_header(write_cine(grey.tobytes())).mode == Mode.BMODE
    flow = grey.copy()
    for i in range(6):  # a jet that comes and goes, red then blue
        flow[i, 10:30, 20 + i : 30 + i] = (220, 40, 20) if i % 2 else (20, 60, 230)
    found = read_header(write_cine(flow.tobytes()))
    assert (found.mode, found.mode_source) == (Mode.COLOR, "pixels")
    decorated = grey.copy()
    decorated[:, :, 60:] = (255, 180, 20)  # a colour bar: the same in every frame
    assert read_header(write_cine(decorated.tobytes())).mode == Mode.BMODE
    sepia = np.clip(grey * np.array([1.3, 1.0, 0.6]), 0, 255).astype(np.uint8)
    assert read_header(write_cine(sepia.tobytes())).mode == Mode.BMODE
    black = read_header(write_cine(np.zeros_like(grey).tobytes()))
    assert (black.mode, black.mode_source) == (Mode.UNKNOWN, "none")


@pytest.mark.parametrize("beats", [1, 2, 3, 4])
@pytest.mark.parametrize("phases", [(0.1, 0.42), (0.48, 0.98)])
def test_a_jet_of_systole_or_diastole_is_flow_however_many_beats_are_recorded(
    write_cine: WriteCine, region: MakeRegion, beats: int, phases: tuple[float, float]
) -> None:
    """A recording from R wave to R wave shows no jet in its first frame, its last, nor in the middle of two beats."""
    count = 24 * beats + 1
    cine = np.repeat(np.random.default_rng(3).integers(20, 160, (count, 48, 64, 1), np.uint8), 3, axis=-1)
    for i in range(count):
        if phases[0] <= i / 24 % 1 <= phases[1]:
            cine[i, 20:30, 30:42] = (20, 60, 230)
    found = read_header(write_cine(cine.tobytes(), count=count, sequence=[region(1, 1, 2, 2, 62, 46)]))
    assert (found.mode, found.mode_source) == (Mode.COLOR, "pixels")


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 10), (3, 7), (9, 10), (10, 10), (2, 9)])
def test_both_hashes_are_made_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, end: int
) -> None:
    """Whatever lies on which side of a block's edge."""
    monkeypatch.setattr("echosearch.reading.files.HASH_BYTES", 4)
    (tmp_path / "file").write_bytes(b"0123456789")
    part = hashlib.sha256(b"0123456789"[start:end]).digest()
    rest = b"0123456789"[:start] + b"0123456789"[end:]
    with open_regular(tmp_path / "file") as reader:
        assert reader.hashes(start, end) == (hashlib.sha256(rest + part).digest(), part)
        assert reader.sha256() == hashlib.sha256(b"0123456789").digest()


def test_no_chinese_name_is_read_as_japanese() -> None:
    """GB 2312 has 6,763 hanzi: side by side, under their own declaration."""
    hanzi = [
        bytes((lead, trail)).decode("gb2312")
        for lead in range(0xB0, 0xF8)
        for trail in range(0xA1, 0xFF)
        if lead != 0xD7 or trail < 0xFA
    ]
    assert len(hanzi) == 6763
    for one, two in pairwise(hanzi):
        assert display_name((one + two).encode("gb18030"), one + two) == one + two
