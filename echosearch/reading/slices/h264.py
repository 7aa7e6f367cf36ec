"""H.264: the last bit of every slice is its end, exactly where the picture ends.

The stream is decoded once more with parameter sets that state one row of macroblocks more. A sound slice ends where it
ended, and FFmpeg reports the new row as missing, and nothing else. A damaged slice goes on into the new row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import av
import av.error
import av.logging

from echosearch.reading.slices.nal_units import BitReader, join_units, split_units, to_payload, to_unit, unsigned_code

__all__ = ["has_damaged_h264_slice"]

SEQUENCE = 7  # nal_unit_type of a sequence parameter set
# profiles whose parameter sets state chroma, depth and scaling matrices (ITU-T H.264, 7.3.2.1.1)
HIGH = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
OPTIONS = {"ec": "favor_inter", "skip_loop_filter": "all", "strict": "1"}  # the cheapest concealment
MISSING = re.compile(r"concealing (\d+) DC, (\d+) AC, (\d+) MV errors")


def has_damaged_h264_slice(packets: Iterable[bytes]) -> bool:
    """Return True if a picture's slices do not end with their last macroblock. ``packets``: byte streams (Annex B).

    False for a stream that cannot be checked so: one of fields, or whose slices all end elsewhere.
    """
    context = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    context.options = OPTIONS
    context.copy_opaque = True
    row, by_rows = 0, True
    missing: dict[int, tuple[str, ...]] = {}
    shown: list[Any] = []
    with _messages():
        for number, data in enumerate(packets):
            units = split_units(data)
            for at, unit in enumerate(units):
                if unit[0] & 31 == SEQUENCE:
                    units[at], row, by_rows = _one_row_more(unit)
            packet = av.Packet(join_units(units))
            packet.opaque = number
            with av.logging.Capture() as messages, suppress(av.error.FFmpegError):
                shown += [picture.opaque for picture in context.decode(packet)]
            for _, _, text in messages:
                if said := MISSING.match(text):
                    missing[number] = said.groups()
        shown += [picture.opaque for picture in context.decode(None)]
    expected = (str(row if by_rows else 2 * row),) * 3
    found = [missing.get(number) for number in shown]
    if expected not in found:
        return False
    return any(counts != expected and (by_rows or counts is not None) for counts in found)


@contextmanager
def _messages() -> Iterator[None]:
    """Let FFmpeg say all that it says, in this block."""
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    try:
        yield
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips)


def _one_row_more(unit: bytes) -> tuple[bytes, int, bool]:
    """Return a sequence parameter set with one row more, the macroblocks of a row, and whether pictures are frames."""
    bits = BitReader(to_payload(unit))
    bits.read(8)
    profile = bits.read(8)
    bits.read(16)
    bits.unsigned()
    if profile in HIGH:
        _pass_formats(bits)
    bits.unsigned()
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.read(1)
        for _ in range(2):
            bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()
    bits.read(1)
    row = bits.unsigned() + 1
    before = bits.at
    rows = bits.unsigned() + 1
    after = bits.at
    text = (bits.bits[:before] + unsigned_code(rows) + bits.bits[after:]).rstrip("0")  # up to the stop bit
    text += "0" * (-len(text) % 8)
    return to_unit(int(text, 2).to_bytes(len(text) // 8, "big")), row, bits.read(1) == 1


def _pass_formats(bits: BitReader) -> None:
    """Read past chroma format, depths and scaling lists."""
    chroma = bits.unsigned()
    if chroma == 3:
        bits.read(1)
    for _ in range(2):
        bits.unsigned()
    bits.read(1)
    if not bits.read(1):
        return
    for number in range(12 if chroma == 3 else 8):
        if bits.read(1):
            last = following = 8
            for _ in range(16 if number < 6 else 64):
                if following:
                    following = (last + bits.signed()) % 256
                last = following or last
