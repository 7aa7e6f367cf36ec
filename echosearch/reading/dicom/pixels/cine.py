"""An opened DICOM image as a FrameSource: any transfer syntax, true RGB, only the frames asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.uid import RLELossless

from echosearch.clip import Frames, FrameSource, PictureScale, Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.dataset import Parsed, parse, quiet
from echosearch.reading.dicom.elements.picture import STORED, ShownPicture, read_picture
from echosearch.reading.dicom.elements.timing import frame_timing
from echosearch.reading.dicom.elements.values import clean_uid, first_number
from echosearch.reading.dicom.pixels.av_stream import VIDEO_SYNTAXES, VideoStream, stream_aspect
from echosearch.reading.dicom.pixels.codecs import codec_samples, stream_layout
from echosearch.reading.dicom.pixels.codestream import soi
from echosearch.reading.dicom.pixels.color import to_bytes_per_sample
from echosearch.reading.dicom.pixels.depth import LOOKED_AT, count_patterns, needs_a_look, settled
from echosearch.reading.dicom.pixels.frame_index import encapsulated_items, group_items, native_frames
from echosearch.reading.dicom.pixels.jpeg import is_fast_jpeg, jpeg_decoder, read_stream
from echosearch.reading.dicom.pixels.layout import PixelLayout, pixel_layout
from echosearch.reading.dicom.pixels.native import (
    YBR,
    FrameDecoder,
    SampleDecoder,
    in_swapped_pairs,
    native_samples,
    samples_to_rgb,
)
from echosearch.reading.dicom.pixels.rle import is_low_byte_first, rle_samples
from echosearch.reading.dicom.pixels.spans import StoredFrames, read_spans
from echosearch.reading.dicom.pixels.syntax import JPEG_8BIT, NATIVE, READ, as_stored
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.reading.files import ByteReader, Stamp, looks_like_dicom, open_regular
from echosearch.reading.limits import check_size

__all__ = ["DicomCine", "YcbcrCine", "cine_source", "open_cine", "read_frames", "shown_picture", "stored_frames"]


@dataclass(frozen=True)
class DicomCine:
    """Frames of one file. Each walk opens the file again and refuses a changed one (CHANGED)."""

    path: Path
    stamp: Stamp
    stored: StoredFrames
    decode: FrameDecoder
    frame_seconds: float | None
    shown: ShownPicture
    predicted = False

    def __repr__(self) -> str:
        return f"DicomCine({self.n_frames} frames, frame_seconds={self.frame_seconds})"

    @property
    def n_frames(self) -> int:
        return len(self.stored)

    @property
    def scale(self) -> PictureScale | None:
        return self.shown.scale

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """Yield (H, W, 3) uint8 true RGB for each index; an array may be reused for the next one."""
        yield from self._decoded(indices, self.decode)

    def _decoded(self, indices: Sequence[int], decode: FrameDecoder) -> Iterator[Uint8]:
        with open_regular(self.path, expect=self.stamp) as reader:
            data = bytearray()
            for index in indices:
                data = read_spans(reader, self.stored[index], data)
                yield self.shown.stretch.stretched(decode(data))


@dataclass(frozen=True, repr=False)
class YcbcrCine(DicomCine):
    """A cine that stores YCbCr and also gives it as stored: a conversion to RGB and back alters saturated colours."""

    decode_ycbcr: FrameDecoder

    def ycbcr_frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """Yield (H, W, 3) uint8 YCbCr, as ``frames`` yields RGB."""
        yield from self._decoded(indices, self.decode_ycbcr)


def open_cine(path: Path) -> FrameSource:
    """Open any DICOM file with pixel data, stills too. Raises FileRefused."""
    with open_regular(path) as reader:
        if not looks_like_dicom(reader.head):
            raise FileRefused(NO_KNOWN_KIND)
        with quiet():
            parsed = as_stored(parse(reader), reader)
            layout, stored = stored_frames(reader, parsed)
            return cine_source(path, reader, parsed, layout, stored, shown_picture(reader, parsed, layout, stored))


def cine_source(
    path: Path,
    reader: ByteReader,
    parsed: Parsed,
    layout: PixelLayout,
    stored: StoredFrames,
    shown: ShownPicture = STORED,
) -> FrameSource:
    """Return the source for a header as stored and the result of ``stored_frames``. Call within ``quiet()``.

    Without ``shown`` the frames are as stored, where pixels are not square too.
    """
    if parsed.syntax in VIDEO_SYNTAXES:
        data = bytes(read_spans(reader, stored[0]))
        seconds, _ = frame_timing(parsed.dataset, 0)
        return VideoStream(data, layout.rows, layout.columns, seconds, shown)
    seconds, _ = frame_timing(parsed.dataset, len(stored))
    rgb, ycbcr = _frame_decoders(reader, parsed, layout, stored)
    if ycbcr is not None:
        return YcbcrCine(path, reader.stamp, stored, rgb, seconds, shown, ycbcr)
    return DicomCine(path, reader.stamp, stored, rgb, seconds, shown)


def shown_picture(reader: ByteReader, parsed: Parsed, layout: PixelLayout, stored: StoredFrames) -> ShownPicture:
    """Return how the frames of ``stored_frames`` are shown. Call within ``quiet()``."""
    aspect = stream_aspect(bytes(read_spans(reader, stored[0]))) if parsed.syntax in VIDEO_SYNTAXES else None
    return read_picture(parsed.dataset, layout.rows, layout.columns, aspect)


def stored_frames(reader: ByteReader, parsed: Parsed) -> tuple[PixelLayout, StoredFrames]:
    """Return the layout and the position of every stored frame; an MPEG, H.264 or HEVC stream is one "frame".

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
    count = first_number(parsed.dataset, "NumberOfFrames")
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
        if not items:
            raise FileRefused(Quarantined(Reason.TRUNCATED, "its items hold no pixel data"))
        if parsed.syntax in VIDEO_SYNTAXES:
            return layout, (tuple(items),)
        stored = group_items(offsets, items, reader, declared)
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


