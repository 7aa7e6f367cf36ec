"""The end of training: an encoder bundle that says how it came about.

training.toml is beside the parts of every bundle: the config, what the data were, and the last measurements; it
is what `echosearch evaluate` finds the test split with, and what makes the bundle again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from echosearch.encoder.bundle.manifest import Manifest
from echosearch.encoder.export import save_encoder
from echosearch.encoder.text.tokenizer import VOCABULARY
from echosearch.errors import BundleError
from trainer.config import TrainConfig
from trainer.data.pairs import Study, studies_fingerprint
from trainer.data.split import Split
from trainer.model.start import Start
from trainer.training_record import BEFORE, TRAINING

__all__ = ["write_trained"]


def write_trained(
    out: Path,
    config: TrainConfig,
    start: Start,
    studies: Mapping[Split, tuple[Study, ...]],
    step: int,
    scores: Mapping[str, float] | None = None,
    notes: str = "",
) -> Manifest:
    """Write the bundle ``out``, whole or not at all; ``studies`` by split. Raises BundleError when it exists."""
    if out.exists():
        raise BundleError(f"{out} exists already: choose another folder, or remove it first")
    counts = {split: len(own) for split, own in studies.items()}
    prints = {split: studies_fingerprint(own) for split, own in studies.items()}
    manifest = start.manifest.model_copy(
        update={"trained": True, "provenance": _provenance(config, counts, prints, step), "notes": notes}
    )
    record: dict[str, Any] = {
        "steps_done": step,
        "studies": counts,
        "data_fingerprint": prints,
        "scores": dict(scores or {}),
        "config": config.model_dump(mode="json", exclude_none=True),
        BEFORE: [run.model_dump(mode="json") for run in start.before],
    }
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Path(folder) / VOCABULARY
        vocabulary.write_text("\n".join(start.vocabulary) + "\n", encoding="utf-8")
        documents = {TRAINING: tomli_w.dumps(record)}
        return save_encoder(out, manifest, start.towers, vocabulary, config.half, documents)


def _provenance(config: TrainConfig, counts: Mapping[Split, int], prints: Mapping[Split, str], step: int) -> str:
    kind = "a real archive" if config.data.source == "archive" else "synthetic phantom studies, no patient"
    model = config.model
    starts = (model.start, model.start_video, model.start_text)
    begun = " and ".join("/".join(Path(start).parts[-2:]) for start in starts if start)
    named = ("kinds_first", "heads_first", "table_first", "texts_first", "lock_video", "lock_text")
    first = "".join(f"{name.replace('_', ' ')}, " for name in named if getattr(config.optim, name))
    return (
        f"trained by echosearch trainer on {counts.get('train', 0)} studies ({kind}; data {prints.get('train', '')}), "
        f"{first}{step} of {config.optim.steps} steps of {config.optim.batch} studies, seed {config.seed}, "
        f"config {config.digest()[:12]}, starting from {begun or 'random weights'}; see {TRAINING}"
    )
