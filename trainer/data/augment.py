"""Alter a training clip as another depth, machine or laboratory would, so that an encoder learns to look past it.

Drawn anew for each step: depth (a scaling about the probe, at the top in the middle), where the picture ends (all that
another depth changes where clips have a scale, ClipSpec.field_mm), zoom about the middle, a shift,
gain and gamma. One drawing holds for all frames of a clip, so motion stays what it is; colour is kept, because gain and
gamma act on the three channels alike. A mirrored study is mirrored in all its videos: laboratories differ in which side
of the picture is the patient's left, and none turns single videos. Reports stay as they are, since they name sides of
the heart and not of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from echosearch.clip import Uint8

__all__ = ["AugmentConfig", "Augmentation", "alter", "draw_augmentation"]

Range = tuple[float, float]


class AugmentConfig(BaseModel):
    """How far training clips are altered; the defaults leave them as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    share: float = Field(default=1.0, ge=0, le=1)  # of the clips that are altered at all
    depth: Range = (1.0, 1.0)  # times the depth that it was recorded at: above 1 everything is smaller
    depth_share: float = Field(default=1.0, ge=0, le=1)  # of the altered clips, that are seen at another depth
    reach: Range = (1.0, 1.0)  # of the clip's height, how far from the probe the picture ends; beyond it is black
    zoom: Range = (1.0, 1.0)  # about the middle; above 1 everything is larger
    shift: int = Field(default=0, ge=0)  # pixels, at most, each way
    gain: int = Field(default=0, ge=0, le=255)  # grey levels, at most, up or down; black stays black
    gamma: Range = (1.0, 1.0)
    mirror: float = Field(default=0.0, ge=0, le=1)  # share of the studies

    @model_validator(mode="after")
    def _ordered(self) -> AugmentConfig:
        for name in ("depth", "reach", "zoom", "gamma"):
            low, high = getattr(self, name)
            if not 0.1 <= low <= high <= 10:
                raise ValueError(f"{name} [{low}, {high}]: from the smaller to the larger, within 0.1 and 10")
        return self


@dataclass(frozen=True)
class Augmentation:
    """What is done to one clip."""

    scale: float = 1.0  # about the probe
    zoom: float = 1.0  # about the middle
    shift: tuple[int, int] = (0, 0)  # columns, rows
    gain: int = 0
    gamma: float = 1.0
    mirrored: bool = False
    reach: float = 1.0


def draw_augmentation(config: AugmentConfig, mirrored: bool, rng: np.random.Generator) -> Augmentation:
    """Draw what is done to a clip of a study that is ``mirrored`` or not. Factors are even on a logarithmic scale."""
    if rng.random() >= config.share:
        return Augmentation(mirrored=mirrored)
    depth, zoom, gamma = (float(np.exp(rng.uniform(*np.log(of)))) for of in (config.depth, config.zoom, config.gamma))
    if config.depth_share < 1 and rng.random() >= config.depth_share:
        depth = 1.0
    reach = float(rng.uniform(*config.reach)) if config.reach != (1.0, 1.0) else 1.0
    columns, rows = rng.integers(-config.shift, config.shift + 1, 2)
    gain = int(rng.integers(-config.gain, config.gain + 1))
    return Augmentation(1 / depth, zoom, (int(columns), int(rows)), gain, gamma, mirrored, reach)


def alter(pixels: Uint8, how: Augmentation) -> Uint8:
    """Return (T, H, W, 3) altered; what comes in from outside the picture is black."""
    rows, columns = pixels.shape[1:3]
    if how.reach != 1.0:
        fan = cv2.circle(np.zeros((rows, columns), np.uint8), (columns // 2, 0), round(how.reach * rows), (1,), -1)
        pixels = np.where(fan[..., None] > 0, pixels, np.uint8(0))
    matrix = _about(columns / 2, rows / 2, how.zoom) @ _about(columns / 2, 0.0, how.scale)
    matrix[:2, 2] += how.shift
    if how.mirrored:
        matrix = np.array([[-1.0, 0.0, columns - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) @ matrix
    if not np.array_equal(matrix, np.eye(3)):
        flat = [np.asarray(cv2.warpAffine(frame, matrix[:2], (columns, rows)), np.uint8) for frame in pixels]
        pixels = np.stack(flat)
    if how.gain or how.gamma != 1.0:
        pixels = _levels(how.gain, how.gamma)[pixels]
    return pixels


def _about(x: float, y: float, factor: float) -> np.ndarray:
    """Return the 3 x 3 matrix that scales about a point."""
    return np.array([[factor, 0.0, x - factor * x], [0.0, factor, y - factor * y], [0.0, 0.0, 1.0]])


def _levels(gain: int, gamma: float) -> Uint8:
    """Return the new level of each of 256; black stays black."""
    levels = 255 * (np.arange(256) / 255) ** gamma
    levels[1:] = np.clip(levels[1:] + gain, 0, 255)
    return levels.round().astype(np.uint8)
