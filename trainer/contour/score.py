"""Score a contour head on phantoms whose outlines and EF are known: Dice, EF, volumes, frames of ED and ES."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from echosearch.contour.head import ContourHead
from echosearch.contour.measure import biplane, figure_of, measure
from echosearch.contour.outline import cavity_of_outline, filled
from echosearch.contour.values import Contours, Figure, Floats, FoundBeat, GreyCine
from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.ventricle import lv_volume
from echosearch.phantom.patients.history import Level
from echosearch.video import View
from trainer.contour.samples import DrawnCine, apical_plans, drawn_cine

__all__ = ["FALSELY_TAKEN", "ContourScores", "read_wrongly", "score_head", "true_beats"]

FALSELY_TAKEN = ("LAX", "SAX", "3CH", "Other")


@dataclass(frozen=True)
class ContourScores:
    """Figures over the apical cines of one phantom population; EF in points, frames as counts, volumes in ml."""

    level: str
    seed: int
    patients: int
    cines: int
    dice: float  # mean over frames
    dice_tenth: float  # a tenth of the cines is below, by their mean
    with_figure: int
    no_figure: dict[str, int]
    ef_error: float  # mean absolute, of one plane against the heart's own EF
    ef_bias: float
    ef_method: float  # the same of the true outlines: what one plane and foreshortening leave
    ef_by_guess: float  # the same if every cine had the mean EF
    ed_frames: float  # mean absolute error
    es_frames: float
    edv_error: float  # share of the true volume, mean absolute
    biplane_studies: int
    biplane_ef_error: float
    biplane_ef_bias: float
    read_ef: tuple[float, ...] = field(repr=False)  # of each cine with a figure
    true_ef: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True)
class _Read:
    drawn: DrawnCine
    contours: Contours
    dice: float
    method: Figure | None  # of the true outlines
    frames: tuple[list[int], list[int]]  # errors of ED and ES

    @property
    def ef(self) -> float:
        return float(self.drawn.study.findings.ef)


def score_head(head: ContourHead, patients: int, seed: int, level: Level) -> ContourScores:
    """Score the first take of each apical B-mode cine of so many patients. Raises ValueError if none has a figure."""
    reads: list[_Read] = []
    both: list[tuple[float, float]] = []
    for study in phantom_studies(patients, seed, level=level):
        made = [drawn_cine(study, plan) for plan in apical_plans(study)]
        own = [_read(head, one) for one in made if one is not None]
        reads += own
        figures = {one.drawn.view: one.contours.figure for one in own}
        four, two = figures.get("4CH"), figures.get("2CH")
        planes = biplane(four, two) if four and two else None
        if planes is not None:
            both.append((planes.ef, float(study.findings.ef)))
    read = [one for one in reads if one.contours.figure is not None]
    if not read:
        raise ValueError("no cine has a figure")
    return _scores(reads, read, both, (level, seed, patients))


def _scores(
    reads: Sequence[_Read], read: Sequence[_Read], both: Sequence[tuple[float, float]], of: tuple[str, int, int]
) -> ContourScores:
    dices = np.array([one.dice for one in reads])
    figures = [one.contours.figure for one in read if one.contours.figure is not None]
    errors = np.array([figure.ef - one.ef for figure, one in zip(figures, read, strict=True)])
    method = np.array([one.method.ef - one.ef for one in read if one.method is not None])
    true = np.array([one.ef for one in read])
    volumes = [
        figure.edv_ml / _true_edv(one.drawn) - 1
        for figure, one in zip(figures, read, strict=True)
        if figure.edv_ml is not None
    ]
    planes = np.array([a - b for a, b in both])
    return ContourScores(
        level=of[0],
        seed=of[1],
        patients=of[2],
        cines=len(reads),
        dice=float(dices.mean()),
        dice_tenth=float(np.quantile(dices, 0.1)),
        with_figure=len(read),
        no_figure=dict(Counter(str(one.contours.no_figure) for one in reads if one.contours.no_figure)),
        ef_error=float(np.abs(errors).mean()),
        ef_bias=float(errors.mean()),
        ef_method=float(np.abs(method).mean()) if len(method) else float("nan"),
        ef_by_guess=float(np.abs(true - true.mean()).mean()),
        ed_frames=_mean([error for one in read for error in one.frames[0]]),
        es_frames=_mean([error for one in read for error in one.frames[1]]),
        edv_error=_mean([abs(one) for one in volumes]),
        biplane_studies=len(both),
        biplane_ef_error=_mean(list(np.abs(planes))),
        biplane_ef_bias=_mean(list(planes)),
        read_ef=tuple(round(figure.ef, 2) for figure in figures),
        true_ef=tuple(round(float(one), 2) for one in true),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _read(head: ContourHead, drawn: DrawnCine) -> _Read:
    assert drawn.outlines is not None
    contours = measure(head, drawn.cine, View(drawn.view))
    dices = [] if contours.outlines is None else list(_dices(contours.outlines, drawn.outlines, drawn.cine))
    beats = true_beats(drawn)
    truth = [cavity_of_outline(outline) for outline in drawn.outlines]
    method = None
    if beats and all(one is not None for one in truth):
        method = figure_of(truth, beats, drawn.cine.frame_seconds, drawn.cine.mm)
    frames = ([_nearest(one.ed, [b.ed for b in beats]) for one in contours.beats if beats],
              [_nearest(one.es, [b.es for b in beats]) for one in contours.beats if beats])  # fmt: skip
    return _Read(drawn, contours, _mean(dices), method, frames)


def _dices(found: Floats, true: Floats, cine: GreyCine) -> Iterator[float]:
    sides = np.array([cine.box.width, cine.box.height]) * cine.box.shrink
    for outline, other in zip(found, true, strict=True):
        if np.isnan(outline).any():
            yield 0.0
            continue
        one = filled(outline * sides + np.array(cine.box.margin) - 0.5, 4)
        two = filled(other, 4)
        yield float(2 * (one & two).sum() / (one.sum() + two.sum()))


def true_beats(drawn: DrawnCine) -> tuple[FoundBeat, ...]:
    """Return the beats that a cine holds by its phase: the frame next to the R wave, and that of the least true area.

    The area is that of the plane's own cut, as a reader would have it; the search is within the phases of one beat.
    """
    assert drawn.outlines is not None
    areas = np.array([_area(outline) for outline in drawn.outlines])
    beats = []
    for whole in range(int(np.ceil(drawn.phase[0])), int(drawn.phase[-1]) + 1):
        ed = int(np.argmin(np.abs(drawn.phase - whole)))
        inside = np.flatnonzero((drawn.phase >= whole + 0.1) & (drawn.phase <= whole + 0.7))
        if len(inside) and drawn.phase[-1] >= whole + 0.7:
            beats.append(FoundBeat(ed, int(inside[np.argmin(areas[inside])])))
    return tuple(beats)


def _area(outline: Floats) -> float:
    x, y = outline.T
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def _nearest(frame: int, frames: Sequence[int]) -> int:
    return min(abs(frame - other) for other in frames)


def _true_edv(drawn: DrawnCine) -> float:
    findings = drawn.study.findings
    return float(lv_volume(heart_size(drawn.study.anatomy, findings), findings, np.zeros(1))[0])


def read_wrongly(head: ContourHead, patients: int, seed: int, level: Level) -> dict[str, tuple[int, int]]:
    """Return for each view that is not measured how many of its cines get an EF if they are called 4CH, and how many
    there are: what would pass if the view were wrong.
    """
    found = {view: [0, 0] for view in FALSELY_TAKEN}
    for study in phantom_studies(patients, seed, level=level):
        for plan in study_cines(study):
            if plan.view in found and not plan.color and plan.take == 0:
                made = drawn_cine(study, plan)
                found[plan.view][1] += 1
                found[plan.view][0] += made is not None and measure(head, made.cine, View.CH4).figure is not None
    return {view: (taken, all_) for view, (taken, all_) in found.items()}
