"""What two terms of the loss bring on the phantom's hard level: bench_terms.py --out runs/ablation

loss.view      in the first stage of bench_ablation.py's arm with order in time, beside that arm
loss.negation  in a text tower that learns on by the contrastive loss, over the videos of that arm, which stay

Beside retrieval: how often a study's videos are nearer to its report than to that report with one statement made false
(trainer/data/twins.py). Run bench_ablation.py first; its --out and one seed are used. Intervals, 95 %, over patients.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from echosearch.encoder.torch_encoder import load_encoder
from echosearch.report.text import phrases
from echosearch.vector import unit
from tests.benchmarks.bench_ablation import CONFIG, TEST, WORDS, interval, study_vectors
from trainer.config import TrainConfig
from trainer.config_file import load
from trainer.data.cache import open_cache
from trainer.data.sources import load_studies
from trainer.data.twins import draw_twins
from trainer.evaluation.retrieval import places
from trainer.run import train

Floats = NDArray[np.float64]
BASE = "MultiVideo-order"
TWINS = 8  # a report, at most
LEARN = (
    *("model.start_video=''", "model.start_text=''", "optim.heads_first=false", "optim.lock_video=true"),
    *("loss.table=0.0", "loss.contrastive=1.0", "optim.steps=200", "optim.batch=24", "optim.lr=4e-3"),
)
TERMS: dict[str, tuple[str, ...]] = {
    "words in closed form": (),
    "view term, words in closed form": ("loss.view=0.5",),
    "words by the contrastive loss": LEARN,
    "words by the contrastive loss with twins": (*LEARN, "loss.negation=1.0"),
}


def stages(term: str, seed: int, out: Path) -> tuple[TrainConfig, ...]:
    """Return the runs that make the encoder of a term; the last one's bundle is it."""
    base, folder = out / f"{BASE}-{seed}", out / f"term {term}-{seed}"
    usual = (f"seed={seed}", f"data.cache={out / 'cache'}")
    settings = TERMS[term]
    if "loss.contrastive=1.0" in settings:
        start = f"model.start={base / 'words' / 'bundle'}"
        return (load(CONFIG, [*usual, *settings, start, f"run.out={folder / 'words'}"]),)
    if not settings:
        return (load(CONFIG, [*usual, *WORDS, f"model.start={base}", f"run.out={base / 'words'}"]),)
    start = f"model.start={folder / 'videos' / 'bundle'}"
    return (
        load(CONFIG, [*usual, *settings, f"run.out={folder / 'videos'}"]),
        load(CONFIG, [*usual, *WORDS, start, f"run.out={folder / 'words'}"]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--terms", nargs="+", default=[*TERMS], choices=[*TERMS])
    args = parser.parse_args()
    torch.set_num_threads(1)
    heads = ("R@10, video to report, %", "R@10, report to video, %", "mean rank", "report nearer than its twin, %")
    print(f"| | {' | '.join(heads)} |")
    for term in args.terms:
        for config in stages(term, args.seed, args.out):
            bundle = Path(config.run.out) / "bundle"
            if not bundle.exists():
                train(config)
        data = config.data.model_copy(update={**TEST, "enrich": (), "enrich_from": 0})
        studies = load_studies(data)
        seen = [video for study in studies for video in study.of_views(data.eval_views, 0.9)]
        cache = open_cache(Path(data.cache), seen, config.model.clip)
        encoder = load_encoder(bundle, "cpu")
        videos = study_vectors(encoder, studies, cache, data, lambda clip: clip.pixels)
        texts = encoder.encode_texts([study.report for study in studies])
        ranks = [1 + each.higher + each.ties / 2 for each in (places(videos, texts), places(texts, videos))]
        right, said_by = [], []
        for row, study in enumerate(studies):
            said = phrases(study.report)
            false = draw_twins(study.report, TWINS, np.random.default_rng([7, row]))
            twins = ["".join(f"{p}。" for p in (*said[:at], other, *said[at + 1 :])) for at, other in false]
            if twins:
                near = (
                    unit(encoder.encode_texts(["".join(f"{p}。" for p in said), *twins]))
                    @ unit(videos[row : row + 1])[0]
                )
                right.append(float(np.mean(near[0] > near[1:])))
                said_by.append(study.patient)
        own = [study.patient for study in studies]
        cells = [interval((each <= 10).astype(np.float64), own, True) for each in ranks]
        cells += [interval(np.mean(ranks, axis=0), own, False), interval(np.array(right), said_by, True)]
        print(f"| {term} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
