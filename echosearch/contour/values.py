"""The values of a contour: the cine as the head sees it, what was found on it, and why there is no figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.reading.stretch import AS_STORED, Stretch
from echosearch.video import View

__all__ = [
    "APICAL",
    "DISCS",
    "POINTS",
    "SIDE",
    "Biplane",
    "Box",
    "Cavity",
    "Contours",
    "Discs",
    "Figure",
    "Floats",
    "FoundBeat",
    "GreyCine",
    "HeadInfo",
    "NoFigure",
    "Source",
]

SIDE = 112  # of the square that the head sees
POINTS = 32  # of an outline
DISCS = 20
APICAL = frozenset({View.CH2, View.CH4})  # the views that the method of discs is defined on

Floats = NDArray[np.float64]


class Source(StrEnum):
    """Who drew a contour."""

    HEAD = "head"
    SEG = "seg"  # the site, in a DICOM Segmentation object that was imported


class NoFigure(StrEnum):
    """Why a cine has no EF."""

    VIEW = "view"  # it is neither 4CH nor 2CH, or not surely so
    COLOUR = "colour"  # colour flow covers the cavity
    CAVITY = "cavity"  # no cavity is found on enough of its frames
    BEATS = "beats"  # no whole beat: from the largest area to the smallest and up again


@dataclass(frozen=True)
class Box:
    """The part of a picture that is looked at, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def shrink(self) -> float:
        """Pixels of the head's square for a pixel of the picture."""
        return SIDE / max(self.width, self.height)

    @property
    def margin(self) -> tuple[float, float]:
        """What is left free in the square, to the left and above."""
        return (SIDE - self.width * self.shrink) / 2, (SIDE - self.height * self.shrink) / 2

    def to_square(self, points: Floats) -> Floats:
        """Convert (..., 2) column and row of the picture to those of the square."""
        moved: Floats = (points + 0.5 - np.array([self.x, self.y])) * self.shrink + np.array(self.margin) - 0.5
        return moved

    def to_share(self, points: Floats) -> Floats:
        """Convert (..., 2) column and row of the square to shares of the box: 0 left and top, 1 right and bottom."""
        sides = np.array([self.width, self.height]) * self.shrink
        share: Floats = (points + 0.5 - np.array(self.margin)) / sides
        return share


@dataclass(frozen=True, eq=False)
class GreyCine:
    """A cine as the head sees it: masked to the fan where the file declares one, cut to ``box``, shrunk to a square.

    ``box`` and ``mm_per_pixel`` are of the picture that is shown; ``stretch`` leads to it from the stored one.
    """

    frames: Uint8 = field(repr=False)  # (T, SIDE, SIDE)
    box: Box
    masked: bool
    mm_per_pixel: float | None = None
    frame_seconds: float | None = None  # the mean from frame to frame
    stretch: Stretch = AS_STORED

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 3 or self.frames.shape[1:] != (SIDE, SIDE):
            raise ValueError(f"a grey cine is uint8 (T, {SIDE}, {SIDE}), got {self.frames.dtype} {self.frames.shape}")

    @property
    def mm(self) -> float | None:
        """Millimetres of a pixel of the square."""
        return None if self.mm_per_pixel is None else self.mm_per_pixel / self.box.shrink


@dataclass(frozen=True, eq=False)
class Cavity:
    """The cavity on one frame, in pixels of the square."""

    outline: Floats = field(repr=False)  # (POINTS, 2)
    area: float
    length: float  # along its axis
    widths: Floats = field(repr=False)  # (DISCS,) across the axis, from above


@dataclass(frozen=True)
class FoundBeat:
    """One beat: the frames of end-diastole and end-systole."""

    ed: int
    es: int


@dataclass(frozen=True)
class Discs:
    """A cavity as a pile of discs, from the apex to the base."""

    length: float  # mm
    widths: tuple[float, ...]  # mm


@dataclass(frozen=True)
class Figure:
    """The mean over a cine's whole beats. Volumes and discs need a calibrated picture: None without."""

    ef: float  # points, by the method of discs in one plane
    beats: int
    edv_ml: float | None = None
    esv_ml: float | None = None
    ed: Discs | None = None
    es: Discs | None = None


@dataclass(frozen=True)
class Biplane:
    """By the discs of a 4CH and a 2CH cine together."""

    ef: float
    edv_ml: float
    esv_ml: float
    foreshortened: bool  # the two lengths at end-diastole differ by more than a tenth: one plane misses the apex


@dataclass(frozen=True)
class HeadInfo:
    """Which head drew a contour. ``phantom_only``: it has never seen a patient."""

    name: str
    version: str
    fingerprint: str
    phantom_only: bool


@dataclass(frozen=True, eq=False)
class Contours:
    """What one head, or one site, drew on one cine; ``figure``, or ``no_figure`` with the reason in a sentence."""

    head: HeadInfo | None  # None: imported
    view: View
    frames: int
    outlines: Floats | None = field(repr=False)  # (T, POINTS, 2) shares of the box, NaN where there is none
    areas: Floats | None = field(repr=False)  # (T,) shares of the box, NaN where there is none
    beats: tuple[FoundBeat, ...] = ()
    figure: Figure | None = None
    no_figure: NoFigure | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if (self.figure is None) == (self.no_figure is None):
            raise ValueError("contours have a figure or the reason why there is none")

    @property
    def source(self) -> Source:
        return Source.SEG if self.head is None else Source.HEAD
