"""The value types check themselves; vectors keep their bits."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from echosearch.clip import Clip, ClipSpec, Frames, clip_indices
from echosearch.errors import FileRefused
from echosearch.filters import Comparison
from echosearch.outcome import Quarantined, Reason
from echosearch.vector import from_bytes, is_usable, mean_vector, to_bytes, unit, vector_hash
from echosearch.video import View, ViewLabel
from tests.db.conftest import header


@pytest.mark.parametrize(("n_frames", "expected"), [(30, [0, 2, 4, 6]), (7, [0, 2, 4, 6]), (6, [0, 2, 4]), (1, [0])])
def test_indices_follow_the_stride(n_frames: int, expected: list[int]) -> None:
    assert clip_indices(ClipSpec(frames=4, stride=2), n_frames, None) == expected


def test_indices_follow_the_clock_where_timing_is_known() -> None:
    spec = ClipSpec(frames=4, stride=2, seconds=1 / 15)
    assert clip_indices(spec, 100, 1 / 30) == [0, 2, 4, 6]
    assert clip_indices(spec, 100, 1 / 60) == [0, 4, 8, 12]
    assert clip_indices(spec, 100, 1 / 10) == [0, 1, 2, 3]  # slower than asked: every frame, none twice
    assert clip_indices(spec, 100, None) == [0, 2, 4, 6]


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"std": (1.0, 0.0, 1.0)}, {"colour": "rgb"}, {"resize": "stretch"}, {"zoom": 0.5}]
)
def test_a_clip_spec_refuses_nonsense(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, ValidationError)):
        ClipSpec(**wrong)  # type: ignore[arg-type]


def test_frames_and_clips_check_their_shape() -> None:
    with pytest.raises(ValueError, match="uint8"):
        Frames(np.zeros((2, 4, 4, 3), np.float32))
    with pytest.raises(ValueError, match="T, H, W, 3"):
        Frames(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="n_valid"):
        Clip("key", np.zeros((2, 4, 4, 3), np.uint8), 3)
    assert repr(Frames(np.zeros((2, 4, 5, 3), np.uint8))) == "Frames((2, 4, 5, 3), frame_seconds=None)"


def test_a_view_probability_is_one() -> None:
    with pytest.raises(ValueError, match="probability"):
        ViewLabel(View.CH4, 90.0, "csv")


def test_vectors_keep_their_bits_and_the_mean_is_of_raw_rows() -> None:
    rows = list(np.random.default_rng(0).standard_normal((5, 512)).astype(np.float32))
    assert np.array_equal(from_bytes(to_bytes(rows[0])), rows[0])
    assert len(to_bytes(rows[0])) == 2048
    assert np.allclose(mean_vector(rows), np.mean(rows, axis=0, dtype=np.float64), atol=1e-7)
    assert vector_hash(to_bytes(rows[0])) != vector_hash(to_bytes(rows[1]))


def test_vectors_without_a_direction_are_not_usable() -> None:
    zero = np.zeros(4, np.float32)
    assert not is_usable(zero)
    assert not is_usable(np.array([1, np.nan, 0, 0], np.float32))
    with pytest.raises(ValueError, match="direction"):
        unit(zero)
    assert np.linalg.norm(unit(np.array([3, 4], np.float32))) == pytest.approx(1)


def test_a_refusal_crosses_a_process_boundary() -> None:
    refused = pickle.loads(pickle.dumps(FileRefused(Quarantined(Reason.TRUNCATED, "cut"))))
    assert refused.outcome == Quarantined(Reason.TRUNCATED, "cut")


def test_comparisons_know_their_fields() -> None:
    with pytest.raises(ValueError, match="order"):
        Comparison("view", ">=", "4CH")
    with pytest.raises(ValueError, match="does not take"):
        Comparison("age", "in", 60)


@pytest.mark.parametrize("missing", [{"sop": ""}, {"sop": "1.2", "study": ""}])
def test_a_video_without_its_uids_is_none(missing: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs a SOPInstanceUID and a StudyInstanceUID"):
        header(missing["sop"], missing.get("study", "1.2.3"))
