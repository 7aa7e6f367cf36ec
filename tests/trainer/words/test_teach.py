"""A bundle that is taught new words keeps its videos, bit for bit, and is a whole bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from echosearch.encoder.bundle.folder import WEIGHTS, load_manifest
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.check import check_bundle
from echosearch.encoder.towers.build import load_weights
from echosearch.errors import BundleError
from trainer.training_record import read_training
from trainer.words.__main__ import teach
from trainer.words.fit import FitConfig, fit_texts, placed
from trainer.words.statements import Statement


class Letters:
    """A tokenizer of single letters."""

    vocabulary_size = 140

    def encode(self, texts: list[str], max_tokens: int) -> list[list[int]]:
        return [[2, *[min(ord(sign), 139) for sign in text], 3] for text in texts]


def test_a_tower_learns_where_statements_lie_and_twins_apart() -> None:
    said = [Statement("ab", ("x",)), Statement("ba", ("x",)), Statement("cd", ("y",)), Statement("ad", ("x", "y"))]
    targets = {"x": np.array([1.0, 0.0, 0.0], np.float32), "y": np.array([-0.5, 1.0, 0.0], np.float32)}
    torch.manual_seed(0)
    tower = Tower()
    config = FitConfig(steps=150, batch=4, warmup=5, lr=1e-2, hidden=0.0)
    fit_texts(tower, Letters(), said, targets, config)  # type: ignore[arg-type]
    ids = torch.tensor(Letters().encode([f"{one.text}。" for one in said], 9))
    assert tower(ids).detach().numpy() == pytest.approx(placed(said, targets), abs=0.1)
    assert placed(said, targets)[3].tolist() == [0.5, 1.0, 0.0]


class Tower(torch.nn.Module):
    """A head without bias over the mean and the first of the letters' embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(140, 16)
        self.projection = torch.nn.Sequential(torch.nn.Linear(32, 3, bias=False))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        seen = self.words(ids)
        out: torch.Tensor = self.projection(torch.cat([seen.mean(dim=1), seen[:, 1]], dim=1))
        return out


@pytest.mark.usefixtures("brief_rates")
def test_the_videos_stay_bit_for_bit(tmp_path: Path) -> None:
    source, out = find_bundle(Path("phantom-tiny")), tmp_path / "taught"
    config = FitConfig(statements=300, steps=2, batch=8, vocabulary=900, width=24, depth=1, projection_width=32)
    made = teach(source, out, config, "test")
    before, after = load_weights(source / WEIGHTS, "video"), load_weights(out / WEIGHTS, "video")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (made.version, made.video) == ("test", load_manifest(source).video)
    assert made.fingerprint != load_manifest(source).fingerprint
    check_bundle(out, "cpu")
    training = read_training(out)
    assert training is not None
    assert training.runs == read_training(source).runs  # type: ignore[union-attr]
    with pytest.raises(BundleError, match="exists already"):
        teach(source, out, config, "test")
