"""JPEG 2000: the arithmetic decoder of a code block ends where its bytes end, so damage within them shows.

OpenJPEG looks whether it does where the stream promises "predictable termination", which changes nothing else of its
decoding. So every stream is made to promise it, and how far ends are apart is judged here. A sound block leaves few
bytes over, and lacks as few as an encoder can spare: those that follow its last one are read as FF. But

    JasPer    gives every pass four bytes where its rate is limited, also one that needs none
    OpenJPEG  cuts a pass too early where it costs nearly nothing (colour bars): the rest of the block's last pass is
              spoilt, and a long run of bytes is missing. Without that pass the block ends in order
    FFmpeg    does so with several passes of small blocks
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.jpeg_2000.openjpeg import warnings_of
from echosearch.reading.dicom.pixels.jpeg_2000.packets import (
    COC,
    COD,
    QCD,
    SIZ,
    SOD,
    SOT,
    BrokenPackets,
    CodeBlock,
    code_blocks,
)

__all__ = ["check_ends", "with_checked_ends"]

OVER = 20  # bytes that a sound block may have over, whatever its encoder
MISSING = 24  # bytes that a sound block may lack: an encoder drops last ones that FF can stand for
PASS_AT_LEAST, PASS_AT_MOST = 4, 12  # bytes that JasPer gives a pass that needs fewer
LAST_PASS = 64  # bytes of a last pass before its encoder spoils it
TINY = 40  # bytes of a block, whose passes FFmpeg may cut to one byte
FEW = 2  # bytes over from which on the packets are looked at
LOST = bytes(16)  # no code, but may be the headers of as many empty packets
PREDICTABLE = 0x10
KEPT = 0x2A  # styles that leave one code word to a block: reset contexts, causal contexts, segmentation symbols
REMAINING = re.compile(r"PTERM check failure: (\d+) remaining bytes")
SYNTHESIZED = re.compile(r"PTERM check failure: (\d+) synthe\w+ 0xFF")


class _End(NamedTuple):
    """Where the decoder of a code block ended: bytes over, or bytes that it lacked, if more than two."""

    over: int = 0
    missing: int = 0


def with_checked_ends(stream: bytes) -> bytes | None:
    """Return a codestream that promises predictable termination; None if its blocks are coded in another way.

    That is: HTJ2K, raw bits or several code words in a block.
    """
    places = _style_bytes(stream)
    if not places or any(stream[at] & ~(KEPT | PREDICTABLE) for at in places):
        return None
    marked = bytearray(stream)
    for at in places:
        marked[at] |= PREDICTABLE
    return bytes(marked)


def _style_bytes(stream: bytes) -> list[int]:
    """Where COD and COC of the main header and of tile-parts state the style of code blocks (A.6.1, A.6.2)."""
    places: list[int] = []
    at, wide, part, size = 2, 0, 0, 0
    while at + 12 <= len(stream):
        marker, length = stream[at : at + 2], int.from_bytes(stream[at + 2 : at + 4], "big")
        if marker == SIZ:
            wide = int(int.from_bytes(stream[at + 38 : at + 40], "big") > 256)
        elif marker == COD:
            places.append(at + 12)
        elif marker == COC:
            places.append(at + 9 + wide)
        elif marker == SOT:
            part, size = at, int.from_bytes(stream[at + 6 : at + 10], "big")
        elif marker == SOD:
            if part + size <= at:  # 0: the last one
                break
            at = part + size
            continue
        elif marker == b"\xff\xd9":
            break
        at += 2 + length
    return [at for at in places if at < len(stream)]


def check_ends(stream: bytes, warnings: Sequence[str]) -> None:
    """Raise FileRefused(DECODE_FAILED) if code blocks of a stream ``with_checked_ends`` end where no sound one does."""
    ends = [_said(warning) for warning in warnings]
    odd = Counter(end for end in ends if end.over > OVER or end.missing > MISSING)
    if all(end.over < FEW for end in ends) and not odd and stream.find(LOST, stream.find(SOD)) < 0:
        return
    try:
        blocks = code_blocks(stream)
    except BrokenPackets as exc:
        raise _damaged("its packets do not end where their tile does") from exc
    if blocks is None:
        return
    style = stream[stream.find(COD) + 12] & KEPT
    for block in sorted(blocks, key=lambda block: len(block.data)) if odd else ():
        end = _end(block, block.passes, style)
        if odd[end]:
            if not _is_usual(block, end, style):
                break
            odd[end] -= 1
    if left := list(+odd):
        over, missing = left[0]
        raise _damaged(f"a code block leaves {over} bytes over" if over else f"a code block lacks {missing} bytes")


def _is_usual(block: CodeBlock, end: _End, style: int) -> bool:
    """Return True if the encoder may have made this end, for which damage would be an answer too."""
    if end.over:
        cheap = len(block.data) <= (block.passes + 2) * PASS_AT_MOST
        return cheap and end.over <= (block.passes + 2) * PASS_AT_LEAST
    if len(block.data) < TINY or block.passes == 1:
        return True
    before = _end(block, block.passes - 1, style)
    return before.missing <= MISSING and before.over < LAST_PASS


def _said(warning: str) -> _End:
    if found := REMAINING.match(warning):
        return _End(over=int(found[1]))
    if found := SYNTHESIZED.match(warning):
        return _End(missing=int(found[1]))
    return _End()


def _end(block: CodeBlock, passes: int, style: int) -> _End:
    """Decode some passes of one block."""
    return next(
        (end for warning in warnings_of(_alone(block, passes, style)) if (end := _said(warning)) != _End()), _End()
    )


def _alone(block: CodeBlock, passes: int, style: int) -> bytes:
    """Write a codestream whose picture has this one code block, in its band, with the first so many of its passes."""
    levels = int(block.band > 0)
    width, height = block.width << levels, block.height << levels
    planes = 1 + (passes + 1) // 3
    size = struct.pack(">H8LH3B", 0, width, height, 0, 0, width, height, 0, 0, 1, 15, 1, 1)
    sides = ((side - 1).bit_length() - 2 for side in (max(block.width, 4), max(block.height, 4)))
    coding = struct.pack(">BBHBBBBBB", 0, 0, 1, 0, levels, *sides, style | PREDICTABLE, 1)
    depths = bytes([1 << 5] + [planes << 3] * (1 + 3 * levels))
    header = "1" + "".join(
        _block_header(len(block.data), passes) if band == block.band else "0"
        for band in ((1, 2, 3) if levels else (0,))
    )
    packets = bytes(levels) + _stuffed(header) + bytes(block.data)
    main = b"".join(
        marker + struct.pack(">H", 2 + len(content)) + content
        for marker, content in ((SIZ, size), (COD, coding), (QCD, depths))
    )
    part = struct.pack(">HHLBB", 10, 0, 14 + len(packets), 0, 1)
    return b"\xff\x4f" + main + SOT + part + SOD + packets + b"\xff\xd9"


def _block_header(length: int, passes: int) -> str:
    """Bits: included, no empty plane, so many passes, so many bytes (B.10)."""
    codes = ((1, 1, ""), (2, 1, "1"), (3, 2, "11"), (6, 5, "1111"), (37, 7, "111111111"))
    first, width, prefix = next(code for code in reversed(codes) if passes >= code[0])
    bits = 3 + passes.bit_length() - 1
    longer = max(0, length.bit_length() - bits)
    return f"11{prefix}{passes - first:0{width}b}{'1' * longer}0{length:0{bits + longer}b}"


def _stuffed(bits: str) -> bytes:
    out = bytearray()
    at = 0
    while at < len(bits):
        width = 7 if out[-1:] == b"\xff" else 8
        out.append(int(bits[at : at + width].ljust(width, "0"), 2))
        at += width
    return bytes(out + bytes(out[-1:] == b"\xff"))


def _damaged(what: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.DECODE_FAILED, f"JPEG 2000: {what}: the frame is damaged"))
