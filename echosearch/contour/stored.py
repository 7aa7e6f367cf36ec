"""Contours as rows: outlines as 16-bit shares of the box, areas as floats, the rest as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from echosearch.contour.values import POINTS, Contours, Discs, Figure, Floats, FoundBeat, HeadInfo, NoFigure, Source
from echosearch.db.files.contours import StoredContour
from echosearch.video import View

__all__ = ["IMPORTED", "from_row", "to_row"]

IMPORTED = str(Source.SEG)  # in place of a head's fingerprint
NONE = 65_535
STEPS = 65_534  # from 0 to 1


def to_row(made: Contours) -> StoredContour:
    """Return the row of contours; outlines are kept to 1/65534 of the box."""
    figure = made.figure
    found = {
        "frames": made.frames,
        "beats": [asdict(beat) for beat in made.beats],
        "figure": None if figure is None else asdict(figure),
        "why": made.why,
    }
    return StoredContour(
        view=str(made.view),
        ef=None if figure is None else figure.ef,
        no_figure=None if made.no_figure is None else str(made.no_figure),
        found=found,
        outlines=None if made.outlines is None else _packed(made.outlines),
        areas=None if made.areas is None else made.areas.astype("<f4").tobytes(),
    )


def from_row(row: StoredContour, head: HeadInfo | None) -> Contours:
    """Return the contours of a row that this head has made; None: that was imported."""
    found, figure = row.found, row.found["figure"]
    return Contours(
        head=head,
        view=View(row.view),
        frames=found["frames"],
        outlines=None if row.outlines is None else _unpacked(row.outlines),
        areas=None if row.areas is None else np.frombuffer(row.areas, "<f4").astype(np.float64),
        beats=tuple(FoundBeat(**beat) for beat in found["beats"]),
        figure=None if figure is None else Figure(**{**figure, "ed": _discs(figure["ed"]), "es": _discs(figure["es"])}),
        no_figure=None if row.no_figure is None else NoFigure(row.no_figure),
        why=found["why"],
    )


def _packed(outlines: Floats) -> bytes:
    shares = np.round(np.clip(np.nan_to_num(outlines), 0, 1) * STEPS)
    return np.where(np.isnan(outlines), NONE, shares).astype("<u2").tobytes()


def _unpacked(stored: bytes) -> Floats:
    steps = np.frombuffer(stored, "<u2").reshape(-1, POINTS, 2)
    return np.where(steps == NONE, np.nan, steps / STEPS)


def _discs(stored: dict[str, Any] | None) -> Discs | None:
    return None if stored is None else Discs(stored["length"], tuple(stored["widths"]))