def _frame_decoders(
    reader: ByteReader, parsed: Parsed, layout: PixelLayout, stored: StoredFrames
) -> tuple[FrameDecoder, FrameDecoder | None]:
    """Bytes to RGB and, where YCbCr is what is stored, bytes to that."""
    if parsed.syntax in NATIVE:
        return _shown(reader, parsed, layout, stored, native_samples(layout, parsed.little_endian, parsed.pixel_vr))
    if parsed.syntax == str(RLELossless):
        samples = rle_samples(layout)
        middle = read_spans(reader, stored[len(stored) // 2])
        if (
            layout.samples == 1
            and layout.bits_allocated == 16
            and is_low_byte_first(samples(middle), layout.bits_stored)
        ):
            samples = rle_samples(layout, low_byte_first=True)
        return _shown(reader, parsed, layout, stored, samples)
    first = read_spans(reader, stored[0])
    stream = read_stream(first[soi(first) or 0 :])
    if parsed.syntax in JPEG_8BIT and is_fast_jpeg(stream) and stream is not None:
        if layout.photometric == "PALETTE COLOR" and stream.components == 1:
            indices = jpeg_decoder(layout)
            return _shown(reader, parsed, layout, stored, lambda data: indices(data)[..., 0])
        is_ycbcr = stream.components == 3 and not stream.is_rgb(layout.photometric)
        return jpeg_decoder(layout), jpeg_decoder(layout, as_stored=True) if is_ycbcr else None
    layout = stream_layout(layout, first)
    samples = codec_samples(layout, parsed.syntax)
    if layout.samples == 3:  # codecs know best what they gave
        return samples, None
    return _shown(reader, parsed, layout, stored, samples)


def _shown(
    reader: ByteReader, parsed: Parsed, layout: PixelLayout, stored: StoredFrames, samples: SampleDecoder
) -> tuple[FrameDecoder, FrameDecoder | None]:
    """From samples to RGB; samples of an unusual depth are looked at first, as their label may be wrong."""
    counts = None
    if needs_a_look(layout):
        step = max(len(stored) // LOOKED_AT, 1)
        looked_at = (samples(read_spans(reader, spans)) for spans in stored[::step])
        counts = count_patterns(looked_at, layout.bits_allocated)
        layout = settled(parsed.dataset, layout, counts)
    rgb = samples_to_rgb(parsed.dataset, layout, counts)
    if layout.photometric not in YBR:
        return lambda data: rgb(samples(data)), None
    bits, shift = layout.bits_stored, layout.shift
    return lambda data: rgb(samples(data)), lambda data: to_bytes_per_sample(samples(data), bits, shift)


def read_frames(path: Path, indices: Sequence[int] | None = None) -> Frames:
    """Read (T, H, W, 3) uint8 true RGB of all frames, or of ascending ``indices``: the one way to pixels.

    Raises FileRefused, with the reason as a value, if a frame cannot be read.
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
