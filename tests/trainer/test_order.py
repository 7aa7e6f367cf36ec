"""An encoder that is given the order of frames: what it adds is of one finding, and the rest is as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from echosearch.encoder.bundle.folder import TOKENIZER, WEIGHTS, load_manifest
from echosearch.encoder.bundle.manifest import VideoConvSpec
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.check import check_bundle
from echosearch.encoder.export import save_encoder
from echosearch.encoder.text.tokenizer import VOCABULARY
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.build import build_towers, load_weights, use_weights
from echosearch.errors import BundleError
from echosearch.report.facts import FindingCondition, load_lexicon
from echosearch.search.arms.video_arm import ask_videos
from trainer.model.start import with_turns
from trainer.order import OrderConfig, add_order, clear_direction, fit_odds
from trainer.training_record import TRAINING, read_training


def test_odds_tell_those_that_have_it_and_leave_most_others_at_nothing() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 200)) + 7
    has = np.arange(60) % 5 == 0
    inputs[has, 3] += 6
    weights, offset, spread = fit_odds(inputs, has, 0.1)
    found = inputs @ weights + offset
    assert found[has].min() > found[~has].max()
    assert np.median(found) == pytest.approx(0, abs=1e-9)
    assert found.std() == pytest.approx(spread)


def test_the_direction_is_of_the_finding_and_of_no_other() -> None:
    encoder = load_encoder(find_bundle(Path("phantom-tiny")), "cpu")
    clear = clear_direction(encoder, "dyssynchrony")
    conditions = [FindingCondition(name, "present", None) for name in ("lv_dyssynchrony", "lv_dilation", "rwma", "mr")]
    own, *others = ask_videos(encoder, dict(load_lexicon().labels), conditions).directions
    assert np.linalg.norm(clear) == pytest.approx(1)
    assert clear @ own > 0.3
    assert np.abs(np.stack(others) @ clear).max() < 1e-6


def without_turns(out: Path) -> Path:
    """phantom-tiny as it was before it had turns: its head makes nothing of them."""
    shipped = find_bundle(Path("phantom-tiny"))
    manifest = load_manifest(shipped)
    assert isinstance(manifest.video.tower, VideoConvSpec)
    tower = manifest.video.tower.model_copy(update={"turns": 0})
    manifest = manifest.model_copy(update={"video": manifest.video.model_copy(update={"tower": tower})})
    towers = build_towers(manifest)
    use_weights(towers.video, with_turns(load_weights(shipped / WEIGHTS, "video"), towers.video.state_dict()))
    use_weights(towers.text, load_weights(shipped / WEIGHTS, "text"))
    record = (shipped / TRAINING).read_text(encoding="utf-8")
    save_encoder(out, manifest, towers, shipped / TOKENIZER / VOCABULARY, half=True, documents={TRAINING: record})
    return out


@pytest.mark.usefixtures("brief_rates")
def test_all_but_the_pool_and_the_head_stays_bit_for_bit(tmp_path: Path) -> None:
    source, out = without_turns(tmp_path / "source"), tmp_path / "ordered"
    config = OrderConfig(patients=2, enrich_from=12, turns=3)
    made = add_order(source, out, config, "test", tmp_path / "cache")
    for tower in ("video", "text"):
        before, after = load_weights(source / WEIGHTS, tower), load_weights(out / WEIGHTS, tower)
        changed = {name for name in after if name not in before or not torch.equal(before[name], after[name])}
        assert changed == ({"places.path.weight", "head.weight", "head.bias"} if tower == "video" else set())
    usual = load_weights(source / WEIGHTS, "video")["head.weight"]
    head = load_weights(out / WEIGHTS, "video")["head.weight"]
    assert torch.equal(head[:, : usual.shape[1]], usual)
    assert np.linalg.matrix_rank(head[:, usual.shape[1] :].double().numpy(), tol=1e-2) == 1
    assert made.fingerprint != load_manifest(source).fingerprint
    check_bundle(out, "cpu")
    training, old = read_training(out), read_training(source)
    assert training is not None
    assert old is not None
    assert [run.name for run in training.before] == [*(run.name for run in old.before), "order of dyssynchrony"]
    with pytest.raises(BundleError, match="exists already"):
        add_order(source, out, config, "test", tmp_path / "cache")
    with pytest.raises(BundleError, match="without turns"):
        add_order(out, tmp_path / "again", config, "test", tmp_path / "cache")
