"""Findings by what a study's clips say, for bench_parts.py: weights of views, and attention before a logistic head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from echosearch.encoder.torch_encoder import TorchEncoder
from echosearch.insight.intervals import Sorted, auc, auc_interval, patient_draws, percentiles
from echosearch.search.arms.view_weights import Weights, view_weights
from echosearch.vector import Vectors
from tests.benchmarks import fit_views, study_attention
from tests.benchmarks.parts_data import Set
from tests.benchmarks.study_attention import Bags, Read
from trainer.evaluation.zero_shot import FINDINGS, FindingReading, read_findings

Floats = NDArray[np.float64]
LEAST = 10  # studies with a finding, in both sets


def stacked(each: Sequence[Vectors]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (N, C, K) raw rows and (N, C) which exist."""
    padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(np.ascontiguousarray(one)) for one in each], True)
    counts = torch.tensor([len(one) for one in each])
    return padded, torch.arange(padded.shape[1]) < counts[:, None]


def bags(one: Set, sees: Sequence[str], kinds: Sequence[str]) -> Bags:
    """Return the clips of each study; the attention sees the "vector", the "view", both, or nothing."""
    clips, valid = stacked(one.ef.clips)
    looks = []
    if "vector" in sees:
        looks.append(torch.nn.functional.normalize(clips, dim=2))
    if "view" in sees:
        hot = [np.array([[kind == name for name in kinds] for kind in own], np.float32) for own in one.kinds]
        looks.append(stacked(hot)[0])
    return Bags(clips, valid, torch.cat(looks, dim=2) if looks else None)


def readings(one: Set, encoder: TorchEncoder) -> tuple[dict[str, FindingReading], dict[str, list[Floats]]]:
    """Return each finding by the study's mean vector, and its contrast by each clip of each study."""
    texts, language = encoder.encode_texts, encoder.text_spec.language
    counts = [len(clips) for clips in one.ef.clips]
    owners = [truth for truth, count in zip(one.truths, counts, strict=True) for _ in range(count)]
    mean = {found.name: found for found in read_findings(one.ef.vectors, one.truths, texts, language)}
    each = read_findings(np.concatenate(one.ef.clips), owners, texts, language)
    apart = np.cumsum(counts)[:-1]
    return mean, {found.name: np.split(found.contrast, apart) for found in each}


def weighed(mean: Floats, scores: Sequence[Floats], kinds: Sequence[Sequence[str]], of: Mapping[str, float]) -> Floats:
    """Return the mean of the clips' scores by the weight of their views; of a study without such a view ``mean``."""
    made = mean.copy()
    for row, (own, seen) in enumerate(zip(scores, kinds, strict=True)):
        weight = np.array([of.get(kind, 0.0) for kind in seen])
        if weight.any():
            made[row] = float(own @ weight / weight.sum())
    return made


def refitted(scores: Sequence[Floats], kinds: Sequence[Sequence[str]], there: NDArray[np.bool_]) -> dict[str, float]:
    """Return the weights of views by fit_views.py's formula: the AUC of a view alone above a half, doubled, squared."""
    found = {}
    for kind in sorted({kind for own in kinds for kind in own}):
        rows = [row for row, own in enumerate(kinds) if kind in own]
        of = np.array([np.mean([s for s, k in zip(scores[r], kinds[r], strict=True) if k == kind]) for r in rows])
        if 0 < there[rows].sum() < len(rows):
            found[kind] = (2 * max(auc(of, there[rows]) - 0.5, 0)) ** 2
    return {kind: weight for kind, weight in found.items() if weight > fit_views.LEAST}


SEES: dict[str, tuple[str, ...]] = {  # what the attention of each head sees
    "head": (),
    "attention": ("vector",),
    "attention, view known": ("vector", "view"),
    "attention by view alone": ("view",),
}
LESS = (
    ("clips' mean", "prompts"),
    ("views, as shipped", "prompts"),
    ("views, fitted here", "prompts"),
    ("head", "prompts"),
    ("attention", "head"),
    ("attention, view known", "head"),
    ("attention by view alone", "head"),
)


