"""The training loop: AdamW over batches, on one process or many (torchrun), resumable at every step.

A run that was stopped and one that was not end with the same bits: what a step sees follows from its number
(batches.py), and the checkpoint holds the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from math import isfinite
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from echosearch.encoder.torch_encoder import pick_device
from echosearch.errors import ConfigError
from echosearch.vector import Vectors
from trainer.config import TrainConfig
from trainer.data.batches import Batch, Batches
from trainer.data.cache import ClipCache
from trainer.data.pairs import Study, studies_fingerprint
from trainer.distributed import gather_rows, process_rank, world
from trainer.loop.chance import all_chance, set_chance
from trainer.loop.checkpoint import CHECKPOINT, Checkpoint, put_back, read_state, write_state
from trainer.loop.metrics_file import MetricsFile
from trainer.loop.optimizer import make_optimizer
from trainer.loop.schedule import learning_rate
from trainer.loop.stopping import any_told, told_to_stop
from trainer.loop.watch import Moment, Watch
from trainer.model.embed import embed_texts, embed_videos
from trainer.model.phrase_parts import phrase_parts
from trainer.model.phrase_table import PhraseTable, begin_table
from trainer.model.start import Start
from trainer.model.text_table import TextTable, begin_text_table
from trainer.model.trainee import Trainee
from trainer.warm_start.text_head import begin_texts
from trainer.warm_start.video_head import STUDIES, begin_heads
from trainer.warm_start.view_pretraining import begin_trunk

__all__ = ["Outcome", "distributed", "fit"]


@dataclass(frozen=True)
class Outcome:
    """The end of a run. ``finished`` is False if it was stopped; it can continue from its checkpoint."""

    step: int
    finished: bool
    losses: dict[str, float] = field(default_factory=dict)


def fit(
    config: TrainConfig,
    start: Start,
    studies: Sequence[Study],
    cache: ClipCache,
    *,
    validate: Callable[[], dict[str, float]] | None = None,
    progress: Callable[[Moment], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
    stop_after: int | None = None,
) -> Outcome:
    """Train ``start.towers`` in place on ``studies``; continue from a checkpoint in run.out.

    ``validate`` gives scores of the towers as they are; it runs in process 0 with the model in eval mode. ``note`` is
    called with the work of the minutes before the first step.
    ``stop_after`` or SIGTERM: write a checkpoint after that step and return. Raises ConfigError.
    """
    device = _device(config)
    out = Path(config.run.out)
    out.mkdir(parents=True, exist_ok=True)
    batches = _batches(config, start, studies, cache, note)
    torch.manual_seed(config.seed)
    table = _table(config, batches, start) if config.loss.table else None
    each_phrase = config.model.text_format == "each_phrase_ja"
    trainee = Trainee(start.towers, config.model.clip, config.loss, table, each_phrase, start.manifest.dimension).to(
        device
    )
    digest = sha256(f"{config.digest()} {studies_fingerprint(studies)} {world()}".encode()).hexdigest()
    done = 0
    stopped = read_state(out / CHECKPOINT, digest, device) if (out / CHECKPOINT).exists() else None
    if config.optim.lock_video:
        trainee.towers.video.requires_grad_(False)
        batches.locked = _all_videos(start, batches, cache, note)
    if stopped is None:
        _first(config, start, table, batches, cache, note)
    optimizer = make_optimizer(trainee, config.optim)
    torch.manual_seed(config.seed * 1000 + process_rank())  # dropout; each process its own
    if stopped is not None:
        set_chance(put_back(out / CHECKPOINT, stopped, trainee, optimizer), device)
        done = stopped.step
    model = _in_parallel(trainee, device)
    watch = None
    if process_rank() == 0:
        watch = Watch(config, MetricsFile(out, done, config.run.tensorboard), done, progress, validate)
    save = partial(_save, out / CHECKPOINT, digest, trainee, optimizer, device)
    last = config.optim.steps if stop_after is None else min(stop_after, config.optim.steps)
    losses: dict[str, float] = {}
    if done == 0:
        save(0)
    with told_to_stop() as told:
        for step, parts in enumerate(batches.steps(done, last), done):
            trainee.train()
            lr = learning_rate(step, config.optim)
            losses = _step(model, optimizer, [part.to(device) for part in parts], lr, config)
            trainee.bound()
            done = step + 1
            if watch:
                watch.losses(done, losses, lr)
                watch.scores(done, trainee, device)
            stopping = any_told(told, device)
            if done % config.run.checkpoint_every == 0 or done == last or stopping:
                save(done)
            if stopping:
                break
    start.towers.eval()
    return Outcome(done, done == config.optim.steps, losses)


def _batches(
    config: TrainConfig, start: Start, studies: Sequence[Study], cache: ClipCache, note: Callable[[str], None]
) -> Batches:
    """Return this process's part of every batch; process 0 says how many studies are left out."""
    batches = Batches(studies, cache, start.tokenizer, config, process_rank(), world())
    if batches.left_out and process_rank() == 0:
        note(f"{batches.left_out} studies are left out: no video of the views wanted that could be read")
    return batches


