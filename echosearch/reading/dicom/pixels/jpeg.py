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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import simplejpeg

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.brightness import ShiftedFrames, block_means
from echosearch.reading.dicom.pixels.codestream import soi
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.pixels.native import FrameDecoder

__all__ = ["JpegStream", "is_fast_jpeg", "jpeg_decoder", "read_stream", "tables"]

# Adobe APP14 without its last byte, the transform: 0 what is stored is shown, 1 YCbCr to RGB
ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
YCBCR = b"\x01"  # that transform
PROGRESSIVE = 0xC2
FAST_FRAMES = frozenset({0xC0, 0xC1, PROGRESSIVE})  # SOF: baseline, extended, progressive; Huffman
FRAME_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}  # F7: JPEG-LS
DQT = 0xDB
TABLES = frozenset({0xC4, DQT, 0xDD})  # DHT, DQT, DRI
EOI = b"\xff\xd9"
FILL = b"\0\xff \r\n"  # bytes that writers put before EOI; FF is the permitted one (PS3.5 annex A.4)


@dataclass(frozen=True)
class JpegStream:
    """The contents of the markers of a JPEG or JPEG-LS stream."""

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
        """Return True if three components are RGB, by the table above."""
        if self.jfif:
            return False
        if self.adobe_transform is not None:
            return self.adobe_transform == 0
        if self.subsampled:
            return False
        return self.component_ids == b"RGB" or photometric == "RGB"


def read_stream(data: bytes | bytearray) -> JpegStream | None:
    """Parse markers up to the frame header; None if this is no JPEG."""
    jfif, adobe = False, None
    for marker, start, end in _segments(data):
        body = bytes(data[start + 4 : end])
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
    return None


