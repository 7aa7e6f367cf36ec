"""Cines of the hard level: how they are taken shows in the pictures, and the file says it truly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import TypedDict

import numpy as np
import pytest
from numpy.typing import NDArray

from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.cinefile import CinePlan, cine_dataset
from echosearch.phantom.heart.anatomy import Anatomy
from echosearch.phantom.heart.features import Features
from echosearch.phantom.heart.findings import Findings
from echosearch.phantom.heart.rhythm import Rhythm, phase_between, r_waves
from echosearch.phantom.imaging import cine as cines
from echosearch.phantom.imaging.acquisition import Acquisition, drawn_acquisition
from echosearch.phantom.imaging.cine import frame_seconds, plan_cine, render_cine
from echosearch.phantom.imaging.ultrasound import Sector, beam_frames
from echosearch.phantom.patients.hard_study import HardStudy
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.machine import LOOKS
from echosearch.phantom.planes.scene import GreyLevel, Scene, Shape


class Size(TypedDict):
    rows: int
    columns: int


SMALL: Size = {"rows": 120, "columns": 160}


def heart(rhythm: Rhythm = "sinus", window: float = 1.0, features: Features | None = None, **f: object) -> PhantomStudy:
    findings = Findings(**f)  # type: ignore[arg-type]
    hard = HardStudy(False, features or Features(), rhythm, window, 8, 0, findings, frozenset(), False)
    return PhantomStudy(1, 1, 0, date(2020, 1, 1), Anatomy(texture_seed=3, wobble_seed=5), findings, hard=hard)


def taken_as(monkeypatch: pytest.MonkeyPatch, taken: Acquisition) -> None:
    monkeypatch.setattr(cines, "drawn_acquisition", lambda *_: taken)


def test_a_cine_is_always_the_same_and_a_view_taken_again_is_another() -> None:
    first, again, other = (render_cine(heart(), "4CH", frames=3, take=take, **SMALL) for take in (0, 0, 1))
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 3


def test_studies_have_many_cines_with_views_repeated_at_other_depths() -> None:
    studies = list(phantom_studies(120, 6, level="hard"))
    counts = [len(study_cines(study)) for study in studies]
    assert min(counts) >= 8
    assert 40 < max(counts) <= 60
    repeated = max(studies, key=lambda study: len(study_cines(study)))
    plans = study_cines(repeated)
    assert len({(plan.view, plan.color, plan.take) for plan in plans}) == len(plans)
    assert max(Counter((plan.view, plan.color) for plan in plans).values()) >= 5
    apical = [plan_cine(repeated, plan.view, plan.color, 2, take=plan.take) for plan in plans if plan.view == "4CH"]
    assert len({cine.sector.depth for cine in apical}) >= 3
    assert len({cine.sector.zoom for cine in apical}) >= 2


@pytest.mark.parametrize(("depth", "zoom"), [(0.92, 1.0), (1.4, 1.0), (1.1, 1.45)])
def test_metric_pixels_are_recovered_from_the_region(
    depth: float, zoom: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies at a place in cm is found at the pixel that the region's calibration gives: a clip, bright metal."""
    taken_as(monkeypatch, Acquisition(depth=depth, zoom=zoom))
    study = heart(features=Features(clip=True))
    plan = CinePlan(1, "4CH", False)
    pixels = render_cine(study, "4CH", frames=4, rows=240, columns=320)
    (region,) = cine_dataset(study, plan, pixels).SequenceOfUltrasoundRegions
    scene = plan_cine(study, "4CH", frames=4).scene
    (clip,) = (shape for shape in scene.shapes if shape.shadow == 22.0)
    x, y = clip.points[0].mean(axis=0)  # cm from the probe
    column = region.RegionLocationMinX0 + region.ReferencePixelX0 + x / region.PhysicalDeltaX
    row = region.RegionLocationMinY0 + region.ReferencePixelY0 + y / region.PhysicalDeltaY
    assert pixels[0][round(row), round(column)].min() > 190
    wrong = region.RegionLocationMinY0 + region.ReferencePixelY0 + y / (region.PhysicalDeltaY * 1.15)
    assert pixels[0][round(wrong), round(column)].max() < 190


