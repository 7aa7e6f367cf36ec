"""Frames of every transfer syntax and colour model equal pydicom's own correct RGB, or what was put in."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pydicom
import pytest
import simplejpeg
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_fragments
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    MPEG2MPML,
    MPEG4HP41,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom import is_green, open_cine, read_frames, read_header

Frames = NDArray[np.uint8]
WriteCine = Callable[..., Path]

SHIPPED = [
    "examples_ybr_color.dcm",
    "examples_rgb_color.dcm",
    "examples_jpeg2k.dcm",
    "ExplVR_BigEnd.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "JPEGLSNearLossless_08.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_jpeg_no_color_transform_2.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "SC_rgb_dcmtk_+eb+cy+n1.dcm",
    "SC_rgb_dcmtk_+eb+cy+n2.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_gdcm_KY.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jls_lossy_sample.dcm",
    "SC_rgb_jpeg_app14_dcmd.dcm",
    "SC_rgb_jpeg_dcmd.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
]


def shipped(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom no longer ships {name}"
    return Path(path)


def assert_same(ours: Frames, theirs: Frames) -> None:
    """Four grey levels at most, 0.1 on average: what two JPEG decoders may differ by."""
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert ours.shape == theirs.shape
    assert difference.max() <= 4
    assert difference.mean() <= 0.1


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_equal_pydicom(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's remarks on its own odd files
        baseline = pydicom.dcmread(shipped(name)).file_meta.TransferSyntaxUID == JPEGBaseline8Bit
        theirs = pixel_array(shipped(name), decoding_plugin="pillow" if baseline else "")
    ours = read_frames(shipped(name)).pixels
    if theirs.ndim == 2:
        theirs = np.repeat(theirs[..., None], 3, axis=-1)
    assert_same(ours, theirs.reshape(ours.shape))


@pytest.mark.parametrize("plugin", ["pillow", "pylibjpeg"])
def test_the_cine_equals_both_jpeg_decoders_of_pydicom(plugin: str) -> None:
    path = shipped("examples_ybr_color.dcm")
    assert_same(read_frames(path).pixels, pixel_array(path, decoding_plugin=plugin))


def test_only_the_asked_frames_are_decoded(write_cine: WriteCine, jpegs: list[bytes], frames: Frames) -> None:
    broken = [jpegs[0], jpegs[1][:200], jpegs[2], jpegs[3][:200], jpegs[4], jpegs[5]]
    path = write_cine(broken, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    picked = read_frames(path, [0, 2, 4]).pixels
    assert picked.shape == (3, 48, 64, 3)
    assert np.abs(picked.astype(int) - frames[[0, 2, 4]]).max() < 30
    with pytest.raises(FileRefused) as refused:
        read_frames(path)
    assert refused.value.outcome.reason == Reason.DECODE_FAILED


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "YBR_ICT", "YBR_PARTIAL_420", "RGB"])
@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
def test_jpeg_baseline_whatever_its_label(
    write_cine: WriteCine, frames: Frames, photometric: str, subsampling: str
) -> None:
    jpegs = [simplejpeg.encode_jpeg(f, quality=95, colorspace="RGB", colorsubsampling=subsampling) for f in frames]
    path = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric=photometric)
    ours = read_frames(path).pixels
    truth = np.stack([simplejpeg.decode_jpeg(jpeg) for jpeg in jpegs])
    assert_same(ours, truth)
    assert not is_green(ours[0])


def test_pydicom_leaves_a_mislabelled_jpeg_in_ycbcr_and_we_do_not(
    write_cine: WriteCine, jpegs: list[bytes], frames: Frames
) -> None:
    path = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="YBR_ICT")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pixel_array(path, decoding_plugin="pillow")
    assert np.abs(theirs.astype(int) - frames).mean() > 20  # the trap
    assert np.abs(read_frames(path).pixels.astype(int) - frames).mean() < 3


@pytest.mark.parametrize("marker", ["none", "adobe 0", "adobe 1"])
def test_rgb_jpeg_with_and_without_adobe_marker(write_cine: WriteCine, frames: Frames, marker: str) -> None:
    """A stream whose components are R, G, B themselves: only an Adobe marker, or the label, can say so."""
    planes = [frames[..., c] for c in range(3)]
    stored = np.stack(planes, axis=-1)
    jpegs = []
    for frame in stored:
        # encode the channels as if they were Y, Cb, Cr: then no colour transform has taken place
        y, cb, cr = (np.ascontiguousarray(frame[..., c]) for c in range(3))
        jpeg = simplejpeg.encode_jpeg_yuv_planes(y, cb, cr, quality=95)
        jpegs.append(_without_jfif(jpeg, marker))
    if marker == "adobe 1":  # says YCbCr although the label says RGB: the stream is believed
        truth = np.stack([np.asarray(convert_color_space(f, "YBR_FULL", "RGB")) for f in frames])
    else:
        truth = frames
    path = write_cine(jpegs, syntax=JPEGBaseline8Bit, photometric="RGB")
    assert np.abs(read_frames(path).pixels.astype(int) - truth).mean() < 3


def _without_jfif(jpeg: bytes, marker: str) -> bytes:
    assert jpeg[2:4] == b"\xff\xe0"
    (length,) = struct.unpack(">H", jpeg[4:6])
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([int(marker[-1])]) if marker != "none" else b""
    return jpeg[:2] + adobe + jpeg[4 + length :]


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless, JPEGLSLossless])
@pytest.mark.parametrize("photometric", ["RGB", "MONOCHROME2"])
def test_lossless_syntaxes_give_back_what_was_put_in(
    write_cine: WriteCine, frames: Frames, syntax: str, photometric: str
) -> None:
    stored = frames if photometric == "RGB" else np.ascontiguousarray(frames[..., 0])
    path = write_cine(stored.tobytes(), photometric=photometric, compress=syntax)
    ours = read_frames(path).pixels
    assert (ours == (frames if photometric == "RGB" else np.repeat(stored[..., None], 3, -1))).all()
    assert read_header(path).n_frames == 6


def test_jpeg_2000_is_rgb_where_its_stream_says_so(write_cine: WriteCine, frames: Frames) -> None:
    """The codec undoes the component transform (MCT): a label of YBR_FULL must not convert a second time."""
    path = write_cine(frames.tobytes(), photometric="YBR_RCT", compress=JPEG2000Lossless)
    assert (read_frames(path).pixels == frames).all()
    dataset = pydicom.dcmread(path)
    dataset.PhotometricInterpretation = "YBR_FULL"
    dataset.save_as(path)
    assert (read_frames(path).pixels == frames).all()


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless])
def test_a_codestream_gives_pixels_whatever_planar_configuration_says(
    write_cine: WriteCine, frames: Frames, syntax: str
) -> None:
    """A label left over from before the compression; pydicom 3.0.2 shuffles the picture by it."""
    if syntax == JPEGLosslessSV1:  # nobody here encodes it
        source = pydicom.dcmread(shipped("SC_rgb_jpeg_gdcm.dcm"))
        frames = pixel_array(source)[None]
        one = b"".join(list(generate_fragments(source.PixelData))[1:])
        path = write_cine([one], rows=100, columns=100, count=1, syntax=syntax)
    else:
        path = write_cine(frames.tobytes(), compress=syntax)
    dataset = pydicom.dcmread(path)
    dataset.PlanarConfiguration = 1
    dataset.save_as(path)
    assert (read_frames(path).pixels == frames).all()


def test_multi_frame_jpeg_lossless(write_cine: WriteCine) -> None:
    """.70: nobody here encodes it, so pydicom's own frame is taken three times."""
    source = pydicom.dcmread(shipped("SC_rgb_jpeg_gdcm.dcm"))
    one = b"".join(list(generate_fragments(source.PixelData))[1:])
    path = write_cine([one] * 3, rows=100, columns=100, count=3, syntax=JPEGLosslessSV1)
    ours = read_frames(path).pixels
    assert (ours == pixel_array(shipped("SC_rgb_jpeg_gdcm.dcm"))[None]).all()
    assert len(ours) == 3


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, "1.2.840.10008.1.2.1"])
@pytest.mark.parametrize("planar", [0, 1])
def test_uncompressed_rgb(write_cine: WriteCine, frames: Frames, syntax: str, planar: int) -> None:
    stored = np.moveaxis(frames, -1, 1) if planar else frames
    path = write_cine(np.ascontiguousarray(stored).tobytes(), syntax=syntax, PlanarConfiguration=planar)
    assert (read_frames(path).pixels == frames).all()
    assert (read_frames(path, [1, 4]).pixels == frames[[1, 4]]).all()


