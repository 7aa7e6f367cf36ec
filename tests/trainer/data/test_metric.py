"""Clips with a side in millimetres: a phantom drawn in memory gives what its file gives, at any depth setting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from echosearch.clip import Clip, ClipSpec
from echosearch.phantom.files.cinefile import CinePlan, write_cine
from echosearch.phantom.patients.history import PhantomStudy, patient_history
from echosearch.reading.source import open_source
from trainer.data.cache import DRAWN_FRAMES, clip_of, open_video
from trainer.data.pairs import Drawn, Video

METRIC = ClipSpec(frames=2, stride=1, size=64, field_mm=200.0)


@pytest.mark.parametrize(("view", "color"), [("4CH", False), ("LAX", True)])
def test_a_drawn_cine_has_the_scale_of_its_file(tmp_path: Path, view: str, color: bool) -> None:
    study = patient_history(31, 1)[0]
    write_cine(tmp_path / "cine", study, CinePlan(1, view, color), DRAWN_FRAMES, 240, 320)
    drawn = Video("drawn", None, 1.0, Drawn(study, view, color))
    (source, _), file = open_video(drawn, METRIC), open_source(tmp_path / "cine")
    assert source.scale is not None
    assert file.scale is not None
    assert (file.scale.column, file.scale.row) == (source.scale.column, source.scale.row)
    assert file.scale.mm_per_pixel == pytest.approx(source.scale.mm_per_pixel)
    filed = clip_of(Video("file", None, 1.0, tmp_path / "cine"), METRIC)
    assert np.abs(filed.pixels.astype(int) - clip_of(drawn, METRIC).pixels).mean() < 3  # JPEG


def grey(study: PhantomStudy, spec: ClipSpec) -> NDArray[np.float64]:
    clip: Clip = clip_of(Video("k", None, 1.0, Drawn(study, "4CH", False)), spec)
    return np.asarray(
        clip.pixels[0, 4:44, 12:52].mean(axis=2), np.float64
    )  # within the fan, and above where the shallower one ends


def test_another_depth_moves_a_metric_clip_little() -> None:
    study = patient_history(31, 1)[0]
    shallow = replace(study, depth_setting=study.depth_setting * 0.8)
    whole = replace(METRIC, field_mm=None)
    for spec, least, most in ((METRIC, 0.85, 1.0), (whole, 0.0, 0.7)):
        alike = np.corrcoef(grey(study, spec).ravel(), grey(shallow, spec).ravel())[0, 1]
        assert least <= alike <= most
