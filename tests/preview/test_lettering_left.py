"""Of lettering that a phantom has, a mask leaves nothing around the fan, and hardly anything on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.cinefile import write_cine
from echosearch.phantom.imaging.lettering import plan_lettering
from echosearch.preview.mask import fan_mask
from echosearch.preview.values import NoPreview
from echosearch.reading.source import open_shown
from tests.benchmarks.bench_preview import seen


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("number", [0, 3])  # of the study: two patients, two machines
def test_nothing_is_left_around_the_fan(color: bool, number: int, tmp_path: Path) -> None:
    study = list(phantom_studies(2, seed=1))[number]
    plan = next(plan for plan in study_cines(study) if plan.color == color)
    write_cine(tmp_path / "cine", study, plan, 24, 240, 320, lettering=plan_lettering(study, 240, 320))
    cine = open_shown(tmp_path / "cine")
    frames = [frame.copy() for frame in cine.source.frames(range(cine.source.n_frames))]
    mask = fan_mask(frames, cine.regions)
    assert not isinstance(mask, NoPreview)
    left = seen(study, mask, frames)
    assert (left.left["above"], left.left["corner"]) == (0, 0)
    assert left.left["fan"] < 2
    assert left.tissue > 85