def _segments(data: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of the marker segments from SOI to the first SOS, that included; [start, end) with the
    marker itself. Bytes between segments are skipped, as libjpeg does.
    """
    if data[:2] != b"\xff\xd8":
        return
    at = 2
    while at + 4 <= len(data):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return
        marker = data[at + 1]
        if marker in (0x00, 0xFF):  # no marker, or a fill byte before one
            at += 1
            continue
        end = at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])
        yield marker, at, end
        if marker == 0xDA:
            return
        at = end


def tables(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the quantisation tables and the other segments for the scans; None if ``data`` ends before the scans."""
    data = data[soi(data) or 0 :]
    quantisation, others = b"", b""
    for marker, start, end in _segments(data):
        if end > len(data):
            return None
        if marker == DQT:
            quantisation += data[start:end]
        elif marker in TABLES or marker in FRAME_MARKERS or marker == 0xDA:
            others += data[start:end]
        if marker == 0xDA:
            return quantisation, others
    return None


def is_fast_jpeg(stream: JpegStream | None) -> bool:
    """Return True if libjpeg-turbo can read it: 8 bits, Huffman, one or three components."""
    return (
        stream is not None
        and stream.frame_marker in FAST_FRAMES
        and stream.precision == 8
        and stream.components in (1, 3)
    )


def jpeg_decoder(layout: PixelLayout, as_stored: bool = False) -> FrameDecoder:
    """Return a decoder into one buffer that the next frame reuses. ``as_stored``: YCbCr is not converted to RGB.

    The decoder raises FileRefused(DECODE_FAILED) for damaged data and for a stream whose size is not Rows x Columns.
    """
    buffer = np.empty((layout.rows, layout.columns, 3), np.uint8)
    shifted = ShiftedFrames()

    def decode(data: bytearray) -> Uint8:
        if start := soi(data):
            data = data[start:]
        stream = read_stream(data)
        if stream is None or not is_fast_jpeg(stream):
            raise _failed("a frame is not an 8-bit JPEG as the first one is")
        if (stream.rows, stream.columns) != (layout.rows, layout.columns):
            raise _failed(
                f"a JPEG frame is {stream.rows} x {stream.columns}, the header says {layout.rows} x {layout.columns}"
            )
        if not _has_all_components(data, stream):
            raise _failed("a JPEG frame lacks a scan")
        is_rgb = stream.is_rgb(layout.photometric)
        frame, whole = _decode(data, stream, is_rgb, as_stored, buffer)
        table = -1 if is_rgb else _luminance_table(whole)
        if as_stored and stream.components == 3 and table >= 0:
            whole = whole[: 2 + len(ADOBE)] + YCBCR + whole[3 + len(ADOBE) :]  # it was stated to be RGB
        if table >= 0 and shifted.is_damaged(*block_means(whole, table)):
            raise _failed("the brightness of a JPEG frame is shifted: it is damaged")
        if layout.photometric == "MONOCHROME1":
            np.subtract(255, frame, out=frame)
        return frame

    return decode


def _decode(
    data: bytearray, stream: JpegStream, is_rgb: bool, as_stored: bool, buffer: Uint8
) -> tuple[Uint8, bytes | bytearray]:
    """Return the picture and the stream that gave it, without a warning of libjpeg, or fail: it conceals the damage it
    warns of, and reports only the first.

    What every viewer shows in spite of a warning (stray bytes between markers, fill or nothing before EOI) is put
    right and decoded again.
    """
    transform = bytes([not (is_rgb or as_stored)])
    if stream.components == 3 and as_stored and not is_rgb:
        streams: Iterable[bytes | bytearray] = _plain(data, stream, transform)
    elif stream.components == 3 and is_rgb and stream.adobe_transform is None:
        streams = chain([data[:2] + ADOBE + transform + data[2:]], _plain(data, stream, transform))
    else:
        streams = chain([data], _plain(data, stream, transform))
    failure: Exception | None = None
    for candidate in streams:
        try:
            frame = np.asarray(simplejpeg.decode_jpeg(candidate, "RGB", buffer=buffer))
        except ValueError as exc:
            failure = exc
            continue
        if _ends_with_its_last_byte(candidate):
            return frame, candidate
    raise _failed("a JPEG frame is damaged") from failure


def _ends_with_its_last_byte(data: bytes | bytearray) -> bool:
    """Return True if the scan needs its last byte: a scan that decodes with bytes left over was damaged.

    libjpeg does not miss up to 8 bytes that it has fetched. Costs the entropy decoding once more.
    """
    start, count = next(((end, data[at + 4]) for marker, at, end in _segments(data) if marker == 0xDA), (0, 0))
    end = data.find(EOI, start)
    stream = read_stream(data)
    if end < 0 or stream is None or count != stream.components or stream.frame_marker == PROGRESSIVE:
        return True  # several scans
    while data[end - 1] == 0xFF:  # permitted fill
        end -= 1
    end -= 2 if data[end - 2 : end] == b"\xff\0" else 1
    try:
        simplejpeg.decode_jpeg(bytes(data[:end]) + EOI, "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError:
        return True
    return False


def _luminance_table(data: bytes | bytearray) -> int:
    """Return where the quantisation table of the first component begins, of 8 bits an entry; -1 if that is not clear:
    it comes twice, or the frame has several scans.
    """
    places: list[int] = []
    wanted = -1
    for marker, start, end in _segments(data):
        if marker == PROGRESSIVE:
            return -1
        if marker in FRAME_MARKERS:
            wanted = data[start + 12]  # Tq of the first component
        if marker == DQT:
            at = start + 4
            while at < end <= len(data):
                places.append(at)
                at += 129 if data[at] >> 4 else 65
    found = [at + 1 for at in places if data[at] == wanted]
    return found[0] if len(found) == 1 and data[found[0]] else -1


def _has_all_components(data: bytearray, stream: JpegStream) -> bool:
    """Return True if the scans hold every component: what is missing would be grey, without a warning."""
    at = next((start for marker, start, _ in _segments(data) if marker == 0xDA), -1)
    seen: set[int] = set()
    while at >= 0:
        count = data[at + 4]
        seen.update(data[at + 5 : at + 5 + 2 * count : 2])
        if seen >= set(stream.component_ids):
            return True
        at = data.find(b"\xff\xda", at + 2, len(data) - 5)
    return False


def _plain(data: bytearray, stream: JpegStream, transform: bytes) -> Iterator[bytes]:
    """Yield the stream with only its tables, scans and EOI, its colours stated by an Adobe marker; with possible
    fill before EOI, then without.
    """
    kept = [bytes(data[:2]), ADOBE + transform]
    end = len(data)
    for marker, start, stop in _segments(data):
        if marker in TABLES or marker in FRAME_MARKERS or marker == 0xDA:
            kept.append(bytes(data[start:stop]))
        end = stop
    head = b"".join(kept)
    eoi = data.find(EOI, end)
    if eoi < 0 and stream.frame_marker == PROGRESSIVE:
        return  # a scan that is missing costs sharpness, and no warning
    scan = bytes(data[end : eoi if eoi >= 0 else len(data)])
    yield head + scan + EOI
    last = scan[-1:]
    for filled in dict.fromkeys((last, b"\0\xff")):
        if last and last in FILL:
            body = scan.rstrip(filled)
            yield head + body + EOI
            yield head + body + b"\0" + EOI  # FF 00, which is data
            yield head + body + b"\xff\0" + EOI


def _failed(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.DECODE_FAILED, detail))
