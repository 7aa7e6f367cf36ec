"""Whole runs on a tiny phantom: stopped and resumed, exported, loaded, evaluated."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from echosearch.cli.main import cli
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.errors import ConfigError
from trainer.config import TrainConfig, load
from trainer.embed import embed_studies
from trainer.loop import fit
from trainer.record import read_training
from trainer.retrieval import both_ways
from trainer.run import export, prepare, train


def weights(config: TrainConfig, *stops: int) -> dict[str, torch.Tensor]:
    """The towers at the end of a run that was stopped behind each of ``stops``."""
    for stop in (*stops, config.optim.steps):
        prepared = prepare(config)
        outcome = fit(config, prepared.start, prepared.studies["train"], prepared.cache, stop_after=stop)
        assert outcome.step == stop
    return prepared.start.towers.state_dict()


@pytest.mark.parametrize("heads", [0, 2])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(toml: Path, tmp_path: Path, heads: int) -> None:
    more = [f"optim.heads_first={heads}", "model.whiten=true", "optim.accumulate=2"]
    whole = weights(load(toml, [*more, f"run.out={tmp_path / 'whole'}"]))
    broken = weights(load(toml, [*more, f"run.out={tmp_path / 'broken'}"]), 1, 4)
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    kept = [json.loads(line) for line in (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in kept] == [1, 2, 3, 4, 5, 6]


def test_a_checkpoint_of_another_config_is_refused(toml: Path) -> None:
    prepared = prepare(load(toml))
    fit(prepared.config, prepared.start, prepared.studies["train"], prepared.cache, stop_after=1)
    other = prepare(load(toml, ["optim.lr=0.5"]))
    with pytest.raises(ConfigError, match="another config or other data"):
        fit(other.config, other.start, other.studies["train"], other.cache)


def test_heads_first_put_videos_and_reports_of_training_together(toml: Path, tmp_path: Path) -> None:
    """On studies it has seen, far better than chance; where nothing was learned it is chance."""
    small = ["model.video.pooling='places'", "model.video.readout=4", "model.video.compressed=16", "optim.lr=3e-3"]
    scores = []
    for heads in (0, 80):
        more = [f"optim.heads_first={heads}", "optim.steps=1", "optim.warmup=100", f"run.out={tmp_path / str(heads)}"]
        config = load(toml, [*small, *more, "data.patients=8", "data.split=[1.0,0.0,0.0]"])
        prepared = prepare(config)
        fit(config, prepared.start, prepared.studies["train"], prepared.cache)
        given = (prepared.start, prepared.studies["train"], prepared.cache, config.data.eval_views, config)
        found = embed_studies(*given)
        scores.append(both_ways(found.videos, found.texts).mcmrr.value)
    assert len(found.studies) > 10
    assert scores[0] < 0.5 < 0.7 < scores[1]


def test_a_trained_bundle_loads_and_is_evaluated(toml: Path, tmp_path: Path) -> None:
    config = load(toml, ["data.split=[0.5,0.0,0.5]", "optim.batch=2", "optim.steps=2"])
    outcome = train(config)
    assert outcome.finished
    bundle = tmp_path / "run" / "bundle"
    encoder = load_encoder(bundle, "cpu")
    assert encoder.id.trained
    assert "synthetic" in encoder.id.provenance
    assert max(encoder.golden_difference.values()) < 1e-5
    assert read_training(bundle) == config
    shown = CliRunner().invoke(cli, ["evaluate", str(bundle), "--json", "--device", "cpu"])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["studies"] >= 2
    assert 0 < found["retrieval"]["mcmrr"]["value"] <= 1
    assert found["ann_recall"] == 1.0
    assert found["near_duplicates_checked"]
    again = load(toml, [f"model.start={bundle}", f"run.out={tmp_path / 'again'}"])
    same = load_encoder(bundle, "cpu").encode_texts(["左室拡大なし"])
    start = prepare(again)
    export(start, 0, tmp_path / "same")
    assert np.allclose(load_encoder(tmp_path / "same", "cpu").encode_texts(["左室拡大なし"]), same, atol=1e-6)


def test_two_processes_train_together(toml: Path, tmp_path: Path) -> None:
    """torchrun, gloo: both stop at the same step and the losses are those of one process."""
    out = tmp_path / "two"
    settings = ["loss.phrases=0", "optim.steps=2", "data.split=[1.0,0.0,0.0]"]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "trainer"),
        *(str(toml), "--set", f"run.out={out}", *(word for s in settings for word in ("--set", s))),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    one = load(toml, [*settings, f"run.out={tmp_path / 'one'}"])
    prepared = prepare(one)
    fit(one, prepared.start, prepared.studies["train"], prepared.cache)

    def first_loss(folder: Path) -> float:
        return float(json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])["contrastive"])

    # dropout differs between processes, so that only the size can be compared; the exact test is test_loss.py's
    assert first_loss(out) == pytest.approx(first_loss(tmp_path / "one"), abs=0.3)
    assert load_encoder(out / "bundle", "cpu").id.trained


def test_the_command_says_what_is_wrong(toml: Path) -> None:
    shown = CliRunner().invoke(cli, ["train", str(toml), "--set", "optim.speed=1"])
    assert shown.exit_code == 1
    assert "optim.speed: unknown key" in shown.output
