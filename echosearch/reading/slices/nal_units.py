"""NAL units of H.264 and HEVC byte streams, and the bits inside them."""

from __future__ import annotations

import re

__all__ = ["BitReader", "join_units", "split_units", "to_payload", "to_unit", "unsigned_code"]

START = b"\x00\x00\x00\x01"
CABAC_ZERO_WORD = b"\x00\x00\x03"  # may follow a slice's data any number of times


def split_units(packet: bytes) -> list[bytes]:
    """Return the NAL units of a byte stream (Annex B), without start codes, zeros and zero words behind them."""
    units = []
    for unit in re.split(rb"\x00\x00\x01", packet)[1:]:
        unit = unit.rstrip(b"\x00")
        while unit.endswith(CABAC_ZERO_WORD):
            unit = unit.removesuffix(CABAC_ZERO_WORD).rstrip(b"\x00")
        units.append(unit)
    return [unit for unit in units if unit]


def join_units(units: list[bytes]) -> bytes:
    """Return a byte stream of NAL units."""
    return b"".join(START + unit for unit in units)


def to_payload(unit: bytes) -> bytes:
    """Return a unit without its emulation prevention bytes."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def to_unit(payload: bytes) -> bytes:
    """Return a payload with emulation prevention bytes: 00 00 is followed by 03 before a byte up to 03."""
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


class BitReader:
    """Read a payload bit by bit. Raises ValueError at its end."""

    def __init__(self, payload: bytes) -> None:
        self.bits = "".join(f"{byte:08b}" for byte in payload)
        self.at = 0

    def read(self, length: int) -> int:
        value = int(self.bits[self.at : self.at + length], 2)
        self.at += length
        return value

    def unsigned(self) -> int:
        """Read an Exp-Golomb code (ITU-T H.264, 9.1)."""
        zeros = self.bits.index("1", self.at) - self.at
        self.at += zeros
        return self.read(zeros + 1) - 1

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def unsigned_code(value: int) -> str:
    """Return the Exp-Golomb code of a value, as text of bits."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits
