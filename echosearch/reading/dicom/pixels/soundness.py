"""Check every compressed frame of a cine, also those that no clip takes, at a small part of the cost of decoding.

To decode all frames, even at an eighth of their size, costs half of decoding them whole. A frame that was cut lacks its
end mark or is much shorter than its neighbours; only such frames are decoded here.
"""

from __future__ import annotations

from collections import Counter
from statistics import median

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.codestream import kind_of
from echosearch.reading.dicom.pixels.jpeg import tables
from echosearch.reading.dicom.pixels.native import FrameDecoder
from echosearch.reading.dicom.pixels.spans import Span, StoredFrames, first_bytes, read_spans
from echosearch.reading.files import ByteReader

__all__ = ["check_frames"]

SHORT = 0.75  # of the median length of the cine's frames
AT_MOST = 8  # frames decoded where all of them look unusual: then they are as their writer made them
HEAD, TAIL = 2048, 64  # bytes read of a frame's ends
END = b"\xff\xd9"  # EOI of JPEG and JPEG-LS, EOC of JPEG 2000
LOST = bytes(16)
FLIPPED = 2  # bytes by which tables differ that were damaged; an encoder that changes its quality changes many


def check_frames(reader: ByteReader, stored: StoredFrames, decode: FrameDecoder) -> None:
    """Raise FileRefused(DECODE_FAILED) if a frame was cut, or its tables were damaged."""
    lengths = [sum(span.length for span in spans) for spans in stored]
    usual = median(lengths)
    heads = [first_bytes(reader, spans, HEAD) for spans in stored]
    _check_tables(heads)
    unusual = [
        number
        for number, spans in enumerate(stored)
        if lengths[number] < SHORT * usual or not _has_end(reader, spans, heads[number])
    ]
    unusual.sort(key=lambda number: lengths[number])
    for number in unusual if 2 * len(unusual) <= len(stored) else unusual[:AT_MOST]:
        decode(read_spans(reader, stored[number]))


def _has_end(reader: ByteReader, spans: tuple[Span, ...], head: bytes) -> bool:
    """Return True if a codestream's last bytes hold its end mark, and no run of NULs, which is none of its data."""
    if kind_of(head) not in ("jpeg", "j2k"):
        return True
    last = spans[-1]
    length = min(last.length, TAIL)
    tail = reader.at(last.offset + last.length - length, length)
    return END in tail and LOST not in tail.partition(END)[0]


def _check_tables(heads: list[bytes]) -> None:
    """Raise FileRefused(DECODE_FAILED) if one frame's tables differ a little from those that all others share.

    An encoder that optimises makes its Huffman tables anew for each frame, as all of lossless JPEG do: then several
    frames differ from the most frequent ones, or symbols are only in another order.
    """
    found = [found for head in heads if kind_of(head) == "jpeg" and (found := tables(head)) is not None]
    for kind in zip(*found, strict=True):
        (usual, times), *_ = Counter(kind).most_common(1)
        if times != len(kind) - 1 or times < 2:
            continue
        (other,) = set(kind) - {usual}
        differing = sum(one != two for one, two in zip(usual, other, strict=False))
        if len(other) == len(usual) and differing <= FLIPPED and sorted(other) != sorted(usual):
            raise FileRefused(Quarantined(Reason.DECODE_FAILED, "the tables of a JPEG frame are damaged"))
