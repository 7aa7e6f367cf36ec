"""Let a finished encoder see one finding that only the order of frames tells: of the left ventricle, dyssynchrony.

    python -m trainer.order runs/phantom-tiny-metric/bundle --out runs/phantom-order4

A septum that moves before the other walls has the same extremes over time as one that does not, and those are all that
a pool without turns keeps (SpatialPool). The tower's layers see it: a path of its frames is added, as wide as
``turns``, and a logistic regression on the areas that it turns around, by studies whose truth is known. What that says
is added to a vector along one direction: the finding's own prompts, at right angles to the prompts of all other
findings. So what those ask of the videos is answered as before, and the text tower stays, bit for bit.

The new bundle has another fingerprint, so an archive is embedded again with it (`echosearch reembed`).
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from torch import Tensor

from echosearch.batch import batched
from echosearch.encoder.base import Encoder
from echosearch.encoder.bundle.folder import TOKENIZER, WEIGHTS, load_manifest
from echosearch.encoder.bundle.manifest import Manifest, VideoConvSpec
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.export import save_encoder
from echosearch.encoder.forward import on_device
from echosearch.encoder.text.tokenizer import VOCABULARY
from echosearch.encoder.torch_encoder import TorchEncoder, load_encoder
from echosearch.encoder.towers.build import build_towers, load_weights, normalise, use_weights
from echosearch.encoder.towers.video_conv import VideoConv
from echosearch.errors import BundleError, EchosearchError
from echosearch.report.facts import FindingCondition, ValueCondition, load_lexicon
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.video_arm import ask_videos
from trainer.config import FIVE_VIEWS, DataConfig
from trainer.data.cache import ClipCache, open_cache
from trainer.data.pairs import Study
from trainer.data.sources import load_studies
from trainer.evaluation.zero_shot import FINDINGS
from trainer.model.start import with_turns
from trainer.progress import say, say_clips
from trainer.training_record import BEFORE, TRAINING
from trainer.warm_start.pool_init import init_path

__all__ = ["OrderConfig", "add_order", "clear_direction", "fit_odds", "main"]

PATH_CLIPS = 512  # of all, that give the path its directions
CLIPS = 64  # held in memory at a time
ROUNDS = 60
ORDER = "order"  # the table of training.toml

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OrderConfig:
    """What is taught, from which phantom studies, and how much it counts."""

    finding: str = "dyssynchrony"  # a column of truth.csv
    seed: int = 70201  # of phantoms that no figure is measured on
    patients: int = 250  # as they come
    enrich_from: int = 1500  # further patients, of whom those with the finding join
    turns: int = 24  # numbers of a frame whose order is kept
    ridge: float = 0.1  # against areas whose mean squared length is 1
    loud: float = 0.15  # standard deviation of what is added, as a share of the study vectors' mean length


def add_order(bundle: Path, out: Path, config: OrderConfig, version: str, cache: Path, workers: int = 1) -> Manifest:
    """Write the bundle ``out``: the towers of ``bundle``, whose pool also keeps turns.

    Raises BundleError if ``out`` exists, or the video tower of ``bundle`` is none that can be given turns.
    """
    if out.exists():
        raise BundleError(f"{out} exists already: choose another folder, or remove it first")
    old = load_manifest(bundle)
    spec = old.video.tower
    if not isinstance(spec, VideoConvSpec) or spec.turns or spec.time == "stills":
        raise BundleError(f"{bundle}: its video tower is no video_conv over time without turns: nothing to be added")
    encoder = load_encoder(bundle, "cpu")
    given = {"tower": spec.model_copy(update={"turns": config.turns})}
    manifest = old.model_copy(
        update={
            "version": version,
            "video": old.video.model_copy(update=given),
            "provenance": f"{old.provenance}; then the order of frames for {config.finding} by trainer.order,"
            f" {config.patients} patients and those of {config.enrich_from} more with it, seed {config.seed}",
        }
    )
    towers = build_towers(manifest)
    use_weights(towers.video, with_turns(load_weights(bundle / WEIGHTS, "video"), towers.video.state_dict()))
    text = load_weights(bundle / WEIGHTS, "text")
    use_weights(towers.text, text)
    data = _data(config)
    studies = load_studies(data)
    videos = [video for study in studies for video in study.of_views(FIVE_VIEWS, data.min_view_prob)]
    clips = open_cache(cache, videos, encoder.clip_spec, workers=workers, progress=say_clips)
    tower = towers.video.eval()
    assert isinstance(tower, VideoConv)
    _teach(tower, encoder, studies, clips, data, config)
    half = all(weight.dtype == torch.float16 for weight in text.values())
    return save_encoder(
        out, manifest, towers, bundle / TOKENIZER / VOCABULARY, half, {TRAINING: _record(bundle, data, config)}
    )


def _data(config: OrderConfig) -> DataConfig:
    return DataConfig(
        patients=config.patients,
        phantom_seed=config.seed,
        enrich=(config.finding,) if config.enrich_from else (),
        enrich_from=config.enrich_from,
    )


def _teach(
    tower: VideoConv,
    encoder: TorchEncoder,
    studies: Sequence[Study],
    clips: ClipCache,
    data: DataConfig,
    config: OrderConfig,
) -> None:
    """Set the path of the tower's pool, and what its head makes of the turns."""
    seen = [[video.key for video in study.of_views(FIVE_VIEWS, data.min_view_prob)] for study in studies]
    keys = [key for own in seen for key in own]
    pool = tower.places
    assert pool.path is not None
    few = keys[:: max(len(keys) // PATH_CLIPS, 1)][:PATH_CLIPS]
    with torch.inference_mode():
        trunks = (_trunk(tower, encoder, clips, block) for block in batched(few, CLIPS))
        frames = [each for trunk in trunks for each in pool.readout(trunk).flatten(2)]
    init_path(pool.path, frames)
    usual = pool.gate.out_features * pool.compress.out_features
    means = []  # of each study: what its pool gives
    with torch.inference_mode():
        for own in seen:
            means.append(pool.gated(pool.seen(_trunk(tower, encoder, clips, own))).mean(dim=0))
        gated = torch.stack(means)
        loudness = tower.head(gated).norm(dim=1).mean().item()  # turns add nothing yet
    has = np.array([study.truth is not None and study.truth.grades[config.finding] >= MILD for study in studies])
    weights, offset, spread = fit_odds(gated[:, usual:].double().numpy(), has, config.ridge)
    scale = config.loud * loudness / spread
    towards = torch.from_numpy(clear_direction(encoder, config.finding)).float()
    with torch.no_grad():
        tower.head.weight[:, usual:] = torch.outer(towards, torch.from_numpy(scale * weights).float())
        tower.head.bias.add_(scale * offset * towards)
    say(f"{config.finding}: {has.sum()} of {len(has)} studies have it")


def _trunk(tower: VideoConv, encoder: TorchEncoder, clips: ClipCache, keys: Sequence[str]) -> Tensor:
    given = on_device([clips.clip(key) for key in keys], encoder.device)
    trunk: Tensor = tower.trunk(normalise(*given, encoder.clip_spec))
    return trunk


def fit_odds(inputs: Floats, has: NDArray[np.bool_], ridge: float) -> tuple[Floats, float, float]:
    """Fit a logistic regression of (N,) to (N, F): weights (F,), offset, and the spread of what they give.

    The offset is such that half of the studies are above 0 and half below: most have no finding, and to those nothing
    is to be added. Solved among the N directions that the studies have.
    """
    centre = inputs.mean(axis=0)
    size = np.sqrt(np.square(inputs - centre).sum(axis=1).mean())
    _, strength, directions = np.linalg.svd((inputs - centre) / size, full_matrices=False)
    directions = directions[strength > strength[0] * 1e-6]
    seen = np.c_[(inputs - centre) / size @ directions.T, np.ones(len(has))]
    held = np.diag([*[ridge] * len(directions), 1e-6])
    odds = np.zeros(seen.shape[1])
    for _ in range(ROUNDS):  # Newton's
        chance = 1 / (1 + np.exp(-np.clip(seen @ odds, -30, 30)))
        bent = (seen * np.maximum(chance * (1 - chance), 1e-6)[:, None]).T @ seen
        step = np.linalg.solve(bent + held, seen.T @ (chance - has) + held @ odds)
        step *= min(1.0, 5 / max(np.abs(seen @ step).max(), 1e-12))
        odds -= step
        if np.abs(step).max() < 1e-6:
            break
    weights: Floats = odds[:-1] @ directions / size
    found = inputs @ weights
    return weights, -float(np.median(found)), float(found.std())


def clear_direction(encoder: Encoder, finding: str) -> Floats:
    """Return the unit direction (D,) of a finding's prompts, at right angles to those of all others and of EF.

    Of a finding with regions (wall motion), to those of each region: search asks which of them differs from the others.
    """
    labels = dict(load_lexicon().labels)
    others = [concept for name, concept in FINDINGS.items() if name != finding]
    asked = ask_videos(
        encoder,
        labels,
        [
            FindingCondition(FINDINGS[finding], "present", None),
            *(FindingCondition(concept, "present", None) for concept in others),
            ValueCondition("lvef", "<", 40, None, "%"),
        ],
    )
    own, *rest = (direction.astype(np.float64) for direction in asked.directions)
    for level in (each[0] for each in asked.levels[1:] if each[0].form == "regional"):
        regions = level.meanings[level.level == level.level.max()].astype(np.float64)
        rest += [*(regions - level.meanings[level.level == 0].mean(axis=0))]
    apart, _ = np.linalg.qr(np.stack(rest).T)
    clear: Floats = own - apart @ (apart.T @ own)
    return clear / np.linalg.norm(clear)


def _record(bundle: Path, data: DataConfig, config: OrderConfig) -> str:
    """Return the record of the runs before, and of this one as one that its weights have been through."""
    file = bundle / TRAINING
    record: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    drawn = {"name": f"order of {config.finding}", "seed": config.seed, "data": data.model_dump(mode="json")}
    before = [*record.get(BEFORE, ()), drawn]
    return tomli_w.dumps({**record, "scores": {}, BEFORE: before, ORDER: asdict(config)})


def main() -> int:
    """Exit code 0, or 1 for a user's error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a folder, or the name of a shipped encoder")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the new bundle")
    parser.add_argument("--version", default="4", help="of the new bundle")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--workers", type=int, default=1)
    for name, default in asdict(OrderConfig()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    bundle, *rest = (given.pop(name) for name in ("bundle", "out", "version", "cache", "workers"))
    out, version, cache, workers = rest
    try:
        add_order(find_bundle(bundle), out, OrderConfig(**given), version, cache, workers)
    except EchosearchError as exc:
        say(str(exc))
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
