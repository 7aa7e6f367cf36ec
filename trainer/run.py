"""Run a whole training: pairs, split, cache, training, bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from echosearch.errors import BundleError, ConfigError
from trainer.config import TrainConfig
from trainer.data.batches import Batches
from trainer.data.cache import ClipCache, open_cache
from trainer.data.leakage import check_patients
from trainer.data.pairs import Study
from trainer.data.sources import load_studies
from trainer.data.split import SPLITS, Split, select_studies
from trainer.distributed import process_rank, world
from trainer.evaluation.retrieval import both_ways
from trainer.evaluation.zero_shot import findings
from trainer.export import write_trained
from trainer.loop.fit import Outcome, distributed, fit
from trainer.loop.watch import Moment
from trainer.model.embed import embed_studies, embed_texts
from trainer.model.start import Start, build_start
from trainer.warm_start.whiten import whiten

__all__ = ["BUNDLE", "Prepared", "export_bundle", "prepare_run", "train"]

BUNDLE = "bundle"
WHITENED_ON = 400  # studies


@dataclass(frozen=True)
class Prepared:
    """The pairs, split and cache that a run works on."""

    config: TrainConfig
    studies: dict[Split, tuple[Study, ...]]
    cache: ClipCache
    start: Start


def prepare_run(config: TrainConfig, clips_done: Callable[[int, int], None] | None = None) -> Prepared:
    """Make pairs, split and cache of a config. Process 0 fills the cache, the others wait and read it."""
    everything = load_studies(config.data)
    studies = {split: select_studies(everything, split, config.seed, config.data.split) for split in SPLITS}
    if not studies["train"]:
        raise ConfigError(f"data.split {config.data.split} leaves no study to train on")
    check_patients(studies["train"], (*studies["validation"], *studies["test"]))
    used = {*config.data.train_views, *config.data.eval_views}
    either = (*studies["train"], *studies["validation"])
    needed = [v for study in either for v in study.videos if v.view is None or v.view in used]
    if world() > 1 and process_rank() > 0:
        dist.barrier()
    data = config.data
    cache = open_cache(Path(data.cache), needed, config.model.clip, data.cache_frames, data.workers, clips_done)
    if world() > 1 and process_rank() == 0:
        dist.barrier()
    start = build_start(config, [study.report for study in studies["train"]])
    if config.model.whiten and not config.model.start:
        one = config.model_copy(update={"optim": config.optim.model_copy(update={"accumulate": 1})})
        batches = Batches(studies["train"], cache, start.tokenizer, one, 0, 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            steps = range(ceil(min(WHITENED_ON, batches.n_studies) / config.optim.batch))
            whiten(start.towers, [batches.step(step)[0] for step in steps], config.model)
    return Prepared(config, studies, cache, start)


def train(
    config: TrainConfig,
    *,
    clips_done: Callable[[int, int], None] | None = None,
    progress: Callable[[Moment], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Train, and write run.out/bundle at the end. Raises ConfigError, BundleError if there is one already."""
    bundle = Path(config.run.out) / BUNDLE
    if bundle.exists():  # reported before the training, not after it
        raise BundleError(f"{bundle} exists already: give another run.out, or remove it first")
    with distributed():
        prepared = prepare_run(config, clips_done)
        began = {name: tensor.clone() for name, tensor in prepared.start.towers.state_dict().items()}
        validation = prepared.studies["validation"]

        def validate() -> dict[str, float]:
            found = embed_studies(prepared.start, validation, prepared.cache, config.data.eval_views, config)
            if len(found.studies) < 2:
                return {}
            read = findings(found.videos, found.studies, lambda texts: embed_texts(prepared.start, texts), samples=0)
            mean = {"zero_shot_auc": float(np.mean([f.contrast.value for f in read]))} if read else {}
            return both_ways(found.videos, found.texts).flat() | mean

        outcome = fit(
            config,
            prepared.start,
            prepared.studies["train"],
            prepared.cache,
            validate=validate,
            progress=progress,
            note=note,
        )
        if outcome.finished and process_rank() == 0:
            if config.optim.keep_start:
                _keep(prepared.start.towers, began, config.optim.keep_start)
            export_bundle(prepared, outcome.step, bundle, validate())
        return outcome


def _keep(towers: nn.Module, began: Mapping[str, Tensor], share: float) -> None:
    """The towers as they are and as they began, averaged, in place."""
    for name, tensor in towers.state_dict().items():
        tensor.copy_((1 - share) * tensor + share * began[name].to(tensor.device))


def export_bundle(
    prepared: Prepared, step: int, out: Path, scores: dict[str, float] | None = None, notes: str = ""
) -> None:
    write_trained(out, prepared.config, prepared.start, prepared.studies, step, scores, notes)
