"""Read the masks of the left ventricle out of a Segmentation object (PS3.3 sections A.51 and C.8.20).

A mask belongs to the frame that its functional groups name: a SOP instance, and a frame number from 1. Whatever leaves
this in doubt refuses the whole file. Sizes are compared with the file's before a pixel is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom.elements.dataset import UNDEFINED, VALUE_ERRORS, Parsed, parse, quiet
from echosearch.reading.dicom.elements.values import clean_uid, first_number, numbers, text
from echosearch.reading.dicom.segment_names import is_left_ventricle
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.reading.files import ByteReader, looks_like_dicom, open_regular
from echosearch.reading.limits import MAX_MASK_BYTES, MAX_SEGMENTATION_HEADER, check_size
from echosearch.reading.segmentation import MarkedCine, Segmentation

__all__ = ["read_segmentation"]

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
NATIVE = frozenset({str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)})
PIXEL_DATA = 0x7FE00010


@dataclass(frozen=True)
class _Layout:
    """How the frames of a file are stored."""

    rows: int
    columns: int
    n_frames: int
    threshold: float | None  # of FRACTIONAL, one byte a pixel; None: BINARY, one bit a pixel
    offset: int

    @property
    def pixels(self) -> int:
        return self.rows * self.columns

    @property
    def length(self) -> int:
        """Bytes of all frames; those of BINARY follow each other without padding (PS3.5 section 8.1.1)."""
        return -(-self.pixels * self.n_frames // 8) if self.threshold is None else self.pixels * self.n_frames


def read_segmentation(path: Path, masks_of: str | None = None) -> Segmentation:
    """Return which frames are marked; with the masks of the cine of SOP Instance UID ``masks_of``, if it is given.

    Raises FileRefused: Skipped if the file is no Segmentation object, Quarantined if it is one that cannot be used.
    """
    with open_regular(path) as reader, quiet():
        if not looks_like_dicom(reader.head):
            raise FileRefused(NO_KNOWN_KIND)
        parsed = parse(reader, MAX_SEGMENTATION_HEADER)
        sop_class = clean_uid(text(parsed.dataset, "SOPClassUID")) or clean_uid(parsed.meta_class)
        if sop_class != SEGMENTATION:
            raise FileRefused(Skipped(Reason.NOT_A_CINE_CLASS, "no Segmentation object (SEG)"))
        layout = _layout(parsed, reader.size)
        segments, others = _segments(parsed.dataset)
        placed = _placed(parsed.dataset, layout.n_frames, segments)
        cines = []
        for uid, at in placed.items():
            frames = tuple(sorted(at))
            masks = _masks(reader, layout, [at[frame] for frame in frames]) if uid == masks_of else None
            cines.append(MarkedCine(uid, layout.rows, layout.columns, frames, masks))
        return Segmentation(tuple(cines), others)


def _layout(parsed: Parsed, size: int) -> _Layout:
    dataset = parsed.dataset
    if parsed.pixel_tag is None:
        raise _refused("the file ends before its pixel data", Reason.TRUNCATED)
    if parsed.syntax not in NATIVE or parsed.pixel_length == UNDEFINED:
        raise _refused("compressed masks are not read: export it uncompressed", Reason.UNSUPPORTED_SYNTAX)
    rows, columns, n_frames, bits = (
        int(first_number(dataset, name) or 0) for name in ("Rows", "Columns", "NumberOfFrames", "BitsAllocated")
    )
    check_size(rows, columns, n_frames)
    kind = text(dataset, "SegmentationType").upper()
    if (kind, bits) not in (("BINARY", 1), ("FRACTIONAL", 8)) or parsed.pixel_tag != PIXEL_DATA:
        raise _refused("its masks are neither BINARY of one bit nor FRACTIONAL of eight", Reason.UNSUPPORTED_SYNTAX)
    threshold = None
    if kind == "FRACTIONAL":
        largest = first_number(dataset, "MaximumFractionalValue")
        if largest is None or not 1 <= largest <= 255:
            raise _refused("MaximumFractionalValue (0062,000E) is missing or not 1 to 255")
        threshold = largest / 2
    layout = _Layout(rows, columns, n_frames, threshold, parsed.pixel_offset)
    if min(parsed.pixel_length, size - parsed.pixel_offset) < layout.length:
        raise _refused(f"{layout.length} bytes of masks are declared, the file has fewer", Reason.TRUNCATED)
    if parsed.pixel_length > layout.length + 1:
        raise _refused(f"{parsed.pixel_length} bytes of masks, its size and frames make {layout.length}")
    return layout


def _segments(dataset: Dataset) -> tuple[dict[int, bool], int]:
    """Return segment number -> whether it is the left ventricle, and how many are not. Raises if none is."""
    found: dict[int, bool] = {}
    for item in _items(dataset, "SegmentSequence"):
        number = _whole(item, "SegmentNumber")
        if number is None or number in found:
            raise _refused("SegmentNumber (0062,0004) is missing, or two segments have one number")
        found[number] = is_left_ventricle(item)
    if not any(found.values()):
        raise _refused(f"none of its {len(found)} segments is the cavity of the left ventricle, by code or label")
    return found, len(found) - sum(found.values())


def _placed(dataset: Dataset, n_frames: int, segments: dict[int, bool]) -> dict[str, dict[int, int]]:
    """Return SOP Instance UID -> frame of the cine, from 0 -> frame of the file, of the left ventricle alone."""
    groups = _items(dataset, "PerFrameFunctionalGroupsSequence")
    if len(groups) != n_frames:
        raise _refused(f"functional groups of {len(groups)} frames, and {n_frames} frames")
    shared = _items(dataset, "SharedFunctionalGroupsSequence")[:1]
    placed: dict[str, dict[int, int]] = {}
    for at, group in enumerate(groups):
        own = [group, *shared]
        segment = _segment_of(own)
        if segment not in segments:
            raise _refused(f"mask {at + 1} names no segment of the file")
        if not segments[segment]:
            continue
        uid, frame = _reference(own, at)
        if frame in placed.setdefault(uid, {}):
            raise _refused(f"two masks of the left ventricle on frame {frame + 1} of one cine: a conflict")
        placed[uid][frame] = at
    if not placed:
        raise _refused("no mask of the left ventricle is in it")
    return placed


def _segment_of(groups: Sequence[Dataset]) -> int | None:
    for group in groups:
        items = _items(group, "SegmentIdentificationSequence")
        if items:
            return _whole(items[0], "ReferencedSegmentNumber") if len(items) == 1 else None
    return None


def _reference(groups: Sequence[Dataset], at: int) -> tuple[str, int]:
    """Return the SOP instance and its frame, from 0, on which a mask was drawn."""
    for group in groups:
        derivations = _items(group, "DerivationImageSequence")
        if not derivations:
            continue
        sources = [source for one in derivations for source in _items(one, "SourceImageSequence")]
        named = {
            (clean_uid(text(source, "ReferencedSOPInstanceUID")), tuple(numbers(source, "ReferencedFrameNumber")))
            for source in sources
        }
        if len(named) != 1:
            break
        uid, frames = named.pop()
        if not uid or len(frames) != 1:
            break
        if frames[0] < 1 or frames[0] != int(frames[0]):
            raise _refused(f"mask {at + 1} is for frame {frames[0]:g}: DICOM counts frames from 1")
        return uid, int(frames[0]) - 1
    raise _refused(f"mask {at + 1} names not one frame of one cine (ReferencedFrameNumber in SourceImageSequence)")


def _masks(reader: ByteReader, layout: _Layout, wanted: Sequence[int]) -> Uint8:
    """Return (N, rows, columns) of 0 and 1."""
    if len(wanted) * layout.pixels > MAX_MASK_BYTES:
        raise _refused(f"masks of {len(wanted) * layout.pixels} pixels, limit {MAX_MASK_BYTES}", Reason.TOO_LARGE)
    masks = np.empty((len(wanted), layout.rows, layout.columns), np.uint8)
    for number, at in enumerate(wanted):
        masks[number] = _mask(reader, layout, at * layout.pixels).reshape(layout.rows, layout.columns)
    return masks


def _mask(reader: ByteReader, layout: _Layout, first: int) -> Uint8:
    """Return the pixels [first, first + pixels) of the file's; the lowest bit of a byte is the first pixel."""
    end = first + layout.pixels
    if layout.threshold is not None:
        values = np.frombuffer(reader.at(layout.offset + first, layout.pixels), np.uint8)
        return (values >= layout.threshold).astype(np.uint8)
    packed = np.frombuffer(reader.at(layout.offset + first // 8, -(-end // 8) - first // 8), np.uint8)
    return np.unpackbits(packed, count=first % 8 + layout.pixels, bitorder="little")[first % 8 :]


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence, [] if there is none. Raises FileRefused if it cannot be followed."""
    try:
        items = list(dataset.get(keyword) or ())
    except (*VALUE_ERRORS, OSError, StopIteration) as exc:
        raise _refused(f"{keyword} cannot be read ({type(exc).__name__})") from exc
    if not all(isinstance(item, Dataset) for item in items):
        raise _refused(f"{keyword} is no sequence")
    return items


def _whole(dataset: Dataset, keyword: str) -> int | None:
    value = first_number(dataset, keyword)
    return int(value) if value is not None and value == int(value) else None


def _refused(why: str, reason: Reason = Reason.BAD_HEADER) -> FileRefused:
    return FileRefused(Quarantined(reason, why))
