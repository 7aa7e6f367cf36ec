"""The evaluation that the papers report, over the studies of a split, for one bundle: everything in one value.

Leakage is looked for first, and ends the run before any score is made.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.view_classifier import load_views
from echosearch.errors import ConfigError, InputError
from echosearch.index.base import Collection, Payload, Point, point_id
from echosearch.index.edge.index import EdgeIndex
from echosearch.vector import to_bytes, vector_hash
from echosearch.video import View
from trainer.config import TrainConfig
from trainer.data.cache import ClipCache, open_cache
from trainer.data.leakage import check_patients, check_videos
from trainer.data.pairs import Study
from trainer.data.sources import load_studies
from trainer.data.split import SPLITS, Split, select_studies
from trainer.evaluation.calibration import Calibration, calibration
from trainer.evaluation.metrics import recall_at, same_patient_auc
from trainer.evaluation.retrieval import BothWays, both_ways
from trainer.evaluation.zero_shot import EjectionFraction, FindingScore, ejection_fraction, findings
from trainer.model.embed import PairVectors, embed_with, grouped
from trainer.training_record import Training, read_training

__all__ = ["Evaluation", "ViewAccuracy", "as_json", "evaluate"]

TOP_K = 10  # of the index's recall
FEW = 10  # studies under which a view or a finding gets no retrieval score of its own


@dataclass(frozen=True)
class ViewAccuracy:
    classifier: str
    accuracy: float
    balanced: float  # the mean over the true views
    videos: int


@dataclass(frozen=True)
class Evaluation:
    """All scores of one bundle on one split."""

    encoder: str
    split: str
    studies: int
    patients: int
    left_out: int  # studies without a usable video of the views
    views: tuple[str, ...]
    retrieval: BothWays
    by_view: dict[str, BothWays]
    by_finding: dict[str, BothWays]  # queries with the finding, mild or more, among all candidates
    findings: tuple[FindingScore, ...]
    ejection_fraction: EjectionFraction | None
    calibration: Calibration | None  # of the search's probabilities; None if the reports calibrate no finding
    same_patient_auc: float
    ann_recall: float  # recall@10 of the embedded index against exact search
    view_accuracy: ViewAccuracy | None
    patients_checked: bool  # whether all patients that it was trained on could be held against these
    near_duplicates_checked: bool  # and all their videos


def evaluate(
    bundle: Path,
    split: Split | Literal["all"] = "test",
    config: TrainConfig | None = None,
    *,
    view_classifier: Path | None = None,
    views: Sequence[View] | None = None,
    device: str = "auto",
    clips_done: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Scores of ``bundle``. ``config`` says which data and split; None takes the config it was trained with.

    The patients of all runs that its weights have been through are held against those of the split, and their videos
    where they are among these data. Raises Leakage, ConfigError, BundleError.
    """
    trained_with = read_training(bundle)
    config = config or (trained_with.config if trained_with else None)
    if config is None:
        raise ConfigError(f"{bundle} has no training.toml that says what its data were: give the data with --config")
    if split != "all" and not config.data.split[SPLITS.index(split)]:  # told before thousands of studies are looked at
        raise ConfigError(f"split {split!r} has no share of these patients (data.split): choose another with --split")
    encoder = load_encoder(bundle, device)
    config = config.model_copy(update={"model": config.model.model_copy(update={"clip": encoder.clip_spec})})
    everything = load_studies(config.data)
    test = select_studies(everything, split, config.seed, config.data.split)
    if len(test) < 2:
        raise ConfigError(f"split {split!r} has {len(test)} studies: retrieval needs at least 2")
    trained = _trained_on(trained_with, config, everything, split)
    check_patients(trained.studies, test)
    # of studies that are among these, the clips are at hand
    known = {study.key for study in everything}
    near = [study for study in trained.studies if study.key in known]
    cache = _cache(config, (*test, *near), clips_done)
    check_videos([v for study in near for v in study.videos], [v for study in test for v in study.videos], cache)
    used = tuple(views or config.data.eval_views)
    found = embed_with(encoder, test, cache, used, config.data.min_view_prob)
    if len(found.studies) < 2:
        raise ConfigError(f"{len(found.studies)} studies have a video of {', '.join(used)}: retrieval needs at least 2")
    patients = [study.patient for study in found.studies]
    return Evaluation(
        encoder=str(encoder.id),
        split=split,
        studies=len(found.studies),
        patients=len(set(patients)),
        left_out=found.left_out,
        views=tuple(used),
        retrieval=both_ways(found.videos, found.texts, patients),
        by_view=_by_view(found, used, config.data.min_view_prob),
        by_finding=_by_finding(found),
        findings=findings(found.videos, found.studies, encoder.encode_texts),
        ejection_fraction=ejection_fraction(found.videos, found.studies, encoder.encode_texts),
        calibration=calibration(found.videos, found.studies, encoder),
        same_patient_auc=same_patient_auc(found.videos, patients),
        ann_recall=_ann_recall(found, encoder.id.fingerprint),
        view_accuracy=_view_accuracy(view_classifier, config, test, device) if view_classifier else None,
        patients_checked=trained.known,
        near_duplicates_checked=trained.known and len(near) == len(trained.studies),
    )


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The documented shape of `echosearch evaluate --json`: docs/training.md. What could not be told is null."""
    plain: dict[str, Any] = _without_nan(asdict(evaluation))
    return plain


def _without_nan(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _without_nan(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_without_nan(inner) for inner in value]
        case float() if math.isnan(value):
            return None
        case _:
            return value


@dataclass(frozen=True)
class _TrainedOn:
    studies: tuple[Study, ...]
    known: bool  # False: it was trained elsewhere, or on data that are not here


def _trained_on(training: Training | None, config: TrainConfig, everything: Sequence[Study], split: str) -> _TrainedOn:
    """The training studies of all runs that the weights have been through.

    Whoever asks for the split "train", or for "all" of the data that it was trained on, means to see how it does there.
    """
    if training is None:
        return _TrainedOn((), known=False)
    found: dict[str, Study] = {}
    pools: dict[tuple[object, ...], Sequence[Study]] = {config.data.pool: everything}
    known = True
    for run in training.runs:
        pool = run.data.pool
        if pool == config.data.pool and split in ("train", "all"):
            continue
        try:
            studies = pools[pool] if pool in pools else load_studies(run.data)
        except (InputError, OSError):
            known = False
            continue
        pools[pool] = studies
        found |= {study.key: study for study in select_studies(studies, "train", run.seed, run.data.split)}
    return _TrainedOn(tuple(found.values()), known)


def _cache(config: TrainConfig, studies: Sequence[Study], clips_done: Callable[[int, int], None] | None) -> ClipCache:
    videos = [video for study in studies for video in study.videos]
    data = config.data
    return open_cache(Path(data.cache), videos, config.model.clip, data.cache_frames, data.workers, clips_done)


def _by_view(found: PairVectors, views: Sequence[View], min_view_prob: float) -> dict[str, BothWays]:
    """Each view alone: the studies that have it, its videos only."""
    scored = {}
    for view in views:
        rows = list(grouped(found, (view,), min_view_prob))
        if len(rows) < FEW or all(v.view is None for s in found.studies for v in s.videos):
            continue
        at = np.array([row for row, _ in rows])
        videos = np.stack([vector for _, vector in rows])
        scored[str(view)] = both_ways(videos, found.texts[at], [found.studies[i].patient for i in at])
    return scored


def _by_finding(found: PairVectors) -> dict[str, BothWays]:
    scored = {}
    names = dict.fromkeys(name for study in found.studies if study.truth for name in study.truth.grades)
    for name in names:
        there = [i for i, s in enumerate(found.studies) if s.truth and s.truth.grades[name] >= 2]
        if len(there) >= FEW:
            at = np.array(there)
            scored[name] = both_ways(found.videos, found.texts, [s.patient for s in found.studies], only=at)
    return scored


def _ann_recall(found: PairVectors, fingerprint: str) -> float:
    """The product's own index over the test reports, asked with the studies' vectors."""
    collection = Collection("reports", fingerprint, found.texts.shape[1])
    points = [
        Point(
            point_id(fingerprint, str(i)),
            vector,
            Payload(key=str(i), study=str(i), patient="", gen=1, vector_hash=vector_hash(to_bytes(vector))),
        )
        for i, vector in enumerate(found.texts)
    ]
    with tempfile.TemporaryDirectory() as folder:
        index = EdgeIndex(Path(folder), 5.0)
        try:
            index.ensure(collection)
            index.upsert(collection, points)
            index.optimize(collection)
            lists = [
                [[hit.key for hit in index.search(collection, vector, TOP_K, exact=exact)] for vector in found.videos]
                for exact in (False, True)
            ]
        finally:
            index.close()
    return recall_at(lists[0], lists[1])


def _view_accuracy(bundle: Path, config: TrainConfig, studies: Sequence[Study], device: str) -> ViewAccuracy | None:
    """Of videos whose view is known, which of our views the classifier takes for likeliest."""
    classifier = load_views(bundle, device)
    videos = [v for s in studies for v in s.videos if v.view is not None]
    if not videos:
        return None
    data = config.data
    cache = open_cache(Path(data.cache), videos, classifier.clip_spec, data.cache_frames, data.workers)
    pairs = [(v.view, cache.clip(v.key)) for v in videos if cache.n_valid(v.key) > 0]
    right: dict[View, list[bool]] = {}
    for start in range(0, len(pairs), 64):
        block = pairs[start : start + 64]
        for (view, _), guess in zip(block, classifier.classify([clip for _, clip in block]), strict=True):
            assert view is not None
            right.setdefault(view, []).append(guess.best.view == view)
    total = [hit for hits in right.values() for hit in hits]
    balanced = float(np.mean([np.mean(hits) for hits in right.values()]))
    return ViewAccuracy(classifier.name, float(np.mean(total)), balanced, len(total))
