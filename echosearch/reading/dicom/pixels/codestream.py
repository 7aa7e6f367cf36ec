"""Identify compressed pixel data by its own first bytes, whatever the header states."""

from __future__ import annotations

import struct
from typing import Literal

__all__ = ["SOI_WITHIN", "Kind", "kind_of", "soi"]

Kind = Literal["jpeg", "j2k", "rle", "video"]

SOI_WITHIN = 64  # bytes that may precede a JPEG's first marker; entropy-coded data never hold FF D8
J2K = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP")  # codestream, JP2 box
# MPEG-2 program and video streams, H.264 and HEVC byte streams
VIDEO = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x00\x00\x00\x01", b"\x00\x00\x01")
TS_PACKET = 188


def kind_of(head: bytes) -> Kind | None:
    """Return the kind of stream that starts here, or None. 256 bytes suffice for all kinds."""
    if soi(head) is not None:
        return "jpeg"
    if head.startswith(J2K):
        return "j2k"
    if _is_rle(head):
        return "rle"
    if head.startswith(VIDEO) or head[4:8] == b"ftyp" or (head[:1] == b"G" and head[TS_PACKET : TS_PACKET + 1] == b"G"):
        return "video"
    return None


def soi(data: bytes | bytearray) -> int | None:
    """Return the offset at which a JPEG or JPEG-LS stream begins; some have a few stray bytes before."""
    at = data.find(b"\xff\xd8\xff", 0, SOI_WITHIN + 3)
    return at if at >= 0 else None


def _is_rle(head: bytes) -> bool:
    """An RLE header: the number of segments, then 15 ascending offsets, the first 64, 0 where unused (PS3.5 G.5)."""
    if len(head) < 64:
        return False
    count, *offsets = struct.unpack_from("<16L", head)
    used, unused = offsets[:count], offsets[count:]
    return bool(1 <= count <= 15 and used[0] == 64 and used == sorted(set(used)) and not any(unused))
