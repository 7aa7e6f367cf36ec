"""What study vectors tell that is not of the heart: vendor, device, year and sex; and how similarity drifts with them.

probes        how well each can be read off the vectors (probe.py), against chance
neighbours    how often the ten nearest studies of other patients share it, against the ten whose reports are most
              alike: what the findings do not explain is the difference
similarity    the mean cosine of a study to its ten nearest, by year and by device
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.archive import Archive
from echosearch.encoder_info import EncoderInfo
from echosearch.insight.probe import LEAST, Probe, probe
from echosearch.insight.sample import VectorSample, read_sample
from echosearch.report.facts import Fact
from echosearch.search.study_hits import searching
from echosearch.vector import unit

__all__ = ["MAX_STUDIES", "Shared", "Shortcuts", "Similarity", "shortcuts"]

Numbers = NDArray[np.float64]
MAX_STUDIES = 5000  # of which all pairs are compared, a block at a time
NEAREST = 10
_BLOCK = 500  # studies: 20 MB against 5,000


@dataclass(frozen=True)
class Shared:
    """The share of the nearest studies of other patients that have a study's own value of an attribute."""

    attribute: str
    studies: int  # with a report and a known value
    near: float | None  # among the ten nearest by vector
    alike: float | None  # among the ten whose reports are most alike
    chance: float | None  # among all studies of other patients


@dataclass(frozen=True)
class Similarity:
    """The cosines of a group's studies to their ten nearest of other patients."""

    by: Literal["device", "year"]
    name: str
    studies: int
    mean: float
    spread: float  # standard deviation over studies


@dataclass(frozen=True)
class Shortcuts:
    """An audit of the study vectors of an archive, on ``studies`` of them: a random sample."""

    studies: int
    probes: tuple[Probe, ...]
    neighbours: tuple[Shared, ...]
    similarity: tuple[Similarity, ...]
    encoder: EncoderInfo
    warnings: tuple[str, ...]


def shortcuts(archive: Archive, *, studies: int = MAX_STUDIES) -> Shortcuts:
    """Audit the vectors of the first ``studies`` studies by key.

    Raises EmptyArchive, EncoderMismatch, NoEncoder.
    """
    archive.check_whole()
    with searching(archive) as search:
        sample = read_sample(search, min(studies, MAX_STUDIES))
    labels = _labels(sample)
    patients = [study.patient for study in sample.studies]
    towards = unit(sample.vectors).astype(np.float64) if len(sample) else sample.vectors.astype(np.float64)
    own = np.array([sorted(set(patients)).index(patient) for patient in patients], dtype=np.int64)
    near, cosines = _nearest(towards, own)
    alike, _ = _nearest(_told(sample.facts), own)
    reported = np.array([bool(facts) for facts in sample.facts], dtype=bool)
    return Shortcuts(
        len(sample),
        tuple(probe(name, towards, each, patients) for name, each in labels.items()),
        tuple(_shared(name, each, near, alike, own, reported) for name, each in labels.items()),
        tuple(_similarity(labels, cosines)),
        archive.encoder_info,
        tuple(_warnings(archive.encoder_info, len(sample), int(reported.sum()))),
    )


def _labels(sample: VectorSample) -> dict[str, list[str | None]]:
    return {
        "vendor": [None if device is None else device.split()[0] for device in sample.devices],
        "device": [*sample.devices],
        "year": [None if study.month is None else str(study.month // 100) for study in sample.studies],
        "sex": [study.sex for study in sample.studies],
    }


def _told(facts: Sequence[Sequence[Fact]]) -> Numbers:
    """(N, F): what reports state of each concept, 1 if present (by grade up to 2), -1 if not; unit rows, or zero."""
    concepts = {name: place for place, name in enumerate(sorted({fact.concept for each in facts for fact in each}))}
    told = np.zeros((len(facts), max(len(concepts), 1)))
    for row, each in enumerate(facts):
        for fact in each:
            if fact.value is None and fact.polarity in ("present", "absent", "not_significant"):
                grade = 2.0 if fact.severity is None else sum(fact.severity) / 2
                told[row, concepts[fact.concept]] = grade / 2 if fact.polarity == "present" else -1.0
    return np.asarray(told / np.maximum(np.linalg.norm(told, axis=1, keepdims=True), 1e-9))


def _nearest(rows: Numbers, own: NDArray[np.int64]) -> tuple[NDArray[np.int64], Numbers]:
    """The NEAREST rows of other patients (N, K) and their cosines; equally near ones in an order drawn by chance."""
    others = len(rows) - np.bincount(own).max(initial=0)
    count = int(min(NEAREST, others))
    near, cosines = np.zeros((len(rows), count), dtype=np.int64), np.zeros((len(rows), count))
    chance = np.random.default_rng(0).random(len(rows)) * 1e-9
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = rows[block] @ rows.T + chance
        scores[own[block][:, None] == own[None]] = -np.inf
        near[block] = np.argsort(-scores, axis=1)[:, :count]
        cosines[block] = np.take_along_axis(scores, near[block], axis=1)
    return near, cosines


def _shared(
    name: str,
    labels: Sequence[str | None],
    near: NDArray[np.int64],
    alike: NDArray[np.int64],
    own: NDArray[np.int64],
    reported: NDArray[np.bool_],
) -> Shared:
    values = np.array(["" if label is None else label for label in labels])
    rows = np.flatnonzero((values != "") & reported)
    if not len(rows) or not near.shape[1]:
        return Shared(name, len(rows), None, None, None)
    counts = {value: int((values == value).sum()) for value in set(values[rows])}
    of_patient: dict[tuple[int, str], int] = {}
    for patient, value in zip(own.tolist(), values, strict=True):
        of_patient[patient, value] = of_patient.get((patient, value), 0) + 1
    others = len(values) - np.bincount(own)
    chance = [
        (counts[values[row]] - of_patient[int(own[row]), values[row]]) / max(int(others[own[row]]), 1) for row in rows
    ]

    def share(chosen: NDArray[np.int64]) -> float:
        return float((values[chosen[rows]] == values[rows][:, None]).mean())

    return Shared(name, len(rows), share(near), share(alike), float(np.mean(chance)))


def _similarity(labels: dict[str, list[str | None]], cosines: Numbers) -> Iterator[Similarity]:
    if not cosines.size:
        return
    mean = cosines.mean(axis=1)
    groups: tuple[Literal["device", "year"], ...] = ("device", "year")
    for by in groups:
        for name in sorted({label for label in labels[by] if label is not None}):
            inside = np.array([label == name for label in labels[by]])
            yield Similarity(by, name, int(inside.sum()), float(mean[inside].mean()), float(mean[inside].std()))


def _warnings(encoder: EncoderInfo, studies: int, reported: int) -> Iterator[str]:
    if not encoder.trained:
        yield f"encoder {encoder.name} is untrained: its weights are random"
    if reported < LEAST:
        yield f"{reported} of {studies} studies have a report that was read: nothing is matched on findings"
