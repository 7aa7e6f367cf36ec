"""Cavities whose area, length and volume are known from their formula."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from echosearch.contour.outline import cavity_of_outline, cavity_of_probabilities, filled
from echosearch.contour.values import POINTS, SIDE, Box, Cavity, Floats


def ellipse(
    half_length: float, half_width: float, turned: float = 0.0, middle: tuple[float, float] = (55, 60)
) -> Floats:
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    across, along = half_width * np.cos(angle), half_length * np.sin(angle)
    c, s = np.cos(turned), np.sin(turned)
    return np.stack((middle[0] + c * across - s * along, middle[1] + s * across + c * along), axis=1)


def shown(*outlines: Floats) -> NDArray[np.float32]:
    """Probabilities of 1 within the outlines."""
    cells = np.max([filled(outline, 4) for outline in outlines], axis=0).astype(np.float32)
    return np.asarray(cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)


def volume(cavity: Cavity) -> float:
    return float(np.pi / 4 * (cavity.widths**2).sum() * cavity.length / len(cavity.widths))


@pytest.mark.parametrize("turned", [0.0, 0.4, -0.7])
def test_an_ellipse_has_the_area_length_and_volume_of_its_formula(turned: float) -> None:
    cavity = cavity_of_outline(ellipse(30, 14, turned))
    assert cavity is not None
    assert cavity.area == pytest.approx(np.pi * 30 * 14, rel=0.02)
    assert cavity.length == pytest.approx(60, rel=0.02)
    assert volume(cavity) == pytest.approx(4 / 3 * np.pi * 30 * 14**2, rel=0.03)


def test_discs_are_counted_from_above() -> None:
    """A cone whose tip is at the top."""
    cavity = cavity_of_outline(np.array([(55.0, 20.0), (70.0, 90.0), (40.0, 90.0)]))
    assert cavity is not None
    assert (np.diff(cavity.widths) > 0).all()


def test_the_outline_of_a_cavity_encloses_it() -> None:
    cavity = cavity_of_outline(ellipse(30, 14, 0.4))
    assert cavity is not None
    assert cavity.outline.shape == (POINTS, 2)
    assert filled(cavity.outline, 4).sum() / 16 == pytest.approx(cavity.area, rel=0.03)


def test_probabilities_give_the_cavity_they_show() -> None:
    cavity = cavity_of_probabilities(shown(ellipse(30, 14)))
    assert cavity is not None
    assert cavity.area == pytest.approx(np.pi * 30 * 14, rel=0.02)
    assert cavity_of_probabilities(shown(ellipse(30, 14)) * np.float32(0.4)) is None


def test_one_of_several_pieces_is_no_cavity_and_a_crumb_beside_it_does_not_count() -> None:
    large = ellipse(20, 10, middle=(30, 50))
    assert cavity_of_probabilities(shown(large, ellipse(20, 10, middle=(80, 50)))) is None
    cavity = cavity_of_probabilities(shown(large, ellipse(3, 3, middle=(80, 50))))
    assert cavity is not None
    assert cavity.area == pytest.approx(np.pi * 200, rel=0.03)
    assert cavity_of_probabilities(np.zeros((SIDE, SIDE), np.float32)) is None


@pytest.mark.parametrize("box", [Box(0, 0, 320, 240), Box(12, 7, 101, 300), Box(0, 0, SIDE, SIDE)])
def test_a_box_maps_the_picture_to_the_square_and_to_shares(box: Box) -> None:
    corners = np.array([(box.x - 0.5, box.y - 0.5), (box.x + box.width - 0.5, box.y + box.height - 0.5)])
    square = box.to_square(corners)
    assert square.min() >= -0.5 - 1e-9
    assert square.max() <= SIDE - 0.5 + 1e-9
    assert box.to_share(square) == pytest.approx(np.array([(0, 0), (1, 1)]), abs=1e-9)
