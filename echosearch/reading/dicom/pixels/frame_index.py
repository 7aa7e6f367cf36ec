"""Locate each frame's bytes in the file by walking the pixel data itself to its end.

NumberOfFrames is only a claim: with 31 declared and 30 stored pydicom ends in StopIteration, and a cut
cine reads as an empty dataset. Here frames are counted as stored and a cut is always seen.

    native         | frame 0 | frame 1 | ... |                        equal lengths
    encapsulated   | offset table | item | item | ... | delimiter |   a frame is one item or several
"""

from __future__ import annotations

import struct

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.dataset import UNDEFINED, VALUE_ERRORS, Parsed
from echosearch.reading.dicom.pixels.codestream import Kind, kind_of, soi
from echosearch.reading.dicom.pixels.displaced import is_displaced
from echosearch.reading.dicom.pixels.joined_frames import joined_frames
from echosearch.reading.dicom.pixels.spans import Span, StoredFrames
from echosearch.reading.files import ByteReader
from echosearch.reading.limits import MAX_FRAMES

__all__ = ["ITEM_TAG", "encapsulated_items", "group_items", "items_of", "native_frames"]

ITEM, DELIMITER = 0xE000, 0xE0DD  # elements of group FFFE (PS3.5 section 7.5, annex A.4)
MAX_ITEMS = 64 * MAX_FRAMES
ITEM_TAG = b"\xfe\xff\x00\xe0"
PEEK = 256  # bytes that identify the start of a frame


def native_frames(parsed: Parsed, reader: ByteReader, frame_bytes: int, declared: int | None) -> StoredFrames:
    """Return the frames of uncompressed pixel data. Raises FileRefused(TRUNCATED) if the file is too short for them."""
    size = reader.size
    length = parsed.pixel_length
    if length == UNDEFINED:
        raise _bad("uncompressed pixel data of undefined length")
    if parsed.pixel_offset + length > size:
        raise _truncated(f"pixel data of {length} bytes, {max(size - parsed.pixel_offset, 0)} are there")
    slack = _bytes_after(parsed, reader, parsed.pixel_offset + length)
    count = length // frame_bytes
    if count < max(declared or 1, 1):
        raise _truncated(f"{max(declared or 1, 1)} frames declared, {count} stored")
    _check_whole_frames(length, frame_bytes, declared)
    if count > MAX_FRAMES:
        raise FileRefused(Quarantined(Reason.TOO_LARGE, f"{count} frames, limit {MAX_FRAMES}"))
    if count == 1:  # with the padding byte, which holds the last sample where bytes are swapped in pairs
        return ((Span(parsed.pixel_offset, min(frame_bytes + frame_bytes % 2, length)),),)
    if slack and is_displaced(reader, parsed.pixel_offset, frame_bytes, count, slack):
        raise _bad(f"frames do not begin where the header says, {slack} bytes follow the pixel data")
    return tuple((Span(parsed.pixel_offset + i * frame_bytes, frame_bytes),) for i in range(count))


def _check_whole_frames(length: int, frame_bytes: int, declared: int | None) -> None:
    """Raise FileRefused(BAD_HEADER) if Rows, Columns or a depth that is wrong would shear every frame."""
    count, rest = divmod(length, frame_bytes)
    if rest and not (rest == 1 and length % 2 == 0):  # a padding byte
        raise _bad(f"pixel data of {length} bytes are not a whole number of frames of {frame_bytes} bytes")
    if declared is not None and declared > 1 and count >= 2 * declared:
        raise _bad(f"pixel data of {length} bytes are {count} frames of {frame_bytes} bytes, {declared} are declared")


def items_of(parsed: Parsed, reader: ByteReader) -> list[Span]:
    """Return the items of pixel data, without the offset table. Raises FileRefused as encapsulated_items does."""
    return encapsulated_items(parsed, reader)[1]


