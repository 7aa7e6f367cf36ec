"""Samples whose videos are known: the mean prompt of what a heart has, with noise, and a report that says so."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from echosearch.db.lookup import StudyRow
from echosearch.encoder.base import Encoder
from echosearch.encoder.fake import FakeEncoder
from echosearch.insight.sample import VectorSample
from echosearch.outcome import MeasuredValue
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.search.arms.prompt_vectors import prompt_vectors
from echosearch.search.arms.prompts import Level, prompt_set, value_prompts
from echosearch.vector import Vectors

__all__ = ["ENCODER", "GRADES", "heart", "sample_of"]

ENCODER = FakeEncoder(dimension=64)
GRADES = ("なし", "ごく軽度", "軽度", "中等度", "高度")


LEVELS: dict[tuple[str, tuple[str, ...]], Vectors] = {}  # by encoder and texts


def level_vector(level: Level, encoder: Encoder) -> Vectors:
    texts = level.meanings[0]
    if (encoder.id.fingerprint, texts) not in LEVELS:
        found = prompt_vectors(encoder, texts)
        LEVELS[encoder.id.fingerprint, texts] = np.mean([found[text] for text in texts], axis=0)
    return LEVELS[encoder.id.fingerprint, texts]


def heart(
    random: np.random.Generator,
    noise: float,
    mr: int | None = None,
    ef: float | None = None,
    encoder: Encoder = ENCODER,
) -> Vectors:
    """(D,) a study's vector: of a grade of MR, of an EF, or of both."""
    made = noise * random.standard_normal(encoder.id.dimension)
    if mr is not None:
        made = made + level_vector(prompt_set("mr", "MR").levels[mr], encoder)
    if ef is not None:
        values = value_prompts("lvef")
        assert values is not None
        made = made + level_vector(min(values.levels, key=lambda level: abs(level.value - ef)), encoder)
    return made.astype(np.float32)


def sample_of(
    vectors: Sequence[Vectors],
    reports: Sequence[str],
    measured: Sequence[float | None] = (),
    devices: Sequence[str | None] = (),
) -> VectorSample:
    """Two studies a patient; ``measured`` are EFs of structured reports."""
    lexicon = load_lexicon()
    rows = []
    for place in range(len(vectors)):
        study, patient = (str(uuid5(NAMESPACE_OID, f"{kind}{n}")) for kind, n in (("s", place), ("p", place // 2)))
        rows.append(StudyRow(study, study, patient, (1,), 202001 + place % 12, 60, "FM"[place // 2 % 2], place))
    values = [*measured, *[None] * (len(rows) - len(measured))]
    return VectorSample(
        tuple(rows),
        np.stack(vectors),
        tuple(read_facts(report, lexicon) for report in reports),
        tuple(() if value is None else (MeasuredValue("lvef", value, "%"),) for value in values),
        tuple(devices) or (None,) * len(rows),
        (frozenset(),) * len(rows),
    )
