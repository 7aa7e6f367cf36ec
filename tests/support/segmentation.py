"""Write DICOM Segmentation objects (PS3.3 section A.51) as a site's program exports them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import UID, ExplicitVRLittleEndian, SegmentationStorage, generate_uid

from echosearch.clip import Uint8

__all__ = ["BLOOD", "LA", "LV", "Mark", "code", "seg_dataset", "write_seg"]

LV = ("87878005", "SCT", "Left ventricle")
LA = ("82471001", "SCT", "Left atrium")
BLOOD = ("87612001", "SCT", "Blood")
Code = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Mark:
    """One mask: on which cine and frame, from 1, and of which segment."""

    sop_uid: str
    frame: int
    mask: Uint8
    segment: int = 1


def code(value: Code) -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value
    return [item]


def _segment(number: int, label: str, type_code: Code | None) -> Dataset:
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, label, "MANUAL"
    if type_code is not None:
        segment.SegmentedPropertyTypeCodeSequence = code(type_code)
    return segment


def _groups(mark: Mark) -> Dataset:
    identification, derivation, source, groups = Dataset(), Dataset(), Dataset(), Dataset()
    identification.ReferencedSegmentNumber = mark.segment
    source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber = mark.sop_uid, mark.frame
    derivation.SourceImageSequence = [source]
    groups.SegmentIdentificationSequence = [identification]
    groups.DerivationImageSequence = [derivation]
    return groups


def seg_dataset(
    marks: Sequence[Mark],
    kind: str = "BINARY",
    segments: Sequence[tuple[str, Code | None]] = (("LV", LV),),
    syntax: str = ExplicitVRLittleEndian,
) -> FileDataset:
    """Make a data set of these masks in this order; FRACTIONAL: 200 of 255 within, 100 outside."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = UID(syntax), SegmentationStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = SegmentationStorage, meta.MediaStorageSOPInstanceUID
    made.Modality, made.PatientName, made.PatientID, made.StudyInstanceUID = "SEG", "山田^太郎", "4711", generate_uid()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.Rows, made.Columns = marks[0].mask.shape
    made.NumberOfFrames, made.SamplesPerPixel, made.PhotometricInterpretation = len(marks), 1, "MONOCHROME2"
    made.SegmentationType, made.PixelRepresentation = kind, 0
    pixels = np.stack([mark.mask for mark in marks])
    if kind == "BINARY":
        made.BitsAllocated, made.BitsStored, made.HighBit = 1, 1, 0
        made.PixelData = pack_bits(pixels)
    else:
        made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
        made.SegmentationFractionalType, made.MaximumFractionalValue = "PROBABILITY", 255
        stored = np.where(pixels, 200, 100).astype(np.uint8).tobytes()
        made.PixelData = stored + b"\0" * (len(stored) % 2)
    made.SegmentSequence = [_segment(at, *one) for at, one in enumerate(segments, start=1)]
    made.SharedFunctionalGroupsSequence = [Dataset()]
    made.PerFrameFunctionalGroupsSequence = [_groups(mark) for mark in marks]
    return made


def write_seg(path: Path, made: FileDataset, change: Callable[[FileDataset], object] | None = None) -> Path:
    """Write the data set, changed first if ``change`` is given."""
    if change is not None:
        change(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path
