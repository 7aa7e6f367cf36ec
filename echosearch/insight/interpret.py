"""A study, or a file -> what its videos show, as far as the archive's own reports, or a probe, have calibrated it.

The patient's own studies are left out of all that is fitted. Whatever the archive's reports cannot calibrate has no
number, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from echosearch.archive import Archive
from echosearch.db import lookup
from echosearch.db.lookup import StoredVideo, VideoRow
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.identified import Identified, identified
from echosearch.encoder_info import EncoderInfo
from echosearch.insight.curves import Curve, Curves, fit_curves
from echosearch.insight.draft import ABSENT, draft
from echosearch.insight.probes.stored import ProbeReader, probe_readers
from echosearch.insight.probes.territory import is_territory
from echosearch.insight.sample import VectorSample, fold_of, read_sample
from echosearch.insight.values import ValueReader, fit_value
from echosearch.report.facts import Fact, Lexicon, load_lexicon
from echosearch.search.arms.prompts import value_prompts
from echosearch.search.changes.timeline import USUAL
from echosearch.search.filter_rules import combine_and, without
from echosearch.search.results import SearchOptions
from echosearch.search.study_hits import Searching, searching, study_hits
from echosearch.search.target import Target, find_target

__all__ = ["SAMPLE", "Interpretation", "Neighbour", "ReadFinding", "ReadMeasure", "interpret", "usual_findings"]

SAMPLE = 2000  # studies that calibrate
NEIGHBOURS = 5  # reported studies that are shown
_ASKED = 50  # studies among which reported ones are looked for


@dataclass(frozen=True)
class ReadFinding:
    """One finding: ``probability`` is None, and ``why_not`` says why, where the archive cannot calibrate it."""

    concept: str
    label: str
    probability: float | None
    grade: float | None  # 0 none to 4 severe
    curve: Curve  # the evidence
    video: VideoRow | None  # the study's video that shows it best, if it is likely
    probe: int | None = None  # version of the probe that read it; None: the curve did

    @property
    def why_not(self) -> str | None:
        return self.curve.why_not


@dataclass(frozen=True)
class ReadMeasure:
    """One value with the interval that holds nine of ten true values; None where it was never calibrated."""

    concept: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    reader: ValueReader  # the evidence
    probe: int | None = None  # version of the probe that read it; None: the archive's scale did


@dataclass(frozen=True)
class Neighbour:
    """A reported study of another patient whose videos are near."""

    study: str
    patient: str
    date: str | None
    cosine: float
    facts: tuple[Fact, ...]
    identified: Identified | None = None


@dataclass(frozen=True)
class Interpretation:
    """What videos show; ``draft`` is the same in the phrases of a report."""

    query: Mapping[str, Any] = field(repr=False)
    findings: tuple[ReadFinding, ...]
    values: tuple[ReadMeasure, ...]
    neighbours: tuple[Neighbour, ...]
    draft: str
    sampled: int  # studies that calibrate
    encoder: EncoderInfo
    warnings: tuple[str, ...]
    identified: Identified | None = None


def interpret(archive: Archive, name: str, *, names: bool = False) -> Interpretation:
    """Interpret a study of the archive, or a file that need not be in it; ``names`` adds identifiers.

    Raises UnknownStudy, FileRefused, InputError, EmptyArchive, EncoderMismatch, NoEncoder.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    with searching(archive) as search:
        target = find_target(search, name)
        sample = read_sample(search, SAMPLE).without(target.patients)
        curves = fit_curves(archive.encoder, lexicon, sample, usual_findings(sample, lexicon))
        probes = probe_readers(search, lexicon)
        findings = _findings(search, target, curves, lexicon, probes)
        values = _values(search, target, sample, lexicon, probes)
        neighbours = _neighbours(search, target, names)
        who = identified(search.connection, [target.study]) if names and target.study else {}
        return Interpretation(
            target.query,
            findings,
            values,
            neighbours,
            draft(
                [(one.label, one.probability, one.grade) for one in findings if _drafted(one)],
                [(one.label, one.value, one.reader.unit) for one in values],
            ),
            len(sample),
            archive.encoder_info,
            tuple(_warnings(archive.encoder_info, findings, len(sample))),
            who.get(target.study or ""),
        )


def _drafted(found: ReadFinding) -> bool:
    """Whether a draft speaks of it: of a territory only where it may be there, for 壁運動異常なし is said of all."""
    return not is_territory(found.concept) or (found.probability or 0.0) > ABSENT


