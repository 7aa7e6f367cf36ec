"""A patient's studies on a time axis: what reports and structured reports say, and how the videos change.

Of each concept a study shows what its report states (or inherits), what was measured, and how much its videos show,
with the change from the study before on the scale of unchanged pairs (scale.py). Months; days with identifiers alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from echosearch.archive import Archive
from echosearch.db import lookup
from echosearch.db.files.measurements import measurements_of
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.identified import Identified, identified
from echosearch.db.studies.visit_pairs import Visit, resolve_patient, visits_of
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import UnknownStudy
from echosearch.report.facts import load_lexicon
from echosearch.search.changes.amount import Amount, amounts
from echosearch.search.changes.changed import days_between, month_text
from echosearch.search.changes.scale import ChangeScale, Told, change_scales, told_of
from echosearch.search.study_hits import Searching, searching
from echosearch.unicode import is_text

__all__ = ["USUAL", "Timeline", "TimelineFinding", "TimelineStudy", "timeline"]

USUAL = (  # asked of the videos of every timeline; other concepts where a report or measurement names them
    *("lvef", "lv_dilation", "lv_hypertrophy", "la_dilation", "mr", "ms", "ar", "as", "tr"),
    *("pericardial_effusion", "prosthetic_valve", "device_lead"),
)


@dataclass(frozen=True)
class TimelineFinding:
    """One concept in one study. The video's numbers are None where nothing of a study is indexed."""

    concept: str
    told: Told
    score: float | None = None  # how much the videos show (amount.py)
    change: float | None = None  # from the indexed study before
    z: float | None = None  # robust standard deviations of unchanged pairs
    percentile: float | None = None


@dataclass(frozen=True)
class TimelineStudy:
    """One study; ``date`` is a month and ``months`` counts from the first study."""

    study: str
    date: str | None
    months: int | None
    age: int | None
    has_report: bool
    refers_back: bool
    findings: tuple[TimelineFinding, ...]
    identified: Identified | None = None
    days: int | None = None  # from the first study, with identifiers alone


@dataclass(frozen=True)
class Timeline:
    """A patient's studies, the oldest first, those without a date last."""

    patient: str
    studies: tuple[TimelineStudy, ...]
    labels: Mapping[str, str]  # of each concept
    scales: Mapping[str, ChangeScale]
    encoder: EncoderInfo
    warnings: tuple[str, ...]


def timeline(archive: Archive, name: str, *, names: bool = False) -> Timeline:
    """Return the timeline of a patient, who is named by one of the studies, a patient key or a patient id.

    ``names`` adds identifiers and days. Raises UnknownStudy, EmptyArchive, EncoderMismatch, NoEncoder.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    with searching(archive) as search:
        patient = _patient(search, name if is_text(name) else "")
        visits = visits_of(search.connection, search.encoder_id, patient, archive.viewer)
        if not visits:
            raise UnknownStudy("no study of this patient may be shown")
        studies = [visit.study for visit in visits]
        facts, measured = facts_of(search.connection, studies), measurements_of(search.connection, studies)
        told = {fact.concept for own in facts.values() for fact in own}
        told |= {one.concept for own in measured.values() for one in own}
        concepts = [*USUAL, *sorted(told - {*USUAL})]
        asked = amounts(archive.encoder, lexicon, concepts)
        scales = change_scales(search, asked)
        who = identified(search.connection, studies) if names else {}
        columns = _videos(visits, asked, scales)
        made = []
        for place, visit in enumerate(visits):
            found = [
                TimelineFinding(
                    concept, told_of(concept, visit.study, facts, measured), *columns[place].get(concept, ())
                )
                for concept in concepts
            ]
            kept = [one for one in found if one.told.facts or one.told.measurements or one.concept in USUAL]
            made.append(_study(visit, visits[0], kept, who))
        return Timeline(
            patient,
            tuple(made),
            {concept: lexicon.labels.get(concept, concept) for concept in concepts},
            scales,
            archive.encoder_info,
            tuple(_warnings(archive.encoder_info, scales, visits)),
        )


def _patient(search: Searching, name: str) -> str:
    try:
        return lookup.resolve_study(search.connection, name, search.archive.viewer).patient
    except UnknownStudy:
        patient = resolve_patient(search.connection, name) if name.strip() else None
        if patient is None:
            raise
        return patient


def _videos(
    visits: Sequence[Visit], asked: Mapping[str, Amount], scales: Mapping[str, ChangeScale]
) -> list[dict[str, tuple[float, float | None, float | None, float | None]]]:
    """Of each study and concept: score, change from the indexed study before, z, percentile."""
    columns: list[dict[str, tuple[float, float | None, float | None, float | None]]] = [{} for _ in visits]
    indexed = [place for place, visit in enumerate(visits) if visit.vector is not None]
    if not indexed:
        return columns
    vectors = np.stack([vector for visit in visits if (vector := visit.vector) is not None])
    for concept, amount in asked.items():
        scores = amount(vectors)
        for row, place in enumerate(indexed):
            dated = row and visits[place].month is not None and visits[indexed[row - 1]].month is not None
            change = float(scores[row] - scores[row - 1]) if dated else None
            scale = scales[concept]
            columns[place][concept] = (
                float(scores[row]),
                change,
                None if change is None else scale.z(change),
                None if change is None else scale.percentile(change),
            )
    return columns


def _study(
    visit: Visit, first: Visit, findings: Sequence[TimelineFinding], who: Mapping[str, Identified]
) -> TimelineStudy:
    months = None
    if visit.month is not None and first.month is not None:
        months = (visit.month // 100 - first.month // 100) * 12 + visit.month % 100 - first.month % 100
    return TimelineStudy(
        visit.study,
        None if visit.month is None else month_text(visit.month),
        months,
        visit.age,
        visit.has_report,
        visit.refers_back,
        tuple(findings),
        who.get(visit.study),
        days_between(who.get(first.study), who.get(visit.study)),
    )


def _warnings(encoder: EncoderInfo, scales: Mapping[str, ChangeScale], visits: Sequence[Visit]) -> list[str]:
    said = []
    if not encoder.trained:
        said.append(f"encoder {encoder.name} is untrained: its weights are random and its scores mean nothing")
    rough = sum(scale.of == "all pairs" for scale in scales.values())
    if rough and len(visits) > 1:
        said.append(
            f"{rough} of {len(scales)} scales are of all pairs: fewer than 25 pairs have reports that say no change"
        )
    return said