def test_uncompressed_ybr_full_and_422(write_cine: WriteCine, frames: Frames) -> None:
    ybr = np.stack([convert_color_space(f, "RGB", "YBR_FULL") for f in frames])
    full = read_frames(write_cine(ybr.tobytes(), photometric="YBR_FULL")).pixels
    assert_same(full, pixel_array(write_cine(ybr.tobytes(), photometric="YBR_FULL")))
    pairs = np.concatenate([ybr[:, :, 0::2, :1], ybr[:, :, 1::2, :1], ybr[:, :, 0::2, 1:]], axis=-1)
    path = write_cine(pairs.tobytes(), photometric="YBR_FULL_422", name="IM_0002")
    assert_same(read_frames(path).pixels, pixel_array(path))


@pytest.mark.parametrize("count", [5, 1, 0, None])
def test_422_pairs_under_a_wrong_number_of_frames(write_cine: WriteCine, frames: Frames, count: int | None) -> None:
    """Six frames of two samples a pixel are not four of three."""
    ybr = np.stack([convert_color_space(f, "RGB", "YBR_FULL") for f in frames])
    pairs = np.concatenate([ybr[:, :, 0::2, :1], ybr[:, :, 1::2, :1], ybr[:, :, 0::2, 1:]], axis=-1)
    truth = pixel_array(write_cine(pairs.tobytes(), photometric="YBR_FULL_422"))
    path = write_cine(pairs.tobytes(), photometric="YBR_FULL_422", count=count, name="IM_0002")
    assert_same(read_frames(path).pixels, truth)


