"""Teach a finished encoder what its layers hold and its vectors do not tell: dyssynchrony, which wall moves badly, EF.

    python -m trainer.closed_form runs/phantom-tiny-metric/bundle --out runs/phantom-closed5

No gradient step. Phantom studies whose truth is known are embedded, as they are and altered as the encoder's own
training altered its clips. What the pool gives of them is the input of regressions, and what those say is added to a
vector along directions of the text tower's own prompts, so that the text tower stays, bit for bit:

    a finding     logistic regression; the direction of its prompts. A septum that moves before the other walls has the
                  same extremes over time as one that does not, and those are all that a pool without turns keeps
                  (SpatialPool): a path of its frames is added, as wide as ``turns``, and the areas that it turns around
    a territory   logistic regression; the direction of its walls' prompts from those of no wall
    EF            ridge regression to where the prompts of the study's EF are, in the plane in which the prompts of all
                  values move most

Each direction is at right angles to the prompts of everything else, so that what those ask is answered as before.
The new bundle has another fingerprint, so an archive is embedded again with it (`echosearch reembed`).
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w
import torch

from echosearch.encoder.bundle.folder import TOKENIZER, WEIGHTS, load_manifest
from echosearch.encoder.bundle.manifest import Manifest, VideoConvSpec
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.export import save_encoder
from echosearch.encoder.text.tokenizer import VOCABULARY
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.build import build_towers, load_weights, use_weights
from echosearch.encoder.towers.video_conv import VideoConv
from echosearch.errors import BundleError, EchosearchError
from echosearch.phantom.patients.history import LEVELS
from trainer.closed_form.head import teach_head
from trainer.closed_form.pool import pooled, set_path
from trainer.closed_form.prompt_places import ORDERED, prompt_places
from trainer.closed_form.studies import ClosedFormConfig, data_of, having
from trainer.config import FIVE_VIEWS, DataConfig
from trainer.data.augment import AugmentConfig
from trainer.data.cache import open_cache
from trainer.data.sources import load_studies
from trainer.model.start import with_turns
from trainer.progress import say, say_clips
from trainer.training_record import BEFORE, TRAINING, read_training

__all__ = ["main", "teach_videos"]

CLOSED_FORM = "closed_form"  # the table of training.toml


def teach_videos(
    bundle: Path, out: Path, config: ClosedFormConfig, version: str, cache: Path, workers: int = 1
) -> Manifest:
    """Write the bundle ``out``: the towers of ``bundle``, whose pool also keeps turns and whose head was taught.

    Raises BundleError if ``out`` exists, or the video tower of ``bundle`` is none that can be given turns.
    ConfigError if what is taught is in none of the studies, or in all of them.
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
            "provenance": f"{old.provenance}; then {ORDERED}, territories of wall motion and EF by trainer.closed_form,"
            f" of {' and '.join(LEVELS)} {config.patients} patients and those of {config.enrich_from} more with one of"
            f" the two, seed {config.seed}",
        }
    )
    towers = build_towers(manifest)
    use_weights(towers.video, with_turns(load_weights(bundle / WEIGHTS, "video"), towers.video.state_dict()))
    text = load_weights(bundle / WEIGHTS, "text")
    use_weights(towers.text, text)
    tower = towers.video.eval()
    assert isinstance(tower, VideoConv)
    trained = read_training(bundle)
    augment = trained.config.data.augment if trained else AugmentConfig()
    data = data_of(config)
    studies = [study for each in data for study in load_studies(each)]
    there = having(studies)
    seen = [study.of_views(FIVE_VIEWS, data[0].min_view_prob) for study in studies]
    videos = [video for own in seen for video in own]
    clips = open_cache(cache, videos, encoder.clip_spec, workers=workers, progress=say_clips)
    keys = [[video.key for video in own] for own in seen]
    set_path(tower, clips, [video.key for video in videos])
    gated = pooled(tower, clips, keys, augment, config.seed)
    ef = [study.truth.ef for study in studies if study.truth]
    teach_head(tower, prompt_places(encoder), there, ef, gated, config)
    half = all(weight.dtype == torch.float16 for weight in text.values())
    return save_encoder(
        out, manifest, towers, bundle / TOKENIZER / VOCABULARY, half, {TRAINING: _record(bundle, data, config)}
    )


def _record(bundle: Path, data: Sequence[DataConfig], config: ClosedFormConfig) -> str:
    """Return the record of the runs before, and of this one as runs that its weights have been through."""
    file = bundle / TRAINING
    record: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    drawn = [
        {"name": f"closed form, {each.level}", "seed": config.seed, "data": each.model_dump(mode="json")}
        for each in data
    ]
    before = [*record.get(BEFORE, ()), *drawn]
    return tomli_w.dumps({**record, "scores": {}, BEFORE: before, CLOSED_FORM: asdict(config)})


def main() -> int:
    """Exit code 0, or 1 for a user's error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a folder, or the name of a shipped encoder")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the new bundle")
    parser.add_argument("--version", default="5", help="of the new bundle")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--workers", type=int, default=1)
    for name, default in asdict(ClosedFormConfig()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    bundle, *rest = (given.pop(name) for name in ("bundle", "out", "version", "cache", "workers"))
    out, version, cache, workers = rest
    try:
        teach_videos(find_bundle(bundle), out, ClosedFormConfig(**given), version, cache, workers)
    except EchosearchError as exc:
        say(str(exc))
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
