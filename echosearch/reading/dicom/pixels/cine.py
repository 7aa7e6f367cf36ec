"""An opened DICOM image as a FrameSource: any transfer syntax, true RGB, only the frames asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from echosearch.clip import Frames, FrameSource, Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom.elements.dataset import Parsed, parse, quiet
from echosearch.reading.dicom.elements.timing import frame_timing
from echosearch.reading.dicom.elements.values import clean_uid, number
from echosearch.reading.dicom.pixels.av_stream import VIDEO_SYNTAXES, VideoStream
from echosearch.reading.dicom.pixels.codecs import PLUGINS, codec_decoder
from echosearch.reading.dicom.pixels.frame_index import (
    StoredFrames,
    encapsulated_items,
    group_items,
    native_frames,
    read_spans,
)
from echosearch.reading.dicom.pixels.jpeg import is_fast_jpeg, jpeg_decoder, read_stream
from echosearch.reading.dicom.pixels.layout import PixelLayout, pixel_layout
from echosearch.reading.dicom.pixels.native import FrameDecoder, in_swapped_pairs, native_decoder
from echosearch.reading.dicom.pixels.rle import rle_decoder
from echosearch.reading.files import ByteReader, Stamp, looks_like_dicom, open_regular
from echosearch.reading.limits import check_size

__all__ = ["DicomCine", "cine_source", "open_cine", "read_frames", "stored_frames"]

NATIVE = frozenset(map(str, (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)))
READ = NATIVE | VIDEO_SYNTAXES | {*PLUGINS, str(RLELossless)}
JPEG_8BIT = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})


@dataclass(frozen=True)
class DicomCine:
    """Frames of one file. The file is opened for each walk and must be the same one, unchanged (CHANGED)."""

    path: Path
    stamp: Stamp
    stored: StoredFrames
    decode: FrameDecoder
    frame_seconds: float | None
    predicted = False

    def __repr__(self) -> str:
        return f"DicomCine({self.n_frames} frames, frame_seconds={self.frame_seconds})"

    @property
    def n_frames(self) -> int:
        return len(self.stored)

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """(H, W, 3) uint8 true RGB for each index; an array may be reused for the next one."""
        with open_regular(self.path, expect=self.stamp) as reader:
            data = bytearray()
            for index in indices:
                data = read_spans(reader, self.stored[index], data)
                yield self.decode(data)


def open_cine(path: Path) -> FrameSource:
    """Any DICOM file with pixel data, stills too. Raises FileRefused."""
    with open_regular(path) as reader:
        if not looks_like_dicom(reader.head):
            raise FileRefused(Skipped(Reason.NOT_AN_IMAGE))
        with quiet():
            parsed = parse(reader)
            return cine_source(path, reader, parsed)


def cine_source(path: Path, reader: ByteReader, parsed: Parsed) -> FrameSource:
    """The source for a parsed header. Call within ``quiet()``."""
    layout, stored = stored_frames(reader, parsed)
    if parsed.syntax in VIDEO_SYNTAXES:
        data = bytes(read_spans(reader, stored[0]))
        seconds, _ = frame_timing(parsed.dataset, 0)
        return VideoStream(data, layout.rows, layout.columns, seconds)
    seconds, _ = frame_timing(parsed.dataset, len(stored))
    decode = _frame_decoder(reader, parsed, layout, stored)
    return DicomCine(path, reader.stamp, stored, decode, seconds)


def stored_frames(reader: ByteReader, parsed: Parsed) -> tuple[PixelLayout, StoredFrames]:
    """Layout and place of every stored frame; for MPEG, H.264 and HEVC one "frame" is the whole stream.

    Raises FileRefused: TRUNCATED, TOO_LARGE, BAD_HEADER, UNSUPPORTED_SYNTAX.
    """
    if parsed.pixel_tag is None:
        raise FileRefused(Quarantined(Reason.TRUNCATED, "the file ends before its pixel data"))
    if parsed.pixel_tag != 0x7FE00010:
        raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, "floating point pixel data are not read"))
    if parsed.syntax not in READ:
        named = clean_uid(parsed.syntax) or "that is no UID"
        raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, f"transfer syntax {named} is not read"))
    layout = pixel_layout(parsed.dataset)
    count = number(parsed.dataset, "NumberOfFrames")
    declared = int(count) if count is not None else None
    check_size(layout.rows, layout.columns, max(declared or 1, 1))
    if parsed.syntax in NATIVE:
        layout = _corrected(layout, parsed, declared)
        stored = native_frames(parsed, reader, layout.frame_bytes, declared)
        swapped = in_swapped_pairs(layout, parsed.little_endian, parsed.pixel_vr)
        if swapped and layout.frame_bytes % 2 and len(stored) > 1:  # a frame would begin within a pair
            rule = "big-endian words whose frames have an odd number of bytes are not read"
            raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, rule))
    else:
        offsets, items = encapsulated_items(parsed, reader)
        if parsed.syntax in VIDEO_SYNTAXES:
            return layout, (tuple(items),)
        by_start = parsed.syntax != str(RLELossless)
        stored = group_items(offsets, items, reader, declared, by_start)
    check_size(layout.rows, layout.columns, len(stored))
    return layout, stored


def _corrected(layout: PixelLayout, parsed: Parsed, declared: int | None) -> PixelLayout:
    """Uncompressed data labelled YBR_FULL_422 that hold three samples a pixel are YBR_FULL."""
    if layout.photometric != "YBR_FULL_422":
        return layout
    samples = parsed.pixel_length // (layout.rows * layout.columns * layout.bits_allocated // 8)  # of one place, in all
    if samples == 3 * max(declared or 1, 1) or samples % 6 == 3:  # an odd number is not Y Y Cb Cr
        return replace(layout, photometric="YBR_FULL")
    if layout.rows * layout.columns % 2:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, "YBR_FULL_422 with an odd number of pixels"))
    return layout


def _frame_decoder(reader: ByteReader, parsed: Parsed, layout: PixelLayout, stored: StoredFrames) -> FrameDecoder:
    if parsed.syntax in NATIVE:
        return native_decoder(parsed.dataset, layout, parsed.little_endian, parsed.pixel_vr)
    if parsed.syntax in JPEG_8BIT and is_fast_jpeg(read_stream(read_spans(reader, stored[0]))):
        return jpeg_decoder(layout)
    if parsed.syntax == str(RLELossless):
        return rle_decoder(parsed.dataset, layout)
    return codec_decoder(parsed.dataset, layout, parsed.syntax)


def read_frames(path: Path, indices: Sequence[int] | None = None) -> Frames:
    """THE way from a DICOM file to pixels: (T, H, W, 3) uint8 true RGB, of all frames or of ascending ``indices``.

    Raises FileRefused, with the reason as a value, for everything that cannot be read.
    """
    source = open_cine(path)
    wanted = list(range(source.n_frames)) if indices is None else list(indices)
    pixels: Uint8 | None = None
    done = 0
    for frame in source.frames(wanted):
        if pixels is None:
            pixels = np.empty((len(wanted), *frame.shape), np.uint8)
        pixels[done] = frame
        done += 1
    if pixels is None or done < len(wanted):
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"{done} of {len(wanted)} frames could be decoded"))
    return Frames(pixels, source.frame_seconds)