def test_depth_marks_are_a_centimetre_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    for zoom in (1.0, 1.2):
        taken_as(monkeypatch, Acquisition(zoom=zoom))
        pixels = render_cine(heart(), "4CH", frames=1, rows=240, columns=320)
        (region,) = cine_dataset(heart(), CinePlan(1, "4CH", False), pixels).SequenceOfUltrasoundRegions
        rows = np.flatnonzero(pixels[0, :, 316, 0] == 150)
        assert np.median(np.diff(rows)) * region.PhysicalDeltaY == pytest.approx(1.0, abs=0.1)


def test_a_deeper_picture_has_a_smaller_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    for depth in (0.95, 1.2, 1.45):
        taken_as(monkeypatch, Acquisition(depth=depth))
        picture = render_cine(heart(features=Features(clip=True)), "4CH", frames=1)[0]
        shown.append(int((picture.min(axis=2) > 200).sum()))
    assert shown[0] > 1.2 * shown[1] > 1.4 * shown[2]


def lengths(cine: cines.Cine) -> NDArray[np.float64]:
    """The extent along y of the longest outline, over time."""
    points = max((shape.points for shape in cine.scene.shapes), key=lambda p: float(np.ptp(p[0, :, 1])))
    return np.asarray(np.ptp(points[:, :, 1], axis=1))


def test_foreshortening_makes_the_apical_heart_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    long = []
    for share in (0.0, 0.25):
        taken_as(monkeypatch, Acquisition(foreshortening=share))
        long.append(lengths(plan_cine(heart(), "4CH", frames=2))[0])
    assert long[1] == pytest.approx(0.75 * long[0], rel=0.05)


def test_tilt_turns_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = []
    for tilt in (0.0, 0.3):
        taken_as(monkeypatch, Acquisition(tilt=tilt))
        heading = plan_cine(heart(), "4CH", color=True, frames=2).scene.streams[0].heading[0]
        turned.append(np.arctan2(heading[1], heading[0]))
    assert turned[1] - turned[0] == pytest.approx(0.3, abs=1e-6)


def test_motion_through_the_plane_changes_the_cut_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []
    for share in (0.0, 0.05):
        taken_as(monkeypatch, Acquisition(out_of_plane=share, sway=0.7))
        scene = plan_cine(heart(), "4CH", frames=48).scene
        widths.append(np.ptp(scene.shapes[0].points[:, :, 0], axis=1))
    ratio = widths[1] / widths[0]
    assert ratio.max() - ratio.min() > 0.07


def test_lost_segments_are_dark_and_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for segments in ((), ((0.0, 0.3, 0.0),)):
        taken_as(monkeypatch, Acquisition(segments=segments))
        seen.append(render_cine(heart(mr=4), "4CH", color=True, frames=24, **SMALL))
    middle = np.s_[:, 40:100, 76:84]
    assert seen[1][middle].mean() < 0.3 * seen[0][middle].mean()
    assert seen[1][:, 40:100, 30:50].mean() == pytest.approx(seen[0][:, 40:100, 30:50].mean(), rel=0.1)


