"""The packets of a JPEG 2000 codestream, and the code blocks in them (ISO 15444-1, annex B).

OpenJPEG reads them for its pictures; this is for the few frames whose code blocks end where none should.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product

__all__ = ["COC", "COD", "QCD", "SIZ", "SOD", "SOT", "BrokenPackets", "CodeBlock", "code_blocks"]

SIZ, COD, COC, QCD, POC, PPM, PPT, SOT, SOD = (
    bytes((0xFF, code)) for code in (0x51, 0x52, 0x53, 0x5C, 0x5F, 0x60, 0x61, 0x90, 0x93)
)
SOP, EPH = b"\xff\x91", b"\xff\x92"
OWN_PRECINCTS = 1
MOST = 1 << 16  # code blocks, and packets, of a tile that are read
PLANES = 31  # coded bit planes at most; each has three passes, but for the first
EMPTY = 40  # more bit planes than any block leaves out


class BrokenPackets(Exception):
    """The packets do not end where their tile does: the codestream is damaged."""


@dataclass(slots=True)
class CodeBlock:
    """One code block: its band (0 LL, 1 HL, 2 LH, 3 HH), width, height, number of coding passes and bytes."""

    band: int
    width: int
    height: int
    passes: int = 0
    data: bytearray = field(default_factory=bytearray)
    length_bits: int = 3

    @property
    def is_included(self) -> bool:
        return self.passes > 0


@dataclass(frozen=True)
class _Style:
    """What COD says, but for the transformation."""

    order: int
    layers: int
    levels: int
    width_bits: int
    height_bits: int
    precincts: tuple[tuple[int, int], ...]


class _Bits:
    """The bits of a packet header: after FF comes a stuffed 0."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at, self.left, self.byte = data, at, 0, 0

    def bit(self) -> int:
        if self.left == 0:
            self.left = 7 if self.byte == 0xFF else 8
            self.byte = self.data[self.at]
            self.at += 1
        self.left -= 1
        return self.byte >> self.left & 1

    def number(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value * 2 + self.bit()
        return value

    def end(self) -> int:
        return self.at + (self.byte == 0xFF)


class _TagTree:
    """A quadtree of minima (B.10.2)."""

    def __init__(self, width: int, height: int) -> None:
        self.levels = [(width, [0] * (width * height), [False] * (width * height))]
        while width * height > 1:
            width, height = (width + 1) // 2, (height + 1) // 2
            self.levels.append((width, [0] * (width * height), [False] * (width * height)))

    def is_below(self, bits: _Bits, x: int, y: int, limit: int) -> bool:
        """Read until it is known whether the value at (x, y) is below ``limit``."""
        low = 0
        for level in range(len(self.levels) - 1, -1, -1):
            width, values, known = self.levels[level]
            at = (y >> level) * width + (x >> level)
            low = max(low, values[at])
            while low < limit and not known[at]:
                if bits.bit():
                    known[at] = True
                else:
                    low += 1
            values[at] = low
        return low < limit


class _Grid:
    """The code blocks of one band in one precinct."""

    def __init__(self, band: int, rectangle: tuple[int, int, int, int], width_bits: int, height_bits: int) -> None:
        x0, y0, x1, y1 = rectangle
        columns = range(x0 >> width_bits, _up(x1, width_bits)) if x1 > x0 and y1 > y0 else range(0)
        rows = range(y0 >> height_bits, _up(y1, height_bits)) if columns else range(0)
        self.width = len(columns)
        self.included, self.planes = (_TagTree(len(columns), len(rows)) if columns else None for _ in range(2))
        self.blocks = [
            CodeBlock(
                band,
                min(x1, (x + 1) << width_bits) - max(x0, x << width_bits),
                min(y1, (y + 1) << height_bits) - max(y0, y << height_bits),
            )
            for y, x in product(rows, columns)
        ]

    def read(self, bits: _Bits, layer: int) -> Iterator[tuple[CodeBlock, int]]:
        """Yield (block, bytes) of the blocks that a packet of this layer adds to."""
        for i, block in enumerate(self.blocks):
            y, x = divmod(i, self.width)
            if block.is_included:
                if not bits.bit():
                    continue
            elif self.included is not None and self.planes is not None:
                if not self.included.is_below(bits, x, y, layer + 1):
                    continue
                if not any(self.planes.is_below(bits, x, y, limit) for limit in range(1, EMPTY)):
                    raise BrokenPackets
            passes = _passes(bits)
            while bits.bit():
                block.length_bits += 1
            length = bits.number(block.length_bits + passes.bit_length() - 1)
            block.passes += passes
            if block.passes > 3 * PLANES - 2:
                raise BrokenPackets
            yield block, length


def code_blocks(stream: bytes) -> list[CodeBlock] | None:
    """Return the code blocks of a codestream; None if it is packed in a way that is not read here.

    That is: another style for a component or tile, another order on the way, headers away from their packets.
    Raises BrokenPackets if packets end elsewhere than their tile.
    """
    try:
        main, tiles = _segments(stream)
        if COC in main or POC in main or PPM in main:
            return None
        size, style = main[SIZ], _style(main[COD])
        blocks: list[CodeBlock] = []
        for number, data in tiles.items():
            if data is None:
                return None
            precincts = _precincts(size, style, number)
            if precincts is None or len(precincts) * style.layers > MOST:
                return None
            blocks += _read(bytes(data), precincts, style)
    except (IndexError, KeyError, ValueError, struct.error, ZeroDivisionError) as exc:
        raise BrokenPackets from exc
    return blocks


def _segments(stream: bytes) -> tuple[dict[bytes, bytes], dict[int, bytearray | None]]:
    """Return the main header's marker segments, and each tile's packets; None for one with a style of its own."""
    main: dict[bytes, bytes] = {}
    at = 2
    while (marker := stream[at : at + 2]) != SOT:
        (length,) = struct.unpack_from(">H", stream, at + 2)
        main[marker] = stream[at + 4 : at + 2 + length]
        at += 2 + length
    tiles: dict[int, bytearray | None] = {}
    while stream[at : at + 2] == SOT:
        number, length = struct.unpack_from(">HL", stream, at + 4)
        end = at + length if length else stream.rindex(b"\xff\xd9")
        at += 12
        while (marker := stream[at : at + 2]) != SOD:
            if marker in (COD, COC, POC, PPT):
                tiles[number] = None
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
        data = tiles.setdefault(number, bytearray())
        if data is not None:
            data += stream[at + 2 : end]
        at = end
    return main, tiles


def _style(cod: bytes) -> _Style:
    scod, order, layers, _, levels, width_bits, height_bits = struct.unpack_from(">BBHBBBB", cod)
    sizes = tuple((size & 15, size >> 4) for size in cod[10:]) if scod & OWN_PRECINCTS else ((15, 15),) * (levels + 1)
    return _Style(order, layers, levels, width_bits + 2, height_bits + 2, sizes)


def _up(value: int, bits: int) -> int:
    """value / 2**bits, rounded up."""
    return -(-value >> bits)


_Key = tuple[int, int, int, int, int]  # component, resolution, y, x, number


def _precincts(size: bytes, style: _Style, tile: int) -> dict[_Key, list[_Grid]] | None:
    """The precincts of a tile (B.6) with where each begins on the reference grid; None if there are too many."""
    x1, y1, x0, y0, width, height, left, top, count = struct.unpack_from(">8LH", size, 2)
    row, column = divmod(tile, -(-(x1 - left) // width))
    x0, x1 = max(x0, left + column * width), min(x1, left + (column + 1) * width)
    y0, y1 = max(y0, top + row * height), min(y1, top + (row + 1) * height)
    found: dict[_Key, list[_Grid]] = {}
    total = 0
    for component, resolution in product(range(count), range(style.levels + 1)):
        dx, dy = size[37 + 3 * component], size[38 + 3 * component]
        area = -(-x0 // dx), -(-y0 // dy), -(-x1 // dx), -(-y1 // dy)
        down = style.levels - resolution
        rx0, ry0, rx1, ry1 = (_up(edge, down) for edge in area)
        px, py = style.precincts[resolution]
        columns, rows = range(rx0 >> px, _up(rx1, px)), range(ry0 >> py, _up(ry1, py))
        if rx1 <= rx0 or ry1 <= ry0:
            continue
        for number, (y, x) in enumerate(product(rows, columns)):
            place = max(y0, (y << py + down) * dy), max(x0, (x << px + down) * dx)
            grids = [_grid(area, style, resolution, band, x, y) for band in ((1, 2, 3) if resolution else (0,))]
            found[component, resolution, *place, number] = grids
            total += 1 + sum(len(grid.blocks) for grid in grids)
            if total > MOST:
                return None
    return found


def _grid(area: tuple[int, int, int, int], style: _Style, resolution: int, band: int, x: int, y: int) -> _Grid:
    down = style.levels - resolution + (band > 0)
    (px, py), inner = style.precincts[resolution], int(band > 0)
    px, py = px - inner, py - inner
    right, below = (band & 1) << down >> 1, (band >> 1) << down >> 1
    bx0, by0, bx1, by1 = (
        _up(edge - offset, down) for edge, offset in zip(area, (right, below, right, below), strict=True)
    )
    rectangle = max(bx0, x << px), max(by0, y << py), min(bx1, (x + 1) << px), min(by1, (y + 1) << py)
    return _Grid(band, rectangle, min(style.width_bits, px), min(style.height_bits, py))


def _read(data: bytes, precincts: dict[_Key, list[_Grid]], style: _Style) -> list[CodeBlock]:
    """Read all packets of a tile in their order (B.12)."""
    packets = product(precincts, range(style.layers))
    orders: dict[int, Callable[[tuple[_Key, int]], tuple[int, ...]]] = {
        0: lambda p: (p[1], p[0][1], p[0][0], p[0][4]),
        1: lambda p: (p[0][1], p[1], p[0][0], p[0][4]),
        2: lambda p: (p[0][1], p[0][2], p[0][3], p[0][0], p[0][4], p[1]),
        3: lambda p: (p[0][2], p[0][3], p[0][0], p[0][1], p[0][4], p[1]),
        4: lambda p: (p[0][0], p[0][2], p[0][3], p[0][1], p[0][4], p[1]),
    }
    at = 0
    for key, layer in sorted(packets, key=orders[style.order]):
        at += 6 * (data[at : at + 2] == SOP)
        bits = _Bits(data, at)
        added = [part for grid in precincts[key] for part in grid.read(bits, layer)] if bits.bit() else []
        at = bits.end()
        at += 2 * (data[at : at + 2] == EPH)
        for block, length in added:
            block.data += data[at : at + length]
            at += length
    if at != len(data):
        raise BrokenPackets
    return [block for grids in precincts.values() for grid in grids for block in grid.blocks if block.is_included]


def _passes(bits: _Bits) -> int:
    """The number of coding passes (table B.4)."""
    for width, first in ((1, 1), (1, 2), (2, 3), (5, 6)):
        value = bits.number(width)
        if value < (1 << width) - 1:
            return first + value
    return 37 + bits.number(7)
