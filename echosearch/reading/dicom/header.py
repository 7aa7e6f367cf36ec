"""Read a VideoHeader from a DICOM file, or raise FileRefused with the reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from echosearch.clip import FrameSource
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS, Parsed, parse, quiet
from echosearch.reading.dicom.elements.hospital import read_hospital
from echosearch.reading.dicom.elements.identifier import read_identifier
from echosearch.reading.dicom.elements.regions import read_regions
from echosearch.reading.dicom.elements.timing import frame_timing
from echosearch.reading.dicom.elements.values import (
    age_in_years,
    clean_uid,
    display_name,
    first_number,
    parse_birth_date,
    parse_date,
    synthetic_uid,
    text,
)
from echosearch.reading.dicom.mode import mode_of_pixels, mode_of_regions
from echosearch.reading.dicom.pixels.av_stream import VIDEO_SYNTAXES, VideoStream
from echosearch.reading.dicom.pixels.cine import DicomCine, cine_source, stored_frames
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.pixels.soundness import check_frames
from echosearch.reading.dicom.pixels.spans import StoredFrames, read_spans
from echosearch.reading.dicom.pixels.syntax import NATIVE, as_stored
from echosearch.reading.dicom.report import read_report
from echosearch.reading.dicom.sop_class import is_structured_report, refuse_other_classes
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.reading.files import ByteReader, looks_like_dicom, open_regular
from echosearch.video import Mode, Region, VideoHeader

__all__ = ["read_header"]

# Parts of a cine whose frames are decoded to distinguish colour from B-mode if no region states it. A jet is there in
# systole or in diastole: of one to four beats, these parts meet both.
PROBED = (1 / 6, 0.3, 0.5, 0.75)
DATE_KEYWORDS = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")


def read_header(path: Path, issuer: str = "", allow_secondary_capture: bool = False) -> VideoHeader:
    """Return the description of a cine. ``issuer`` is used if the file names no issuer of the patient id.

    Raises FileRefused with Skipped or Quarantined for every other file (docs/dicom.md lists the reasons). The
    pixel data are walked to their end, so that a cut file is never taken for a whole one.
    """
    with open_regular(path) as reader, quiet():
        if not looks_like_dicom(reader.head):
            raise FileRefused(NO_KNOWN_KIND)
        stated = parse(reader)
        sop_class = clean_uid(text(stated.dataset, "SOPClassUID")) or clean_uid(stated.meta_class)
        if is_structured_report(sop_class, stated):
            raise FileRefused(read_report(stated, reader, sop_class, issuer))
        refuse_other_classes(sop_class, stated, allow_secondary_capture)
        parsed = as_stored(stated, reader)
        layout, stored = stored_frames(reader, parsed)
        n_frames = _count_frames(reader, parsed, layout, stored)
        study_uid = clean_uid(text(parsed.dataset, "StudyInstanceUID"))
        if not study_uid:
            raise FileRefused(Quarantined(Reason.NO_IDENTITY, "StudyInstanceUID (0020,000D) is missing or not a UID"))
        if n_frames < 2:
            raise FileRefused(Skipped(Reason.STILL))
        regions, notes = read_regions(parsed.dataset, layout.rows, layout.columns)
        by_regions = mode_of_regions(regions)
        if by_regions in (Mode.SPECTRAL, Mode.MMODE):
            raise FileRefused(Skipped(Reason.SPECTRAL, f"{by_regions} by its regions"))
        source = cine_source(path, reader, parsed, layout, stored)
        if isinstance(source, DicomCine) and parsed.syntax not in NATIVE:
            check_frames(reader, stored, source.decode)
        mode, mode_source = _mode(source, n_frames, parsed.dataset, layout, by_regions, regions)
        if parsed.syntax != stated.syntax:
            notes += ("transfer_syntax_differs",)
        declared = first_number(parsed.dataset, "NumberOfFrames")
        if declared is None or int(declared) != n_frames:
            notes += ("frame_count_differs",)
        return _header(
            parsed, reader.hashes(*_extent(stored)), issuer, sop_class, study_uid, n_frames, layout, regions, mode,
            mode_source, notes,
        )  # fmt: skip


def _count_frames(reader: ByteReader, parsed: Parsed, layout: PixelLayout, stored: StoredFrames) -> int:
    if parsed.syntax not in VIDEO_SYNTAXES:
        return len(stored)
    video = VideoStream(bytes(read_spans(reader, stored[0])), layout.rows, layout.columns, None)
    n_frames = video.n_frames
    video.check()
    declared = first_number(parsed.dataset, "NumberOfFrames")
    if n_frames < int(declared or 1):
        raise FileRefused(Quarantined(Reason.TRUNCATED, f"{int(declared or 1)} frames declared, {n_frames} decoded"))
    return n_frames


def _extent(stored: StoredFrames) -> tuple[int, int]:
    """Return the range of the frames' bytes in the file, [start, end)."""
    first, last = stored[0][0], stored[-1][-1]
    return first.offset, last.offset + last.length


