"""Evaluate one bundle on the studies of a split as the papers do: all scores in one value.

Leakage is looked for first; it ends the run before any score is made.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.clip import ClipSpec
from echosearch.encoder.base import Encoder
from echosearch.encoder.view_classifier import load_views
from echosearch.errors import ConfigError
from echosearch.index.base import Collection, Payload, Point, point_id
from echosearch.index.edge.index import EdgeIndex
from echosearch.insight.intervals import Interval, mean_interval, patient_bootstrap, recall_at
from echosearch.phantom.patients.wording_other import report_text as other_report_text
from echosearch.report.facts import Fact, load_lexicon, read_facts
from echosearch.vector import to_bytes, vector_hash
from echosearch.video import View
from trainer.config import DataConfig, TrainConfig
from trainer.data.cache import ClipCache, open_cache
from trainer.data.leakage import check_videos
from trainer.data.pairs import Drawn, Study
from trainer.data.split import Split
from trainer.evaluation.benchmark import BenchmarkScores
from trainer.evaluation.calibration import Calibration, calibration
from trainer.evaluation.prepare import prepare_test
from trainer.evaluation.retrieval import BothWays, both_ways
from trainer.evaluation.robustness import Robustness
from trainer.evaluation.same_patient import SamePatient, same_patient
from trainer.evaluation.zero_shot import EjectionFraction, FindingScore, ejection_fraction, findings
from trainer.model.embed import PairVectors, embed_with, grouped

__all__ = ["Evaluation", "ViewAccuracy", "as_json", "evaluate"]

TOP_K = 10  # of the index's recall
FEW = 10  # studies under which a view or a finding gets no retrieval score of its own


@dataclass(frozen=True)
class ViewAccuracy:
    """How often a view classifier's likeliest view is the true one."""

    classifier: str
    accuracy: Interval
    balanced: Interval  # the mean over the true views
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
    retrieval_held_out: BothWays | None  # with reports in the held-out wording; None unless phantoms are drawn
    by_view: dict[str, BothWays]
    by_finding: dict[str, BothWays]  # queries with the finding, mild or more, among all candidates
    findings: tuple[FindingScore, ...]
    ejection_fraction: EjectionFraction | None
    calibration: Calibration | None  # of the search's probabilities; None if the reports calibrate no finding
    same_patient: SamePatient
    ann_recall: Interval  # recall@10 of the embedded index against exact search
    view_accuracy: ViewAccuracy | None
    patients_checked: bool  # whether all patients of its training could be compared with these
    near_duplicates_checked: bool  # and all their videos


