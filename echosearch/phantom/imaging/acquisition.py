"""How one cine of a hard phantom is taken: depth, zoom, tilt, foreshortening, lost segments, speckle that is renewed.

``Acquisition()`` is how easy phantoms are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echosearch.phantom.heart.cycle import Floats
from echosearch.phantom.planes.scene import Scene, stretched

__all__ = ["ZOOMS", "Acquisition", "drawn_acquisition", "lost", "moved_out_of_plane"]

ZOOMS = (1.0, 1.2, 1.45)
_LOST = 90.0  # grey levels that a lost segment is darker


@dataclass(frozen=True)
class Acquisition:
    depth: float = 1.0  # of the depth that shows the heart well
    zoom: float = 1.0  # of the picture, about the middle of the fan
    tilt: float = 0.0  # radians
    foreshortening: float = 0.0  # share of the long axis that the plane misses
    out_of_plane: float = 0.0  # share by which the cut grows and shrinks as the heart moves through the plane
    sway: float = 0.0  # cycles a second of that motion
    renewal: float = 0.0  # seconds in which speckle becomes another; 0: it goes with the tissue and lasts
    segments: tuple[tuple[float, float, float], ...] = ()  # lost: middle and half width (1: half the fan), from depth
    clutter: float = 1.0
    gain: float = 0.0  # grey levels


def drawn_acquisition(window: float, view: str, color: bool, rng: np.random.Generator) -> Acquisition:
    """Draw how a cine is taken; ``window`` is 0 for a poor one, 1 for a good one."""
    poor = 1.0 - window
    n_lost = int(rng.binomial(3, 0.12 + 0.55 * poor))
    segments = tuple(
        (float(rng.uniform(-0.95, 0.95)), float(rng.uniform(0.06, 0.10 + 0.16 * poor)), float(rng.uniform(0.0, 0.55)))
        for _ in range(n_lost)
    )
    zoom = 1.0 if color else float(rng.choice(ZOOMS, p=(0.7, 0.18, 0.12)))
    apical = view in ("4CH", "2CH", "3CH")
    return Acquisition(
        depth=float(rng.uniform(0.92, 1.45)),
        zoom=zoom,
        tilt=float(rng.normal(0.0, 0.13)),
        foreshortening=float(rng.beta(1.3, 4.0) * 0.32) if apical else float(rng.beta(1.2, 5.0) * 0.2),
        out_of_plane=float(rng.uniform(0.0, 0.05)),
        sway=float(rng.uniform(0.25, 0.9)),
        renewal=float(rng.uniform(0.12, 0.7)),
        segments=segments,
        clutter=float(0.7 + 1.2 * poor),
        gain=float(rng.normal(0.0, 7.0)),
    )


def lost(taken: Acquisition, depths: int, beams: int) -> NDArray[np.float32]:
    """Return how much darker each place of a beam image is, (depths, beams) in grey levels."""
    angle = np.linspace(-1.0, 1.0, beams)[None]
    depth = np.linspace(0.0, 1.0, depths)[:, None]
    share = np.zeros((depths, beams))
    for middle, half, start in taken.segments:
        across = 1.0 / (1.0 + np.exp((np.abs(angle - middle) - half) / 0.015))
        share = np.maximum(share, across / (1.0 + np.exp((start - depth) / 0.02)))
    return np.asarray(_LOST * share, np.float32)


def moved_out_of_plane(scene: Scene, taken: Acquisition, times: Floats, begin: float, upright: bool) -> Scene:
    """Return the cut as a plane has it that misses the long axis and through which the heart sways; times (T,) in s.

    ``upright``: a short axis, of which an oblique cut is longer, not shorter.
    """
    across = 1.0 + taken.out_of_plane * np.sin(2 * np.pi * (taken.sway * times + begin))
    along = 1.0 + taken.foreshortening if upright else 1.0 - taken.foreshortening
    return stretched(scene, across, np.full_like(across, along))
