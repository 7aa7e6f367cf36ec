"""How a machine's pictures look: sector, dynamic range, tint, noise. Clearly synthetic makers, four of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LOOKS", "Look"]


@dataclass(frozen=True)
class Look:
    manufacturer: str
    model: str
    half_angle: float  # degrees, of the sector
    gain: float  # grey levels added
    contrast: float  # 1 linear; above 1 harder
    tint: tuple[float, float, float]  # colour of white: R, G, B
    noise: float  # grey levels
    speckle: float  # grey levels, standard deviation
    smooth: float  # beam width in beams
    ecg: tuple[int, int, int]
    frame_seconds: float  # B-mode
    color_map: int  # 0 red-yellow and blue-cyan, 1 darker
    nyquist: float  # m/s, aliasing speed


LOOKS = (
    Look(
        "PHANTOM A", "SYNTHETIC ONE", 42.0, 0.0, 1.10, (1.0, 1.0, 1.0), 6.0, 17.0, 1.3, (70, 220, 90), 0.0333, 0, 0.62
    ),
    Look(
        "PHANTOM B",
        "SYNTHETIC TWO",
        38.0,
        6.0,
        1.30,
        (1.0, 0.96, 0.86),
        9.0,
        15.0,
        1.7,
        (240, 220, 80),
        0.0250,
        1,
        0.57,
    ),
    Look(
        "PHANTOM C",
        "SYNTHETIC THREE",
        45.0,
        -5.0,
        1.00,
        (0.88, 0.95, 1.0),
        8.0,
        19.0,
        1.1,
        (90, 200, 250),
        0.0400,
        0,
        0.69,
    ),
    Look(
        "PHANTOM D",
        "SYNTHETIC FOUR",
        40.0,
        2.0,
        1.20,
        (0.98, 1.0, 0.94),
        12.0,
        16.0,
        2.1,
        (230, 120, 120),
        0.0300,
        1,
        0.51,
    ),
)
