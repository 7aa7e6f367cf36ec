"""JPEG Lossless, JPEG-LS, JPEG 2000 and 12-bit JPEG, one frame at a time, through pydicom's decoders.

The plug-in is pinned for each syntax: two decoders differ by a few levels, and an embedding must be repeatable.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS, quiet
from echosearch.reading.dicom.pixels.brightness import ShiftedFrames
from echosearch.reading.dicom.pixels.codestream import soi
from echosearch.reading.dicom.pixels.color import LABELLED, rgb_by_content, to_bytes_per_sample, ybr_to_rgb
from echosearch.reading.dicom.pixels.headroom import DEEP, deepened, fitted
from echosearch.reading.dicom.pixels.jpeg import read_stream
from echosearch.reading.dicom.pixels.jpeg_2000.frame import checked_samples
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.pixels.native import SampleDecoder

__all__ = ["JPEG_2000", "PLUGINS", "codec_samples", "stream_layout", "stream_precision", "stream_size"]

PLUGINS = {
    str(JPEGBaseline8Bit): "pylibjpeg",
    str(JPEGExtended12Bit): "pylibjpeg",
    str(JPEGLossless): "pylibjpeg",
    str(JPEGLosslessSV1): "pylibjpeg",
    str(JPEGLSLossless): "pyjpegls",
    str(JPEGLSNearLossless): "pyjpegls",
    str(JPEG2000Lossless): "pylibjpeg",
    str(JPEG2000): "pylibjpeg",
    str(HTJ2KLossless): "pylibjpeg",
    str(HTJ2KLosslessRPCL): "pylibjpeg",
    str(HTJ2K): "pylibjpeg",
}
JPEG_2000 = frozenset(map(str, (JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K)))
CHECKED = frozenset(map(str, (JPEG2000Lossless, JPEG2000)))  # HTJ2K has another coder of blocks
J2K_START = b"\xff\x4f\xff\x51"


def codec_samples(layout: PixelLayout, syntax: str) -> SampleDecoder:
    """Return a decoder; any error in the codec, even StopIteration, becomes FileRefused(DECODE_FAILED).

    Grey samples and palette indices come as patterns of bits_allocated bits; colours as RGB bytes.
    """
    decoder = get_decoder(syntax)
    plugin = PLUGINS[syntax]
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": layout.photometric,
        "planar_configuration": 0,  # codecs give pixels, whatever the label; of JPEG-LS planes pydicom itself knows
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }

    shifted = ShiftedFrames()

    def decode(data: bytearray) -> NDArray[Any]:
        if start := soi(data):
            data = data[start:]
        depth = _check_stream(data, layout)
        deep = None if layout.signed else deepened(data, syntax, depth)
        stated = options if deep is None else options | {"bits_allocated": DEEP, "bits_stored": DEEP}
        stream = deep or bytes(data)
        try:
            samples = checked_samples(stream, _codestream(stream), layout) if syntax in CHECKED else None
            meta = stated
            if samples is None:
                with quiet():
                    items = encapsulate([stream], has_bot=False)
                    samples, meta = decoder.as_array(items, index=0, raw=True, decoding_plugin=plugin, **stated)
        except (*VALUE_ERRORS, RuntimeError, StopIteration, AssertionError, OSError) as exc:
            raise _failed(f"{plugin} cannot decode a frame ({type(exc).__name__})") from exc
        bits = int(meta["bits_stored"])
        if deep is not None and depth is not None:
            samples, bits = fitted(samples, depth), depth
            if layout.samples == 1 and shifted.is_damaged(samples.astype(np.int32) >> max(depth - 8, 0), 1):
                raise _failed("the brightness of a frame is shifted: it is damaged")
        if layout.samples == 1:
            return _patterns(samples, layout)
        frame = to_bytes_per_sample(samples, bits)
        # the output is RGB if the codec undid the transform (JPEG 2000 by its own MCT flag), whatever the label
        if syntax in JPEG_2000 and _uses_component_transform(data):
            return frame
        if layout.photometric not in LABELLED:
            return rgb_by_content(frame)
        is_ybr = str(meta["photometric_interpretation"]) in ("YBR_FULL", "YBR_FULL_422")
        return ybr_to_rgb(frame) if is_ybr else frame

    return decode


def _check_stream(data: bytes | bytearray, layout: PixelLayout) -> int | None:
    """Return the depth that a frame states. Raises FileRefused(DECODE_FAILED) if depth or size are not the cine's."""
    size = stream_size(data)
    if size is not None and size != (layout.rows, layout.columns):
        raise _failed(f"a frame is {size[0]} x {size[1]}, the header says {layout.rows} x {layout.columns}")
    depth = stream_precision(data)
    if depth is not None and depth != layout.bits_stored:
        raise _failed(f"a frame has {depth} bits a sample, the first one {layout.bits_stored}")
    if not _tiles_are_whole(data):
        raise _failed("a JPEG 2000 frame is cut")
    return depth


