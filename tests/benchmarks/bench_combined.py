"""How right videos alone are where several things are asked at once: bench_combined.py [--seeds 4242 31415]

Every two and three of 40 conditions of one finding each (present, absent, a grade; an EF) that at least ten, and at
most 35 %, of a phantom's studies fulfil. No archive and no report: cines are drawn in memory and embedded, a study is
scored by its mean vector, and by its videos' views as `query --rescore` does. Precision among the first ten by the
search's own order, and by others that it could have; truth is judged as bench_search.py judges it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from echosearch.db.lookup import StoredVideo, VideoRow
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.phantom.patients.history import Level
from echosearch.report.facts import FindingCondition, ValueCondition, load_lexicon
from echosearch.search.arms.belief import Belief
from echosearch.search.arms.scale import Scale
from echosearch.search.arms.value_scale import shipped_scale
from echosearch.search.arms.video_arm import ask_videos
from echosearch.search.arms.view_arm import score_by_view
from echosearch.search.arms.view_weights import view_weights
from echosearch.vector import Vectors, mean_vector
from trainer.data.cache import clip_of
from trainer.data.pairs import Study, Truth
from trainer.data.sources import rendered

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.fit_views import COLUMNS
from tests.benchmarks.search_queries import EF, Absent, Condition, Graded, Present

Scores = NDArray[np.float64]
K, MOST = 10, 0.35
GRADES = {"moderate and more": (3, 4), "severe": (4, 4), "mild": (2, 2)}
NONE = Belief(np.zeros(0))


@dataclass(frozen=True)
class Asked:
    """One condition and how the studies of a phantom fulfil it."""

    concept: str
    mean: Scores  # (N,) by the mean vector
    views: Scores  # (N,) by the videos of views that tell
    even: float
    judged: NDArray[np.int8]  # (N,): 1 right, 0 wrong, -1 counts neither way


def conditions() -> list[tuple[FindingCondition | ValueCondition, Condition]]:
    findings = {concept: column for concept, column in COLUMNS.items() if concept != "lvef"}
    made: list[tuple[FindingCondition | ValueCondition, Condition]] = [
        (ValueCondition("lvef", "<", 40, None, "%"), EF(high=40)),
        (ValueCondition("lvef", ">=", 50, None, "%"), EF(low=50)),
        (FindingCondition("rwma", "present", None), Present("wall_motion")),
    ]
    for concept, column in findings.items():
        made.append((FindingCondition(concept, "present", None), Present(column)))
        made.append((FindingCondition(concept, "absent", None), Absent(column)))
    for concept in ("mr", "ar", "tr"):
        made += [(FindingCondition(concept, "present", grades), Graded(concept, *grades)) for grades in GRADES.values()]
    return made


def row(truth: Truth | None) -> dict[str, str]:
    assert truth is not None
    return {name: str(grade) for name, grade in truth.grades.items()} | {"ef": str(truth.ef)}


def stored(study: Study, vectors: Vectors) -> list[StoredVideo]:
    made = []
    for number, (video, vector) in enumerate(zip(study.videos, vectors, strict=True)):
        mode = "color" if video.color else "bmode"
        about = VideoRow(
            *(video.key, study.key, study.patient, (1,), None, None, None, number),
            view=video.view, view_prob=1.0, mode=mode, device=None,
        )  # fmt: skip
        made.append(StoredVideo(about, vector, b""))
    return made


def asked_of(seed: int, patients: int, level: Level) -> list[Asked]:
    encoder = load_encoder(shipped_bundles()["phantom-tiny"], "cpu")
    studies = [study for study in rendered(patients, seed, level=level, takes=1) if study.videos]
    videos = []
    for study in studies:
        clips = [clip_of(video, encoder.clip_spec) for video in study.videos]
        videos.append(stored(study, encoder.encode_clips(clips)))
    means = np.stack([mean_vector([video.vector for video in each]) for each in videos])
    weights, labels = view_weights(encoder.id.fingerprint), dict(load_lexicon().labels)
    scale = shipped_scale(encoder.id.fingerprint, "lvef")
    assert scale is not None
    found = []
    for condition, truth in conditions():
        asked = ask_videos(encoder, labels, [condition]).scaled({"lvef": scale}).standardised(means)
        mean = asked.scores(means)
        views = [score_by_view(asked, weights, each, own)[0] for each, own in zip(videos, mean, strict=True)]
        verdicts = [truth.judge(row(study.truth)) for study in studies]
        judged = np.array([-1 if verdict is None else int(verdict) for verdict in verdicts], np.int8)
        found.append(Asked(condition.concept, mean[:, 0], np.array(views), asked.evens[0], judged))
    return found


def fulfilled(parts: Sequence[Asked]) -> NDArray[np.int8]:
    judged = np.stack([part.judged for part in parts])
    return np.where((judged == 0).any(axis=0), 0, np.where((judged == -1).any(axis=0), -1, 1)).astype(np.int8)


def by_search(background: Scores, scores: Scores, evens: tuple[float, ...]) -> Scores:
    return Scale(background, (NONE,) * len(evens), NONE, evens).order(scores)


def by_percentiles(background: Scores, scores: Scores, evens: tuple[float, ...]) -> Scores:
    """As it was until 2026-11-29: within those that are listed."""
    found: Scores = np.log(Scale(scores, (), NONE).shares(scores)).sum(axis=1)
    return found


def by_deviations(background: Scores, scores: Scores, evens: tuple[float, ...]) -> Scores:
    found: Scores = ((scores - background.mean(axis=0)) / background.std(axis=0)).sum(axis=1)
    return found


ORDERS: dict[str, Callable[[Scores, Scores, tuple[float, ...]], Scores]] = {
    "the search's": by_search,
    "sum of log percentiles": by_percentiles,
    "sum of standard deviations": by_deviations,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[4242, 31415])
    parser.add_argument("--patients", type=int, default=80)
    parser.add_argument("--level", choices=("easy", "hard"), default="easy")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    right: dict[tuple[str, str, int], list[float]] = {}
    wrong: dict[tuple[str, str, int], list[float]] = {}
    for seed in chosen.seeds:
        every = asked_of(seed, chosen.patients, chosen.level)
        for parts in (pair for size in (2, 3) for pair in combinations(every, size)):
            judged = fulfilled(parts)
            different = len({part.concept for part in parts}) == len(parts)
            if not different or not K <= (judged == 1).sum() <= MOST * len(judged):
                continue
            background = np.stack([part.mean for part in parts], axis=1)
            scored = {"mean vector": background, "views": np.stack([part.views for part in parts], axis=1)}
            for (by, scores), (name, order) in product(scored.items(), ORDERS.items()):
                ranked = np.argsort(-order(background, scores, tuple(part.even for part in parts)), kind="stable")
                counted = ranked[judged[ranked] != -1][:K]
                right.setdefault((name, by, len(parts)), []).append(float((judged[counted] == 1).mean()))
                wrong.setdefault((name, by, len(parts)), []).append(float((judged[ranked[:K]] == 0).mean()))
    print("| order | by | conditions | questions | precision@10 | contradicted |\n|---|---|---|---|---|---|")
    for (name, by, size), values in right.items():
        shares = f"{np.mean(values):.3f} | {np.mean(wrong[name, by, size]):.3f}"
        print(f"| {name} | {by} | {size} | {len(values)} | {shares} |")


if __name__ == "__main__":
    main()
