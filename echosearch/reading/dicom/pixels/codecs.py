"""JPEG Lossless, JPEG-LS, JPEG 2000 and 12-bit JPEG, one frame at a time, through pydicom's decoders.

The plug-in is pinned for each syntax: two decoders differ by a few levels, and an embedding must be repeatable.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
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

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS, quiet
from echosearch.reading.dicom.pixels.color import to_bytes_per_sample, ybr_to_rgb
from echosearch.reading.dicom.pixels.jpeg import read_stream
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.pixels.native import FrameDecoder, samples_to_rgb

__all__ = ["JPEG_2000", "PLUGINS", "codec_decoder", "stream_size"]

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
J2K_START = b"\xff\x4f\xff\x51"


def codec_decoder(dataset: Dataset, layout: PixelLayout, syntax: str) -> FrameDecoder:
    """The decoder raises FileRefused(DECODE_FAILED) for whatever goes wrong inside, StopIteration included."""
    decoder = get_decoder(syntax)
    plugin = PLUGINS[syntax]
    shown = samples_to_rgb(dataset, layout)
    photometric = layout.photometric
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": photometric,
        "planar_configuration": 0,  # codecs give pixels, whatever the label; of JPEG-LS planes pydicom itself knows
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }

    def decode(data: bytearray) -> Uint8:
        size = stream_size(data)
        if size is not None and size != (layout.rows, layout.columns):
            raise _failed(f"a frame is {size[0]} x {size[1]}, the header says {layout.rows} x {layout.columns}")
        try:
            with quiet():
                samples, meta = decoder.as_array(
                    encapsulate([bytes(data)], has_bot=False), index=0, raw=True, decoding_plugin=plugin, **options
                )
        except (*VALUE_ERRORS, RuntimeError, StopIteration, AssertionError, OSError) as exc:
            raise _failed(f"{plugin} cannot decode a frame ({type(exc).__name__})") from exc
        if layout.samples == 1:
            return shown(_unsigned(samples, layout))
        frame = to_bytes_per_sample(samples, int(meta["bits_stored"]))
        # what came out is RGB where the codec undid the transform (JPEG 2000 by its own MCT flag), whatever the label
        is_ybr = str(meta["photometric_interpretation"]) in ("YBR_FULL", "YBR_FULL_422")
        if is_ybr and not (syntax in JPEG_2000 and _uses_component_transform(data)):
            return ybr_to_rgb(frame)
        return frame

    return decode


def stream_size(data: bytes | bytearray) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream asks for: checked before its memory is."""
    start = data.find(J2K_START, 0, 4096) if data[:4] != J2K_START else 0
    if start >= 0 and (start == 0 or data[4:8] == b"jP  ") and len(data) >= start + 24:
        x1, y1, x0, y0 = struct.unpack_from(">LLLL", data, start + 8)  # SIZ: Xsiz Ysiz XOsiz YOsiz
        return y1 - y0, x1 - x0
    stream = read_stream(data)
    return (stream.rows, stream.columns) if stream is not None else None


def _uses_component_transform(data: bytes | bytearray) -> bool:
    """The multiple component transform byte of the COD marker segment (ISO 15444-1 A.6.1)."""
    at = data.find(b"\xff\x52", 0, 4096)
    return at >= 0 and len(data) > at + 8 and data[at + 8] == 1


def _unsigned(samples: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    """As indices into a table of all stored values."""
    dtype = np.uint8 if layout.bits_allocated == 8 else np.uint16
    if layout.signed and samples.dtype.itemsize < np.dtype(dtype).itemsize:
        samples = samples.astype(np.int16)
    return samples.astype(dtype, copy=False)


def _failed(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.DECODE_FAILED, detail))
