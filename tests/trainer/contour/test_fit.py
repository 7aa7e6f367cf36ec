"""A head learns the phantom's outlines, the same way each time, and public tracings are read as they are meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from echosearch.contour.head import ContourHead, load_head, save_head
from echosearch.contour.manifest import ContourManifest
from echosearch.contour.outline import cavity_of_outline
from echosearch.contour.values import SIDE
from echosearch.errors import BundleError, ConfigError
from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.imaging.cine import lv_outline_of, plan_cine
from tests.trainer.data.benchmark_files import FRAMES, write_camus, write_echonet, write_nifti
from trainer.contour.fit import ContourConfig, dice_loss, fit_contours
from trainer.contour.public import public_samples, traced_outline
from trainer.contour.samples import DrawnFrames, apical_plans, drawn_cine, phantom_samples
from trainer.contour.score import true_beats

SMALL = ContourConfig(steps=40, batch=6, lr=1e-2, warmup=4, widths=(6, 12, 16))


@pytest.fixture(scope="module")
def samples() -> DrawnFrames:
    return phantom_samples(3, 41, "easy")


def manifest(config: ContourConfig = SMALL) -> ContourManifest:
    return ContourManifest(
        name="t", version="1", licence="Apache-2.0", provenance="a test", trained_on="phantom", widths=config.widths
    )


def test_samples_are_dark_within_their_masks(samples: DrawnFrames) -> None:
    inside = samples.frames[samples.masks > 200]
    around = samples.frames[(samples.masks == 0) & (samples.frames > 0)]
    assert inside.mean() + 15 < around.mean()
    assert 0.02 < (samples.masks > 127).mean() < 0.2


def test_a_small_network_learns_and_the_same_seed_gives_the_same_weights(samples: DrawnFrames) -> None:
    short = replace(SMALL, steps=3)
    weights, same = (fit_contours(samples, short).state_dict().values() for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(weights, same, strict=True))
    found = ContourHead(manifest(), fit_contours(samples, SMALL)).probabilities(samples.frames) > 0.5
    true = samples.masks > 127
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.6


def test_a_head_that_is_written_is_the_one_that_is_loaded(samples: DrawnFrames, tmp_path: Path) -> None:
    network = fit_contours(samples, replace(SMALL, steps=2))
    made = save_head(tmp_path / "head", manifest(), network)
    loaded = load_head(tmp_path / "head")
    assert loaded.info == made.info
    assert loaded.info.phantom_only
    frames = samples.frames[:3]
    assert np.abs(loaded.probabilities(frames) - ContourHead(made, network).probabilities(frames)).max() < 0.02
    with pytest.raises(BundleError, match="exists already"):
        save_head(tmp_path / "head", manifest(), network)


def test_dice_loss_is_none_for_equals_and_whole_for_strangers() -> None:
    mask = torch.zeros(2, 8, 8)
    mask[:, :4] = 1
    assert float(dice_loss(mask, mask)) == pytest.approx(0)
    assert float(dice_loss(mask, 1 - mask)) == pytest.approx(1, abs=0.02)  # 2 * 0 + 1 by 64 + 1


def test_true_beats_are_at_r_waves_and_where_the_true_area_is_least() -> None:
    study = next(iter(phantom_studies(1, 41)))
    drawn = drawn_cine(study, apical_plans(study)[0])
    assert drawn is not None
    assert drawn.outlines is not None
    beats = true_beats(drawn)
    assert beats
    areas = [cavity.area for one in drawn.outlines if (cavity := cavity_of_outline(one))]
    for beat in beats:
        assert abs(drawn.phase[beat.ed] - round(drawn.phase[beat.ed])) < 0.05
        assert areas[beat.es] == pytest.approx(min(areas[beat.ed : beat.ed + 20]), rel=0.02)


def test_echonet_tracings_become_masks(tmp_path: Path) -> None:
    write_echonet(tmp_path, 3)
    read = public_samples(tmp_path, "train")
    assert len(read) == 4  # two videos, two frames each
    assert read.frames.shape == read.masks.shape == (4, SIDE, SIDE)
    discs = 20 * 2 * 76  # pixels: discs of a length of 40 from row 12 to 88
    assert (read.masks[0] / 255).sum() == pytest.approx(discs, rel=0.03)
    assert read.masks[0][50, 50] == 255


def test_chords_become_an_outline_without_the_long_axis() -> None:
    chords = np.array([(5.0, 0, 5, 9), (4, 1, 6, 1), (3, 8, 7, 8)])
    assert traced_outline(chords).tolist() == [[4, 1], [3, 8], [7, 8], [6, 1]]


def test_camus_labels_become_masks_and_a_folder_without_them_is_said(tmp_path: Path) -> None:
    write_camus(tmp_path, 3)
    with pytest.raises(ConfigError, match="no frame of the split 'train'"):
        public_samples(tmp_path, "train")
    study = next(phantom_studies(1, 902))
    true = lv_outline_of(study, plan_cine(study, "4CH", frames=FRAMES), 112, 112)
    assert true is not None
    labels = np.zeros((FRAMES, 112, 112), np.uint8)
    labels[:, 60:90] = 2  # muscle, and not what is asked for
    for at, outline in enumerate(true):
        columns, rows = np.clip(np.round(outline).astype(int), 0, 111).T
        labels[at, rows.min() : rows.max(), columns.min() : columns.max()] = 1
    write_nifti(tmp_path / "patient0002" / "patient0002_4CH_half_sequence_gt.nii.gz", labels)
    read = public_samples(tmp_path, "train")
    assert len(read) == FRAMES
    assert ((read.masks > 127) == (labels == 1)).mean() > 0.999
