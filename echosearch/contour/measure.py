"""From cavities on a cine to its contours: outlines, beats, EF and volumes, or one reason why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from echosearch.contour.beats import LEAST_CHANGE, find_beats, smoothed
from echosearch.contour.outline import cavity_of_probabilities
from echosearch.contour.values import (
    APICAL,
    DISCS,
    POINTS,
    Biplane,
    Cavity,
    Contours,
    Discs,
    Figure,
    Floats,
    FoundBeat,
    GreyCine,
    HeadInfo,
    NoFigure,
)
from echosearch.video import Mode, View

if TYPE_CHECKING:  # torch
    from echosearch.contour.head import ContourHead

__all__ = ["WHY", "areas_of", "biplane", "figure_of", "measure", "measure_marked", "without_figure"]

FOUND = 0.9  # of the frames have a cavity
FORESHORTENED = 0.1
WHY = {
    NoFigure.VIEW: "an EF is measured on 4CH and 2CH alone",
    NoFigure.COLOUR: "colour flow covers the cavity: take the B-mode cine of this view",
    NoFigure.CAVITY: "a cavity is found on {found} of {frames} frames, 9 of 10 are needed",
    NoFigure.BEATS: "the area shows no whole beat: from the largest to the smallest and up again",
}
OR_TWO = ", or two alone: end-diastole and end-systole"


def measure(head: ContourHead, cine: GreyCine, view: View, mode: Mode = Mode.UNKNOWN) -> Contours:
    """Draw the contour on every frame of an apical B-mode cine, and measure it where that can be trusted."""
    frames = len(cine.frames)
    if view not in APICAL:
        return without_figure(head, view, frames, NoFigure.VIEW)
    if mode == Mode.COLOR:
        return without_figure(head, view, frames, NoFigure.COLOUR)
    return _measured(head.info, view, [cavity_of_probabilities(one) for one in head.probabilities(cine.frames)], cine)


def measure_marked(marked: Mapping[int, Cavity], cine: GreyCine, view: View, mode: Mode = Mode.UNKNOWN) -> Contours:
    """Return the contours of cavities that a site has marked, by their frames.

    Two frames alone are end-diastole, the larger, and end-systole. Other than those of a head, the contours are drawn
    on any view and on colour too: a person saw what is cavity there. An EF is not measured there.
    """
    cavities = [marked.get(frame) for frame in range(len(cine.frames))]
    if view not in APICAL or mode == Mode.COLOR:
        reason = NoFigure.VIEW if view not in APICAL else NoFigure.COLOUR
        return Contours(None, view, len(cavities), *_drawn(cavities, cine), no_figure=reason, why=WHY[reason])
    if len(marked) != 2:
        return _measured(None, view, cavities, cine)
    ed, es = sorted(marked, key=lambda frame: -marked[frame].area)
    drawn = _drawn(cavities, cine)
    if marked[es].area > (1 - LEAST_CHANGE) * marked[ed].area:
        return Contours(None, view, len(cavities), *drawn, no_figure=NoFigure.BEATS, why=WHY[NoFigure.BEATS])
    figure = _figure(_piles([marked[ed]]), _piles([marked[es]]), cine.mm)
    return Contours(None, view, len(cavities), *drawn, (FoundBeat(ed, es),), figure)


def _measured(head: HeadInfo | None, view: View, cavities: Sequence[Cavity | None], cine: GreyCine) -> Contours:
    """Return the contours of cavities, with an EF if they are on enough frames to find whole beats."""
    frames, areas, drawn = len(cavities), areas_of(cavities), _drawn(cavities, cine)
    found = int(np.isfinite(areas).sum())
    if found < FOUND * frames:
        why = WHY[NoFigure.CAVITY].format(found=found, frames=frames) + ("" if head is not None else OR_TWO)
        return Contours(head, view, frames, *drawn, no_figure=NoFigure.CAVITY, why=why)
    beats = find_beats(areas, cine.frame_seconds)
    if not beats:
        return Contours(head, view, frames, *drawn, no_figure=NoFigure.BEATS, why=WHY[NoFigure.BEATS])
    return Contours(head, view, frames, *drawn, beats, figure_of(cavities, beats, cine.frame_seconds, cine.mm))


def _drawn(cavities: Sequence[Cavity | None], cine: GreyCine) -> tuple[Floats, Floats]:
    """Return the outlines (T, POINTS, 2) and areas (T,) as shares of the box."""
    outlines = np.full((len(cavities), POINTS, 2), np.nan)
    for number, cavity in enumerate(cavities):
        if cavity is not None:
            outlines[number] = cine.box.to_share(cavity.outline)
    return outlines, areas_of(cavities) / (cine.box.width * cine.box.height * cine.box.shrink**2)


def without_figure(head: ContourHead, view: View, frames: int, reason: NoFigure) -> Contours:
    """Return the contours of a cine on which none are drawn."""
    return Contours(head.info, view, frames, None, None, no_figure=reason, why=WHY[reason])


def areas_of(cavities: Sequence[Cavity | None]) -> Floats:
    """Return (T,) square pixels of the square, NaN where there is no cavity."""
    return np.array([np.nan if cavity is None else cavity.area for cavity in cavities])


def figure_of(
    cavities: Sequence[Cavity | None], beats: Sequence[FoundBeat], frame_seconds: float | None, mm: float | None
) -> Figure:
    """Return the mean over the beats, from discs that are smoothed over time; ``mm``: of a pixel, None if unknown."""
    piles = np.stack([smoothed(column, frame_seconds) for column in _piles(cavities).T], axis=1)
    ed, es = (piles[[getattr(beat, name) for beat in beats]] for name in ("ed", "es"))
    return _figure(ed, es, mm)


def _figure(ed: Floats, es: Floats, mm: float | None) -> Figure:
    """Return the mean over beats from their piles (N, 1 + DISCS) at end-diastole and end-systole."""
    ef = float(np.mean(100 * (1 - _volumes(es) / _volumes(ed))))
    if mm is None:
        return Figure(ef, len(ed))
    edv, esv = (float(_volumes(one * mm).mean()) for one in (ed, es))
    return Figure(ef, len(ed), edv, esv, *(_discs(one.mean(axis=0) * mm) for one in (ed, es)))


def _piles(cavities: Sequence[Cavity | None]) -> Floats:
    """Return (T, 1 + DISCS) lengths and widths, NaN where there is no cavity."""
    unknown = np.full(1 + DISCS, np.nan)
    return np.array([unknown if one is None else np.array([one.length, *one.widths]) for one in cavities])


def biplane(four: Figure, two: Figure) -> Biplane | None:
    """Return EF and volumes of a 4CH and a 2CH cine of one study; None if one is not calibrated."""
    if four.ed is None or two.ed is None or four.es is None or two.es is None:
        return None
    edv, esv = _elliptic(four.ed, two.ed), _elliptic(four.es, two.es)
    lengths = (four.ed.length, two.ed.length)
    return Biplane(100 * (1 - esv / edv), edv, esv, min(lengths) < (1 - FORESHORTENED) * max(lengths))


def _elliptic(one: Discs, other: Discs) -> float:
    """Millilitres of discs with a width from each plane; the longer axis is the truer one."""
    areas = np.pi / 4 * np.array(one.widths) * np.array(other.widths)
    return float(areas.sum() * max(one.length, other.length) / DISCS / 1000)


def _volumes(piles: Floats) -> Floats:
    """Return (N,) volumes of (N, 1 + DISCS) lengths and widths: discs as deep as they are wide; ml of mm."""
    volumes: Floats = np.pi / 4 * (piles[:, 1:] ** 2).sum(axis=1) * piles[:, 0] / DISCS / 1000
    return volumes


def _discs(pile: Floats) -> Discs:
    return Discs(round(float(pile[0]), 2), tuple(round(float(width), 2) for width in pile[1:]))