def _in_parallel(trainee: Trainee, device: torch.device) -> nn.Module:
    """Return ``trainee``, wrapped so that its gradients are the mean over the processes if there are several."""
    if world() == 1:
        return trainee
    return DistributedDataParallel(trainee, device_ids=[device.index] if device.type == "cuda" else None)


def _save(
    file: Path, digest: str, trainee: Trainee, optimizer: torch.optim.Optimizer, device: torch.device, step: int
) -> None:
    """Write the checkpoint after ``step``; every process calls it, process 0 writes."""
    states = all_chance(device)
    if process_rank() == 0:
        write_state(file, Checkpoint(step, digest, trainee.state_dict(), optimizer.state_dict(), states))


def _table(config: TrainConfig, batches: Batches, start: Start) -> PhraseTable | TextTable:
    if config.optim.lock_text:
        return TextTable(batches.shares, torch.from_numpy(embed_texts(start, batches.phrases)))
    parts = None
    if config.loss.table_parts:
        parts = phrase_parts([ids[1:-1] for ids in start.tokenizer.encode(batches.phrases, config.model.max_tokens)])
    return PhraseTable(batches.shares, config.model.dimension, parts)


def _first(
    config: TrainConfig,
    start: Start,
    table: PhraseTable | TextTable | None,
    batches: Batches,
    cache: ClipCache,
    note: Callable[[str], None],
) -> None:
    """What a run does before its first step, in place; the same in every process."""
    if isinstance(table, TextTable):
        studies = batches.study_vectors(_all_videos(start, batches, cache, note))
        note("text locked: how surely the videos predict its phrases")
        begin_text_table(table, studies, batches.rows())
        return
    if config.optim.kinds_first:
        note(f"kinds first: {config.optim.kinds_first} steps on views and colour")
        begin_trunk(start.towers.video, batches.studies[:STUDIES], cache, config)
    if table is not None and config.optim.heads_first:
        note("heads first: the video head and the phrase table in closed form")
        begin_heads(start.towers.video, table, batches, cache, config)
    if table is not None and config.optim.table_first:
        vectors = batches.locked or _all_videos(start, batches, cache, note)
        note("table first: where the videos put the phrases of the reports")
        begin_table(table, batches.study_vectors(vectors), batches.rows())
    if table is not None and config.optim.texts_first:
        note("texts first: the text head in closed form")
        begin_texts(start.towers.text, table, batches, start.tokenizer, start.manifest.text.spec)


def _all_videos(start: Start, batches: Batches, cache: ClipCache, note: Callable[[str], None]) -> dict[str, Vectors]:
    """Return each usable video's raw vector by the tower as it is now."""
    note(f"every video of {batches.n_studies} studies is embedded once")
    return embed_videos(start, (v.key for _, videos in batches.studies for v in videos), cache)


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, parts: Sequence[Batch], lr: float, config: TrainConfig
) -> dict[str, float]:
    """One update; the losses are means over the accumulated parts and over the processes."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["scale"]
    optimizer.zero_grad(set_to_none=True)
    sums: dict[str, Tensor] = {}
    device = next(model.parameters()).device
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        quiet = model.no_sync() if isinstance(model, DistributedDataParallel) and not last else nullcontext()
        with quiet:
            with torch.autocast(device.type, torch.bfloat16, enabled=config.optim.precision == "bf16"):
                losses = model(part)
            (losses["loss"] / len(parts)).backward()
        for name, value in losses.items():
            sums[name] = sums.get(name, torch.zeros((), device=device)) + value.detach() / len(parts)
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_norm)
    optimizer.step()
    shown = {name: float(gather_rows(value[None]).mean()) for name, value in sums.items()} | {"gradient": float(norm)}
    if not all(isfinite(value) for value in shown.values()):
        lost = ", ".join(f"{name} {value:g}" for name, value in shown.items())
        raise ConfigError(
            f"the run has diverged ({lost}): a smaller optim.lr, a longer optim.warmup or loss.max_scale may keep it"
            f" together; {CHECKPOINT} in run.out is from before"
        )
    return shown


def _device(config: TrainConfig) -> torch.device:
    device = pick_device(config.run.device)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", device.index or 0)))
        torch.cuda.set_device(device)
    return device


@contextmanager
def distributed() -> Iterator[None]:
    """Join the other processes where torchrun started several; nothing otherwise."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()
