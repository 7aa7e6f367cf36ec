"""Fit the scale that ships beside an encoder, for archives that know no value: on phantoms, whose EF is known.

    python -m trainer.value_scale phantom-tiny --seed 60606 --patients 160

It is written into echosearch/search/arms/value_scales.json under the encoder's fingerprint.
"""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from echosearch.atomic import whole_file
from echosearch.encoder.base import Encoder
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.errors import ConfigError
from echosearch.report.facts import ValueCondition
from echosearch.search.arms.value_scale import ValueScale, fit_scale
from echosearch.search.arms.video_arm import ask_videos
from echosearch.vector import unit
from echosearch.video import VIEW_GATE
from trainer.config import FIVE_VIEWS
from trainer.data.cache import open_cache
from trainer.data.pairs import Study
from trainer.data.sources import rendered
from trainer.model.embed import embed_with
from trainer.progress import say, say_clips

__all__ = ["fit_on", "main"]

DIGITS = 6  # of a weight


def fit_on(encoder: Encoder, studies: tuple[Study, ...], cache: Path, workers: int = 1) -> ValueScale:
    """Fit the scale of EF on phantom studies. Raises ConfigError if it would not improve on the prompts."""
    videos = [video for study in studies for video in study.videos]
    clips = open_cache(cache, videos, encoder.clip_spec, workers=workers, progress=say_clips)
    found = embed_with(encoder, studies, clips, FIVE_VIEWS, VIEW_GATE)
    towards = unit(found.videos)
    asked = ask_videos(encoder, {}, [ValueCondition("lvef", "<", 40, None, "%")])
    known = np.array([study.truth.ef for study in found.studies if study.truth])
    patients = [study.patient for study in found.studies]
    scale = fit_scale("lvef", asked.zero_shot_values("lvef", towards), towards, known, patients, "shipped")
    if scale is None:
        raise ConfigError("these studies give no scale that is nearer to the true values than prompts: take more")
    return scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a folder, or the name of a shipped encoder")
    parser.add_argument("--seed", type=int, required=True, help="of phantoms that no figure is measured on")
    parser.add_argument("--patients", type=int, default=160)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    encoder = load_encoder(find_bundle(chosen.bundle), "cpu")
    scale = fit_on(encoder, rendered(chosen.patients, chosen.seed), chosen.cache, chosen.workers)
    out = Path(str(files("echosearch.search.arms") / "value_scales.json"))
    table = json.loads(out.read_text(encoding="utf-8"))
    table.setdefault(encoder.id.fingerprint, {})[scale.concept] = {
        "fitted_on": f"phantom seed {chosen.seed}, {chosen.patients} patients",
        "studies": scale.studies,
        "error": round(scale.error, 2),
        "spread": round(scale.spread, 2),
        "offset": round(scale.offset, DIGITS),
        "slope": round(scale.slope, DIGITS),
        "weights": [round(float(weight), DIGITS) for weight in scale.weights],
    }
    with whole_file(out) as partial:
        partial.write_text(json.dumps(table) + "\n", encoding="utf-8")
    say(f"{scale.concept}: {scale.studies} studies, error {scale.error:.2f} in patients that were left out")


if __name__ == "__main__":
    main()
