"""Where the bytes of frames are in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from echosearch.reading.files import ByteReader

__all__ = ["Span", "StoredFrames", "first_bytes", "read_spans"]


@dataclass(frozen=True)
class Span:
    """``length`` bytes of the file from ``offset``."""

    offset: int
    length: int


StoredFrames = tuple[tuple[Span, ...], ...]  # per frame, the spans that make its bytes


def read_spans(reader: ByteReader, spans: Sequence[Span], buffer: bytearray | None = None) -> bytearray:
    """Read the bytes of one frame, into ``buffer`` if the length fits: fresh memory for each costs page faults."""
    total = sum(span.length for span in spans)
    if buffer is None or len(buffer) != total:
        buffer = bytearray(total)
    view = memoryview(buffer)
    at = 0
    for span in spans:
        reader.fill(view[at : at + span.length], span.offset)
        at += span.length
    return buffer


def first_bytes(reader: ByteReader, spans: Sequence[Span], length: int) -> bytes:
    """Read the first ``length`` bytes of these spans: one fragment may be too short to identify a codestream."""
    data = b""
    for span in spans:
        if len(data) >= length:
            break
        data += reader.at(span.offset, min(span.length, length - len(data)))
    return data
