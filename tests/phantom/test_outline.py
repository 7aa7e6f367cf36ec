"""The phantom says where its left ventricle is: the outline fits the picture, the volume and the beat."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.cycle import Floats
from echosearch.phantom.heart.ventricle import lv_volume
from echosearch.phantom.imaging.cine import VIEWS, lv_outline_of, plan_cine, render_cine
from echosearch.phantom.patients.history import Level, PhantomStudy

ROWS, COLUMNS, FRAMES = 240, 320, 24


def outline(study: PhantomStudy, view: str) -> Floats:
    found = lv_outline_of(study, plan_cine(study, view), ROWS, COLUMNS)
    assert found is not None
    return found


def inside(points: Floats) -> np.ndarray:
    mask = np.zeros((ROWS, COLUMNS), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    return mask


@pytest.mark.parametrize("level", ["easy", "hard"])
@pytest.mark.parametrize("view", ["4CH", "2CH", "3CH"])
def test_the_outline_is_dark_inside_and_brighter_just_outside(level: Level, view: str) -> None:
    study = next(iter(phantom_studies(1, 31, level=level)))
    frame = render_cine(study, view, rows=ROWS, columns=COLUMNS, drawn=1)[0].mean(axis=2)
    cavity = inside(outline(study, view)[0])
    core = cv2.erode(cavity, np.ones((9, 9), np.uint8)) > 0
    upper = np.arange(ROWS)[:, None] < np.nonzero(cavity)[0].mean()  # below is the atrium, as dark
    wall = (cv2.dilate(cavity, np.ones((13, 13), np.uint8)) > 0) & (cavity == 0) & upper
    assert frame[wall].mean() > frame[core].mean() + 15


def test_only_apical_views_have_one() -> None:
    study = next(iter(phantom_studies(1, 31)))
    has = {view for view in VIEWS if lv_outline_of(study, plan_cine(study, view), ROWS, COLUMNS) is not None}
    assert has == {"4CH", "2CH", "3CH"}


@pytest.mark.parametrize("view", ["4CH", "2CH"])
def test_its_area_goes_with_the_volume_over_the_beat(view: str) -> None:
    study = next(one for one in phantom_studies(9, 31) if one.findings.wall_motion == 0)
    x, y = np.moveaxis(outline(study, view), 2, 0)
    areas = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2
    phase = plan_cine(study, view).phase
    volume = lv_volume(heart_size(study.anatomy, study.findings), study.findings, phase)
    assert np.corrcoef(areas, volume)[0, 1] > 0.97
