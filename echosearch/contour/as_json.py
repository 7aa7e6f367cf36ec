"""Contours as a JSON document, and the warning that goes with a head that has never seen a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from echosearch.contour.measure import biplane
from echosearch.contour.values import Biplane, Contours, Floats, HeadInfo
from echosearch.video import View

if TYPE_CHECKING:
    from echosearch.contour.imported import SegmentationImport

__all__ = ["PHANTOM_ONLY", "contours_json", "document", "import_json", "planes_of", "warning_of"]

PHANTOM_ONLY = "the head was trained on phantoms alone (ファントムのみで学習): on patients its contours prove nothing"


def warning_of(head: HeadInfo | None) -> str | None:
    """Return what has to be said with all that this head draws; None: the contours were imported."""
    return PHANTOM_ONLY if head is not None and head.phantom_only else None


def planes_of(made: Sequence[Contours]) -> Biplane | None:
    """Return what a 4CH and a 2CH cine give together; None if these are not two such cines with calibrated figures,
    or if one is a head's and one was imported.
    """
    if len({one.source for one in made}) > 1:
        return None
    figures = {one.view: one.figure for one in made}
    four, two = figures.get(View.CH4), figures.get(View.CH2)
    return biplane(four, two) if len(made) == 2 and four is not None and two is not None else None


def document(made: Sequence[tuple[str, Contours]]) -> dict[str, Any]:
    """Return the JSON of (target, its contours) of one head, some of which may be imported."""
    head = next((one.head for _, one in made if one.head is not None), None)
    planes = planes_of([one for _, one in made])
    return {
        "source": "contour",
        "head": None if head is None else asdict(head),
        "warning": warning_of(head),
        "cines": [{"target": target, **contours_json(one)} for target, one in made],
        "biplane": None if planes is None else _rounded(asdict(planes)),
    }


def contours_json(made: Contours) -> dict[str, Any]:
    """Return one cine's contours; outlines and areas are shares of the box, None where a frame has none."""
    return {
        "source": str(made.source),
        "view": str(made.view),
        "frames": made.frames,
        "figure": None if made.figure is None else _rounded(asdict(made.figure)),
        "no_figure": None if made.no_figure is None else str(made.no_figure),
        "why": made.why,
        "beats": [asdict(beat) for beat in made.beats],
        "areas": None if made.areas is None else [_share(one) for one in made.areas],
        "outlines": None if made.outlines is None else [_points(one) for one in made.outlines],
    }


def import_json(made: SegmentationImport) -> dict[str, Any]:
    """Return what became of an import; the outlines are those of contours_json of each video."""
    about = ("source", "view", "frames", "figure", "no_figure", "why", "beats")
    return {
        "imported": [
            {
                "video": one.video,
                **{name: value for name, value in contours_json(one.contours).items() if name in about},
                "masks": one.masks,
                "drawn": one.drawn,
                "replaced": one.replaced,
            }
            for one in made.imported
        ],
        "refused": [{"video": one.video, "files": list(one.files), "why": one.why} for one in made.refused],
        "other_files": made.other_files,
        "other_segments": made.other_segments,
    }


def _share(area: float) -> float | None:
    return None if np.isnan(area) else round(float(area), 5)


def _points(outline: Floats) -> list[list[float]] | None:
    return None if np.isnan(outline).any() else [[round(float(x), 4), round(float(y), 4)] for x, y in outline]


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in values.items()}
