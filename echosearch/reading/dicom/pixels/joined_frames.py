"""Part frames that lie one behind the other in few fragments, as some archives write a whole cine into one.

PS3.5 annex A.4 lets no fragment hold parts of two frames. But coded data of JPEG, JPEG-LS and JPEG 2000 never contain
the mark that ends a frame, and an RLE frame begins with 64 bytes that hardly anything else is: so a frame begins where
its first bytes follow such an end, or are such a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from echosearch.reading.dicom.pixels.codestream import kind_of
from echosearch.reading.dicom.pixels.spans import Span, first_bytes
from echosearch.reading.files import ByteReader

__all__ = ["joined_frames"]

HEAD = 256  # bytes that identify a stream
# the end mark, padding, and then the next frame's first marks
JPEG = re.compile(rb"\xff\xd9[\x00\xff]{0,64}?(?=\xff\xd8\xff)")
JPEG_2000 = re.compile(rb"\xff\xd9[\x00\xff]{0,64}?(?=\xff\x4f\xff\x51)")
RLE = re.compile(rb"(?=[\x01-\x0f]\x00\x00\x00\x40\x00\x00\x00)")  # the number of segments, where the first begins
LONGEST = 80  # bytes of a match and what decides on it
CHUNK = 1024 * 1024


def joined_frames(items: Sequence[Span], reader: ByteReader) -> list[list[Span]]:
    """Return the frames that these items hold, whatever their bounds; items of unknown streams as they are."""
    match kind_of(first_bytes(reader, items, HEAD)):
        case "jpeg":
            return _cut(items, _starts(items, reader, JPEG))
        case "j2k":
            return _cut(items, _starts(items, reader, JPEG_2000))
        case "rle":
            return _cut(items, _starts(items, reader, RLE))
    return [[item] for item in items]


def _starts(items: Iterable[Span], reader: ByteReader, pattern: re.Pattern[bytes]) -> list[int]:
    """Return where frames begin, but for the first, counted from the first byte of all items."""
    found: set[int] = set()
    data, start = b"", 0
    for chunk in _chunks(items, reader):
        start += max(len(data) - LONGEST, 0)
        data = data[-LONGEST:] + chunk
        for match in pattern.finditer(data):
            if pattern is not RLE or kind_of(data[match.end() : match.end() + 64]) == "rle":
                found.add(start + match.end())
    return sorted(found - {0})


def _chunks(items: Iterable[Span], reader: ByteReader) -> Iterator[bytes]:
    for item in items:
        for at in range(0, item.length, CHUNK):
            yield reader.at(item.offset + at, min(CHUNK, item.length - at))


def _cut(items: Iterable[Span], starts: Sequence[int]) -> list[list[Span]]:
    """Return the items cut at these places, and put together between them."""
    frames: list[list[Span]] = [[]]
    passed, waiting = 0, list(starts)
    for item in items:
        at = 0
        while waiting and waiting[0] < passed + item.length:
            start = waiting.pop(0) - passed
            if start > at:
                frames[-1].append(Span(item.offset + at, start - at))
            frames.append([])
            at = start
        frames[-1].append(Span(item.offset + at, item.length - at))
        passed += item.length
    return frames