def test_speckle_is_renewed_within_its_time() -> None:
    """Tissue at rest: the same speckle for the whole cine, or another one soon, as bright and as rough."""
    tissue = np.repeat(np.array([[[-4.0, 4.0], [4.0, 4.0], [4.0, 11.0], [-4.0, 11.0]]]), 20, axis=0)
    frames = np.zeros((20, 2))
    scene = Scene((Shape(tissue, GreyLevel.MUSCLE),), (), (frames, 1.0, 1.0))
    alike, rough = {}, {}
    for renewal in (0.0, 0.4):
        rng = np.random.default_rng(7)
        drawn = beam_frames(scene, Sector(15.0, 42.0), LOOKS[0], rng, Anatomy(), Acquisition(renewal=renewal), 1 / 30)
        seen = [grey[90:160, 55:90].ravel().copy() for grey, _ in drawn]
        alike[renewal] = [float(np.corrcoef(seen[0], seen[t])[0, 1]) for t in (3, 18)]
        rough[renewal] = float(np.mean([one.std() for one in seen]))
    assert min(alike[0.0]) > 0.8
    assert 0.5 < alike[0.4][0] < alike[0.0][0]
    assert alike[0.4][1] < 0.5 * alike[0.0][1]
    assert rough[0.4] == pytest.approx(rough[0.0], rel=0.1)


def test_poor_windows_lose_more_segments() -> None:
    rng = np.random.default_rng(0)
    lost = [
        np.mean([len(drawn_acquisition(window, "4CH", False, rng).segments) for _ in range(300)])
        for window in (0.1, 0.9)
    ]
    assert lost[0] > 2 * lost[1]


@pytest.mark.parametrize(("rhythm", "spread"), [("sinus", 0.05), ("extrasystole", 0.5), ("af", 0.5)])
def test_beats_are_of_unequal_length(rhythm: Rhythm, spread: float) -> None:
    beats = np.diff(r_waves(rhythm, 75, np.random.default_rng(3)))
    assert beats.mean() == pytest.approx(0.8, rel=0.08)
    relative = (beats.max() - beats.min()) / beats.mean()
    assert relative < 0.1 if rhythm == "sinus" else relative > spread
    early = np.flatnonzero(beats < 0.7 * 0.8)
    if rhythm == "extrasystole":  # a pause after each early beat
        assert len(early) > 5
        assert all(beats[early + 1] > 1.3 * 0.8)


def test_phases_begin_at_r_waves_and_systole_is_as_long_in_any_beat() -> None:
    waves = r_waves("af", 80, np.random.default_rng(4))
    times = np.linspace(0, 12, 6000)
    phase = phase_between(times, waves, "af")
    assert (np.diff(phase) > 0).all()
    begun = times[1:][np.diff(np.floor(phase)) > 0]
    inside = waves[(waves > 0) & (waves < 12)]
    assert np.abs(begun - inside).max() < 0.003
    rate = np.diff(phase)[:-1] / np.diff(times)[:-1]
    systole, diastole = (rate[np.mod(phase[:-2], 1) < 0.4], rate[np.mod(phase[:-2], 1) > 0.45])
    assert systole.std() / systole.mean() < 0.5 * diastole.std() / diastole.mean()


def test_r_wave_times_in_the_file_are_those_of_the_phase() -> None:
    study = heart(rhythm="af")
    plan = CinePlan(1, "4CH", False, take=1)
    pixels = render_cine(study, "4CH", frames=96, rows=48, columns=64, take=1)
    ds = cine_dataset(study, plan, pixels)
    phase = plan_cine(study, "4CH", frames=96, take=1).phase
    times = 1000 * frame_seconds(study, False) * np.arange(96)
    expected = np.interp(np.arange(np.ceil(phase[0]), phase[-1]), phase, times)  # where the phase is a whole number
    stated = np.atleast_1d(ds.RWaveTimeVector)
    assert len(stated) >= 3
    assert np.abs(stated - expected).max() < 1000 * frame_seconds(study, False)
    assert "RWaveTimeVector" not in cine_dataset(replace(study, hard=None), CinePlan(1, "4CH", False), pixels)


def test_no_frame_says_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ECG beside the fan is the same in all frames; an easy cine has a mark there that moves."""
    taken_as(monkeypatch, Acquisition())
    for study, same in ((heart(), True), (replace(heart(), hard=None), False)):
        beside = render_cine(study, "SAX", frames=6, rows=240, columns=320)[:, 216:238, 15:60]
        assert beside.any()
        assert bool((beside == beside[0]).all()) == same
