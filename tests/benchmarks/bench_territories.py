"""Which wall moves badly, by prompts and by heads: bench_territories.py --out runs/territories [--level easy]

Phantom studies drawn in memory, with the shipped phantom-tiny: heads learn from one seed and are scored on another.
Of each seed the first patients as they come, and of many more those with a regional wall motion abnormality. A
territory's positives are the studies with hypokinesis or worse (grade 2) of it; all others are its negatives, other
territories' among them. Heads are the probes of `echosearch probe fit`; how loud the vectors are, which is how weak
the ridge is, is chosen in the training patients, left out by folds. With --labels reports they learn from what the
reports of the training studies state, as `probe fit --labels facts` does. Intervals, 95 %, are over patients.

    any wall       a search for 局所壁運動異常: the nearest of three territories
    search         a search for the walls of the territory (LAD領域の壁運動異常)
    study          a head on the study vector as it is stored
    study, prompts the same with the prompts' reading beside it
    study, as shipped  the same with the reading and the ridge that `probe fit` has
    B-mode         a head on the mean of the study's cines without colour
    views          a head on the mean of those of the views that cut the territory (docs/phantom.md)
    side by side   a head on the means of those views, one behind the other
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echosearch.encoder.base import Encoder
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.insight.intervals import SAMPLES, Interval, Sorted, patient_draws, percentiles
from echosearch.insight.probes.fit import RIDGE, WALL_RIDGE, StudyProbe, fit_study_probe
from echosearch.insight.probes.territory import TERRITORIES, stated_territory
from echosearch.insight.sample import fold_of
from echosearch.phantom.patients.history import LEVELS
from echosearch.report.facts import FindingCondition, load_lexicon, read_facts
from echosearch.report.facts.walls import of_wall
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.told import stated_by
from echosearch.search.arms.video_arm import ask_videos
from echosearch.search.changes.amount import amounts
from echosearch.vector import Vectors, mean_vector, unit
from echosearch.video import View
from trainer.config import FIVE_VIEWS, DataConfig
from trainer.data.cache import open_cache
from trainer.data.pairs import Drawn, Study
from trainer.data.sources import load_studies
from trainer.model.embed import embed_with

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ANY = "any"
CUT = {
    "LAD": (View.CH2, View.LAX, View.CH3, View.SAX),
    "RCA": (View.CH2, View.SAX, View.CH4),
    "LCX": (View.LAX, View.CH3, View.SAX, View.CH4),
    ANY: FIVE_VIEWS,
}
HEADS = ("study", "study, prompts", "study, as shipped", "B-mode", "views", "side by side")
BASES = ("any wall", "search", "study")  # whose AUC is taken from the others'
WITH_PROMPTS = ("study, prompts", "study, as shipped")
LOUD = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # times the unit vectors; the ridge against them is 1
ARCHIVE, SHARE, FIRST = 130, 0.1, 10  # studies of an archive for precision, share that has it, studies looked at


@dataclass(frozen=True)
class Ready:
    """N studies of one seed. ``as_they_come``: those that were not looked for."""

    studies: tuple[Study, ...]
    stored: Vectors  # (N, D) means of all videos of the five views
    by_view: dict[View, Vectors]  # (N, D) means of the cines without colour; a row of zeros where there is none
    as_they_come: Flags

    @property
    def patients(self) -> list[str]:
        return [study.patient for study in self.studies]

    def has(self, territory: str) -> Flags:
        """(N,): hypokinesis or worse of a territory, or of any."""
        return np.array([_bad(study) and territory in (ANY, _territory(study)) for study in self.studies])

    def inputs(self, head: str, territory: str) -> Floats:
        """(N, M) unit vectors that a head reads."""
        if head.startswith("study"):
            return unit(self.stored).astype(np.float64)
        if head == "side by side":
            each = [_unit_or_zero(self.by_view[view]) for view in CUT[territory]]
            return np.asarray(np.concatenate(each, axis=1) / np.sqrt(len(each)))
        views = FIVE_VIEWS if head == "B-mode" else CUT[territory]
        return _unit_or_zero(self.counted(views))

    def counted(self, views: Sequence[View]) -> Vectors:
        """(N, D) means over the views' means."""
        there = np.stack([self.by_view[view].any(axis=1) for view in views])
        total = np.sum([self.by_view[view] for view in views], axis=0)
        return np.asarray(total / np.maximum(there.sum(axis=0), 1)[:, None])


def _bad(study: Study) -> bool:
    return study.truth is not None and study.truth.grades["wall_motion"] >= MILD


def _territory(study: Study) -> str:
    drawn = study.videos[0].source
    assert isinstance(drawn, Drawn)
    return drawn.study.findings.territory


def _unit_or_zero(vectors: Vectors) -> Floats:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float64)


