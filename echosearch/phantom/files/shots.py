"""Which cines a study has."""

from __future__ import annotations

import numpy as np

from echosearch.phantom.files.cinefile import CinePlan
from echosearch.phantom.patients.history import PhantomStudy

__all__ = ["study_cines"]


def study_cines(study: PhantomStudy) -> tuple[CinePlan, ...]:
    """Return a study's cines: five to eight, B-mode of the five views, colour of valves, sometimes another view.

    Eight to sixty at the hard level: views are taken again, at another depth and quality.
    """
    if study.hard is not None:
        return _many_cines(study, study.hard.clips)
    rng = np.random.default_rng([study.seed, study.patient, study.number, 7002])
    missing = str(rng.choice(["SAX", "2CH", "LAX"])) if rng.random() < 0.06 else ""
    shots = [(view, False) for view in ("LAX", "SAX", "4CH", "2CH", "3CH") if view != missing]
    if missing or rng.random() < 0.97:
        shots.append(("4CH", True))
    if rng.random() < 0.97:
        shots.append((str(rng.choice(["3CH", "LAX"])), True))
    if rng.random() < 0.4:
        shots.append(("Other", False))
    elif rng.random() < 0.15:
        shots.append(("2CH", True))
    return tuple(CinePlan(number, view, color) for number, (view, color) in enumerate(shots, 1))


def _many_cines(study: PhantomStudy, clips: int) -> tuple[CinePlan, ...]:
    rng = np.random.default_rng([study.seed, study.patient, study.number, 8810])
    shots = [(view, False) for view in ("LAX", "SAX", "4CH", "2CH", "3CH")] + [("4CH", True), ("LAX", True)]
    often = [*shots, ("3CH", True), ("2CH", True), ("Other", False)]
    shares = np.array([0.12, 0.14, 0.19, 0.11, 0.10, 0.12, 0.07, 0.07, 0.05, 0.03])
    shots += [often[int(i)] for i in rng.choice(len(often), size=max(clips - len(shots), 0), p=shares)]
    taken = [shots[:at].count(shot) for at, shot in enumerate(shots)]
    return tuple(CinePlan(at + 1, *shot, taken[at]) for at, shot in enumerate(shots))