def encapsulated_items(parsed: Parsed, reader: ByteReader) -> tuple[list[int], list[Span]]:
    """Return the offset table (basic or extended) and the items.

    Raises FileRefused(TRUNCATED) for a cut item or a missing delimiter. A first item is pixel data if a frame starts
    there or it does not begin with offset 0.
    """
    explicit_end = None if parsed.pixel_length == UNDEFINED else parsed.pixel_offset + parsed.pixel_length
    if explicit_end is not None and explicit_end > reader.size:
        raise _truncated(f"pixel data of {parsed.pixel_length} bytes end after the file")
    at = parsed.pixel_offset
    spans: list[Span] = []
    while explicit_end is None or at < explicit_end:
        header = reader.at(at, 8)
        if len(header) < 8:
            raise _truncated("pixel data end without a sequence delimiter")
        group, element, length = struct.unpack("<HHL", header)
        at += 8
        if group != 0xFFFE or element not in (ITEM, DELIMITER) or (element == ITEM and length == UNDEFINED):
            raise FileRefused(Quarantined(Reason.BAD_HEADER, f"pixel data item {len(spans)} is not an item"))
        if element == DELIMITER:
            break
        if at + length > reader.size:
            raise _truncated(f"pixel data item {len(spans)} ends after the file")
        spans.append(Span(at, length))
        at += length
        if len(spans) > MAX_ITEMS:
            raise FileRefused(Quarantined(Reason.TOO_LARGE, f"more than {MAX_ITEMS} pixel data items"))
    _bytes_after(parsed, reader, at)
    if not spans:
        raise _truncated("pixel data hold no item")
    first = reader.at(spans[0].offset, min(spans[0].length, PEEK))
    is_table = not first or (first[:4] == bytes(4) and spans[0].length % 4 == 0)
    if not is_table and (kind_of(first) is not None or len(spans) == 1):
        return _extended_offsets(parsed), [span for span in spans if span.length]
    table = reader.at(spans[0].offset, spans[0].length)
    offsets = list(struct.unpack(f"<{len(table) // 4}L", table[: len(table) // 4 * 4]))
    return offsets or _extended_offsets(parsed), [span for span in spans[1:] if span.length]


def _extended_offsets(parsed: Parsed) -> list[int]:
    """Extended Offset Table (7FE0,0001): 64 bits an offset, counted as those of the basic one."""
    try:
        table = bytes(parsed.dataset.get("ExtendedOffsetTable") or b"")
        return list(struct.unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8]))
    except VALUE_ERRORS:
        return []


def group_items(offsets: list[int], items: list[Span], reader: ByteReader, declared: int | None) -> StoredFrames:
    """Group items into frames: by the codestreams' own start marks, by a consistent offset table, or one item a frame.
    The first grouping that gives the declared number of frames wins, or else the first possible one. Items that hold
    several frames each are cut where these end, if that gives the declared number.

    Raises FileRefused: TRUNCATED if fewer frames are stored than declared, BAD_HEADER if items that were cut hold more.
    """
    by_start, by_offsets = _by_start(items, reader), _by_offsets(offsets, items)
    possible = [frames for frames in (by_start, by_offsets) if frames is not None]
    if declared == 1 and not possible:  # unknown codestream in several items
        possible = [[items]]
    possible.append([[item] for item in items])
    frames = next((frames for frames in possible if len(frames) == declared), possible[0])
    if declared is not None and len(frames) < declared:
        frames = _parted(items, reader, declared)
    if len(frames) > MAX_FRAMES:
        raise FileRefused(Quarantined(Reason.TOO_LARGE, f"{len(frames)} frames, limit {MAX_FRAMES}"))
    return tuple(tuple(frame) for frame in frames)


def _parted(items: list[Span], reader: ByteReader, declared: int) -> list[list[Span]]:
    """Return the frames of fragments that hold several each. Raises FileRefused."""
    frames = joined_frames(items, reader)
    if len(frames) > declared:
        raise _bad(f"{declared} frames declared, {len(items)} fragments hold {len(frames)}")
    if len(frames) < declared:
        raise _truncated(f"{declared} frames declared, {len(frames)} stored")
    return frames


def _by_start(items: list[Span], reader: ByteReader) -> list[list[Span]] | None:
    frames: list[list[Span]] = []
    kind: Kind | None = None
    for number, item in enumerate(items):
        head = b""
        for part in items[number : number + 6]:  # a fragment may be shorter than a codestream's first bytes
            head += reader.at(part.offset, min(part.length, PEEK - len(head)))
            if len(head) == PEEK:
                break
        starts = None if _starts_later(head, item.length) else kind_of(head)
        kind = kind or starts
        if kind is None:
            return None
        if starts == kind:
            frames.append([item])
        else:
            frames[-1].append(item)
    return frames or None


def _starts_later(head: bytes, length: int) -> bool:
    """Return True if the JPEG that ``head`` finds begins behind the item's ``length`` bytes: in the next one."""
    at = soi(head)
    return at is not None and at >= length


def _by_offsets(offsets: list[int], items: list[Span]) -> list[list[Span]] | None:
    if not offsets or not items:
        return None
    first = items[0].offset - 8  # offsets count from the first item's tag
    wanted = {first + offset for offset in offsets}
    if len(wanted) != len(offsets) or first not in wanted or not wanted <= {item.offset - 8 for item in items}:
        return None
    frames: list[list[Span]] = []
    for item in items:
        if item.offset - 8 in wanted:
            frames.append([])
        frames[-1].append(item)
    return frames


def _bytes_after(parsed: Parsed, reader: ByteReader, at: int) -> int:
    """How many bytes at the end of the file belong to no element. Elements after the pixel data must be whole too;
    padding with NULs is fine, and so is what cannot be followed.
    """
    order = "<" if parsed.little_endian else ">"
    while len(header := reader.at(at, 12)) >= 8:
        group, element, vr, short = struct.unpack(f"{order}HH2sH", header[:8])
        followed = parsed.implicit or (vr.isalpha() and vr.isupper())
        if not any(header[:8]) or group < 0x7FE0 or not followed:
            break
        long_form = not parsed.implicit and vr in (b"OB", b"OW", b"UN", b"SQ", b"UT", b"OF", b"OD", b"OL", b"OV", b"UC")
        if parsed.implicit or long_form:
            field = header[8:12] if long_form else header[4:8]
            (length,) = struct.unpack(f"{order}L", field.ljust(4, b"\0"))
        else:
            length = short
        if length == UNDEFINED:
            return 0
        at += (12 if long_form else 8) + length
        if at > reader.size:
            raise _truncated(f"element ({group:04X},{element:04X}) after the pixel data ends after the file")
    return reader.size - at


def _bad(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.BAD_HEADER, detail))


def _truncated(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.TRUNCATED, detail))
