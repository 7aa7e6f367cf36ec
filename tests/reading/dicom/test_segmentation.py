"""Segmentation objects: every mask bit for bit on its frame, and one line for every file that leaves that in doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, UltrasoundMultiFrameImageStorage

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom import read_segmentation
from tests.support.segmentation import BLOOD, LA, LV, Mark, code, seg_dataset, write_seg

UID, OTHER = "1.2.3.4", "1.2.3.5"


def square(seed: int, rows: int = 5, columns: int = 7) -> Any:
    return np.random.default_rng(seed).integers(0, 2, (rows, columns)).astype(np.uint8)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    frames=st.lists(st.integers(1, 200), min_size=1, max_size=6, unique=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_masks_come_back_bit_for_bit_in_the_order_of_frames(
    tmp_path_factory: pytest.TempPathFactory,
    syntax: str,
    kind: str,
    rows: int,
    columns: int,
    frames: list[int],
    seed: int,
) -> None:
    """Frames of 35 bits begin in the middle of a byte, and the file's order is not the cine's."""
    marks = [Mark(UID, frame, square(seed + frame, rows, columns)) for frame in frames]
    path = write_seg(tmp_path_factory.mktemp("seg") / "seg.dcm", seg_dataset(marks, kind, syntax=syntax))
    (cine,) = read_segmentation(path, UID).cines
    assert cine.frames == tuple(sorted(frame - 1 for frame in frames))
    assert cine.masks is not None
    by_frame = {mark.frame - 1: mark.mask for mark in marks}
    for frame, mask in zip(cine.frames, cine.masks, strict=True):
        assert np.array_equal(mask, by_frame[frame])


def test_the_lowest_bit_of_a_byte_is_the_first_pixel(tmp_path: Path) -> None:
    """PS3.5 section 8.1.1, by hand: pixels 0 and 9 of 2 x 5."""

    def by_hand(made: FileDataset) -> None:
        made.PixelData = bytes([0b0000_0001, 0b0000_0010])

    path = write_seg(tmp_path / "seg.dcm", seg_dataset([Mark(UID, 1, square(0, 2, 5))]), by_hand)
    (cine,) = read_segmentation(path, UID).cines
    assert cine.masks is not None
    assert cine.masks.tolist() == [[[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]]


@pytest.mark.parametrize(("largest", "inside"), [(255, 128), (100, 50), (1, 1)])
def test_half_of_the_largest_fraction_is_inside(largest: int, inside: int, tmp_path: Path) -> None:
    def graded(made: FileDataset) -> None:
        made.MaximumFractionalValue = largest
        made.PixelData = bytes([0, inside - 1, inside, largest])

    path = write_seg(tmp_path / "seg.dcm", seg_dataset([Mark(UID, 1, square(0, 1, 4))], "FRACTIONAL"), graded)
    (cine,) = read_segmentation(path, UID).cines
    assert cine.masks is not None
    assert cine.masks.tolist() == [[[0, 0, 1, 1]]]


def test_other_segments_are_left_out_and_two_cines_are_kept_apart(tmp_path: Path) -> None:
    marks = [
        Mark(UID, 4, square(1), segment=2),
        Mark(UID, 4, square(2), segment=1),
        Mark(OTHER, 9, square(3), segment=2),
        Mark(UID, 2, square(4), segment=2),
    ]
    path = write_seg(tmp_path / "seg.dcm", seg_dataset(marks, segments=[("LA", LA), ("x", LV), ("unused", LA)]))
    found = read_segmentation(path, OTHER)
    assert found.other_segments == 2
    assert {cine.sop_uid: cine.frames for cine in found.cines} == {UID: (1, 3), OTHER: (8,)}
    (first, second) = found.cines
    assert first.masks is None  # not asked for
    assert second.masks is not None
    assert np.array_equal(second.masks[0], marks[2].mask)
    assert UID not in repr(found)


def test_a_segment_number_that_all_frames_share_is_read(tmp_path: Path) -> None:
    def share(made: FileDataset) -> None:
        for group in made.PerFrameFunctionalGroupsSequence:
            made.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence = group.SegmentIdentificationSequence
            del group.SegmentIdentificationSequence

    path = write_seg(tmp_path / "seg.dcm", seg_dataset([Mark(UID, 3, square(1))]), share)
    assert read_segmentation(path).cines[0].frames == (2,)


@pytest.mark.parametrize(
    ("label", "type_code", "is_lv"),
    [
        ("", LV, True),
        ("anything", ("T-32600", "SRT", "Left ventricle"), True),
        ("LV", None, True),
        ("Left Ventricle", BLOOD, True),
        ("lv_endocardium", None, True),
        ("LV cavity ED", ("85756007", "SCT", "Tissue"), True),
        ("左室", None, True),
        ("左心室 内腔", None, True),
        ("ＬＶ", None, True),  # full width, as Japanese machines write it
        ("LV", LA, False),
        ("LV", ("74281007", "SCT", "Myocardium"), False),
        ("LV myocardium", LV, False),
        ("左室心筋", LV, False),
        ("LV epicardium", None, False),
        ("LVOT", None, False),
        ("RV", None, False),
        ("not LV", None, False),
        ("blood", BLOOD, False),
        ("", None, False),
    ],
)
def test_code_and_label_say_whether_it_is_the_cavity(
    label: str, type_code: tuple[str, str, str] | None, is_lv: bool, tmp_path: Path
) -> None:
    path = write_seg(tmp_path / "seg.dcm", seg_dataset([Mark(UID, 1, square(1))], segments=[(label, type_code)]))
    if is_lv:
        assert len(read_segmentation(path).cines) == 1
    else:
        with pytest.raises(FileRefused, match="none of its 1 segments is the cavity of the left ventricle"):
            read_segmentation(path)


def test_blood_in_the_left_ventricle_is_its_cavity(tmp_path: Path) -> None:
    def region(made: FileDataset) -> None:
        made.SegmentSequence[0].AnatomicRegionSequence = code(LV)

    made = seg_dataset([Mark(UID, 1, square(1))], segments=[("pool", BLOOD)])
    assert len(read_segmentation(write_seg(tmp_path / "seg.dcm", made, region)).cines) == 1


def _source(made: FileDataset, at: int = 0) -> Dataset:
    source: Dataset = made.PerFrameFunctionalGroupsSequence[at].DerivationImageSequence[0].SourceImageSequence[0]
    return source


def _set(**values: Any) -> Callable[[FileDataset], None]:
    def change(made: FileDataset) -> None:
        for name, value in values.items():
            setattr(made, name, value)

    return change


def _frame(value: Any, at: int = 0) -> Callable[[FileDataset], None]:
    return lambda made: setattr(_source(made, at), "ReferencedFrameNumber", value)


def _two_sources(made: FileDataset) -> None:
    other = Dataset()
    other.ReferencedSOPInstanceUID, other.ReferencedFrameNumber = OTHER, 1
    made.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence.append(other)


def _no_derivation(made: FileDataset) -> None:
    del made.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence


def _segment_9(made: FileDataset) -> None:
    made.PerFrameFunctionalGroupsSequence[1].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9


FAULTS: dict[str, tuple[Callable[[FileDataset], object], Reason, str]] = {
    "frame 0": (_frame(0), Reason.BAD_HEADER, "mask 1 is for frame 0: DICOM counts frames from 1"),
    "frame -1": (_frame(-1), Reason.BAD_HEADER, "mask 1 is for frame -1"),
    "two frames": (_frame([1, 2]), Reason.BAD_HEADER, "mask 1 names not one frame of one cine"),
    "no frame": (_frame(None), Reason.BAD_HEADER, "mask 1 names not one frame of one cine"),
    "same frame": (_frame(1, at=1), Reason.BAD_HEADER, "two masks of the left ventricle on frame 1 of one cine"),
    "two cines": (_two_sources, Reason.BAD_HEADER, "mask 1 names not one frame of one cine"),
    "no source": (_no_derivation, Reason.BAD_HEADER, "mask 1 names not one frame of one cine"),
    "segment": (_segment_9, Reason.BAD_HEADER, "mask 2 names no segment of the file"),
    "groups": (_set(PerFrameFunctionalGroupsSequence=[]), Reason.BAD_HEADER, "functional groups of 0 frames, and 2"),
    "segments": (_set(SegmentSequence=[]), Reason.BAD_HEADER, "none of its 0 segments"),
    "short": (_set(PixelData=b"\1\2\3\4"), Reason.TRUNCATED, "9 bytes of masks are declared, the file has fewer"),
    "long": (_set(PixelData=b"\1" * 12), Reason.BAD_HEADER, "12 bytes of masks, its size and frames make 9"),
    "rows": (_set(Rows=0), Reason.BAD_HEADER, "0 rows x 7 columns"),
    "huge": (_set(Rows=65535, Columns=65535), Reason.TOO_LARGE, "65535 rows x 65535 columns, limit 4096"),
    "many": (_set(NumberOfFrames=2_000_000), Reason.TOO_LARGE, "2000000 frames, limit 3000"),
    "kind": (_set(SegmentationType="LABELMAP"), Reason.UNSUPPORTED_SYNTAX, "neither BINARY of one bit"),
    "bits": (_set(BitsAllocated=8), Reason.UNSUPPORTED_SYNTAX, "neither BINARY of one bit"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_leaves_a_mask_in_doubt_refuses_the_file(fault: str, tmp_path: Path) -> None:
    change, reason, says = FAULTS[fault]
    made = seg_dataset([Mark(UID, 1, square(1)), Mark(UID, 2, square(2))])
    path = write_seg(tmp_path / "seg.dcm", made, change)
    with pytest.raises(FileRefused) as refused:
        read_segmentation(path, UID)
    outcome = refused.value.outcome
    assert isinstance(outcome, Quarantined)
    assert outcome.reason == reason
    assert says in outcome.detail
    assert not any(secret in outcome.detail for secret in (UID, "4711", "山田"))


def test_a_maximum_that_is_no_fraction_and_compressed_masks_are_refused(tmp_path: Path) -> None:
    made = seg_dataset([Mark(UID, 1, square(1))], "FRACTIONAL")
    del made.MaximumFractionalValue
    with pytest.raises(FileRefused, match="MaximumFractionalValue"):
        read_segmentation(write_seg(tmp_path / "seg.dcm", made))
    made = seg_dataset([Mark(UID, 1, square(1))], "FRACTIONAL")
    made.compress(RLELossless)
    with pytest.raises(FileRefused, match="export it uncompressed"):
        read_segmentation(write_seg(tmp_path / "rle.dcm", made))


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_a_file_cut_anywhere_is_refused_and_nothing_else_is_raised(kind: str, tmp_path: Path) -> None:
    marks = [Mark(UID, frame, square(frame)) for frame in (1, 2, 3)]
    whole = write_seg(tmp_path / "seg.dcm", seg_dataset(marks, kind)).read_bytes()
    padding = 1 if len(marks) * 35 % 2 and kind == "FRACTIONAL" else 0
    cut = tmp_path / "cut.dcm"
    for length in range(1, len(whole) - padding, 7):
        cut.write_bytes(whole[:length])
        with pytest.raises(FileRefused):
            read_segmentation(cut, UID)


def test_bytes_that_are_changed_raise_nothing_but_a_refusal(tmp_path: Path) -> None:
    whole = write_seg(
        tmp_path / "seg.dcm", seg_dataset([Mark(UID, 1, square(1)), Mark(UID, 2, square(2))])
    ).read_bytes()
    spoiled, random = tmp_path / "spoiled.dcm", np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for at in random.integers(132, len(whole), 3):
            content[at] = int(random.integers(0, 256))
        spoiled.write_bytes(content)
        try:
            read_segmentation(spoiled, UID)
        except FileRefused:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("content", [b"no DICOM at all", b"\0" * 200])
def test_what_is_no_segmentation_is_skipped(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    made = seg_dataset([Mark(UID, 1, square(1))])
    cine = write_seg(tmp_path / "us.dcm", made, _set(SOPClassUID=UltrasoundMultiFrameImageStorage))
    for each in (path, cine):
        with pytest.raises(FileRefused) as refused:
            read_segmentation(each)
        assert isinstance(refused.value.outcome, Skipped)