def ready(encoder: Encoder, data: DataConfig, out: Path) -> Ready:
    """Draw and embed a seed's studies, or read their vectors where they are kept."""
    studies = load_studies(data)
    few = len(load_studies(data.model_copy(update={"enrich": (), "enrich_from": 0})))
    file = out / f"vectors-{data.level}-{data.phantom_seed}-{data.patients}-{data.enrich_from}.npz"
    if not file.exists():
        videos = [video for study in studies for video in study.of_views(FIVE_VIEWS, data.min_view_prob)]
        cache = open_cache(Path(data.cache), videos, encoder.clip_spec)
        made = embed_with(encoder, studies, cache, FIVE_VIEWS, data.min_view_prob)
        np.savez(file, keys=np.array([*made.each]), vectors=np.stack([*made.each.values()]))
    with np.load(file) as kept:
        each: dict[str, Vectors] = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))
    stored = [mean_vector([each[v.key] for v in s.of_views(FIVE_VIEWS, data.min_view_prob)]) for s in studies]
    by_view = {view: np.stack([_view_mean(study, view, each) for study in studies]) for view in FIVE_VIEWS}
    return Ready(studies, np.stack(stored), by_view, np.arange(len(studies)) < few)


def _view_mean(study: Study, view: View, each: Mapping[str, Vectors]) -> Vectors:
    own = [each[video.key] for video in study.videos if video.view == view and not video.color]
    return mean_vector(own) if own else np.zeros_like(next(iter(each.values())))


def search_scores(encoder: Encoder, studies: Ready) -> dict[str, Floats]:
    """(N,) of each territory as a search for its walls asks, and of any; against the archive as it comes."""
    labels, archive = dict(load_lexicon().labels), studies.stored[studies.as_they_come]
    found = {}
    for territory in (*TERRITORIES, ANY):
        concept = "rwma" if territory == ANY else of_wall("rwma", territory)
        asked = ask_videos(encoder, labels, [FindingCondition(concept, "present", None)])
        found[territory] = asked.standardised(archive).scores(studies.stored)[:, 0]
    return found


def amount_of(encoder: Encoder, territory: str, studies: Ready) -> Floats:
    """(N,) what `probe fit` has beside the vectors: the cosine to the wall's prompts less that to none."""
    concept = "rwma" if territory == ANY else f"rwma.{territory}"
    return amounts(encoder, load_lexicon(), [concept])[concept](studies.stored)


def stated(studies: Ready, territory: str) -> Floats:
    """(N,) labels as `probe fit --labels facts` reads them off reports: 4, 0, nan where a report is not sure."""
    lexicon, found = load_lexicon(), []
    for study in studies.studies:
        facts = read_facts(study.report, lexicon)
        if territory == ANY:
            told = stated_by(facts, "rwma")
        else:
            told = stated_territory(facts, study.report, f"rwma.{territory}", lexicon)
        found.append(np.nan if told is None else 4.0 * told)
    return np.array(found)


def fitted(head: str, territory: str, train: Ready, reading: Floats, source: str) -> tuple[StudyProbe, float, float]:
    """Fit a head at the loudness that is best in the training patients left out; also that, and the AUC there."""
    # keys of an archive are hexadecimal
    folds = np.array([fold_of(sha256(patient.encode()).hexdigest()) for patient in train.patients])
    labels = stated(train, territory) if source == "reports" else 4 * train.has(territory).astype(np.float64)
    kept = np.flatnonzero(~np.isnan(labels))
    inputs, given = train.inputs(head, territory)[kept], reading[kept] if head in WITH_PROMPTS else None
    labels, folds, patients = labels[kept], folds[kept], [train.patients[row] for row in kept.tolist()]
    ridge = WALL_RIDGE if head == "study, as shipped" and territory != ANY else RIDGE
    best: tuple[StudyProbe, float, float] | None = None
    for loud in (1.0,) if head == "study, as shipped" else LOUD:
        made = fit_study_probe(territory, "finding", given, loud * inputs, labels, patients, folds, ridge)
        if isinstance(made, str):
            continue
        assert made.errors.auc is not None
        if best is None or made.errors.auc.value > best[2]:
            best = made, loud, made.errors.auc.value
    if best is None:
        raise SystemExit(f"{head}, {territory}: no head was fitted: draw more patients with it")
    return best


def searched(encoder: Encoder, test: Ready) -> dict[str, dict[str, Floats]]:
    """Territory or "any" -> which search -> (N,) of the test studies."""
    known = search_scores(encoder, test)
    return {one: {"any wall": known[ANY], "search": known[one]} for one in TERRITORIES} | {
        ANY: {"any wall": known[ANY]}
    }


def head_scores(encoder: Encoder, train: Ready, test: Ready, source: str) -> dict[str, dict[str, Floats]]:
    """Territory or "any" -> head -> (N,) of the test studies."""
    asked, known = search_scores(encoder, train), search_scores(encoder, test)
    nobody = np.full(len(test.studies), -1)  # no patient of a fold: the mean of all five
    found: dict[str, dict[str, Floats]] = {}
    for territory in (*TERRITORIES, ANY):
        own = found[territory] = {}
        for head in HEADS:
            learned, reading = asked[territory], known[territory]
            if head == "study, as shipped":
                learned, reading = (amount_of(encoder, territory, one) for one in (train, test))
            probe, loud, inside = fitted(head, territory, train, learned, source)
            reading = reading if head in WITH_PROMPTS else np.zeros(len(test.studies))
            own[head] = probe.scores(reading, loud * test.inputs(head, territory), nobody)[:, 0]
            print(
                f"{territory}, {head}: {loud:g} times the unit vectors, AUC {inside:.3f} in training patients left out"
            )
    for head in HEADS:
        chances = np.stack([1 / (1 + np.exp(-found[territory][head])) for territory in TERRITORIES])
        found[ANY][f"{head}: one of three"] = 1 - np.prod(1 - chances, axis=0)
    return found


