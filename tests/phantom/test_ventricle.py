"""The ventricle's motion: what a finding does to a wall, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.phantom.heart.anatomy import Anatomy, heart_size
from echosearch.phantom.heart.cycle import Floats
from echosearch.phantom.heart.findings import Findings, Territory
from echosearch.phantom.heart.ventricle import lv_surface

PHASE = np.linspace(0.0, 1.0, 201)
SEPTAL, LATERAL = 270.0, 90.0


def radius(findings: Findings, phi: float, z: float = 0.42) -> Floats:
    """Cavity radius over the beat at one place, (T,)."""
    size = heart_size(Anatomy(), findings)
    curve: Floats = lv_surface(size, findings, PHASE, np.array([z]), np.array([phi])).radius[:, 0, 0]
    return curve


def shortening(findings: Findings, phi: float, z: float = 0.42) -> float:
    curve = radius(findings, phi, z)
    return float(1 - curve[np.abs(PHASE - 0.37).argmin()] / curve[0])


@pytest.mark.parametrize(("territory", "inside", "outside"), [("LAD", 330, 150), ("RCA", 195, 60), ("LCX", 95, 270)])
def test_a_territory_moves_less_with_every_grade_and_the_rest_goes_on(
    territory: Territory, inside: float, outside: float
) -> None:
    hearts = [Findings(ef=45, wall_motion=grade, territory=territory) for grade in range(5)]
    within = [shortening(heart, inside) for heart in hearts]
    assert within == sorted(within, reverse=True)
    assert within[4] < 0 < within[1]  # dyskinetic: outwards in systole
    assert min(shortening(heart, outside) for heart in hearts) >= within[0] - 0.01


def test_septum_and_lateral_wall_part_ways_with_dyssynchrony() -> None:
    apart = []
    for grade in (0, 2, 3, 4):
        heart = Findings(ef=40, dyssynchrony=grade)
        septal, lateral = (PHASE[radius(heart, phi).argmin()] for phi in (SEPTAL, LATERAL))
        apart.append(float(lateral - septal))
    assert apart[0] == 0
    assert apart == sorted(apart)
    assert apart[1] > 0.1


def test_muscle_thickens_where_it_contracts() -> None:
    heart = Findings(ef=62)
    size = heart_size(Anatomy(), heart)
    cut = lv_surface(size, heart, np.array([0.0, 0.37]), np.array([0.4]), np.array([0.0]))
    assert 1.25 < cut.wall[1, 0, 0] / cut.wall[0, 0, 0] < 1.9
    assert cut.length[1] < cut.length[0]