def score_findings(
    train: Set, test: Set, encoder: TorchEncoder
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, dict[str, Floats]], dict[str, Read], list[str]]:
    """Return the truth of each finding, its scores by arm, what the heads read, and the kinds of views."""
    (known, known_clips), (mean, clips) = (readings(one, encoder) for one in (train, test))
    names = [
        n for n in FINDINGS if n in known and n in mean and min(known[n].there.sum(), mean[n].there.sum()) >= LEAST
    ]
    shipped: Weights = view_weights(encoder.id.fingerprint)
    scores: dict[str, dict[str, Floats]] = {arm: {} for pair in LESS for arm in reversed(pair)}
    for name in names:
        own, of = mean[name].contrast, clips[name]
        here = refitted(known_clips[name], train.kinds, known[name].there)
        scores["prompts"][name] = own
        scores["clips' mean"][name] = np.array([each.mean() for each in of])
        scores["views, as shipped"][name] = weighed(own, of, test.kinds, shipped.get(FINDINGS[name], {}))
        scores["views, fitted here"][name] = weighed(own, of, test.kinds, here)
    truth = np.stack([known[name].there for name in names], axis=1)
    kinds = sorted({kind for own in train.kinds for kind in own})
    reads = {}
    for arm, sees in SEES.items():
        reads[arm] = study_attention.read(bags(train, sees, kinds), truth, train.patients, bags(test, sees, kinds))
        scores[arm] = {name: reads[arm].logits[:, column] for column, name in enumerate(names)}
        print(f"{arm}: strengths {reads[arm].strengths}, steps {reads[arm].steps}", flush=True)
    print("studies that have it, to learn from: " + ", ".join(f"{n} {known[n].there.sum()}" for n in names))
    return {name: mean[name].there for name in names}, scores, reads, kinds


def show_findings(there: Mapping[str, NDArray[np.bool_]], scores: Mapping[str, dict[str, Floats]], test: Set) -> None:
    draws = patient_draws(test.patients)
    drawn_auc = {
        arm: np.array([[Sorted(of[name], there[name]).auc(weight) for weight in draws] for name in there])
        for arm, of in scores.items()
    }
    whole = {arm: np.array([auc(of[name], there[name]) for name in there]) for arm, of in scores.items()}
    print(f"\nAUC; {len(test.patients)} studies of {len(set(test.patients))} patients")
    print(f"| | {' | '.join(scores)} |")
    for name in there:
        cells = [auc_interval(of[name], there[name], test.patients) for of in scores.values()]
        shown = " | ".join(f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in cells)
        print(f"| {name} ({there[name].sum()}) | {shown} |")
    means = {arm: percentiles(whole[arm].mean(), np.nanmean(drawn_auc[arm], axis=0)) for arm in scores}
    print(f"| mean | {' | '.join(f'{m.value:.3f} ({m.low:.3f} to {m.high:.3f})' for m in means.values())} |")
    print("\nLess, paired:")
    print(f"| | {' | '.join(f'{one} less {other}' for one, other in LESS)} |")
    for row, name in enumerate([*there, "mean"]):
        paired = []
        for one, other in LESS:
            less, draw = whole[one] - whole[other], drawn_auc[one] - drawn_auc[other]
            mean = name == "mean"
            found = percentiles(less.mean() if mean else less[row], np.nanmean(draw, axis=0) if mean else draw[row])
            paired.append(f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})")
        print(f"| {name} | {' | '.join(paired)} |")


def show_attention(names: Sequence[str], reads: Mapping[str, Read], test: Set, kinds: Sequence[str]) -> None:
    """Print how many times the uniform share the clips of each view get, over the test studies."""
    for arm, found in reads.items():
        if arm == "head":
            continue
        print(f"\n{arm}: times the uniform share\n| | {' | '.join(kinds)} |")
        for column, name in enumerate(names):
            times: dict[str, list[float]] = {kind: [] for kind in kinds}
            for row, own in enumerate(test.kinds):
                for place, kind in enumerate(own):
                    times[kind].append(found.attention[row, place, column] * len(own))
            print(f"| {name} | {' | '.join(f'{np.mean(times[kind]):.2f}' for kind in kinds)} |")
