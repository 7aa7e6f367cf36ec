"""From a file to a VideoHeader, or to the reason why it is none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS, Parsed, parse, quiet
from echosearch.reading.dicom.elements.regions import read_regions
from echosearch.reading.dicom.elements.timing import frame_timing
from echosearch.reading.dicom.elements.values import (
    age_in_years,
    clean_uid,
    display_name,
    number,
    parse_birth_date,
    parse_date,
    synthetic_uid,
    text,
    whole_text,
)
from echosearch.reading.dicom.mode import mode_of_pixels, mode_of_regions
from echosearch.reading.dicom.pixels.av_stream import VIDEO_SYNTAXES, count_decoded
from echosearch.reading.dicom.pixels.cine import cine_source, stored_frames
from echosearch.reading.dicom.pixels.frame_index import read_spans
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.sop_class import refuse_other_classes
from echosearch.reading.dicom.syntax import as_stored
from echosearch.reading.files import ByteReader, looks_like_dicom, open_regular
from echosearch.video import MAX_IDENTIFIER, Mode, Region, VideoHeader

__all__ = ["read_header"]

PROBE_FRAMES = 3  # decoded to tell colour from B-mode where no region says it
DATE_KEYWORDS = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")


def read_header(path: Path, issuer: str = "", allow_secondary_capture: bool = False) -> VideoHeader:
    """Everything that is known of a cine before it is embedded. ``issuer`` is used where the file names none.

    Raises FileRefused with Skipped or Quarantined for every other file (docs/dicom.md lists the reasons). The
    pixel data are walked to their end, so that a cut file is never taken for a whole one.
    """
    with open_regular(path) as reader, quiet():
        if not looks_like_dicom(reader.head):
            raise FileRefused(Skipped(Reason.NOT_AN_IMAGE))
        stated = parse(reader)
        parsed = as_stored(stated, reader)
        sop_class = clean_uid(text(parsed.dataset, "SOPClassUID")) or clean_uid(parsed.meta_class)
        refuse_other_classes(sop_class, parsed, allow_secondary_capture)
        n_frames, layout, pixels = _count_frames(reader, parsed)
        study_uid = clean_uid(text(parsed.dataset, "StudyInstanceUID"))
        if not study_uid:
            raise FileRefused(Quarantined(Reason.NO_IDENTITY, "StudyInstanceUID (0020,000D) is missing or not a UID"))
        if n_frames < 2:
            raise FileRefused(Skipped(Reason.STILL))
        regions, notes = read_regions(parsed.dataset, layout.rows, layout.columns)
        if parsed.syntax != stated.syntax:
            notes += ("transfer_syntax_differs",)
        mode, mode_source = _mode(path, reader, parsed, layout, regions, n_frames)
        if mode in (Mode.SPECTRAL, Mode.MMODE) and mode_source == "regions":
            raise FileRefused(Skipped(Reason.SPECTRAL, f"{mode} by its regions"))
        declared = number(parsed.dataset, "NumberOfFrames")
        if declared is None or int(declared) != n_frames:
            notes += ("frame_count_differs",)
        return _header(
            parsed, reader.hashes(*pixels), issuer, sop_class, study_uid, n_frames, layout, regions, mode, mode_source,
            notes,
        )  # fmt: skip


def _count_frames(reader: ByteReader, parsed: Parsed) -> tuple[int, PixelLayout, tuple[int, int]]:
    """Frames, their layout, and where their bytes lie in the file, [start, end)."""
    layout, stored = stored_frames(reader, parsed)
    n_frames = len(stored)
    if parsed.syntax in VIDEO_SYNTAXES:
        n_frames = count_decoded(bytes(read_spans(reader, stored[0])))
        declared = number(parsed.dataset, "NumberOfFrames")
        if n_frames < int(declared or 1):
            raise FileRefused(
                Quarantined(Reason.TRUNCATED, f"{int(declared or 1)} frames declared, {n_frames} decoded")
            )
    spans = [span for frame in stored for span in frame]
    if not spans:
        raise FileRefused(Quarantined(Reason.TRUNCATED, "its items hold no pixel data"))
    return n_frames, layout, (spans[0].offset, spans[-1].offset + spans[-1].length)


def _mode(
    path: Path, reader: ByteReader, parsed: Parsed, layout: PixelLayout, regions: tuple[Region, ...], n_frames: int
) -> tuple[Mode, str]:
    """A tissue box does not say that there is no flow: the colour flag and the pixels are asked too."""
    mode = mode_of_regions(regions)
    if mode in (Mode.SPECTRAL, Mode.MMODE, Mode.COLOR):
        return mode, "regions"
    is_grey = layout.photometric.startswith("MONOCHROME")
    if number(parsed.dataset, "UltrasoundColorDataPresent") == 1 and not is_grey:  # (0028,0014), PS3.3 section C.8.5.6
        return Mode.COLOR, "flag"
    if mode is not None and is_grey:
        return mode, "regions"
    seen = _mode_of_pixels(path, reader, parsed, regions, n_frames)
    if mode is not None and seen != Mode.COLOR:
        return mode, "regions"
    return (seen, "none") if seen == Mode.UNKNOWN else (seen, "pixels")


def _mode_of_pixels(path: Path, reader: ByteReader, parsed: Parsed, regions: tuple[Region, ...], n_frames: int) -> Mode:
    indices = sorted({round(i * (n_frames - 1) / (PROBE_FRAMES - 1)) for i in range(PROBE_FRAMES)})
    try:
        source = cine_source(path, reader, parsed)
        return mode_of_pixels([np.array(frame) for frame in source.frames(indices)], regions)
    except FileRefused:  # the clip stage meets the same fault and quarantines the file for it
        return Mode.UNKNOWN


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
    patient_id = _identifier(dataset, "PatientID")
    if not patient_id:
        notes += ("no_patient_id",)
    sex = text(dataset, "PatientSex").upper()
    heart_rate = number(dataset, "HeartRate")
    device = " ".join(filter(None, (text(dataset, "Manufacturer"), text(dataset, "ManufacturerModelName"))))
    return VideoHeader(
        sop_uid=sop_uid,
        study_uid=study_uid,
        patient_id=patient_id,
        issuer=_identifier(dataset, "IssuerOfPatientID") or issuer,
        sop_class_uid=sop_class,
        transfer_syntax_uid=parsed.syntax,
        photometric=layout.photometric,
        rows=layout.rows,
        columns=layout.columns,
        n_frames=n_frames,
        content_digest=hashes[0],
        pixel_digest=hashes[1],
        series_uid=clean_uid(text(dataset, "SeriesInstanceUID")),
        accession_number=_identifier(dataset, "AccessionNumber"),
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


def _identifier(dataset: Dataset, keyword: str) -> str:
    """Raises FileRefused(BAD_HEADER) for one that would be cut short: what is left could be another patient's."""
    value = whole_text(dataset, keyword)
    if "\0" in value:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, f"{keyword} holds a NUL"))
    if len(value) > MAX_IDENTIFIER:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, f"{keyword} is longer than {MAX_IDENTIFIER} characters"))
    return value


def _study_date(dataset: Dataset) -> tuple[date | None, tuple[str, ...]]:
    """StudyDate, else the first date that is one, with a note of where it came from."""
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
