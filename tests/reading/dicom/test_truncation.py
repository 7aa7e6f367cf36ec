"""A cut cine is never taken for a whole one, and frames are counted, not believed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom import read_frames, read_header

Frames = NDArray[np.uint8]
WriteCine = Callable[..., Path]


def refusal(path: Path) -> Skipped | Quarantined:
    with pytest.raises(FileRefused) as refused:
        read_header(path)
    return refused.value.outcome


@pytest.fixture
def real_cine() -> bytes:
    path = get_testdata_file("examples_ybr_color.dcm", download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


@pytest.mark.parametrize("percent", [5, 10, 30, 50, 90, 99.9])
def test_the_real_cine_cut_at(real_cine: bytes, tmp_path: Path, percent: float) -> None:
    path = tmp_path / "IM"
    path.write_bytes(real_cine[: int(len(real_cine) * percent / 100)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "PixelData" not in pydicom.dcmread(path)  # the trap: no error from pydicom
    assert refusal(path).reason == Reason.TRUNCATED
    with pytest.raises(FileRefused):
        read_frames(path)


def test_cut_at_every_percent_of_five_syntaxes(
    write_cine: WriteCine, frames: Frames, jpegs: list[bytes], tmp_path: Path
) -> None:
    whole = {
        "jpeg": write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422", name="jpeg"),
        "rle": write_cine(frames.tobytes(), compress=RLELossless, name="rle"),
        "j2k": write_cine(frames.tobytes(), compress=JPEG2000Lossless, name="j2k"),
        "explicit": write_cine(frames.tobytes(), name="explicit"),
        "implicit": write_cine(frames.tobytes(), syntax="1.2.840.10008.1.2", name="implicit"),
    }
    cut = tmp_path / "cut"
    for path in whole.values():
        assert read_header(path).n_frames == 6
        data = path.read_bytes()
        for percent in range(100):
            cut.write_bytes(data[: len(data) * percent // 100])
            outcome = refusal(cut)
            assert outcome.reason in (Reason.TRUNCATED, Reason.EMPTY, Reason.NOT_AN_IMAGE), (percent, outcome)
            assert outcome.reason == Reason.TRUNCATED or len(data) * percent // 100 <= 132


def test_the_last_byte_counts(write_cine: WriteCine, jpegs: list[bytes], last_item_delimiter: bytes) -> None:
    path = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    data = path.read_bytes()
    assert data.endswith(last_item_delimiter)
    path.write_bytes(data[:-8])
    assert refusal(path) == Quarantined(Reason.TRUNCATED, "pixel data end without a sequence delimiter")


def test_trailing_nuls_are_fine(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    path = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert read_header(path).n_frames == 6


def test_an_element_cut_after_the_pixel_data(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    path = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422", DataSetTrailingPadding=bytes(200))
    assert read_header(path).n_frames == 6
    path.write_bytes(path.read_bytes()[:-50])
    assert refusal(path).reason == Reason.TRUNCATED


@pytest.mark.parametrize("slack", [b"\xff" * 300, b"viewer 1.0 " * 30, bytes(range(1, 256))])
def test_what_is_no_element_after_the_pixel_data_is_no_cut(
    write_cine: WriteCine, jpegs: list[bytes], frames: Frames, slack: bytes
) -> None:
    """The rest of a disk's last block, as recovered files have it."""
    given = {"syntax": JPEGBaseline8Bit, "photometric": "YBR_FULL_422", "name": "IM_0002"}
    for path in (write_cine(frames.tobytes()), write_cine(jpegs, **given)):
        path.write_bytes(path.read_bytes() + slack)
        assert read_header(path).n_frames == 6


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_an_element_cut_after_uncompressed_pixel_data(write_cine: WriteCine, frames: Frames, syntax: str) -> None:
    path = write_cine(frames.tobytes(), syntax=syntax, DataSetTrailingPadding=bytes(200))
    assert read_header(path).n_frames == 6
    path.write_bytes(path.read_bytes()[:-50])
    assert refusal(path).reason == Reason.TRUNCATED


@pytest.mark.parametrize("declared", [None, 0, 1, 5])
def test_more_frames_stored_than_declared_are_all_read(
    write_cine: WriteCine, jpegs: list[bytes], frames: Frames, declared: int | None
) -> None:
    path = write_cine(jpegs, count=declared, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    header = read_header(path)
    assert header.n_frames == 6
    assert "frame_count_differs" in header.notes
    assert len(read_frames(path).pixels) == 6
    path = write_cine(frames.tobytes(), count=declared, name="native")
    assert read_header(path).n_frames == 6


@pytest.mark.parametrize("compress", ["", RLELossless])
def test_fewer_frames_stored_than_declared(write_cine: WriteCine, frames: Frames, compress: str) -> None:
    path = write_cine(frames.tobytes(), compress=compress)
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = 7
    dataset.save_as(path)
    assert refusal(path) == Quarantined(Reason.TRUNCATED, "7 frames declared, 6 stored")


@pytest.mark.parametrize("table", [True, False])
def test_a_frame_in_several_fragments_is_one_frame(write_cine: WriteCine, jpegs: list[bytes], table: bool) -> None:
    pixels = encapsulate([*jpegs], fragments_per_frame=3, has_bot=table)
    path = write_cine(pixels, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    assert read_header(path).n_frames == 6
    whole = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422", name="whole")
    assert (read_frames(path).pixels == read_frames(whole).pixels).all()


def test_an_offset_table_that_lies_is_not_followed(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    pixels = bytearray(encapsulate(jpegs, has_bot=True))
    pixels[12:16] = (99999).to_bytes(4, "little")  # the second frame's offset
    path = write_cine(bytes(pixels), syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    assert read_header(path).n_frames == 6


def test_a_damaged_jpeg_is_seen_or_decodes(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    """pydicom decodes it without an error; here the decoder's complaint about the data counts."""
    broken = bytearray(jpegs[0])
    middle = len(broken) * 3 // 4
    broken[middle : middle + 40] = bytes(40)
    path = write_cine([bytes(broken), *jpegs[1:]], syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    with pytest.raises(FileRefused) as refused:
        read_frames(path)
    assert refused.value.outcome.reason == Reason.DECODE_FAILED


def test_no_pixel_data_at_all(write_cine: WriteCine) -> None:
    assert refusal(write_cine(None)) == Quarantined(Reason.TRUNCATED, "the file ends before its pixel data")


def test_items_without_a_byte_of_pixels(write_cine: WriteCine) -> None:
    empty = b"\xfe\xff\x00\xe0" + bytes(4)
    path = write_cine(empty * 2, count=1, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    assert refusal(path).reason == Reason.TRUNCATED


def test_fragments_shorter_than_what_tells_a_codestream(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    """Frames in fragments of 2 bytes and the rest, with an empty offset table (PS3.5 A.4 permits any even length)."""
    items = [b"\xfe\xff\x00\xe0" + bytes(4)]
    for jpeg in jpegs:
        even = jpeg + bytes(len(jpeg) % 2)
        for part in (even[:2], even[2:]):
            items.append(b"\xfe\xff\x00\xe0" + len(part).to_bytes(4, "little") + part)
    path = write_cine(b"".join(items), syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    whole = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422", name="whole")
    assert (read_frames(path).pixels == read_frames(whole).pixels).all()
