"""What only the order of frames tells, what only colour tells, and marks of treatment."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.phantom.heart.anatomy import Anatomy, heart_size
from echosearch.phantom.heart.cycle import Floats, contraction
from echosearch.phantom.heart.features import MIRROR, Features, Septal, bounce, reversible
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.heart.rhythm import phase_between, r_waves
from echosearch.phantom.imaging import cine as cines
from echosearch.phantom.imaging.acquisition import Acquisition
from echosearch.phantom.imaging.cine import plan_cine, render_cine
from echosearch.phantom.imaging.hard_sheet import hard_heart
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.planes.chambers import Beat
from echosearch.phantom.planes.short_axis import short_axis


@pytest.fixture(autouse=True)
def clearly_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cines, "drawn_acquisition", lambda *_: Acquisition())


def heart(features: Features, **f: object) -> PhantomStudy:
    return hard_heart(features, Findings(**f))  # type: ignore[arg-type]


def test_a_reversible_heart_contracts_as_it_relaxes() -> None:
    t = np.linspace(0.0, 3.0, 3001)
    there, back = contraction(reversible(t)), contraction(reversible(3 + MIRROR - t))
    assert np.abs(there - back).max() < 1e-4
    assert (np.diff(reversible(t)) >= 0).all()
    assert there.max() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(bounce("early", t) - bounce("late", 3 + MIRROR - t)).max() < 1e-9


def test_early_septal_motion_played_backwards_is_late_septal_motion() -> None:
    """Every outline of the short axis: the two have the same frames, in another order."""
    anatomy, findings = Anatomy(wobble_seed=5), Findings(ef=58.0)
    t = np.linspace(0.0, 2.0, 41)
    turns: list[tuple[Septal, Floats]] = [("early", t), ("late", 2 + MIRROR - t), ("early", 2 + MIRROR - t)]
    scenes = [
        short_axis(Beat(anatomy, findings, heart_size(anatomy, findings), reversible(at), inward=bounce(which, at)))
        for which, at in turns
    ]
    early, late, wrong = ([shape.points for shape in scene.shapes] for scene in scenes)
    assert all(np.abs(one - other).max() < 1e-3 for one, other in zip(early, late, strict=True))
    assert max(np.abs(one - other).max() for one, other in zip(early, wrong, strict=True)) > 0.3  # cm


def test_septal_motion_shows_in_the_short_axis_alone() -> None:
    moved = {}
    for view in ("SAX", "4CH", "LAX"):
        early, late = (
            plan_cine(heart(features), view).scene for features in (Features(septal="early"), Features(septal="late"))
        )
        moved[view] = max(
            float(np.abs(a.points - b.points).max()) for a, b in zip(early.shapes, late.shapes, strict=True)
        )
    assert moved["SAX"] > 0.3
    assert moved["4CH"] == moved["LAX"] == 0.0


def test_a_shunts_direction_is_in_the_colours_only() -> None:
    forth, back, none = (heart(f) for f in (Features(shunt="left-right"), Features(shunt="right-left"), Features()))
    for view in ("4CH", "LAX"):
        assert np.array_equal(render_cine(forth, view, frames=4), render_cine(back, view, frames=4))
        cine, other, without = (render_cine(one, view, color=True, frames=20) for one in (forth, back, none))
        systole = int(np.abs(np.mod(plan_cine(forth, view, True, 20).phase, 1) - 0.2).argmin())
        difference = [
            picture[systole].astype(int)[..., 0] - picture[systole].astype(int)[..., 2]
            for picture in (cine, other, without)
        ]
        shunted = np.abs(difference[0] - difference[1]) > 200
        assert shunted.sum() > 150
        assert (difference[0][shunted] > 0).mean() > 0.9  # towards the probe: red
        assert (difference[1][shunted] < 0).mean() > 0.9
        bright = [picture[systole].max(axis=2).astype(int) for picture in (cine, other)]
        assert abs(bright[0][shunted].mean() - bright[1][shunted].mean()) < 15
    assert np.array_equal(
        render_cine(forth, "SAX", frames=2), render_cine(none, "SAX", frames=2)
    )  # no defect in this plane


@pytest.mark.parametrize(
    ("features", "view", "findings"),
    [
        (Features(clip=True), "4CH", {}),
        (Features(clip=True), "LAX", {}),
        (Features(lvad=True), "4CH", {}),
        (Features(tavi=True), "LAX", {"prosthetic_valve": 4, "prosthesis": "aortic"}),
        (Features(icd=True), "4CH", {"pacemaker": 4}),
        (Features(transplant=True), "4CH", {}),
    ],
)
def test_marks_of_treatment_are_bright(features: Features, view: str, findings: dict[str, object]) -> None:
    """A plain prosthesis or lead is bright too: a stent and a coil are more so, or longer."""
    marked, plain = heart(features, **findings), heart(Features(), **findings)
    one, other = (render_cine(study, view, frames=3) for study in (marked, plain))
    level = 150 if features.transplant else 225
    brighter = (one[0].min(axis=2) > level).sum() - (other[0].min(axis=2) > level).sum()
    changed = (np.abs(one[0].astype(int) - other[0]).max(axis=2) > 60).sum()
    assert changed > 60
    assert brighter > 20 or features.tavi


def test_a_rhythm_of_a_septal_heart_keeps_the_mirror() -> None:
    """In sinus rhythm phase is linear in time, so that frames at equal steps mirror too."""
    waves = r_waves("sinus", 70, np.random.default_rng(2))
    times = np.linspace(0, 5, 500)
    phase = phase_between(times, waves, "sinus")
    assert np.abs(np.diff(phase) / np.diff(phase).mean() - 1).max() < 0.07
