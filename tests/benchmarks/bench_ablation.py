"""What order in time, several views and moving pictures are worth: bench_ablation.py --out runs/ablation

Trains the arms of the paper's Table 1 on the phantom's hard level, with one backbone (phantom-tiny's video tower to
begin with), the same clips a step and the same steps (trainer/configs/phantom-order.toml), and scores them on patients
never trained on: reports found by videos and videos by reports; septal motion early or late, which only order in time
tells, and a shunt's direction, which only colour tells, by the words of reports. Arms that are there already are
not trained again. Intervals, 95 %, are over patients; seeds are averaged within a study first.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from echosearch.batch import batched
from echosearch.clip import Clip, Uint8
from echosearch.encoder.base import Encoder
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.insight.intervals import auc, auc_interval, mean_interval
from echosearch.vector import Vectors, mean_vector, unit
from trainer.config import DataConfig, TrainConfig
from trainer.config_file import load
from trainer.data.cache import ClipCache, open_cache
from trainer.data.pairs import Study
from trainer.data.sources import load_studies
from trainer.evaluation.retrieval import places
from trainer.run import train

Floats = NDArray[np.float64]
CONFIG = Path(__file__).parents[2] / "trainer" / "configs" / "phantom-order.toml"
# one view of a study, and as many clips a step
SINGLE = ("data.train_views=['4CH']", "data.eval_views=['4CH']", "data.videos_per_study=1", "optim.batch=48")
ARMS: dict[str, tuple[str, ...]] = {
    "MultiVideo, order": (),
    "MultiVideo": ("model.video.turns=0",),
    "MultiVideo, bag": ("model.video.turns=0", "model.video.time=bag"),
    "SingleVideo": SINGLE,
    "SingleImage": (*SINGLE, "model.video.turns=0", "model.video.time=stills", "data.frames_seen=1"),
}
# of stage two: the videos stay, and the words are fitted to them in closed form
WORDS = (
    *("model.start_video=''", "model.start_text=''", "optim.heads_first=false", "optim.steps=0"),
    *("optim.lock_video=true", "optim.table_first=true", "optim.texts_first=true"),
)
TEST = {"patients": 150, "phantom_seed": 929, "enrich_from": 400}
PAIRS = {"septal": ("septal_early", "septal_late"), "shunt": ("shunt_left_right", "shunt_right_left")}


@dataclass(frozen=True)
class Found:
    """Scores of one arm and seed, a value for each test study; ``score`` by feature and condition."""

    rank_v2r: Floats
    rank_r2v: Floats
    score: dict[str, Floats]


def first_stage(arm: str, seed: int, out: Path) -> TrainConfig:
    return load(CONFIG, [*ARMS[arm], f"seed={seed}", f"run.out={out / 'videos'}", f"data.cache={out.parent / 'cache'}"])


def second_stage(arm: str, seed: int, out: Path) -> TrainConfig:
    where = (f"seed={seed}", f"run.out={out / 'words'}", f"data.cache={out.parent / 'cache'}")
    return load(CONFIG, [*ARMS[arm], *WORDS, *where, f"model.start={out / 'videos' / 'bundle'}"])


def shuffled(clip: Clip) -> Uint8:
    order = np.random.default_rng(crc32(clip.key.encode())).permutation(clip.n_valid)
    return np.concatenate([clip.pixels[order], clip.pixels[clip.n_valid :]])


def backwards(clip: Clip) -> Uint8:
    return np.concatenate([clip.pixels[: clip.n_valid][::-1], clip.pixels[clip.n_valid :]])


CONDITIONS: dict[str, dict[str, Callable[[Clip], Uint8]]] = {
    "septal": {"frames shuffled": shuffled, "played backwards": backwards},
    "shunt": {"red and blue exchanged": lambda clip: np.ascontiguousarray(clip.pixels[..., ::-1])},
}


def study_vectors(
    encoder: Encoder, studies: Sequence[Study], cache: ClipCache, data: DataConfig, alter: Callable[[Clip], Uint8]
) -> Vectors:
    """Return (N, D), the mean of each study's videos of the views that the arm sees."""
    keys = [video.key for study in studies for video in study.of_views(data.eval_views, 0.9)]
    each: dict[str, Vectors] = {}
    for block in batched(keys, 64):
        clips = [cache.clip(key) for key in block]
        altered = [Clip(clip.key, alter(clip), clip.n_valid) for clip in clips]
        each |= dict(zip(block, encoder.encode_clips(altered), strict=True))
    return np.stack([mean_vector([each[v.key] for v in study.of_views(data.eval_views, 0.9)]) for study in studies])


def toward(encoder: Encoder, names: tuple[str, str]) -> Vectors:
    """Return the direction from what reports say of the second feature of a pair to what they say of the first."""
    words = tomllib.loads((files("echosearch.phantom.patients") / "hard_words.toml").read_text(encoding="utf-8"))
    one, other = (unit(encoder.encode_texts([f"{said}。" for said in words["first"][name]])) for name in names)
    return np.asarray(one.mean(axis=0) - other.mean(axis=0))


def has(studies: Sequence[Study], name: str) -> NDArray[np.bool_]:
    return np.array([bool(study.truth and study.truth.grades[name]) for study in studies])


