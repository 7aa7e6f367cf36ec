"""Prepare an evaluation: load the encoder and the studies, and check that its training had none of their patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from echosearch.encoder.base import Encoder
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.errors import ConfigError, InputError
from trainer.config import DataConfig, TrainConfig
from trainer.data.leakage import check_patients
from trainer.data.pairs import Study
from trainer.data.sources import load_studies
from trainer.data.split import SPLITS, Split, select_studies
from trainer.training_record import Training, read_training

__all__ = ["TestSet", "prepare_test"]


@dataclass(frozen=True)
class TestSet:
    """The studies that an encoder is evaluated on."""

    encoder: Encoder
    data: DataConfig
    studies: tuple[Study, ...]
    trained_on: tuple[Study, ...]  # training studies of all runs of its weights, where their data are known
    training_known: bool  # False: it was trained elsewhere, or on data that are not here
    known: frozenset[str]  # keys of all studies of these data


def prepare_test(
    bundle: Path, split: Split | Literal["all"], config: TrainConfig | DataConfig | None, device: str
) -> TestSet:
    """Load the encoder and the studies. Raises ConfigError, BundleError, and Leakage for a patient on both sides.

    ``config`` of None: the data that the bundle was trained with. A DataConfig splits patients by seed 0.
    """
    trained_with = read_training(bundle)
    config = config or (trained_with.config if trained_with else None)
    if config is None:
        raise ConfigError(
            f"{bundle} has no training.toml that says what its data were: give the data with --folder or --config"
        )
    data, seed = (config, 0) if isinstance(config, DataConfig) else (config.data, config.seed)
    if split != "all" and not data.split[SPLITS.index(split)]:  # reported before thousands of studies are read
        raise ConfigError(f"split {split!r} has no share of these patients (data.split): choose another with --split")
    encoder = load_encoder(bundle, device)
    everything = load_studies(data)
    test = select_studies(everything, split, seed, data.split)
    if len(test) < 2:
        raise ConfigError(f"split {split!r} has {len(test)} studies: retrieval needs at least 2")
    trained_on, known = _trained_on(trained_with, data, everything, split)
    check_patients(trained_on, test)
    return TestSet(encoder, data, test, trained_on, known, frozenset(study.key for study in everything))


def _trained_on(
    training: Training | None, data: DataConfig, everything: Sequence[Study], split: str
) -> tuple[tuple[Study, ...], bool]:
    """Return the training studies of all runs of the weights, and whether all runs are known.

    A request for the split "train", or for "all" of the data that it was trained on, asks how it does there.
    """
    if training is None:
        return (), False
    found: dict[str, Study] = {}
    pools: dict[tuple[object, ...], Sequence[Study]] = {data.pool: everything}
    known = True
    for run in training.runs:
        pool = run.data.pool
        if pool == data.pool and split in ("train", "all"):
            continue
        try:
            studies = pools[pool] if pool in pools else load_studies(run.data)
        except (InputError, OSError):
            known = False
            continue
        pools[pool] = studies
        found |= {study.key: study for study in select_studies(studies, "train", run.seed, run.data.split)}
    return tuple(found.values()), known
