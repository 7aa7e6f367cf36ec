"""An encoder that is taught in closed form: what is added is of what was taught, and the rest is as it was."""

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
from echosearch.errors import BundleError, ConfigError
from echosearch.report.facts import FindingCondition, load_lexicon
from echosearch.search.arms.video_arm import ask_videos
from trainer.closed_form.__main__ import teach_videos
from trainer.closed_form.prompt_places import clear_of, prompt_places
from trainer.closed_form.regression import Seen
from trainer.closed_form.studies import ClosedFormConfig
from trainer.model.start import with_turns
from trainer.training_record import TRAINING, read_training


def test_odds_tell_those_that_have_it_and_leave_most_others_at_nothing() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 200)) + 7
    has = np.arange(60) % 5 == 0
    inputs[has, 3] += 6
    weights, offset = Seen(inputs).odds(has, 0.1)
    found = (inputs @ weights + offset)[:, 0]
    assert found[has].min() > found[~has].max()
    assert np.median(found) == pytest.approx(0, abs=1e-9)
    assert found.std() == pytest.approx(1)


def test_a_line_reads_values_of_studies_that_it_has_not_seen() -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(80, 30)) * 5 + 7
    wanted = inputs @ rng.normal(size=(30, 2)) + [40, 3]
    weights, offset = Seen(inputs[:60]).line(wanted[:60], 1e-6)
    np.testing.assert_allclose(inputs[60:] @ weights + offset, wanted[60:], atol=1e-3)


def test_clear_directions_are_of_what_they_are_and_of_nothing_else() -> None:
    encoder = load_encoder(find_bundle(Path("phantom-tiny")), "cpu")
    asked = prompt_places(encoder)
    own, others = asked.findings["dyssynchrony"], [asked.findings["lv_dilation"], *asked.territories, asked.low_ef]
    clear = clear_of(own[None], others)
    assert clear.shape == (1, 256)
    assert clear @ own > 0.3
    assert np.abs(np.stack(others) @ clear.T).max() < 1e-6
    both = clear_of(asked.territories[:2], [own])
    np.testing.assert_allclose(both @ both.T, np.eye(2), atol=1e-9)
    conditions = [FindingCondition(name, "present", None) for name in ("lv_dyssynchrony", "lv_dilation")]
    named = ask_videos(encoder, dict(load_lexicon().labels), conditions).directions
    np.testing.assert_allclose(np.stack([own, others[0]]), named, atol=1e-6)


def without_turns(out: Path) -> Path:
    """phantom-tiny as it would be without turns: its head makes nothing of them."""
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
def test_what_no_study_has_is_not_taught(tmp_path: Path) -> None:
    source, out = without_turns(tmp_path / "source"), tmp_path / "taught"
    with pytest.raises(ConfigError, match="RCA: 0 of 12 studies have it: draw more patients"):
        teach_videos(
            source, out, ClosedFormConfig(patients=2, enrich_from=12, takes=1, turns=3), "test", tmp_path / "cache"
        )
    assert not out.exists()


@pytest.mark.usefixtures("brief_rates")
def test_all_but_the_pool_and_the_head_stays_bit_for_bit(tmp_path: Path) -> None:
    source, out = without_turns(tmp_path / "source"), tmp_path / "taught"
    config = ClosedFormConfig(seed=120, patients=2, enrich_from=14, takes=1, turns=3)
    made = teach_videos(source, out, config, "test", tmp_path / "cache")
    for tower in ("video", "text"):
        before, after = load_weights(source / WEIGHTS, tower), load_weights(out / WEIGHTS, tower)
        changed = {name for name in after if name not in before or not torch.equal(before[name], after[name])}
        assert changed == ({"places.path.weight", "head.weight", "head.bias"} if tower == "video" else set())
    usual = load_weights(source / WEIGHTS, "video")["head.weight"]
    head = load_weights(out / WEIGHTS, "video")["head.weight"]
    added = (head[:, : usual.shape[1]] - usual).double().numpy()
    directions = np.linalg.svd(added, full_matrices=False)[0][:, :5]  # three territories and the plane of EF
    rounding = 1e-3 * usual.abs().max().item()  # stored in half precision
    assert np.abs(added - directions @ directions.T @ added).max() < rounding < np.abs(added).max() / 10
    asked = prompt_places(load_encoder(out, "cpu"))
    for name, direction in asked.findings.items():
        assert np.abs(direction @ added).max() < 4 * rounding, name
    assert made.fingerprint != load_manifest(source).fingerprint
    check_bundle(out, "cpu")
    training, old = read_training(out), read_training(source)
    assert training is not None
    assert old is not None
    names = [*(run.name for run in old.before), "closed form, easy", "closed form, hard"]
    assert [run.name for run in training.before] == names
    with pytest.raises(BundleError, match="exists already"):
        teach_videos(source, out, config, "test", tmp_path / "cache")
    with pytest.raises(BundleError, match="without turns"):
        teach_videos(out, tmp_path / "again", config, "test", tmp_path / "cache")