@pytest.mark.parametrize("count", [5, 3, 1, 0, None])
def test_three_samples_a_pixel_labelled_422(write_cine: WriteCine, frames: Frames, count: int | None) -> None:
    """pydicom refuses them; their length tells them."""
    ybr = np.stack([convert_color_space(f, "RGB", "YBR_FULL") for f in frames[:5]])
    truth = pixel_array(write_cine(ybr.tobytes(), count=5, photometric="YBR_FULL"))
    path = write_cine(ybr.tobytes(), count=count, photometric="YBR_FULL_422", name="IM_0002")
    assert_same(read_frames(path).pixels, truth)


def test_pairs_of_an_odd_number_of_pixels_are_refused(write_cine: WriteCine) -> None:
    """PS3.3 section C.7.6.3.1.2: an even number of columns; pydicom makes up the last pixel."""
    path = write_cine(bytes(47 * 63 * 2 * 6), rows=47, columns=63, photometric="YBR_FULL_422")
    with pytest.raises(FileRefused, match="odd number of pixels"):
        read_frames(path)


def test_big_endian_16_bit_grey(write_cine: WriteCine, frames: Frames) -> None:
    deep = (frames[..., 0].astype("u2") * 256).astype(">u2")
    path = write_cine(
        deep.tobytes(),
        syntax=ExplicitVRBigEndian,
        photometric="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
    )
    ours = read_frames(path).pixels
    assert np.abs(ours[..., 0].astype(int) - frames[..., 0]).max() <= 1


def test_big_endian_pairs_that_straddle_frames_are_refused(write_cine: WriteCine, frames: Frames) -> None:
    """8-bit words of an even frame size are read right; of an odd one, frames would come out shifted by a byte."""
    grey = np.ascontiguousarray(frames[..., 0])
    even = grey.tobytes()
    swapped = np.frombuffer(even, "<u2").byteswap().tobytes()
    given = {"syntax": ExplicitVRBigEndian, "photometric": "MONOCHROME2", "vr": "OW"}
    assert (read_frames(write_cine(swapped, **given)).pixels[..., 0] == grey).all()
    odd = np.ascontiguousarray(grey[:, :47, :63]).tobytes()  # 6 x 2,961 bytes
    path = write_cine(np.frombuffer(odd, "<u2").byteswap().tobytes(), rows=47, columns=63, name="IM_0002", **given)
    with pytest.raises(FileRefused, match="odd number of bytes"):
        read_frames(path)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_grey_cine_is_repeated_to_three_channels(write_cine: WriteCine, frames: Frames, photometric: str) -> None:
    grey = np.ascontiguousarray(frames[..., 1])
    ours = read_frames(write_cine(grey.tobytes(), photometric=photometric)).pixels
    assert (ours == np.repeat((grey if photometric == "MONOCHROME2" else 255 - grey)[..., None], 3, -1)).all()


