"""Beats in curves of area whose ends are known."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.contour.beats import find_beats, smoothed
from echosearch.contour.values import Floats, FoundBeat
from echosearch.phantom.heart.cycle import contraction

FRAMES = 30  # of a beat


def areas(begin: float, frames: int, falls: float = 0.4, noise: float = 0.0) -> Floats:
    """The area of a heart that begins at this phase, end-diastole at whole phases."""
    phase = begin + np.arange(frames) / FRAMES
    curve: Floats = 1000 * (1 - falls * contraction(phase))
    return curve + np.random.default_rng(1).normal(0, noise, frames)


def near(beat: FoundBeat, ed: float, es: float) -> bool:
    return abs(beat.ed - ed) <= 2 and abs(beat.es - es) <= 2


@pytest.mark.parametrize("noise", [0.0, 12.0])
def test_a_cine_of_two_beats_has_two_with_their_ends(noise: float) -> None:
    first, second = find_beats(areas(0.8, 70, noise=noise), 1 / FRAMES)
    assert near(first, 7, 17)
    assert near(second, 37, 47)


def test_a_cine_that_begins_at_end_diastole_has_that_beat() -> None:
    (beat,) = find_beats(areas(0.0, FRAMES))
    assert near(beat, 0, 11)


def test_a_beat_that_begins_or_ends_outside_is_none() -> None:
    assert find_beats(areas(0.15, 20)) == ()  # from mid-systole up
    assert find_beats(areas(0.8, 16)) == ()  # ends before the area is up again
    (beat,) = find_beats(areas(0.15, 50))  # the systole that it begins in is left out
    assert near(beat, 25, 36)


def test_a_cavity_that_hardly_changes_has_no_beat_and_a_weak_one_has() -> None:
    assert find_beats(areas(0.8, 70, falls=0.02)) == ()
    assert len(find_beats(areas(0.8, 70, falls=0.08, noise=4.0), 1 / FRAMES)) == 2


def test_gaps_are_bridged_and_too_few_areas_are_no_curve() -> None:
    curve = areas(0.8, 70)
    curve[[9, 10, 40]] = np.nan
    assert len(find_beats(curve)) == 2
    curve[4:] = np.nan
    assert find_beats(curve) == ()


def test_smoothing_keeps_a_line_and_takes_away_flicker() -> None:
    assert smoothed(np.full(9, 5.0), 0.03) == pytest.approx(5.0)
    flicker = np.array([0.0, 10.0] * 20)
    assert smoothed(flicker, 1 / 60)[5:-5] == pytest.approx(5.0, abs=0.2)
