"""Weights by formula: what the authors' code was run with to get tests/data/encoder/outputs.npz.

The published weights cannot travel with the project; their names and shapes do, and these values.
"""

import gzip
import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parents[1] / "data" / "encoder"


def names_and_shapes(tag: str) -> dict[str, tuple[int, ...]]:
    """Of one published checkpoint: vivit16, vivit32, videomae2, prime_video, prime_text, prime_view."""
    with gzip.open(DATA / "state_dicts.json.gz") as handle:
        return {name: tuple(shape[:-1]) for name, shape in json.load(handle)[tag].items()}


def weights(tag: str) -> dict[str, torch.Tensor]:
    return {name: weight(name, shape) for name, shape in names_and_shapes(tag).items()}


def weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if name == "logit_scale":
        return torch.tensor(math.log(1 / 0.07))
    rng = np.random.default_rng([zlib.crc32(name.encode()), 0])
    values = rng.standard_normal(shape or (1,)).astype("float32") * np.float32(0.02)
    if values.ndim == 1 and name.endswith(".weight"):
        values += 1.0
    return torch.from_numpy(values.reshape(shape))


def write_vocabulary(folder: Path, size: int) -> Path:
    folder.mkdir(exist_ok=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *(f"w{i}" for i in range(size - 5))]) + "\n")
    return folder


def outputs(name: str) -> np.ndarray:
    with np.load(DATA / "outputs.npz") as arrays:
        found: np.ndarray = arrays[name]
    return found
