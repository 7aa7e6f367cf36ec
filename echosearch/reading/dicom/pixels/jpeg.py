"""The fast path: 8-bit JPEG (Baseline .50, Extended .51) straight from its stored bytes, by libjpeg-turbo.

What colours a stream holds is asked of the stream, then of PhotometricInterpretation: a JPEG labelled
YBR_ICT or YBR_PARTIAL_420 is still YCbCr, and pydicom leaves those green.

    JFIF marker                      YCbCr
    Adobe marker (APP14)             its transform flag: 0 RGB, 1 YCbCr
    neither, chroma subsampled       YCbCr
    neither, ids "R" "G" "B"         RGB
    neither, labelled RGB            RGB   (what pydicom does; libjpeg alone would say YCbCr)
    neither, labelled anything else  YCbCr
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import simplejpeg

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.pixels.native import FrameDecoder

__all__ = ["JpegStream", "is_fast_jpeg", "jpeg_decoder", "read_stream"]

# Adobe APP14 that says "RGB": put behind SOI where libjpeg would take a bare RGB stream for YCbCr
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
FAST_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # SOF: baseline, extended, progressive; Huffman
FRAME_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}  # F7: JPEG-LS
BAD_DATA = ("premature end", "bad huffman", "corrupt jpeg data")


@dataclass(frozen=True)
class JpegStream:
    """What the markers of a JPEG or JPEG-LS stream say."""

    frame_marker: int
    precision: int
    rows: int
    columns: int
    components: int
    subsampled: bool
    component_ids: bytes
    jfif: bool
    adobe_transform: int | None

    def is_rgb(self, photometric: str) -> bool:
        """Whether three components are RGB, by the table above."""
        if self.jfif:
            return False
        if self.adobe_transform is not None:
            return self.adobe_transform == 0
        if self.subsampled:
            return False
        return self.component_ids == b"RGB" or photometric == "RGB"


def read_stream(data: bytes | bytearray) -> JpegStream | None:
    """Parse markers up to the frame header; None where this is no JPEG."""
    if data[:2] != b"\xff\xd8":
        return None
    at, jfif, adobe = 2, False, None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = bytes(data[at + 4 : at + 2 + length])
        if marker == 0xE0 and body[:5] == b"JFIF\0":
            jfif = True
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            adobe = body[11]
        elif marker in FRAME_MARKERS and len(body) >= 6:
            precision, rows, columns, count = struct.unpack_from(">BHHB", body)
            parts = [body[6 + 3 * i : 9 + 3 * i] for i in range(count)]
            if any(len(part) < 3 for part in parts):
                return None
            sampling = {part[1] for part in parts}
            ids = bytes(part[0] for part in parts)
            return JpegStream(marker, precision, rows, columns, count, len(sampling) > 1, ids, jfif, adobe)
        elif marker == 0xDA:
            return None
        at += 2 + length
    return None


def is_fast_jpeg(stream: JpegStream | None) -> bool:
    """Whether libjpeg-turbo reads it: 8 bits, Huffman, one or three components."""
    return (
        stream is not None
        and stream.frame_marker in FAST_FRAMES
        and stream.precision == 8
        and stream.components in (1, 3)
    )


def jpeg_decoder(layout: PixelLayout) -> FrameDecoder:
    """Decodes into one buffer that the next frame reuses.

    The decoder raises FileRefused(DECODE_FAILED) for damaged data and for a stream whose size is not Rows x Columns.
    """
    buffer = np.empty((layout.rows, layout.columns, 3), np.uint8)

    def decode(data: bytearray) -> Uint8:
        stream = read_stream(data)
        if stream is None or not is_fast_jpeg(stream):
            raise _failed("a frame is not an 8-bit JPEG as the first one is")
        if (stream.rows, stream.columns) != (layout.rows, layout.columns):
            raise _failed(
                f"a JPEG frame is {stream.rows} x {stream.columns}, the header says {layout.rows} x {layout.columns}"
            )
        if stream.components == 3 and stream.is_rgb(layout.photometric) and stream.adobe_transform is None:
            data = data[:2] + ADOBE_RGB + data[2:]
        frame = _decode(data, buffer)
        if layout.photometric == "MONOCHROME1":
            np.subtract(255, frame, out=frame)
        return frame

    return decode


def _decode(data: bytearray, buffer: Uint8) -> Uint8:
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", buffer=buffer))
    except ValueError as exc:
        if any(words in str(exc).lower() for words in BAD_DATA):
            raise _failed("a JPEG frame is damaged") from exc
    try:  # a warning about padding or an odd marker: libjpeg reads on, and so do all viewers
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", buffer=buffer, strict=False))
    except ValueError as exc:
        raise _failed("a JPEG frame cannot be decoded") from exc


def _failed(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.DECODE_FAILED, detail))
