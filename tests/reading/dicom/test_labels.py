"""Labels that lie: pixel data are read as what they are, or refused with a reason."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import simplejpeg
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_fragments
from pydicom.uid import (
    MPEG4HP41,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
)

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom import read_frames, read_header

Frames = NDArray[np.uint8]
WriteCine = Callable[..., Path]
YBR = {"syntax": JPEGBaseline8Bit, "photometric": "YBR_FULL_422"}


def items(streams: Sequence[bytes]) -> bytes:
    """Encapsulated pixel data of these items alone; pydicom adds the delimiter."""
    even = [stream + b"\0" * (len(stream) % 2) for stream in streams]
    return b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(stream)) + stream for stream in even)


def fragments(path: Path) -> list[bytes]:
    """The items of a file behind its offset table."""
    return list(generate_fragments(pydicom.dcmread(path).PixelData))[1:]


def relabelled(path: Path, syntax: str) -> Path:
    """The same dataset under another transfer syntax of the same encoding."""
    data = path.read_bytes()
    at = data.index(b"\x02\x00\x10\x00UI")
    (length,) = struct.unpack_from("<H", data, at + 6)
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    (group,) = struct.unpack_from("<L", data, 140)
    changed = data[:140] + struct.pack("<L", group + len(value) - length) + data[144 : at + 6]
    path.write_bytes(changed + struct.pack("<H", len(value)) + value + data[at + 8 + length :])
    return path


@pytest.mark.parametrize("count", [6, None, 0, 1, 5])
@pytest.mark.parametrize("parts", [1, 2])
def test_without_an_offset_table_item_all_frames_are_read(
    write_cine: WriteCine, jpegs: list[bytes], count: int | None, parts: int
) -> None:
    whole = write_cine(jpegs, name="whole", **YBR)
    cut = [part for jpeg in jpegs for part in ([jpeg] if parts == 1 else [jpeg[:300], jpeg[300:]])]
    path = write_cine(items(cut), count=count, **YBR)
    assert read_header(path).n_frames == 6
    assert (read_frames(path).pixels == read_frames(whole).pixels).all()


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("count", [6, None])
def test_without_an_offset_table_item_in_other_syntaxes(
    write_cine: WriteCine, frames: Frames, syntax: str, count: int | None
) -> None:
    path = write_cine(items(fragments(write_cine(frames.tobytes(), compress=syntax))), count=count, syntax=syntax)
    assert (read_frames(path).pixels == frames).all()


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, RLELossless])
def test_the_extended_offset_table(write_cine: WriteCine, frames: Frames, jpegs: list[bytes], syntax: str) -> None:
    streams = jpegs if syntax == JPEGBaseline8Bit else fragments(write_cine(frames.tobytes(), compress=syntax))
    data, offsets, lengths = encapsulate_extended(streams)
    given = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    path = write_cine(data, syntax=syntax, photometric="YBR_FULL_422" if syntax == JPEGBaseline8Bit else "RGB", **given)
    assert read_header(path).n_frames == 6


@pytest.mark.parametrize("table", [True, False])
def test_rle_frames_in_two_fragments(write_cine: WriteCine, frames: Frames, table: bool) -> None:
    streams = fragments(write_cine(frames.tobytes(), compress=RLELossless))
    path = write_cine(encapsulate(streams, fragments_per_frame=2, has_bot=table), syntax=RLELossless)
    assert (read_frames(path).pixels == frames).all()


@pytest.mark.parametrize("label", [JPEGExtended12Bit, JPEGLossless, JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_jpeg_baseline_under_another_label(write_cine: WriteCine, jpegs: list[bytes], label: str) -> None:
    right = write_cine(jpegs, name="right", **YBR)
    path = write_cine(jpegs, syntax=label, photometric="YBR_FULL_422")
    header = read_header(path)
    assert header.n_frames == 6
    assert ("transfer_syntax_differs" in header.notes) == (label != JPEGExtended12Bit)
    assert (read_frames(path).pixels == read_frames(right).pixels).all()


@pytest.mark.parametrize("label", [JPEGBaseline8Bit, JPEG2000Lossless, JPEGLSLossless, RLELossless, MPEG4HP41])
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_lossless_frames_under_another_label(write_cine: WriteCine, frames: Frames, syntax: str, label: str) -> None:
    path = relabelled(write_cine(frames.tobytes(), compress=syntax), label)
    assert (read_frames(path).pixels == frames).all()
    assert read_header(path).transfer_syntax_uid.startswith(syntax[:21])


def test_jpeg_lossless_under_the_label_of_baseline(write_cine: WriteCine) -> None:
    source = pydicom.dcmread(str(get_testdata_file("SC_rgb_jpeg_gdcm.dcm", download=False)))
    one = b"".join(list(generate_fragments(source.PixelData))[1:])
    path = write_cine([one] * 2, rows=100, columns=100, count=2, syntax=JPEGBaseline8Bit)
    assert (read_frames(path).pixels == source.pixel_array).all()


@pytest.mark.parametrize("label", [JPEGBaseline8Bit, JPEG2000Lossless, RLELossless, MPEG4HP41])
def test_uncompressed_frames_under_a_compressed_label(write_cine: WriteCine, frames: Frames, label: str) -> None:
    path = relabelled(write_cine(frames.tobytes()), label)
    assert (read_frames(path).pixels == frames).all()
    assert read_header(path).transfer_syntax_uid == ExplicitVRLittleEndian


@pytest.mark.parametrize("label", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_compressed_frames_under_an_uncompressed_label(write_cine: WriteCine, jpegs: list[bytes], label: str) -> None:
    right = write_cine(jpegs, name="right", **YBR)
    path = relabelled(write_cine(jpegs, **YBR), label)
    assert (read_frames(path).pixels == read_frames(right).pixels).all()
    assert read_header(path).transfer_syntax_uid == JPEGBaseline8Bit


@pytest.mark.parametrize(
    ("stored", "label"),
    [(ExplicitVRLittleEndian, ImplicitVRLittleEndian), (ImplicitVRLittleEndian, ExplicitVRLittleEndian)],
)
def test_implicit_for_explicit(write_cine: WriteCine, frames: Frames, stored: str, label: str) -> None:
    path = relabelled(write_cine(frames.tobytes(), syntax=stored), label)
    assert read_header(path).patient_id == "0001234"
    assert (read_frames(path).pixels == frames).all()


@pytest.mark.parametrize("before", [b"", b"\0\0", b"junk" * 8])
@pytest.mark.parametrize("fill", [b"", b"\0", b"\0" * 2, b"\0" * 300, b"\xff" * 2, b"\xff" * 33, b" " * 40])
@pytest.mark.parametrize("after", [b"", b"\0" * 3, b"\xff" * 8, b"trailer"])
def test_stray_bytes_around_a_jpeg(
    write_cine: WriteCine, jpegs: list[bytes], before: bytes, fill: bytes, after: bytes
) -> None:
    whole = read_frames(write_cine(jpegs, name="whole", **YBR)).pixels
    path = write_cine([before + jpeg[:-2] + fill + jpeg[-2:] + after for jpeg in jpegs], **YBR)
    assert read_header(path).n_frames == 6
    assert (read_frames(path).pixels == whole).all()


@pytest.mark.parametrize("after", [b"", b"\0", b"\0" * 64])
@pytest.mark.parametrize("which", [{0}, {3}, set(range(6))])
def test_a_jpeg_without_its_end_mark(write_cine: WriteCine, jpegs: list[bytes], after: bytes, which: set[int]) -> None:
    whole = read_frames(write_cine(jpegs, name="whole", **YBR)).pixels
    path = write_cine([jpeg[:-2] + after if i in which else jpeg for i, jpeg in enumerate(jpegs)], **YBR)
    assert read_header(path).n_frames == 6
    assert (read_frames(path).pixels == whole).all()


def test_stray_bytes_between_markers(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    whole = read_frames(write_cine(jpegs, name="whole", **YBR)).pixels
    strayed = [jpeg.replace(b"\xff\xc4", b"\x12\x34\x56\xff\xc4", 1) for jpeg in jpegs]
    assert strayed != jpegs
    assert (read_frames(write_cine(strayed, **YBR)).pixels == whole).all()


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("kind", ["cut", "cut, EOI kept", "zeros", "zeros, EOI kept"])
def test_half_a_jpeg_is_refused_whichever_frame_it_is(
    write_cine: WriteCine, jpegs: list[bytes], number: int, kind: str
) -> None:
    """Also one that no clip takes: the header stage says so."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (6, 48, 64, 3), np.uint8)
    streams = [simplejpeg.encode_jpeg(frame, quality=80) for frame in noise]
    half = streams[number][: len(streams[number]) * 6 // 10]
    rest = bytes(len(streams[number]) - len(half) - 2)
    streams[number] = {
        "cut": half,
        "cut, EOI kept": half + b"\xff\xd9",
        "zeros": half + rest,
        "zeros, EOI kept": half + rest + b"\xff\xd9",
    }[kind]
    path = write_cine(streams, **YBR)
    with pytest.raises(FileRefused, match="DECODE_FAILED"):
        read_frames(path)
    with pytest.raises(FileRefused, match="DECODE_FAILED"):
        read_header(path)


# one of JPEG-LS: CharLS takes five seconds over half of some frames before it says that they are damaged
@pytest.mark.parametrize(
    ("syntax", "number"),
    [*((syntax, number) for syntax in (JPEG2000Lossless, RLELossless) for number in (0, 1, 4)), (JPEGLSLossless, 5)],
)
def test_half_a_lossless_frame_is_refused(write_cine: WriteCine, syntax: str, number: int) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (6, 48, 64, 3), np.uint8)
    streams = fragments(write_cine(noise.tobytes(), compress=syntax))
    streams[number] = streams[number][: len(streams[number]) // 2]
    with pytest.raises(FileRefused, match="DECODE_FAILED"):
        read_header(write_cine(streams, syntax=syntax))


def test_damaged_tables_of_one_frame(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    """libjpeg has no word for another quantisation; the other frames have."""
    at = jpegs[2].index(b"\xff\xdb") + 8
    damaged = [*jpegs]
    damaged[2] = jpegs[2][:at] + bytes([jpegs[2][at] ^ 0x40]) + jpegs[2][at + 1 :]
    with pytest.raises(FileRefused, match="tables of a JPEG frame are damaged"):
        read_header(write_cine(damaged, **YBR))
    qualities = [simplejpeg.encode_jpeg(read_frames(write_cine(jpegs, **YBR)).pixels[i], 60 + 5 * i) for i in range(6)]
    assert read_header(write_cine(qualities, **YBR)).n_frames == 6  # an encoder that changes its quality


def test_huffman_tables_made_anew_for_each_frame(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    """So does every encoder of lossless JPEG: two symbols change places, or others are there, in several frames."""
    pictures = read_frames(write_cine(jpegs, **YBR)).pixels
    rarest = b"\xf9\xfa"  # of the AC table of luminance: no frame here needs them
    assert all(stream.count(rarest) for stream in jpegs)
    exchanged = [stream.replace(rarest, b"\xfa\xf9") for stream in jpegs]
    others = [stream.replace(rarest, b"\xf9\xff") for stream in jpegs]
    for streams in (
        [exchanged[0], *jpegs[1:]],
        [*exchanged[:2], *jpegs[2:]],
        [*others[:2], *jpegs[2:]],
        [others[0], *exchanged[1:3], *jpegs[3:]],
    ):
        path = write_cine(streams, **YBR)
        assert read_header(path).n_frames == 6
        assert (read_frames(path).pixels == pictures).all()
    with pytest.raises(FileRefused, match="tables of a JPEG frame are damaged"):
        read_header(write_cine([others[0], *jpegs[1:]], **YBR))


@pytest.mark.parametrize("left_over", [b"\x12", b"\x12\x34", b"\x5a" * 7, b"\x5a" * 40])
def test_a_scan_that_leaves_bytes_over_is_refused(write_cine: WriteCine, jpegs: list[bytes], left_over: bytes) -> None:
    """So does one that a flipped bit put out of step. libjpeg is silent up to 8 bytes."""
    path = write_cine([jpegs[0][:-2] + left_over + jpegs[0][-2:], *jpegs[1:]], **YBR)
    with pytest.raises(FileRefused, match="a JPEG frame is damaged"):
        read_frames(path, [0])


def test_scans_that_lack_a_component_are_refused(write_cine: WriteCine, frames: Frames) -> None:
    """libjpeg shows what is missing as grey, without a warning."""
    from io import BytesIO

    from PIL import Image

    streams = []
    for frame in frames:
        file = BytesIO()
        Image.fromarray(frame).save(file, "JPEG", progressive=True)
        streams.append(file.getvalue())
    assert len(read_frames(write_cine(streams, **YBR)).pixels) == 6
    cut = [stream[: stream.rindex(b"\xff\xda")] for stream in streams]
    with pytest.raises(FileRefused, match="DECODE_FAILED"):
        read_frames(write_cine(cut, **YBR))


def refusal(path: Path) -> Quarantined:
    with pytest.raises(FileRefused) as refused:
        read_header(path)
    assert isinstance(refused.value.outcome, Quarantined)
    return refused.value.outcome


@pytest.mark.parametrize(
    "lie",
    [{"rows": 47}, {"columns": 63}, {"rows": 24}, {"columns": 32}, {"rows": 16}, {"photometric": "MONOCHROME2"}],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_pixels_that_are_no_whole_number_of_the_declared_frames(
    write_cine: WriteCine, frames: Frames, syntax: str, lie: dict[str, Any]
) -> None:
    assert refusal(write_cine(frames.tobytes(), syntax=syntax, **lie)).reason == Reason.BAD_HEADER


def test_a_padding_byte_is_no_remainder(write_cine: WriteCine, frames: Frames) -> None:
    odd = np.ascontiguousarray(frames[:5, :47, :63, 0])
    path = write_cine(odd.tobytes() + b"\0", rows=47, columns=63, count=5, photometric="MONOCHROME2")
    assert (read_frames(path).pixels[..., 0] == odd).all()


@pytest.mark.parametrize("taken", [-13, -1, 1, 7, 40])
@pytest.mark.parametrize("frame", [0, 2, 5])
@pytest.mark.parametrize("trailer", [0, 200])
def test_bytes_put_into_or_taken_out_of_native_pixels(
    write_cine: WriteCine, taken: int, frame: int, trailer: int
) -> None:
    """Negative: taken out."""
    rng = np.random.default_rng(3)
    pixels = np.repeat(rng.integers(20, 220, (1, 96, 128), np.uint8), 6, axis=0)
    padding = {"DataSetTrailingPadding": bytes(trailer)} if trailer else {}
    path = write_cine(pixels.tobytes(), rows=96, columns=128, photometric="MONOCHROME2", **padding)
    assert read_header(path).n_frames == 6
    data = path.read_bytes()
    at = data.index(pixels[0].tobytes()) + frame * 96 * 128 + 4000
    path.write_bytes(data[:at] + rng.bytes(taken) + data[at:] if taken > 0 else data[:at] + data[at - taken :])
    assert refusal(path).reason in (Reason.BAD_HEADER, Reason.TRUNCATED)


def grey(write_cine: WriteCine, stored: NDArray[Any], bits: int, **given: Any) -> Frames:
    """The first channel of stored 16-bit samples, as shown."""
    given = {"BitsAllocated": 16, "BitsStored": bits, "HighBit": bits - 1, "photometric": "MONOCHROME2"} | given
    return read_frames(write_cine(stored.tobytes(), **given)).pixels[..., 0]


@pytest.fixture
def ramp(frames: Frames) -> Frames:
    """(6, 48, 64) grey from 0 to 255."""
    x = np.arange(64)
    return np.broadcast_to((x * 255 // 63).astype(np.uint8), (6, 48, 64)).copy()


BITS = [10, 12, 16]
TOP = 700  # below an eighth of what 12 and 16 bits hold


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SmallestImagePixelValue": 0, "LargestImagePixelValue": TOP},
        {"SmallestImagePixelValue": 0, "LargestImagePixelValue": 65535},
        {"SmallestImagePixelValue": 0, "LargestImagePixelValue": 0},
        {"WindowCenter": 350, "WindowWidth": 0},
        {"WindowCenter": 350, "WindowWidth": 1},
        {"WindowCenter": 32768, "WindowWidth": 65536},
        {"WindowCenter": 0, "WindowWidth": 1},
        {"WindowCenter": -5000, "WindowWidth": 100},
        {"WindowCenter": 350.5, "WindowWidth": 701},
        {"WindowCenter": [350, 350.5], "WindowWidth": [0, 701]},
        {"WindowCenter": [350.5, 9000], "WindowWidth": [701, 10]},
        {"WindowCenter": 350, "WindowWidth": 700, "VOILUTFunction": "LINEAR_EXACT"},
        {"RescaleSlope": 2, "RescaleIntercept": -100},
        {"RescaleSlope": 0, "RescaleIntercept": 0},
        {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 600.5, "WindowWidth": 1401},
    ],
)
def test_deep_grey_is_never_black(write_cine: WriteCine, ramp: Frames, bits: int, given: dict[str, Any]) -> None:
    stored = (ramp.astype(np.uint32) * TOP // 255).astype("<u2")
    shown = grey(write_cine, stored, bits, **given)
    if bits == 10 and shown.max() < 255:  # no window that shows anything, and the full range is used: shown as stored
        assert np.abs(shown.astype(int) - ramp * (TOP / 1023)).max() <= 1
    else:
        assert np.abs(shown.astype(int) - ramp).max() <= 1


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("compress", ["", RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_deep_grey_of_every_syntax(write_cine: WriteCine, ramp: Frames, photometric: str, compress: str) -> None:
    stored = (ramp.astype(np.uint32) * TOP // 255).astype("<u2")
    shown = grey(write_cine, stored, 16, photometric=photometric, compress=compress)
    assert np.abs(shown.astype(int) - (ramp if photometric == "MONOCHROME2" else 255 - ramp)).max() <= 1


@pytest.mark.parametrize(("bits", "high"), [(12, 15), (12, 13), (10, 15), (10, 11), (14, 15)])
def test_high_bit_says_where_the_value_is(write_cine: WriteCine, ramp: Frames, bits: int, high: int) -> None:
    value = ramp.astype("<u2") << (bits - 8)
    shift = high + 1 - bits
    shown = grey(write_cine, value << shift, bits, HighBit=high)
    assert np.abs(shown.astype(int) - ramp).max() <= 1
    assert np.abs(grey(write_cine, value, bits, HighBit=high).astype(int) - ramp).max() <= 1  # it is not there


@pytest.mark.parametrize(("bits", "high"), [(12, 11), (10, 9), (8, 7)])
def test_values_above_bits_stored_do_not_wrap_round(write_cine: WriteCine, ramp: Frames, bits: int, high: int) -> None:
    shown = grey(write_cine, ramp.astype("<u2") * 257, bits, HighBit=high)
    assert np.abs(shown.astype(int) - ramp).max() <= 1


def test_an_overlay_above_the_value_is_not_shown(write_cine: WriteCine, ramp: Frames) -> None:
    stored = (ramp.astype("<u2") << 4) | np.where(ramp % 3 == 0, 0x8000, 0).astype("<u2")
    path = write_cine(
        stored.tobytes(), photometric="MONOCHROME2", BitsAllocated=16, BitsStored=12, HighBit=11
    )  # fmt: skip
    dataset = pydicom.dcmread(path)
    dataset.add_new(0x60000102, "US", 15)
    dataset.save_as(path)
    assert np.abs(read_frames(path).pixels[..., 0].astype(int) - ramp).max() <= 1


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("given", [{}, {"WindowCenter": 0, "WindowWidth": 701}])
def test_signed_grey(write_cine: WriteCine, ramp: Frames, bits: int, given: dict[str, Any]) -> None:
    value = (ramp.astype(int) * TOP // 255 - TOP // 2).astype("<i2")
    shown = grey(write_cine, value, bits, PixelRepresentation=1, **given)
    if bits == 10 and not given:
        assert shown.max() - shown.min() > 150
    else:
        assert np.abs(shown.astype(int) - ramp).max() <= 1
    masked = (value.view("<u2") & ((1 << bits) - 1)).astype("<u2")  # as some write it: no sign above
    assert (grey(write_cine, masked, bits, PixelRepresentation=1, **given) == shown).all()


def test_the_voi_lut_where_there_is_no_window(write_cine: WriteCine, ramp: Frames) -> None:
    item = Dataset()
    item.LUTDescriptor = [TOP + 1, 0, 8]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "OW", (255 - np.arange(TOP + 1) * 255 // TOP).astype("<u2").tobytes())
    stored = (ramp.astype(np.uint32) * TOP // 255).astype("<u2")
    shown = grey(write_cine, stored, 16, VOILUTSequence=[item])
    assert np.abs(shown.astype(int) - (255 - ramp)).max() <= 2
    item.LUTDescriptor = [9, 0, 8]
    item["LUTData"].value = b"\0\0"
    assert np.abs(grey(write_cine, stored, 16, VOILUTSequence=[item]).astype(int) - ramp).max() <= 1


def test_a_burnt_in_text_does_not_make_the_picture_black(write_cine: WriteCine, ramp: Frames) -> None:
    stored = (ramp.astype(np.uint32) * TOP // 255).astype("<u2")
    stored[:, 0, :20] = 65535
    shown = grey(write_cine, stored, 16)
    assert np.abs(shown[:, 1:].astype(int) - ramp[:, 1:]).max() <= 8


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("label", [12, 16, 10])
@pytest.mark.parametrize("window", [False, True])
def test_the_depth_of_the_stream_against_its_label(
    write_cine: WriteCine, ramp: Frames, syntax: str, label: int, window: bool
) -> None:
    """A stream of 12 bits, whatever BitsStored says."""
    given: dict[str, Any] = {"WindowCenter": 2048, "WindowWidth": 4096} if window else {}
    stored = ramp.astype("<u2") * 16
    path = write_cine(
        stored.tobytes(), compress=syntax, photometric="MONOCHROME2", BitsAllocated=16, BitsStored=12, HighBit=11,
        **given,
    )  # fmt: skip
    dataset = pydicom.dcmread(path)
    dataset.BitsStored, dataset.HighBit = label, label - 1
    dataset.save_as(path)
    assert np.abs(read_frames(path).pixels[..., 0].astype(int) - ramp).max() <= 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.save_as(path)
    assert np.abs(read_frames(path).pixels[..., 0].astype(int) - ramp).max() <= 1


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_stream_of_8_bits_in_a_label_of_16(write_cine: WriteCine, ramp: Frames, syntax: str) -> None:
    path = write_cine(ramp.tobytes(), compress=syntax, photometric="MONOCHROME2")
    dataset = pydicom.dcmread(path)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.save_as(path)
    assert (read_frames(path).pixels[..., 0] == ramp).all()


def test_colour_of_8_bits_in_containers_of_16(write_cine: WriteCine, frames: Frames) -> None:
    given = {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
    assert (read_frames(write_cine(frames.astype("<u2").tobytes(), **given)).pixels == frames).all()
    given = {"BitsAllocated": 16, "BitsStored": 8, "HighBit": 7}
    assert (read_frames(write_cine(frames.astype("<u2").tobytes(), **given)).pixels == frames).all()
    given = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 15}
    shifted = frames.astype("<u2") << 8
    assert (read_frames(write_cine(shifted.tobytes(), **given)).pixels == frames).all()
