"""What is drawn: the heart beats as it should, jets flow only where graded, speckle goes with the tissue."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypedDict

import numpy as np
import pytest
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.phantom.heart.anatomy import Anatomy
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.imaging.cine import OTHER_VIEWS, VIEWS, plan_cine, render_cine
from echosearch.phantom.imaging.sheet import frame_at
from echosearch.phantom.patients.history import PhantomStudy, patient_history
from echosearch.phantom.patients.machine import LOOKS


class Size(TypedDict):
    rows: int
    columns: int


SMALL: Size = {"rows": 120, "columns": 160}


def heart(**findings: object) -> PhantomStudy:
    anatomy = Anatomy(texture_seed=3, wobble_seed=5)
    return PhantomStudy(1, 1, 0, date(2020, 1, 1), anatomy, Findings(**findings))  # type: ignore[arg-type]


def phases(study: PhantomStudy, view: str, frames: int, color: bool = False) -> NDArray[np.float64]:
    return np.mod(plan_cine(study, view, color, frames).phase, 1.0)


def dark_in_the_middle(picture: Uint8) -> int:
    """Pixels of blood around the ventricle's middle, in a short axis of 120 x 160."""
    return int((picture[40:85, 62:110].max(axis=2) < 48).sum())


def coloured(picture: Uint8, rows: slice = slice(20, 104)) -> int:
    inside = picture[rows, 10:-30].astype(np.int16)
    return int(((inside.max(axis=2) - inside.min(axis=2)) > 70).sum())


@pytest.mark.parametrize("view", VIEWS)
def test_a_cine_has_its_shape_and_is_always_the_same(view: str) -> None:
    study = patient_history(4, 2)[0]
    first = render_cine(study, view, frames=5, **SMALL)
    assert first.shape == (5, 120, 160, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, render_cine(study, view, frames=5, **SMALL))
    assert not np.array_equal(first[0], first[4])


def test_views_studies_and_machines_differ() -> None:
    study = patient_history(4, 2)[0]
    pictures = [render_cine(study, view, frames=1, **SMALL) for view in VIEWS]
    pictures += [render_cine(study, "Other", frames=1, other=other, **SMALL) for other in OTHER_VIEWS[1:]]
    pictures += [
        render_cine(replace(study, look=look), "4CH", frames=1, **SMALL) for look in LOOKS if look != study.look
    ]
    for i, one in enumerate(pictures):
        assert all(np.abs(one.astype(int) - other).mean() > 2 for other in pictures[i + 1 :])


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(ValueError, match="5CH"):
        render_cine(heart(), "5CH")


def test_pixels_outside_the_sector_are_black_but_for_the_graphics() -> None:
    cine = render_cine(heart(), "4CH", frames=2, rows=240, columns=320)
    assert cine[:, 60:100, :40].max() == 0
    assert cine[:, 120:200, 140:180].mean() > 5


def test_the_short_axis_empties_more_the_higher_the_ef() -> None:
    emptied = []
    for ef in (20.0, 35.0, 50.0, 65.0):
        study = heart(ef=ef)
        cine, at = render_cine(study, "SAX", frames=30, **SMALL), phases(study, "SAX", 30)
        diastole, systole = np.abs(np.mod(at + 0.5, 1) - 0.5).argmin(), np.abs(at - 0.37).argmin()
        full, empty = dark_in_the_middle(cine[diastole]), dark_in_the_middle(cine[systole])
        emptied.append((full - empty) / full)
    assert emptied == sorted(emptied)
    assert emptied[0] < 0.25
    assert emptied[-1] > 0.4


@pytest.mark.parametrize(
    ("finding", "view", "moment"),
    [("mr", "4CH", 0.22), ("mr", "LAX", 0.22), ("tr", "4CH", 0.22), ("ar", "3CH", 0.72), ("ar", "LAX", 0.75)],
)
def test_a_leak_shows_in_colour_as_much_as_it_is_graded(finding: str, view: str, moment: float) -> None:
    shown = []
    for grade in range(5):
        study = heart(**{finding: grade})
        at = phases(study, view, 24, color=True)
        frame = int(np.abs(at - moment).argmin())
        shown.append(coloured(render_cine(study, view, color=True, frames=24, **SMALL)[frame]))
    assert shown == sorted(shown)
    assert shown[4] - shown[0] > 100
    assert shown[2] > shown[0]


def test_leaks_are_out_of_phase_and_out_of_sight_where_they_should_be() -> None:
    quiet, leaking = heart(), heart(mr=4)
    at = phases(leaking, "4CH", 24, color=True)
    filling = int(np.abs(at - 0.72).argmin())
    with_leak = render_cine(leaking, "4CH", color=True, frames=24, **SMALL)
    assert coloured(with_leak[filling], slice(78, 104)) < 30  # no jet in the atrium in diastole
    no_color = render_cine(leaking, "4CH", frames=24, **SMALL)
    assert max(coloured(frame) for frame in no_color) < 10
    one, other = (render_cine(study, "SAX", frames=4, **SMALL) for study in (quiet, leaking))
    assert np.array_equal(one, other)  # the papillary level knows nothing of the mitral valve


def test_speckle_moves_with_the_wall() -> None:
    """Consecutive frames match better when the second is shifted back by the wall's own motion than when it is not."""
    study = heart(ef=70.0)
    cine = render_cine(study, "LAX", frames=30, rows=240, columns=320)[..., 0].astype(np.float32)
    at = phases(study, "LAX", 30)
    t = int(np.abs(at - 0.20).argmin())  # mid-systole: the posterior wall rises
    wall = slice(150, 200), slice(95, 150)
    here = cine[t][wall]
    match = {}
    for shift in range(-3, 4):
        there = cine[t + 1][150 - shift : 200 - shift, 95:150]
        match[shift] = float(np.corrcoef(here.ravel(), there.ravel())[0, 1])
    best = max(match, key=lambda shift: match[shift])
    assert best >= 1
    assert match[best] > match[0] + 0.02


def test_metal_is_brighter_than_any_tissue() -> None:
    plain, paced = (frame_at(heart(pacemaker=grade), "4CH", 0.0) for grade in (0, 4))
    right_heart = slice(40, 170), slice(90, 150)
    assert (paced[right_heart].min(axis=2) > 235).sum() > (plain[right_heart].min(axis=2) > 235).sum() + 60


def test_an_effusion_is_a_dark_rim_around_the_heart() -> None:
    dark = []
    for grade in range(5):
        picture = frame_at(heart(pericardial_effusion=grade), "SAX", 0.1)
        sector = picture[70:200, 60:260].max(axis=2)
        dark.append(int((sector < 30).sum()))
    assert dark[4] > dark[2] > dark[0]