def stream_layout(layout: PixelLayout, data: bytes | bytearray) -> PixelLayout:
    """Return the layout with the depth that a frame's own codestream states, which decides, not BitsStored."""
    depth = stream_precision(data)
    if depth is None or not 1 <= depth <= 16:
        return layout
    return replace(layout, bits_allocated=8 if depth <= 8 else 16, bits_stored=depth, shift=0)


def _codestream(data: bytes | bytearray) -> int | None:
    """Where a JPEG 2000 codestream starts: at once, or within the boxes of a JP2 file."""
    start = data.find(J2K_START, 0, 4096) if data[:4] != J2K_START else 0
    return start if start == 0 or (start > 0 and data[4:8] == b"jP  ") else None


def stream_precision(data: bytes | bytearray) -> int | None:
    """Return the bits of a sample in a JPEG, JPEG-LS or JPEG 2000 codestream; None if it states none."""
    start = _codestream(data)
    if start is not None and len(data) >= start + 43:
        return (data[start + 42] & 0x7F) + 1  # SIZ: Ssiz of the first component
    stream = read_stream(data[soi(data) or 0 :])
    return stream.precision if stream is not None else None


def stream_size(data: bytes | bytearray) -> tuple[int, int] | None:
    """Return the (rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream states, to check before allocating."""
    start = _codestream(data)
    if start is not None and len(data) >= start + 24:
        x1, y1, x0, y0 = struct.unpack_from(">LLLL", data, start + 8)  # SIZ: Xsiz Ysiz XOsiz YOsiz
        return y1 - y0, x1 - x0
    stream = read_stream(data)
    return (stream.rows, stream.columns) if stream is not None else None


def _tiles_are_whole(data: bytes | bytearray) -> bool:
    """Return True if the tile-parts of a JPEG 2000 codestream end within it: OpenJPEG decodes half of one in silence.

    A last tile-part of length 0 goes to EOC, which must then be there (ISO 15444-1 A.4.2).
    """
    start = _codestream(data)
    at = data.find(b"\xff\x90", start) if start is not None else -1
    if at < 0:
        return start is None
    while data[at : at + 2] == b"\xff\x90" and at + 12 <= len(data):
        (length,) = struct.unpack_from(">L", data, at + 6)
        if length == 0:
            return data.rfind(b"\xff\xd9", at) >= 0
        at += length
    return at <= len(data)


def _uses_component_transform(data: bytes | bytearray) -> bool:
    """The multiple component transform byte of the COD marker segment (ISO 15444-1 A.6.1)."""
    at = data.find(b"\xff\x52", 0, 4096)
    return at >= 0 and len(data) > at + 8 and data[at + 8] == 1


def _patterns(samples: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    """As indices into a table of all stored values."""
    dtype = np.uint8 if layout.bits_allocated == 8 else np.uint16
    if layout.signed and samples.dtype.itemsize < np.dtype(dtype).itemsize:
        samples = samples.astype(np.int16)
    return samples.astype(dtype, copy=False)


def _failed(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.DECODE_FAILED, detail))
