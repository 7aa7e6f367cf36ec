"""Turn outlines into an ultrasound picture: beams first, as a machine has it, then scan conversion.

    outlines -> echo levels per beam and depth -> + specular edges, speckle that moves with the tissue, gain,
    shadows, noise (all in decibels, so that they add) -> display curve -> sector

A beam image is (DEPTHS, BEAMS); row d is at depth (d + 0.5) / DEPTHS of the full depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.phantom.heart.anatomy import Anatomy
from echosearch.phantom.heart.cycle import Floats
from echosearch.phantom.imaging.acquisition import Acquisition, lost
from echosearch.phantom.patients.machine import Look
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape

__all__ = [
    "BEAMS",
    "DEPTHS",
    "BeamFrames",
    "Float32",
    "Sector",
    "beam_frames",
    "beam_points",
    "scan_convert",
    "sector_frame",
]

DEPTHS, BEAMS = 256, 144
_COARSE = (13, 17)  # grid (beams, depths) on which the tissue's displacement is known
_WHOLE = (slice(None), slice(None))
_SHIFT = 4  # fillPoly takes fixed-point corners

Float32 = NDArray[np.float32]
BeamFrames = Iterator[tuple[Float32, Uint8]]  # a frame's grey levels before the display curve, and its echo levels


@dataclass(frozen=True)
class Sector:
    """The field of a cine: depth in cm and half the opening angle in degrees."""

    depth: float
    half_angle: float
    zoom: float = 1.0  # of the picture, about the middle of the fan

    @property
    def radians(self) -> float:
        return float(np.radians(self.half_angle))


def beam_points(points: Floats, sector: Sector) -> NDArray[np.int32]:
    """Convert (..., 2) in cm to column and row of a beam image, fixed point with 4 fractional bits."""
    angle = np.arctan2(points[..., 0], np.maximum(points[..., 1], 1e-3))
    radius = np.hypot(points[..., 0], points[..., 1])
    out = np.empty(points.shape, np.float64)
    out[..., 0] = (angle / sector.radians + 1.0) / 2.0 * (BEAMS - 1)
    out[..., 1] = radius / sector.depth * DEPTHS - 0.5
    return np.round(out * (1 << _SHIFT)).astype(np.int32)


@lru_cache(maxsize=8)
def _speckle_tile(seed: int, smooth: float) -> Float32:
    """Fully developed speckle, log compressed: mean 0, standard deviation 1, dark side longer. Twice the beam image."""
    rng = np.random.default_rng(seed)
    field = rng.normal(size=(2, DEPTHS * 2, BEAMS * 2)).astype(np.float32)
    real, imaginary = (cv2.GaussianBlur(part, (0, 0), sigmaX=smooth, sigmaY=0.95) for part in field)
    level = np.log(np.hypot(real, imaginary) + 1e-6)
    level = np.maximum(level, np.percentile(level, 3))
    tile: Float32 = ((level - level.mean()) / level.std()).astype(np.float32)
    return tile


@lru_cache(maxsize=8)
def _noise_tile(seed: int) -> Float32:
    rng = np.random.default_rng(seed)
    tile = rng.normal(size=(DEPTHS * 2, BEAMS * 2)).astype(np.float32)
    soft: Float32 = np.asarray(cv2.GaussianBlur(tile, (0, 0), sigmaX=0.9, sigmaY=0.5), np.float32)
    soft *= 2.0
    return soft


def _displacement(scene: Scene, sector: Sector) -> Float32:
    """How far (beams, depths) the tissue at each coarse node has come from the first frame: (T, *_COARSE[::-1], 2)."""
    anchors = np.concatenate([s.points[:, ::3] for s in scene.shapes if s.moves], axis=1)  # (T, A, 2)
    rest = anchors.mean(axis=0)
    columns, rows = _COARSE
    angle = np.linspace(-sector.radians, sector.radians, columns)
    depth = (np.arange(rows) + 0.5) / rows * sector.depth
    node = np.stack((np.outer(depth, np.sin(angle)), np.outer(depth, np.cos(angle))), axis=2).reshape(-1, 2)
    near = 1.0 / (((node[:, None] - rest[None]) ** 2).sum(axis=2) + 0.15) ** 2
    still = 0.02  # far from the heart nothing moves
    weight = near / (near.sum(axis=1, keepdims=True) + still)
    moved = anchors - rest  # (T, A, 2)
    flat = np.einsum("ga,tac->tgc", weight, moved, optimize=True)
    radius = np.linalg.norm(node, axis=1)
    outward = node / radius[:, None]
    along = (flat * outward).sum(axis=2)
    aside = flat[..., 0] * outward[:, 1] - flat[..., 1] * outward[:, 0]
    beams = aside / radius / sector.radians / 2.0 * (BEAMS - 1)
    depths = along / sector.depth * DEPTHS
    return np.stack((beams, depths), axis=2).reshape(len(anchors), rows, columns, 2).astype(np.float32)


def _background(rng: np.random.Generator, look: Look, sector: Sector, clutter: float) -> Float32:
    """What stays put for a cine: gain over depth and angle, near-field clutter, poorly coupled beams."""
    depth = np.linspace(0.0, sector.depth, DEPTHS)[:, None]
    angle = np.linspace(-1.0, 1.0, BEAMS)[None, :]
    blotch = (
        cv2.resize(rng.normal(size=(9, 7)).astype(np.float32), (BEAMS, DEPTHS), interpolation=cv2.INTER_CUBIC) * 9.0
    )
    gain = (
        look.gain
        - 1.1 * np.maximum(depth - 4.0, 0)
        + 9.0 * np.sin(depth / sector.depth * np.pi)
        - 20.0 * np.abs(angle) ** 4
    )
    near = 62.0 * clutter * np.exp(-depth / 0.75) * (0.8 + 0.2 * np.cos(depth * 14.0))
    beams = cv2.GaussianBlur(rng.normal(size=(1, BEAMS)).astype(np.float32), (0, 0), sigmaX=5.0, sigmaY=0.1) * 14.0
    rib = float(rng.uniform(-1.15, 1.15))  # a rib's shadow, mostly near an edge
    shadow = -26.0 * np.exp(-(((angle - np.sign(rib) * max(abs(rib), 0.72)) / 0.10) ** 2)) * (depth > 1.2)
    return np.asarray(blotch + gain + near + beams + shadow, np.float32)


def _shadows(shapes: list[Shape], corners: list[NDArray[np.int32]], t: int) -> Float32 | None:
    casting = [(shape, corner[t]) for shape, corner in zip(shapes, corners, strict=True) if shape.shadow > 0]
    if not casting:
        return None
    dark = np.zeros((DEPTHS, BEAMS), np.float32)
    for shape, corner in casting:
        (left, top), (right, bottom) = corner.min(axis=0) >> _SHIFT, corner.max(axis=0) >> _SHIFT
        left, right = max(int(left), 0), min(int(right) + 1, BEAMS)
        if right > left:
            dark[max(int(top + bottom) // 2, 0) :, left:right] += shape.shadow
    return np.asarray(cv2.GaussianBlur(dark, (0, 0), sigmaX=1.2, sigmaY=2.0), np.float32)


def beam_frames(
    scene: Scene,
    sector: Sector,
    look: Look,
    rng: np.random.Generator,
    anatomy: Anatomy,
    taken: Acquisition | None = None,
    seconds: float = 0.0,
) -> BeamFrames:
    """Yield frame by frame the beam image before the display curve, and the smoothed echo levels beneath it.

    ``taken`` as hard phantoms are; ``seconds`` from one frame to the next.
    """
    shapes = list(scene.shapes)
    corners = [beam_points(shape.points, sector) for shape in shapes]
    displacement = _displacement(scene, sector)
    clutter = anatomy.clutter * taken.clutter if taken else anatomy.clutter
    still = _background(rng, look, sector, clutter) + np.float32(anatomy.echogenicity)
    gone: Uint8 | None = None
    if taken:
        missing = lost(taken, DEPTHS, BEAMS)
        still += np.float32(taken.gain) - missing
        gone = np.where(missing > 40.0, 255, 0).astype(np.uint8)  # no colour there either
    speckle = _speckle_tile(anatomy.texture_seed % 8, look.smooth)
    noise = _noise_tile(anatomy.texture_seed % 8)
    from_row, from_column = int(rng.integers(DEPTHS // 2)), int(rng.integers(BEAMS // 2))
    columns, rows = np.meshgrid(np.arange(BEAMS, dtype=np.float32), np.arange(DEPTHS, dtype=np.float32))
    at = np.stack((columns + from_column + BEAMS // 4, rows + from_row + DEPTHS // 4), axis=2)
    renewed = _Renewed(speckle, rng, taken.renewal / seconds) if taken and taken.renewal else None
    share = np.clip((np.arange(256) - 16.0) / 36.0, 0.0, 1.0)  # of tissue, by echo level
    solid = (look.speckle * share).astype(np.float32)
    fluid = (look.noise + 0.7 * look.speckle * (1.0 - share)).astype(np.float32)
    levels = np.empty((DEPTHS, BEAMS), np.uint8)
    for t in range(len(displacement)):
        levels[:] = GreyLevel.TISSUE
        for shape, corner in zip(shapes, corners, strict=True):
            cv2.fillPoly(levels, [corner[t]], shape.level, cv2.LINE_AA, _SHIFT)
        soft = np.asarray(cv2.GaussianBlur(levels, (0, 0), sigmaX=look.smooth, sigmaY=0.9), np.uint8)
        edge = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3, scale=0.10)  # interfaces across the beam shine
        np.maximum(edge, 0.0, out=edge)
        where = at - cv2.resize(displacement[t], (BEAMS, DEPTHS), interpolation=cv2.INTER_LINEAR)
        grey = _at(speckle, where) if renewed is None else renewed.frame(t, where)
        row, column = rng.integers(DEPTHS), rng.integers(BEAMS)
        swirl = noise[row : row + DEPTHS, column : column + BEAMS]
        grey *= solid[soft]
        grey += swirl * fluid[soft]  # blood is never twice the same
        grey += soft
        grey += edge
        grey += still
        dark = _shadows(shapes, corners, t)
        if dark is not None:
            grey -= dark
        yield grey, soft if gone is None else np.maximum(soft, gone)


def _at(tile: Float32, where: Float32) -> Float32:
    seen = cv2.remap(tile, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, np.float32)


class _Renewed:
    """Speckle that goes with the tissue, and turns into another within some frames: motion through the plane brings new
    scatterers. The spread of grey levels stays.
    """

    def __init__(self, tile: Float32, rng: np.random.Generator, frames: float) -> None:
        self._tile, self._frames = tile, max(frames, 1.0)
        self._from = rng.uniform((-BEAMS / 4, -DEPTHS / 4), (BEAMS / 4, DEPTHS / 4), (64, 2)).astype(np.float32)

    def frame(self, t: int, where: Float32) -> Float32:
        which, share = divmod(t / self._frames, 1.0)
        old, new = (_at(self._tile, where + self._from[int(which + i) % 64]) for i in (0, 1))
        angle = share * np.pi / 2
        return np.asarray(old * np.float32(np.cos(angle)) + new * np.float32(np.sin(angle)), np.float32)


@lru_cache(maxsize=16)
def _scan_maps(rows: int, columns: int, half_angle: float, zoom: float) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    x0, y0, scale = sector_frame(rows, columns, half_angle, zoom)
    x, y = np.meshgrid(np.arange(columns) - x0, np.arange(rows) - y0)
    radius = np.hypot(x, y) / scale  # 1 at full depth
    angle = np.arctan2(x, np.maximum(y, 1e-6)) / np.radians(half_angle)
    beam = (angle + 1.0) / 2.0 * (BEAMS - 1)
    depth = radius * DEPTHS - 0.5
    outside = (np.abs(angle) > 1.0) | (radius > 1.0) | (y < 0) | (radius < 0.012)
    beam[outside], depth[outside] = -100.0, -100.0
    first, second = cv2.convertMaps(beam.astype(np.float32), depth.astype(np.float32), cv2.CV_16SC2)
    return first, second


def sector_frame(rows: int, columns: int, half_angle: float, zoom: float = 1.0) -> tuple[float, float, float]:
    """Return the probe's position (column, row) in an image and the full depth in pixels; both may be outside."""
    y0 = rows * 0.035
    scale = min(rows * 0.945, columns * 0.5 / np.sin(np.radians(half_angle)) * 0.985)
    if zoom != 1.0:
        y0, scale = y0 + scale * (1.0 - zoom) / 2, scale * zoom
    return columns / 2 - 0.5, y0, float(scale)


def scan_convert(
    beams: NDArray[np.uint8],
    rows: int,
    columns: int,
    half_angle: float,
    window: tuple[slice, slice] = _WHOLE,
    zoom: float = 1.0,
) -> Uint8:
    """Convert a beam image, grey or RGB, to (rows, columns[, 3]) or a window of it; 0 outside the sector."""
    first, second = (part[window] for part in _scan_maps(rows, columns, half_angle, zoom))
    picture = cv2.remap(beams, first, second, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(picture, np.uint8)
