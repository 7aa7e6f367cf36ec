"""Altered videos: each condition changes what it should, and an encoder of known habits loses what it must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from echosearch.cli.main import cli
from echosearch.clip import ClipSpec
from tests.cli.json_schema import check_json
from trainer.config import DataConfig, TrainConfig
from trainer.data.cache import clip_of
from trainer.data.pairs import Video
from trainer.data.sources import from_folder, rendered
from trainer.evaluation.alterations import ALTERATIONS, altered_clips
from trainer.evaluation.robustness import AS_THEY_ARE, HELD_OUT, robustness
from trainer.run import train

SPEC = ClipSpec(frames=4, seconds=0.1, size=64)
NAMES = [one.name for one in ALTERATIONS]


@pytest.fixture(scope="module")
def video() -> Video:
    return next(v for v in rendered(1, 4)[0].videos if v.color)


@pytest.fixture(scope="module")
def pixels(video: Video) -> dict[str, np.ndarray]:
    clips = altered_clips(video, SPEC, ALTERATIONS)
    return {name: clip.pixels.astype(float) for name, clip in zip([AS_THEY_ARE, *NAMES], clips, strict=True)}


def test_the_unaltered_clip_is_that_of_ingest(video: Video, pixels: dict[str, np.ndarray]) -> None:
    assert np.array_equal(pixels[AS_THEY_ARE], clip_of(video, SPEC).pixels)
    assert all(not np.array_equal(pixels[name], pixels[AS_THEY_ARE]) for name in NAMES)


def test_each_alteration_does_what_its_name_says(pixels: dict[str, np.ndarray]) -> None:
    plain = pixels[AS_THEY_ARE]
    # the centre crop of 85 columns is not quite in the middle: the mirrored one is a column off
    assert np.abs(pixels["mirrored"][:, :, 1:] - plain[:, :, ::-1][:, :, :-1]).mean() < 1
    assert np.abs(pixels["shifted by 1/16"][:, 4:, 4:] - plain[:, :-4, :-4]).mean() < 1
    assert np.array_equal(pixels["red and blue exchanged"], plain[..., ::-1])
    assert np.array_equal(pixels["played backwards"], plain[::-1])
    assert np.array_equal(np.sort(pixels["frames shuffled"], axis=0), np.sort(plain, axis=0))
    lit = (plain > 40) & (plain < 200)
    assert 20 < (pixels["gain +25"] - plain)[lit].mean() < 26
    assert (pixels["gamma 1.6"] <= plain + 1).all()
    assert pixels["text in a corner"].max() > plain[:, :24, 40:].max()
    assert np.abs(pixels["zoom +10 %"] - plain).mean() > 1


def test_a_deeper_phantom_is_drawn_and_another_video_is_scaled(video: Video, tmp_path: Path) -> None:
    """A drawn sector keeps its outline at any depth; a scaled one shrinks."""
    folder = tmp_path / "archive"
    done = CliRunner().invoke(cli, ["phantom", "write", str(folder), "--patients", "1", "--seed", "4"])
    assert done.exit_code == 0, done.output
    written = from_folder(folder)[0].videos[0]
    deeper = [one for one in ALTERATIONS if one.name == "depth +25 %"]
    shares = []
    for one in (video, written):
        plain, deep = (clip.pixels.max(axis=(0, 3)) > 25 for clip in altered_clips(one, SPEC, deeper))
        shares.append(deep.sum() / plain.sum())
    assert shares[0] > 0.85 > 0.8 > shares[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.trainer.conftest import TINY

    out = tmp_path_factory.mktemp("run")
    optim = {"steps": 1, "batch": 4, "warmup": 1, "precision": "fp32"}
    tree = {**TINY, "data": {**TINY["data"], "cache": str(out / "cache")}, "optim": optim}  # type: ignore[dict-item]
    config = TrainConfig.model_validate({**tree, "run": {"out": str(out / "run"), "device": "cpu"}})
    train(config)
    return out / "run" / "bundle"


def test_a_table_of_all_conditions(trained: Path) -> None:
    data = DataConfig(patients=2, phantom_seed=78, first_patient=50)
    found = robustness(trained, "all", data, device="cpu")
    rows = {row.name: row for row in found.rows}
    assert list(rows) == [AS_THEY_ARE, HELD_OUT, *NAMES]
    assert (found.depth_by, found.left_out) == ("drawing", 0)
    assert rows[AS_THEY_ARE].cosine.value == pytest.approx(1)
    assert rows[AS_THEY_ARE].loss.value == 0
    for row in rows.values():
        assert row.loss.value == pytest.approx(rows[AS_THEY_ARE].recall.value - row.recall.value)
        assert row.auc is not None
        assert row.auc.low <= row.auc.value <= row.auc.high
        assert row.ef_error is not None
    assert all(rows[name].cosine.value < 0.99999 for name in ("depth +25 %", "gain +25", "mirrored"))


def test_the_command_prints_it_for_a_folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "archive"
    CliRunner().invoke(cli, ["phantom", "write", str(folder), "--patients", "2", "--seed", "6"])
    args = ["evaluate", str(trained), "--folder", str(folder), "--robustness", "--device", "cpu"]
    shown = CliRunner().invoke(cli, args)
    assert shown.exit_code == 0, shown.output
    assert "depth +25 %" in shown.stdout
    assert "another vendor" not in shown.stdout
    assert "scaled about the probe" in shown.stderr
    wrong = CliRunner().invoke(cli, [*args, "--config", "x.toml"])
    assert (wrong.exit_code, "give one of them" in wrong.output) == (2, True)
    monkeypatch.chdir(tmp_path)  # where the clips are kept
    args = ["evaluate", str(trained), "--folder", str(folder), "--device", "cpu", "--json"]
    shown = CliRunner().invoke(cli, args)
    assert shown.exit_code == 0, shown.output
    check_json(args, shown.stdout)


def test_an_alteration_of_a_video_leaves_the_others_alone(video: Video) -> None:
    before = clip_of(video, SPEC).pixels
    altered_clips(replace(video), SPEC, ALTERATIONS)
    assert np.array_equal(before, clip_of(video, SPEC).pixels)