def _mode(
    source: FrameSource,
    n_frames: int,
    dataset: Dataset,
    layout: PixelLayout,
    by_regions: Mode | None,
    regions: tuple[Region, ...],
) -> tuple[Mode, str]:
    """A tissue box does not say that there is no flow: the colour flag and the pixels are asked too."""
    if by_regions == Mode.COLOR:
        return Mode.COLOR, "regions"
    is_grey = layout.photometric.startswith("MONOCHROME")
    if first_number(dataset, "UltrasoundColorDataPresent") == 1 and not is_grey:  # (0028,0014), PS3.3 section C.8.5.6
        return Mode.COLOR, "flag"
    if by_regions is not None and is_grey:
        return by_regions, "regions"
    probed = sorted({round(part * (n_frames - 1)) for part in PROBED})
    seen = mode_of_pixels([np.array(frame) for frame in source.frames(probed)], regions)
    if by_regions is not None and seen != Mode.COLOR:
        return by_regions, "regions"
    return (seen, "none") if seen == Mode.UNKNOWN else (seen, "pixels")


def _header(
    parsed: Parsed,
    hashes: tuple[bytes, bytes],
    issuer: str,
    sop_class: str,
    study_uid: str,
    n_frames: int,
    layout: PixelLayout,
    regions: tuple[Region, ...],
    mode: Mode,
    mode_source: str,
    notes: tuple[str, ...],
) -> VideoHeader:
    dataset = parsed.dataset
    sop_uid = clean_uid(text(dataset, "SOPInstanceUID"))
    if not sop_uid:
        sop_uid = synthetic_uid(hashes[0])
        notes += ("synthetic_uid",)
    seconds, seconds_source = frame_timing(dataset, n_frames)
    if seconds is None:
        notes += ("no_timing",)
    study_date, date_notes = _study_date(dataset)
    notes += date_notes
    birth_date = parse_birth_date(text(dataset, "PatientBirthDate"), study_date)
    patient_id = read_identifier(dataset, "PatientID")
    if not patient_id:
        notes += ("no_patient_id",)
    hospital = read_hospital(dataset)
    sex = text(dataset, "PatientSex").upper()
    heart_rate = first_number(dataset, "HeartRate")
    device = " ".join(filter(None, (text(dataset, "Manufacturer"), text(dataset, "ManufacturerModelName"))))
    return VideoHeader(
        sop_uid=sop_uid,
        study_uid=study_uid,
        patient_id=patient_id,
        issuer=read_identifier(dataset, "IssuerOfPatientID") or hospital.authority or issuer,
        hospital=hospital,
        sop_class_uid=sop_class,
        transfer_syntax_uid=parsed.syntax,
        photometric=layout.photometric,
        rows=layout.rows,
        columns=layout.columns,
        n_frames=n_frames,
        content_digest=hashes[0],
        pixel_digest=hashes[1],
        series_uid=clean_uid(text(dataset, "SeriesInstanceUID")),
        accession_number=read_identifier(dataset, "AccessionNumber"),
        patient_name=_patient_name(dataset),
        study_date=study_date,
        birth_date=birth_date,
        age_years=age_in_years(text(dataset, "PatientAge"), birth_date, study_date),
        sex=sex if sex in ("M", "F", "O") else None,
        device=device or None,
        frame_seconds=seconds,
        frame_seconds_source=seconds_source,
        heart_rate=int(heart_rate) if heart_rate is not None and 20 <= heart_rate <= 300 else None,  # 0: unknown
        regions=regions,
        mode=mode,
        mode_source=mode_source,
        notes=notes,
    )


def _study_date(dataset: Dataset) -> tuple[date | None, tuple[str, ...]]:
    """Return StudyDate, else the first valid date, with a note of its attribute."""
    for keyword in DATE_KEYWORDS:
        found = parse_date(text(dataset, keyword))
        if found is not None:
            return found, () if keyword == "StudyDate" else (f"study_date_from_{keyword}",)
    return None, ("no_study_date",)


def _patient_name(dataset: Dataset) -> str:
    try:
        element = dataset.get_item("PatientName")
        raw = element.value if element is not None and isinstance(element.value, bytes) else b""
        return display_name(raw, str(dataset.get("PatientName", "") or ""))
    except VALUE_ERRORS:
        return ""
