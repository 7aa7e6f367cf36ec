"""Fit a contour head and score it on phantoms that it has not seen.

python -m trainer.contour fit --out runs/contour                                 the head that ships
python -m trainer.contour fit --out runs/mine --public /data/EchoNet-Dynamic     with outlines of patients too
python -m trainer.contour score runs/contour --seed 7 --patients 30
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import torch

from echosearch.contour.head import ContourHead, load_head, save_head
from echosearch.contour.manifest import ContourManifest
from echosearch.contour.network import ContourNet
from echosearch.errors import BundleError, EchosearchError
from echosearch.phantom.patients.history import Level
from trainer.contour.fit import ContourConfig, fit_contours
from trainer.contour.public import public_samples
from trainer.contour.samples import DrawnFrames, joined, phantom_samples
from trainer.contour.score import ContourScores, read_wrongly, score_head
from trainer.progress import say

__all__ = ["describe", "main", "score_and_write"]

LEVELS: tuple[Level, ...] = get_args(Level)
FIT_SEEDS: dict[Level, int] = {"easy": 55101, "hard": 55102}
# seed and patients of each level, for nothing but the figures that a head is given
SCORED: dict[Level, tuple[int, int]] = {"easy": (55104, 24), "hard": (55103, 12)}
FIGURES = ("dice", "ef_error", "ef_bias", "ed_frames", "es_frames", "biplane_ef_error")
NOTES = "Not a medical device; figures are of phantoms, and say nothing of patients."


def score_and_write(out: Path, manifest: ContourManifest, network: ContourNet) -> None:
    """Score a head on the phantoms of SCORED, and write it to ``out`` with these figures."""
    head = ContourHead(manifest, network)
    scores = []
    for level, (seed, patients) in SCORED.items():
        scores.append(score_head(head, patients, seed, level))
        say(_line(scores[-1]))
    figures = {f"{one.level}_{key}": round(getattr(one, key), 3) for one in scores for key in FIGURES}
    save_head(out, manifest.model_copy(update={"figures": figures}), network)


def describe(frames: int, patients: int, public: bool, config: ContourConfig) -> ContourManifest:
    """Return what is said of a head that was fitted so."""
    return ContourManifest(
        name="phantom-contour" if not public else "contour",
        version="1",
        licence="Apache-2.0",
        provenance=f"trained by trainer.contour on {frames} frames ({patients} phantom patients of each level"
        f", seeds {FIT_SEEDS['easy']} and {FIT_SEEDS['hard']}{', and of patients' if public else ''}), {config.steps} "
        f"steps of {config.batch}, seed {config.seed}, from random weights; scored on "
        + " and ".join(
            f"{count} patients of the level {level}, seed {seed}" for level, (seed, count) in SCORED.items()
        ),
        trained_on="patients" if public else "phantom",
        notes=NOTES,
        widths=config.widths,
    )


def _fit(out: Path, patients: int, public: list[Path], config: ContourConfig) -> None:
    if out.exists():
        raise BundleError(f"{out} exists already: choose another folder, or remove it first")
    samples = joined(_samples(patients, public))
    say(f"{len(samples)} frames")
    network = fit_contours(samples, config, lambda step, loss: say(f"step {step} of {config.steps}: loss {loss:.3f}"))
    score_and_write(out, describe(len(samples), patients, bool(public), config), network)


def _samples(patients: int, public: list[Path]) -> Iterator[DrawnFrames]:
    for level in LEVELS:
        yield phantom_samples(patients, FIT_SEEDS[level], level)
    for folder in public:
        yield public_samples(folder, "train")


def _line(scores: ContourScores) -> str:
    hidden = ("read_ef", "true_ef")
    return json.dumps({key: _short(value) for key, value in asdict(scores).items() if key not in hidden})


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def main() -> int:
    """Exit code 0, or 1 for a user's error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fitting = commands.add_parser("fit", help="train a head and write it")
    fitting.add_argument("--out", type=Path, required=True, help="the folder of the new head")
    fitting.add_argument("--patients", type=int, default=80, help="phantoms of each level to learn from")
    fitting.add_argument("--public", type=Path, action="append", default=[], help="EchoNet-Dynamic or CAMUS, a folder")
    fitting.add_argument("--steps", type=int, default=ContourConfig.steps)
    fitting.add_argument("--seed", type=int, default=ContourConfig.seed)
    scoring = commands.add_parser("score", help="score a head on phantoms")
    scoring.add_argument("head", type=Path)
    scoring.add_argument("--patients", type=int, default=16)
    scoring.add_argument("--seed", type=int, required=True)
    scoring.add_argument("--level", choices=LEVELS, default="easy")
    given = parser.parse_args()
    torch.set_num_threads(1)  # the same sums on every machine
    try:
        if given.command == "score":
            head = load_head(given.head)
            say(_line(score_head(head, given.patients, given.seed, given.level)))
            wrong = read_wrongly(head, given.patients, given.seed, given.level)
            said = [f"{view} {read} of {all_}" for view, (read, all_) in wrong.items()]
            say(f"cines of other views with an EF if they are called 4CH: {', '.join(said)}")
        else:
            _fit(given.out, given.patients, given.public, ContourConfig(given.seed, given.steps))
    except EchosearchError as exc:
        say(str(exc))
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
