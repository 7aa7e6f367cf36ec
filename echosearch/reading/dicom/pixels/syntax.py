"""The transfer syntax that pixel data really have. What a file states and what it stores differ in some archives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydicom.uid import (
    JPEG2000,
    MPEG4HP41,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from echosearch.reading.dicom.elements.dataset import UNDEFINED, Parsed
from echosearch.reading.dicom.pixels.av_stream import VIDEO_SYNTAXES
from echosearch.reading.dicom.pixels.codecs import JPEG_2000, PLUGINS
from echosearch.reading.dicom.pixels.codestream import kind_of, soi
from echosearch.reading.dicom.pixels.frame_index import ITEM_TAG, items_of
from echosearch.reading.dicom.pixels.jpeg import is_fast_jpeg, read_stream
from echosearch.reading.dicom.pixels.spans import Span, first_bytes
from echosearch.reading.files import ByteReader

__all__ = ["JPEG_8BIT", "NATIVE", "READ", "as_stored"]

NATIVE = frozenset(map(str, (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)))
JPEG_8BIT = frozenset(map(str, (JPEGBaseline8Bit, JPEGExtended12Bit)))
LOSSLESS = frozenset({"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"})
JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})
READ = NATIVE | VIDEO_SYNTAXES | {*PLUGINS, str(RLELossless)}
PEEK = 64 * 1024  # bytes of the first frame in which its frame header is looked for


def as_stored(parsed: Parsed, reader: ByteReader) -> Parsed:
    """Return the header with the transfer syntax of its pixel data; one that is not read at all stays as stated."""
    if parsed.pixel_tag is None or parsed.syntax not in READ:
        return parsed
    if not _is_encapsulated(parsed, reader):
        if parsed.syntax in NATIVE:
            return parsed
        plain = ImplicitVRLittleEndian if parsed.implicit else ExplicitVRLittleEndian
        return replace(parsed, syntax=str(plain if parsed.little_endian else ExplicitVRBigEndian))
    return replace(parsed, syntax=_syntax_of(items_of(parsed, reader), reader, parsed.syntax))


def _is_encapsulated(parsed: Parsed, reader: ByteReader) -> bool:
    """Return True for undefined length, or for an item at the first sample with an item or the end behind it."""
    if parsed.pixel_length == UNDEFINED:
        return True
    head = reader.at(parsed.pixel_offset, 8)
    if head[:4] != ITEM_TAG:
        return False
    after = 8 + int.from_bytes(head[4:8], "little")
    return after == parsed.pixel_length or reader.at(parsed.pixel_offset + after, 4) == ITEM_TAG


def _syntax_of(items: Sequence[Span], reader: ByteReader, stated: str) -> str:
    start = first_bytes(reader, items, 256)
    match kind_of(start):
        case "jpeg":
            data = first_bytes(reader, items, PEEK)
            stream = read_stream(data[soi(data) :])
            if stream is None:
                return stated
            if is_fast_jpeg(stream):
                return stated if stated in JPEG_8BIT else str(JPEGBaseline8Bit)
            if stream.frame_marker == 0xC3:
                return stated if stated in LOSSLESS else str(JPEGLossless)
            if stream.frame_marker == 0xF7:
                return stated if stated in JPEG_LS else str(JPEGLSNearLossless)
            return stated if stated in JPEG_8BIT else str(JPEGExtended12Bit)
        case "j2k":
            return stated if stated in JPEG_2000 else str(JPEG2000)
        case "rle":
            return str(RLELossless)
        case "video":
            return stated if stated in VIDEO_SYNTAXES else str(MPEG4HP41)
    return stated
