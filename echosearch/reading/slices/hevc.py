"""HEVC: the last bytes of every slice are needed, and no byte behind them.

Each picture is decoded alone, with grey for those that it refers to: as stored, with bytes behind its slices, and with
other last bytes. Bytes behind a sound slice change nothing. Other last bytes change its picture; a slice that does not
need them had ended before, or was damaged and met the picture's end too early.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import av
import av.error
import numpy as np
from av.codec.context import Flags

from echosearch.reading.slices.nal_units import join_units, split_units

__all__ = ["has_damaged_hevc_slice"]

SLICE = 32  # nal_unit_type below
SETS = (32, 33, 34)  # video, sequence and picture parameter sets
MAX_SETS = 64  # of a stream; ours have three
LEADING = {8: 0, 9: 1}  # RASL pictures are skipped without the pictures before: read as trailing ones
BEHIND = b"\xff" * 32
# that a sound picture is the same with all of them: in none of 576 (two of the eight: in 1 of 50)
ENDS = tuple(
    (length, bytes.fromhex(pattern))
    for length, pattern in (
        (4, "ff"),
        (6, "ff"),
        (6, "00ffffffffff"),
        (6, "aa"),
        (8, "ff"),
        (12, "ff"),
        (4, ""),
        (6, ""),
    )
)  # "": the bytes inverted
OPTIONS = {"skip_loop_filter": "all"}


def has_damaged_hevc_slice(packets: Iterable[bytes]) -> bool:
    """Return True if a picture does not need the end of its slices, or needs more. ``packets``: Annex B."""
    sets: dict[bytes, None] = {}
    for packet in packets:
        units = split_units(packet)
        sets.update(dict.fromkeys(unit for unit in units if _kind(unit) in SETS))
        slices = [_as_trailing(unit) for unit in units if _kind(unit) < SLICE]
        if len(sets) > MAX_SETS:
            return True
        whole = _alone(sets, slices)
        if whole is None:
            continue
        if _alone(sets, [unit + BEHIND for unit in slices]) != whole:
            return True
        if all(_alone(sets, [_ending(unit, *end) for unit in slices]) == whole for end in ENDS):
            return True
    return False


def _kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def _as_trailing(unit: bytes) -> bytes:
    kind = LEADING.get(_kind(unit))
    return unit if kind is None else bytes([unit[0] & 0x81 | kind << 1]) + unit[1:]


def _ending(unit: bytes, length: int, pattern: bytes) -> bytes:
    """Return a slice with other last bytes: ``pattern`` repeated, or inverted."""
    end = (pattern * length)[:length] if pattern else bytes(255 - byte for byte in unit[-length:])
    return unit[:-length] + end


def _alone(sets: Iterable[bytes], slices: list[bytes]) -> bytes | None:
    """Return the samples of one picture, decoded by a decoder of its own; None if there is none, or only grey."""
    context = av.CodecContext.create("hevc", "r")
    context.thread_count = 1
    context.options = OPTIONS
    context.flags |= Flags.output_corrupt  # FFmpeg shows no picture before the first key frame otherwise
    try:
        pictures: list[Any] = [*context.decode(av.Packet(join_units([*sets, *slices]))), *context.decode(None)]
    except av.error.FFmpegError:
        return None
    if not pictures or len(pictures[0].planes) == 1:
        return None
    depth = pictures[0].format.components[0].bits
    return b"".join(
        np.frombuffer(plane, np.uint8)
        .reshape(-1, plane.line_size)[: plane.height, : plane.width * (1 + (depth > 8))]
        .tobytes()
        for plane in pictures[0].planes
    )
