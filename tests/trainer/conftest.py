"""A phantom of a few patients and a tiny model: seconds, on one core."""

from pathlib import Path

import pytest
import tomli_w

from trainer.config import TrainConfig
from trainer.config_file import load

TINY = {
    "name": "tiny-test",
    "seed": 3,
    "data": {"source": "render", "patients": 5, "phantom_seed": 77, "split": [0.8, 0.1, 0.1], "cache_frames": 4},
    "model": {
        "dimension": 32,
        "max_phrases": 12,
        "max_tokens": 64,
        "clip": {"frames": 2, "seconds": 0.3, "size": 32},
        "video": {
            "architecture": "video_transformer", "width": 32, "depth": 1, "heads": 2, "tubelet": [2, 16, 16],
            "pooling": "mean", "positions": "learned", "gelu": "exact",
        },
        "text": {"width": 32, "depth": 1, "heads": 2, "vocabulary": 600, "projection_width": 32},
        "whiten": False,
    },
    "loss": {"table": 1.0, "phrases_per_study": 2},
    "optim": {"steps": 6, "batch": 4, "warmup": 2, "precision": "fp32", "lr": 1e-3},
    "run": {"out": "run", "log_every": 1, "validate_every": 100, "checkpoint_every": 100, "device": "cpu"},
}  # fmt: skip


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn once for all tests."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def toml(tmp_path: Path, cache_folder: Path) -> Path:
    file = tmp_path / "config.toml"
    data, run = dict(TINY["data"]), dict(TINY["run"])  # type: ignore[call-overload]
    tree = {**TINY, "data": {**data, "cache": str(cache_folder)}, "run": {**run, "out": str(tmp_path / "run")}}
    file.write_text(tomli_w.dumps(tree), encoding="utf-8")
    return file


@pytest.fixture
def config(toml: Path) -> TrainConfig:
    return load(toml)