class Precision:
    """The share of the first ten with it, in archives of which a tenth has it, drawn from draws of patients."""

    def __init__(self, has: Flags, draws: Floats) -> None:
        rng = np.random.default_rng(0)
        with_it = round(ARCHIVE * SHARE)
        self.has = has
        self.rows = [
            np.concatenate(
                [
                    rng.choice(len(has), size, replace=False, p=weight * side / (weight * side).sum())
                    for side, size in ((has, with_it), (~has, ARCHIVE - with_it))
                ]
            )
            for weight in draws
            if (weight * has > 0).sum() >= with_it and (weight * ~has > 0).sum() >= ARCHIVE - with_it
        ]

    def of(self, score: Floats) -> Floats:
        """(archives,)"""
        return np.array([self.has[rows[np.argsort(-score[rows], kind="stable")[:FIRST]]].mean() for rows in self.rows])


def areas(scores: Floats, has: Flags, draws: Floats) -> tuple[float, Floats]:
    ordered = Sorted(scores, has)
    return ordered.auc(np.ones(len(has))), np.array([ordered.auc(weight) for weight in draws])


def cell(found: Interval) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def show(test: Ready, territory: str, scores: Mapping[str, Floats]) -> None:
    """Print the AUC of all, of the territory among bad walls alone, and precision; each also less the first row's."""
    has, bad = test.has(territory), test.has(ANY)
    draws = patient_draws(test.patients, SAMPLES)
    precision = Precision(has, draws)
    owners = {test.patients[row] for row in np.flatnonzero(has)}
    print(f"\n{territory}: {has.sum()} of {len(has)} studies, {len(owners)} of {len(set(test.patients))} patients")
    heads = ("", "AUC", *(f"less {base}" for base in BASES), "which wall, of bad ones", "first ten", "less any wall")
    print(f"| {' | '.join(heads)} |\n|" + "---|" * len(heads))
    every = {name: areas(score, has, draws) for name, score in scores.items()}
    firsts = {name: precision.of(score) for name, score in scores.items()}
    for name, score in scores.items():
        value, drawn = every[name]
        apart = [
            percentiles(value - every[base][0], drawn - every[base][1]) if name != base and base in every else None
            for base in BASES
        ]
        which = None
        if territory != ANY:
            inside, of_draws = areas(score[bad], has[bad], draws[:, bad])
            which = percentiles(inside, of_draws)
        ten = percentiles(float(firsts[name].mean()), firsts[name])
        gain = firsts[name] - firsts["any wall"]
        gained = percentiles(float(gain.mean()), gain) if name != "any wall" else None
        row = (percentiles(value, drawn), *apart, which, ten, gained)
        print(f"| {name} | {' | '.join('' if one is None else cell(one) for one in row)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="keeps vectors and, unless --cache, clips")
    parser.add_argument("--cache", type=Path, help="folder of the clips")
    parser.add_argument("--level", choices=LEVELS, default="hard")
    parser.add_argument("--patients", type=int, default=150, help="as they come, of each seed")
    parser.add_argument("--enrich-from", type=int, default=2500, help="further patients of whom those with it join")
    parser.add_argument("--labels", choices=("truth", "reports"), default="truth", help="what heads learn from")
    parser.add_argument("--no-heads", action="store_true", help="the search alone: nothing is trained")
    parser.add_argument("--train-seed", type=int, default=47301)
    parser.add_argument("--test-seed", type=int, default=47302)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    encoder = load_encoder(shipped_bundles()["phantom-tiny"], "cpu")
    made = {
        seed: ready(
            encoder,
            DataConfig(
                level=args.level,
                patients=args.patients,
                phantom_seed=seed,
                enrich=("wall_motion",),
                enrich_from=args.enrich_from,
                cache=str(args.cache or args.out / "cache"),
            ),
            args.out,
        )
        for seed in ((args.test_seed,) if args.no_heads else (args.train_seed, args.test_seed))
    }
    for seed, one in made.items():
        counts = ", ".join(f"{territory} {one.has(territory).sum()}" for territory in (*TERRITORIES, ANY))
        print(f"seed {seed}: {len(one.studies)} studies of {len(set(one.patients))} patients; with it: {counts}")
    test = made[args.test_seed]
    found = searched(encoder, test)
    if not args.no_heads:
        for territory, scores in head_scores(encoder, made[args.train_seed], test, args.labels).items():
            found[territory] |= scores
    for territory, scores in found.items():
        show(test, territory, scores)


if __name__ == "__main__":
    main()