def test_the_window_applies_to_deep_grey(write_cine: WriteCine) -> None:
    deep = np.array([0, 900, 1000, 1100, 2000, 4095] * 512, "<u2").reshape(1, 48, 64)
    path = write_cine(
        deep.tobytes(), count=1, photometric="MONOCHROME2", BitsAllocated=16, BitsStored=12, HighBit=11,
        WindowCenter="1000", WindowWidth="201",
    )  # fmt: skip
    assert read_frames(path).pixels[0, 0, :6, 0].tolist() == [0, 1, 128, 255, 255, 255]


CHANNELS = ("Red", "Green", "Blue")


def palette(bits: int) -> dict[str, Any]:
    ramp = np.arange(256)
    tables = {"Red": ramp, "Green": 255 - ramp, "Blue": (ramp * 3) % 256}
    values: dict[str, Any] = {}
    for name, table in tables.items():
        values[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        data = table.astype("<u2") * 256 if bits == 16 else table.astype("u1")
        values[f"{name}PaletteColorLookupTableData"] = data.tobytes()
    return values


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_colour(write_cine: WriteCine, frames: Frames, bits: int) -> None:
    indices = np.ascontiguousarray(frames[..., 0])
    path = write_cine(indices.tobytes(), photometric="PALETTE COLOR", **palette(bits))
    truth = apply_color_lut(indices, pydicom.dcmread(path))
    truth = truth >> 8 if bits == 16 else truth
    ours = read_frames(path).pixels
    assert (ours == truth).all()
    assert ours[..., 1].min() < 200 < ours[..., 1].max()  # colours, not indices


@pytest.mark.parametrize(("entry", "level"), [(255, 255), (1023, 255), (4095, 255), (4080, 255), (0xFF00, 255)])
def test_entries_of_fewer_bits_in_a_palette_of_16(
    write_cine: WriteCine, frames: Frames, entry: int, level: int
) -> None:
    """Some write 8 bits, or the 12 that their machine computes with: 16 times too dark as 16."""
    indices = np.ascontiguousarray(frames[..., 0])
    table = (np.arange(256) * entry // 255).astype("<u2")
    values: dict[str, Any] = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in CHANNELS}
    values |= {f"{name}PaletteColorLookupTableData": table.tobytes() for name in CHANNELS}
    ours = read_frames(write_cine(indices.tobytes(), photometric="PALETTE COLOR", **values)).pixels
    assert np.abs(ours[..., 0].astype(int) * 255 // level - indices).max() <= 1


def test_a_palette_over_indices_in_jpeg(write_cine: WriteCine, frames: Frames) -> None:
    """A lossy index is a little off, as its colour is then; a grey picture would be another one."""
    indices = np.ascontiguousarray(frames[..., :1])
    streams = [simplejpeg.encode_jpeg(one, quality=98, colorspace="GRAY") for one in indices]
    right = read_frames(write_cine(indices.tobytes(), photometric="PALETTE COLOR", **palette(8))).pixels
    path = write_cine(streams, photometric="PALETTE COLOR", syntax=JPEGBaseline8Bit, **palette(8))
    assert np.abs(read_frames(path).pixels[..., :2].astype(int) - right[..., :2]).max() <= 6
    assert read_header(path).n_frames == 6


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("length", "first"), [(256, 0), (255, 40), (1024, 0), (600, 300)])
def test_palettes_of_every_length_depth_and_byte_order(
    write_cine: WriteCine, frames: Frames, syntax: str, bits: int, length: int, first: int
) -> None:
    """By the standard's own rule. pydicom 3.0.2 reads neither big-endian entries, nor more than 256 of a byte each,
    nor an odd number of those."""
    indices = frames[..., 0].astype(np.uint16) * 4
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    table = np.random.default_rng(0).integers(0, 256, (length, 3), dtype=np.uint8)
    values: dict[str, Any] = {}
    for channel, name in enumerate(("Red", "Green", "Blue")):
        values[f"{name}PaletteColorLookupTableDescriptor"] = [length, first, bits]
        entries = (
            table[:, channel].astype("<u2") * 256 + 7
            if bits == 16
            else np.resize(table[:, channel], -(-length // 2) * 2)
        )
        values[f"{name}PaletteColorLookupTableData"] = entries.view("<u2").astype(f"{order}u2").tobytes()
    path = write_cine(
        indices.astype(f"{order}u2").tobytes(), photometric="PALETTE COLOR", syntax=syntax,
        BitsAllocated=16, BitsStored=16, HighBit=15, **values,
    )  # fmt: skip
    expected = table[np.clip(indices.astype(int) - first, 0, length - 1)]
    assert (read_frames(path).pixels == expected).all()


def test_a_palette_of_signed_indices(write_cine: WriteCine, frames: Frames) -> None:
    values = palette(16)
    for name in ("Red", "Green", "Blue"):
        values[f"{name}PaletteColorLookupTableDescriptor"] = [256, -128, 16]
    indices = (frames[..., 0].astype(int) - 128).astype(np.int8)
    path = write_cine(indices.tobytes(), photometric="PALETTE COLOR", PixelRepresentation=1, **values)
    assert (read_frames(path).pixels == apply_color_lut(indices, pydicom.dcmread(path)) >> 8).all()


def test_palette_of_a_real_ultrasound_still() -> None:
    dataset = pydicom.dcmread(shipped("examples_palette.dcm"))
    truth = apply_color_lut(dataset.pixel_array, dataset)
    truth = truth >> 8 if truth.dtype == np.uint16 else truth
    assert_same(read_frames(shipped("examples_palette.dcm")).pixels[0], truth.astype(np.uint8))


def test_segmented_palette(write_cine: WriteCine, frames: Frames) -> None:
    """Linear segment from 0 to 65280 over 256 entries (PS3.3 section C.7.9.2)."""
    segments = struct.pack("<6H", 0, 1, 0, 1, 255, 65280)
    tables: dict[str, Any] = {}
    for name in ("Red", "Green", "Blue"):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"Segmented{name}PaletteColorLookupTableData"] = segments
    indices = np.ascontiguousarray(frames[..., 0])
    ours = read_frames(write_cine(indices.tobytes(), photometric="PALETTE COLOR", **tables)).pixels
    assert np.abs(ours[..., 2].astype(int) - indices).max() <= 1


def test_16_bit_rgb_keeps_its_upper_bits() -> None:
    theirs = pixel_array(shipped("SC_rgb_rle_16bit_2frame.dcm"))
    assert (read_frames(shipped("SC_rgb_rle_16bit_2frame.dcm")).pixels == theirs >> 8).all()


@pytest.mark.parametrize(("codec", "syntax"), [("libx264", MPEG4HP41), ("mpeg2video", MPEG2MPML)])
def test_video_inside_dicom(write_cine: WriteCine, codec: str, syntax: str) -> None:
    """pydicom raises NotImplementedError; every frame comes back, also from several fragments."""
    frames = np.zeros((24, 96, 128, 3), np.uint8)
    for i in range(24):
        frames[i, :, 4 * i : 4 * i + 20] = (200, 120, 10 * i)
    stream = encode_video(frames, codec)
    path = write_cine(
        [stream[:5000], stream[5000:]], rows=96, columns=128, count=24, syntax=syntax, photometric="YBR_PARTIAL_420"
    )
    with pytest.raises(NotImplementedError):
        pydicom.dcmread(path).pixel_array  # noqa: B018
    header = read_header(path)
    assert header.n_frames == 24
    ours = read_frames(path).pixels
    assert ours.shape == frames.shape
    assert np.abs(ours.astype(int) - frames).mean() < 6
    assert (read_frames(path, [3, 11]).pixels == ours[[3, 11]]).all()
    assert not is_green(ours[0])


def encode_video(frames: Frames, codec: str) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream: Any = container.add_stream(codec, rate=30)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *frames.shape[1:3], "yuv420p", 2_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def test_the_green_guard(frames: Frames) -> None:
    cine = read_frames(shipped("examples_ybr_color.dcm"), [0, 15]).pixels
    twice = convert_color_space(cine[0], "YBR_FULL", "RGB")
    assert not is_green(cine[0])
    assert not is_green(frames[0])
    assert is_green(twice)


def test_a_jpeg_of_another_size_than_the_header_is_refused(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    path = write_cine(jpegs, rows=40, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    with pytest.raises(FileRefused) as refused:
        read_frames(path)
    assert refused.value.outcome == Quarantined(
        Reason.DECODE_FAILED, "a JPEG frame is 48 x 64, the header says 40 x 64"
    )


def test_no_stop_iteration_escapes(write_cine: WriteCine, jpegs: list[bytes]) -> None:
    """With 31 declared and 30 stored, list(map(pydicom's reader, files)) ends early and silently."""
    path = write_cine(jpegs, count=7, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    with pytest.raises(StopIteration):  # the trap
        pixel_array(path)
    with pytest.raises(FileRefused) as refused:
        open_cine(path)
    assert refused.value.outcome.reason == Reason.TRUNCATED
