"""One door for every file of an export: an outcome for each, and no exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.source import inspect_file, open_source
from echosearch.video import VideoHeader


def shipped(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("examples_rgb_color.dcm", Reason.STILL),
        ("examples_palette.dcm", Reason.STILL),
        ("ExplVR_BigEnd.dcm", Reason.STILL),
        ("test-SR.dcm", Reason.NOT_A_CINE_CLASS),
        ("CT_small.dcm", Reason.NOT_A_CINE_CLASS),
        ("SC_rgb_rle_2frame.dcm", Reason.SECONDARY_CAPTURE),
        ("image_dfl.dcm", Reason.UNSUPPORTED_SYNTAX),
        ("README.txt", Reason.NOT_AN_IMAGE),
        ("zipMR.gz", Reason.PACKED),
    ],
)
def test_files_that_pydicom_ships(name: str, reason: Reason) -> None:
    outcome = inspect_file(shipped(name))
    assert isinstance(outcome, Skipped | Quarantined)
    assert outcome.reason == reason


def test_every_shipped_file_has_an_outcome() -> None:
    folder = shipped("CT_small.dcm").parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    outcomes = [inspect_file(path, allow_secondary_capture=True) for path in files]
    assert len(files) > 80
    assert sum(isinstance(outcome, VideoHeader) for outcome in outcomes) >= 1
    assert not [o for o in outcomes if isinstance(o, Quarantined) and o.detail.startswith("unforeseen")]


def test_the_real_cine_from_header_to_frames() -> None:
    header = inspect_file(shipped("examples_ybr_color.dcm"), issuer="SITE")
    assert isinstance(header, VideoHeader)
    source = open_source(shipped("examples_ybr_color.dcm"))
    assert source.n_frames == header.n_frames == 30
    assert source.frame_seconds == header.frame_seconds
    first, last = (frame.copy() for frame in source.frames([0, 29]))
    assert first.shape == last.shape == (240, 320, 3)
    assert not np.array_equal(first, last)


def test_a_file_that_changes_under_an_open_source(tmp_path: Path) -> None:
    path = tmp_path / "IM"
    data = shipped("examples_ybr_color.dcm").read_bytes()
    path.write_bytes(data)
    source = open_source(path)
    walk = source.frames([0, 1])
    next(walk)
    path.write_bytes(data[:-1])
    with pytest.raises(FileRefused) as refused:
        list(walk)
    assert refused.value.outcome.reason == Reason.CHANGED
    with pytest.raises(FileRefused) as refused:
        next(source.frames([0]))
    assert refused.value.outcome.reason == Reason.CHANGED


def test_media_without_a_sidecar_row(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(b"RIFF\x10\0\0\0AVI " + bytes(200))
    assert isinstance(inspect_file(path), Quarantined)