def scored(bundle: Path, data: DataConfig, studies: Sequence[Study], as_they_come: int, cache: ClipCache) -> Found:
    """Score an arm: ranks among the first ``as_they_come`` studies, features among all that have one of a pair."""
    encoder = load_encoder(bundle, "cpu")
    videos = study_vectors(encoder, studies, cache, data, lambda clip: clip.pixels)
    texts = encoder.encode_texts([study.report for study in studies[:as_they_come]])
    ranks = [places(*pair) for pair in ((videos[:as_they_come], texts), (texts, videos[:as_they_come]))]
    v2r, r2v = (1 + each.higher + each.ties / 2 for each in ranks)
    score: dict[str, Floats] = {}
    for kind, names in PAIRS.items():
        there = has(studies, names[0]) | has(studies, names[1])
        own = [study for study, is_there in zip(studies, there, strict=True) if is_there]
        direction = toward(encoder, names)
        score[f"{kind}, as it is"] = (unit(videos[there]) @ direction).astype(np.float64)
        for name, alter in CONDITIONS[kind].items():
            altered = study_vectors(encoder, own, cache, data, alter)
            score[f"{kind}, {name}"] = (unit(altered) @ direction).astype(np.float64)
    return Found(v2r, r2v, score)


def found(arm: str, seed: int, out: Path, test_seed: int) -> Found:
    """Train and score one arm, or read what is there."""
    file = out / f"found-{test_seed}.npz"
    if not file.exists():
        for config in (first_stage(arm, seed, out), second_stage(arm, seed, out)):
            if not (Path(config.run.out) / "bundle").exists():
                began = time.process_time()
                train(config)
                print(f"{config.run.out}: {time.process_time() - began:.0f} s of processor time", flush=True)
        data = config.data.model_copy(update={**TEST, "phantom_seed": test_seed})
        studies, few = load_studies(data), len(load_studies(data.model_copy(update={"enrich": (), "enrich_from": 0})))
        seen = [video for study in studies for video in study.of_views(data.eval_views, 0.9)]
        cache = open_cache(Path(data.cache), seen, config.model.clip)
        made = scored(out / "words" / "bundle", data, studies, few, cache)
        np.savez(file, v2r=made.rank_v2r, r2v=made.rank_r2v, **made.score)  # type: ignore[arg-type]
    with np.load(file) as kept:
        return Found(kept["v2r"], kept["r2v"], {name: kept[name] for name in kept.files if ", " in name})


def interval(values: Floats, patients: Sequence[str], share: bool) -> str:
    found = mean_interval(values, patients)
    digits, factor = (1, 100) if share else (3 if found.value < 1 else 1, 1)
    return f"{factor * found.value:.{digits}f} ({factor * found.low:.{digits}f} to {factor * found.high:.{digits}f})"


def show(arms: dict[str, list[Found]], studies: Sequence[Study]) -> None:
    first = next(iter(arms.values()))
    own = [study.patient for study in studies[: len(first[0].rank_v2r)]]
    print(f"\n{len(own)} studies of {len(set(own))} patients; seeds: {len(first)}")
    print("| | R@10, video to report, % | R@10, report to video, % | MRR | mean rank |\n|---|---|---|---|---|")
    ten: dict[str, tuple[Floats, Floats]] = {}
    for arm, seeds in arms.items():
        v2r, r2v = ([getattr(one, name) for one in seeds] for name in ("rank_v2r", "rank_r2v"))
        ten[arm] = tuple(np.mean([ranks <= 10 for ranks in way], axis=0) for way in (v2r, r2v))
        mrr, rank = np.mean([1 / ranks for ranks in (*v2r, *r2v)], axis=0), np.mean([*v2r, *r2v], axis=0)
        cells = [
            *(interval(each, own, True) for each in ten[arm]),
            interval(mrr, own, False),
            interval(rank, own, False),
        ]
        by_seed = " ".join(f"{100 * np.mean(ranks <= 10):.1f}" for ranks in v2r)
        print(f"| {arm} | {' | '.join(cells)} | by seed: {by_seed}")
    print("\nR@10 less that of the first arm, paired, points:")
    base, *others = ten.values()
    for arm, each in zip([*ten][1:], others, strict=True):
        print(f"{arm}: " + "; ".join(interval(a - b, own, True) for a, b in zip(each, base, strict=True)))
    for kind, names in PAIRS.items():
        there = has(studies, names[0]) | has(studies, names[1])
        truth = has(studies, names[0])[there]
        who = [study.patient for study, is_there in zip(studies, there, strict=True) if is_there]
        conditions = [f"{kind}, {name}" for name in ("as it is", *CONDITIONS[kind])]
        print(f"\nAUC by words, {len(truth)} studies of {len(set(who))} patients: {'; '.join(conditions)}")
        for arm, seeds in arms.items():
            cells = []
            for name in conditions:
                # ranks, so that seeds count alike
                mean = np.mean([np.argsort(np.argsort(one.score[name])) for one in seeds], axis=0)
                alone = [auc(one.score[name], truth) for one in seeds]
                whole = auc_interval(mean, truth, who)
                cells.append(
                    f"{whole.value:.3f} ({whole.low:.3f} to {whole.high:.3f}) [{' '.join(f'{a:.3f}' for a in alone)}]"
                )
            print(f"| {arm} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--arms", nargs="+", default=[*ARMS], choices=[*ARMS])
    parser.add_argument("--test-seed", type=int, default=TEST["phantom_seed"], help="of the patients to score on")
    args = parser.parse_args()
    torch.set_num_threads(1)
    made: dict[str, list[Found]] = {arm: [] for arm in args.arms}
    for seed in args.seeds:
        for arm in args.arms:
            folder = args.out / f"{arm.replace(', ', '-')}-{seed}"
            made[arm].append(found(arm, seed, folder, args.test_seed))
            config = first_stage(arm, seed, folder)
    show(made, load_studies(config.data.model_copy(update={**TEST, "phantom_seed": args.test_seed})))


if __name__ == "__main__":
    main()