def usual_findings(sample: VectorSample, lexicon: Lexicon) -> list[str]:
    """Return the findings of every timeline and those that reports of the sample speak of, in order."""
    spoken = {fact.concept for facts in sample.facts for fact in facts}
    return [concept for concept in lexicon.findings if concept in spoken or concept in USUAL]


def _findings(
    search: Searching, target: Target, curves: Curves, lexicon: Lexicon, probes: Mapping[str, ProbeReader]
) -> tuple[ReadFinding, ...]:
    vectors = target.vector[None]
    believed = curves.probabilities(curves.scores(vectors))[0]
    grades = curves.grades(vectors)[0]
    evidence = [probes[one.concept].evidence if one.concept in probes else one for one in curves.curves]
    for column, curve in enumerate(evidence):
        if (reader := probes.get(curve.concept)) is not None:
            believed[column], grades[column] = reader.finding(target.vector, target.patients)
    videos: Sequence[StoredVideo] = ()
    if "study" in target.query and target.study is not None:
        videos = lookup.videos_of(search.connection, search.encoder_id, [target.study]).get(target.study, ())
    each = curves.scores(np.stack([video.vector for video in videos])) if videos else None
    made = list(_territories(target, probes, videos))
    for column, curve in enumerate(evidence):
        likely = believed[column] >= 0.5
        made.append(
            ReadFinding(
                curve.concept,
                lexicon.labels.get(curve.concept, curve.concept),
                None if np.isnan(believed[column]) else float(believed[column]),
                None if np.isnan(grades[column]) else float(grades[column]),
                curve,
                videos[int(np.argmax(each[:, column]))].about if likely and each is not None else None,
                probes[curve.concept].stored.version if curve.concept in probes else None,
            )
        )
    return tuple(sorted(made, key=lambda one: (one.probability is None, -(one.probability or 0))))


def _territories(
    target: Target, probes: Mapping[str, ProbeReader], videos: Sequence[StoredVideo]
) -> Iterator[ReadFinding]:
    """Yield the territories of a wall motion abnormality that a probe reads: the archive's curves know none of them."""
    for concept, reader in probes.items():
        if is_territory(concept):
            probability, _ = reader.finding(target.vector, target.patients)
            best = None
            if videos and probability >= 0.5 and reader.amount is not None:
                best = videos[int(np.argmax(reader.amount(np.stack([video.vector for video in videos]))))].about
            stored = reader.stored
            yield ReadFinding(concept, stored.label, probability, None, reader.evidence, best, stored.version)


def _values(
    search: Searching, target: Target, sample: VectorSample, lexicon: Lexicon, probes: Mapping[str, ProbeReader]
) -> tuple[ReadMeasure, ...]:
    encoder = search.archive.encoder
    made = []
    for concept in lexicon.measures:
        if (probe := probes.get(concept)) is not None:
            value, width = probe.value(target.vector, target.patients)
            label, version = lexicon.labels.get(concept, concept), probe.stored.version
            made.append(ReadMeasure(concept, label, value, value - width, value + width, probe.measure, version))
            continue
        if value_prompts(concept, encoder.text_spec.language) is None:
            continue
        reader, label = fit_value(encoder, lexicon, sample, concept), lexicon.labels.get(concept, concept)
        if reader.width is None:
            made.append(ReadMeasure(concept, label, None, None, None, reader))
            continue
        fold = fold_of(target.patients[0]) if target.patients else -1
        value = float(reader.read(target.vector[None], np.array([fold]))[0])
        made.append(ReadMeasure(concept, label, value, value - reader.width, value + reader.width, reader))
    return tuple(made)


def _neighbours(search: Searching, target: Target, names: bool) -> tuple[Neighbour, ...]:
    aside = combine_and(without("study", (target.study,) if target.study else ()), without("patient", target.patients))
    hits, _ = study_hits(search, target.vector, SearchOptions(top_k=_ASKED, group="patient"), aside)
    facts = facts_of(search.connection, [hit.study for hit in hits])
    kept = [hit for hit in hits if facts.get(hit.study)][:NEIGHBOURS]
    who = identified(search.connection, [hit.study for hit in kept]) if names else {}
    return tuple(
        Neighbour(hit.study, hit.patient, hit.date, hit.score, tuple(facts[hit.study]), who.get(hit.study))
        for hit in kept
    )


def _warnings(encoder: EncoderInfo, findings: Sequence[ReadFinding], sampled: int) -> Iterator[str]:
    if not encoder.trained:
        yield f"encoder {encoder.name} is untrained: its weights are random and nothing here means anything"
    if all(one.probability is None for one in findings):
        yield f"no finding is calibrated: the reports of {sampled} studies are too few or do not fit the videos"