def evaluate(
    bundle: Path,
    split: Split | Literal["all"] = "test",
    config: TrainConfig | DataConfig | None = None,
    *,
    view_classifier: Path | None = None,
    views: Sequence[View] | None = None,
    device: str = "auto",
    clips_done: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate ``bundle``. ``config`` says which data and split; None takes the config it was trained with.

    The patients of all runs of its weights are compared with those of the split, and their videos if they are among
    these data. Raises Leakage, ConfigError, BundleError.
    """
    ready = prepare_test(bundle, split, config, device)
    data, encoder, test = ready.data, ready.encoder, ready.studies
    # of studies that are among these, the clips are at hand
    near = [study for study in ready.trained_on if study.key in ready.known]
    cache = _cache(data, encoder.clip_spec, (*test, *near), clips_done)
    check_videos([v for study in near for v in study.videos], [v for study in test for v in study.videos], cache)
    used = tuple(views or data.eval_views)
    found = embed_with(encoder, test, cache, used, data.min_view_prob)
    if len(found.studies) < 2:
        raise ConfigError(f"{len(found.studies)} studies have a video of {', '.join(used)}: retrieval needs at least 2")
    patients = [study.patient for study in found.studies]
    lexicon = load_lexicon()
    facts = [read_facts(study.report, lexicon) for study in found.studies]
    stated = [_stated(each) for each in facts]
    language = encoder.text_spec.language
    return Evaluation(
        encoder=str(encoder.id),
        split=split,
        studies=len(found.studies),
        patients=len(set(patients)),
        left_out=found.left_out,
        views=tuple(used),
        retrieval=both_ways(found.videos, found.texts, patients, findings=stated),
        retrieval_held_out=_held_out(found, encoder, stated),
        by_view=_by_view(found, used, data.min_view_prob, stated),
        by_finding=_by_finding(found, stated),
        findings=findings(found.videos, found.studies, encoder.encode_texts, language=language),
        ejection_fraction=ejection_fraction(found.videos, found.studies, encoder.encode_texts, language=language),
        calibration=calibration(found.videos, found.studies, encoder, facts),
        same_patient=same_patient(found.videos, found.studies, facts),
        ann_recall=_ann_recall(found, encoder.id.fingerprint),
        view_accuracy=_view_accuracy(view_classifier, data, test, device) if view_classifier else None,
        patients_checked=ready.training_known,
        near_duplicates_checked=ready.training_known and len(near) == len(ready.trained_on),
    )


def _stated(facts: Sequence[Fact]) -> Hashable:
    """Return the findings that a report states, with their grades; two reports with the same ones are alike."""
    return frozenset(
        (fact.concept, fact.severity) for fact in facts if fact.polarity == "present" and fact.value is None
    )


def as_json(evaluation: Evaluation | Robustness | BenchmarkScores) -> dict[str, Any]:
    """Return what `echosearch evaluate --json` prints: docs/training.md. What could not be measured is null."""
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


def _cache(
    data: DataConfig, spec: ClipSpec, studies: Sequence[Study], clips_done: Callable[[int, int], None] | None
) -> ClipCache:
    videos = [video for study in studies for video in study.videos]
    return open_cache(Path(data.cache), videos, spec, data.cache_frames, data.workers, clips_done)


def _held_out(found: PairVectors, encoder: Encoder, stated: Sequence[Hashable]) -> BothWays | None:
    """Retrieval with the reports of phantoms in the wording that no encoder here was trained on."""
    drawn = [study.videos[0].source for study in found.studies]
    if encoder.text_spec.language != "ja" or not all(isinstance(one, Drawn) for one in drawn):
        return None
    texts = encoder.encode_texts([other_report_text(one.study) for one in drawn if isinstance(one, Drawn)])
    return both_ways(found.videos, texts, [study.patient for study in found.studies], findings=stated)


def _by_view(
    found: PairVectors, views: Sequence[View], min_view_prob: float, stated: Sequence[Hashable]
) -> dict[str, BothWays]:
    """Each view alone: the studies that have it, its videos only."""
    scored = {}
    for view in views:
        rows = list(grouped(found, (view,), min_view_prob))
        if len(rows) < FEW or all(v.view is None for s in found.studies for v in s.videos):
            continue
        at = np.array([row for row, _ in rows])
        videos = np.stack([vector for _, vector in rows])
        own = [found.studies[i].patient for i in at]
        scored[str(view)] = both_ways(videos, found.texts[at], own, findings=[stated[i] for i in at])
    return scored


def _by_finding(found: PairVectors, stated: Sequence[Hashable]) -> dict[str, BothWays]:
    scored = {}
    patients = [study.patient for study in found.studies]
    names = dict.fromkeys(name for study in found.studies if study.truth for name in study.truth.grades)
    for name in names:
        there = [i for i, s in enumerate(found.studies) if s.truth and s.truth.grades[name] >= 2]
        if len(there) >= FEW:
            at = np.array(there)
            scored[name] = both_ways(found.videos, found.texts, patients, only=at, findings=stated)
    return scored


def _ann_recall(found: PairVectors, fingerprint: str) -> Interval:
    """Recall@10 of the product's own index over the test reports, asked with the studies' vectors."""
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
    each = np.array([recall_at([near], [exact]) for near, exact in zip(*lists, strict=True)])
    return mean_interval(each, [study.patient for study in found.studies])


def _view_accuracy(bundle: Path, data: DataConfig, studies: Sequence[Study], device: str) -> ViewAccuracy | None:
    """Of videos whose view is known, which of our views the classifier finds likeliest."""
    classifier = load_views(bundle, device)
    videos = [v for s in studies for v in s.videos if v.view is not None]
    owner = {v.key: s.patient for s in studies for v in s.videos}
    if not videos:
        return None
    cache = open_cache(Path(data.cache), videos, classifier.clip_spec, data.cache_frames, data.workers)
    kept = [v for v in videos if cache.n_valid(v.key) > 0]
    right: list[float] = []
    for start in range(0, len(kept), 64):
        block = kept[start : start + 64]
        guesses = classifier.classify([cache.clip(v.key) for v in block])
        right += [float(guess.best.view == v.view) for v, guess in zip(block, guesses, strict=True)]
    hits, truth = np.array(right), np.array([str(v.view) for v in kept])
    patients = [owner[v.key] for v in kept]

    def balanced(rows: NDArray[np.int64]) -> float:
        return float(np.mean([hits[rows][truth[rows] == view].mean() for view in np.unique(truth[rows])]))

    interval = Interval(balanced(np.arange(len(kept))), *patient_bootstrap(balanced, patients))
    return ViewAccuracy(classifier.name, mean_interval(hits, patients), interval, len(kept))
