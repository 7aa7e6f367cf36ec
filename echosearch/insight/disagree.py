"""Studies whose report and videos (or structured reports) say different things, the most surprising first.

    surprise    the log odds, from what the videos show, that a statement of the report is wrong:
        a finding                 that its grade is 1.5 or more away from what is stated (grades.py, levels.py)
        a value (EF)              that it is any value of the archive and not the one that is stated, by the scale
                                  without the patient's fold
    against structured reports    how far the two values are apart, in tolerances: 10 points of EF, 15 % of others

A finding is compared where the study has a view that shows it, and silence only where reports usually speak of the
finding when it is there.

A study has the surprise of its most surprising statement. All studies are read, 2,000 at a time; the best are kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from echosearch.archive import Archive
from echosearch.db.studies.identified import Identified, identified
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import InputError
from echosearch.insight.interpret import SAMPLE
from echosearch.insight.judge import Found, Kind, MeasurementJudge, VideoJudge, check_asked, judge_by_videos
from echosearch.insight.rates import Rate, Rates
from echosearch.insight.sample import VectorSample, read_sample
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.changes.asked import named_concept
from echosearch.search.changes.changed import month_text
from echosearch.search.changes.scale import Told, told_of
from echosearch.search.results import MAX_TOP_K
from echosearch.search.study_hits import Searching, searching

__all__ = [
    "SURPRISING",
    "Against",
    "Disagreement",
    "Disagreements",
    "check_comparable",
    "disagree",
]

Against = Literal["videos", "sr"]
SURPRISING = {"videos": 3.0, "sr": 1.0}  # from this surprise on a study counts in the rates: odds of 20 to 1


@dataclass(frozen=True)
class Disagreement:
    """One study's most surprising statement. ``date`` is a month; what the videos show is None where it is not."""

    rank: int
    study: str
    patient: str
    date: str | None
    device: str | None
    concept: str
    label: str
    surprise: float  # log odds, or tolerances
    kind: Kind
    told: Told
    probability: float | None = None
    grade: float | None = None
    value: float | None = None
    identified: Identified | None = None


@dataclass(frozen=True)
class Disagreements:
    """The most surprising studies, and the share of surprising ones by device and year."""

    disagreements: tuple[Disagreement, ...]
    against: Against
    compared: int  # studies with a statement that could be compared
    surprising: int
    rates: tuple[Rate, ...]
    encoder: EncoderInfo
    warnings: tuple[str, ...]


def disagree(
    archive: Archive,
    *,
    finding: str | None = None,
    against: Against = "videos",
    top_k: int = 20,
    names: bool = False,
) -> Disagreements:
    """Rank studies by how much their report disagrees with their videos, or with their structured reports.

    ``finding`` is a finding or a measurement by any of its names; None: all. ``names`` adds identifiers.
    Raises InputError, EmptyArchive, EncoderMismatch, NoEncoder.
    """
    if not 1 <= top_k <= MAX_TOP_K:
        raise InputError(f"--top-k {top_k}: give a number from 1 to {MAX_TOP_K}")
    if against not in SURPRISING:
        raise InputError(f"against {against!r}: it is one of {', '.join(SURPRISING)}")
    lexicon = load_lexicon(archive.settings.lexicon)
    asked = None if finding is None else named_concept(finding, lexicon)
    with searching(archive, whole=True) as search:
        judge = _judge(search, lexicon, asked, against)
        best: list[tuple[float, str, Disagreement]] = []
        rates, compared = Rates(), 0
        for batch in _batches(search):
            for row, one in enumerate(judge.compare(batch)):
                if one is None:
                    continue
                compared += 1
                study = batch.studies[row]
                rates.add(batch.devices[row], study.month, one.surprise >= SURPRISING[against])
                if len(best) < top_k or one.surprise > best[0][0]:
                    heapq.heappush(best, (one.surprise, study.study, _shown(batch, row, one, lexicon)))
                    if len(best) > top_k:
                        heapq.heappop(best)
        ranked = [one for _, _, one in sorted(best, key=lambda each: (-each[0], each[1]))]
        who = identified(search.connection, [one.study for one in ranked]) if names else {}
        return Disagreements(
            tuple(replace(one, rank=place, identified=who.get(one.study)) for place, one in enumerate(ranked, 1)),
            against,
            compared,
            rates.surprising,
            rates.table(),
            archive.encoder_info,
            tuple(_warnings(archive.encoder_info, judge, against, compared, lexicon)),
        )


def check_comparable(archive: Archive, lexicon: Lexicon, concept: str | None, against: Against) -> None:
    """Raise InputError if structured reports have no such concept, or videos cannot be asked for it."""
    if concept is None:
        return
    if against == "sr" and concept not in lexicon.measures:
        raise InputError(f"structured reports have measurements: {concept} is a finding, name one such as EF")
    if against == "videos" and concept in lexicon.measures:
        check_asked(archive.encoder, lexicon, concept)


def _judge(search: Searching, lexicon: Lexicon, asked: str | None, against: Against) -> VideoJudge | MeasurementJudge:
    check_comparable(search.archive, lexicon, asked, against)
    if against == "sr":
        return MeasurementJudge([*lexicon.measures] if asked is None else [asked])
    return judge_by_videos(search.archive.encoder, lexicon, read_sample(search, SAMPLE), asked)


def _batches(search: Searching) -> Iterator[VectorSample]:
    after: str | None = None
    while len(batch := read_sample(search, SAMPLE, after)):
        yield batch
        after = batch.studies[-1].study


def _shown(batch: VectorSample, row: int, one: Found, lexicon: Lexicon) -> Disagreement:
    study = batch.studies[row]
    facts, measured = {study.study: batch.facts[row]}, {study.study: batch.measured[row]}
    return Disagreement(
        0,
        study.study,
        study.patient,
        None if study.month is None else month_text(study.month),
        batch.devices[row],
        one.concept,
        lexicon.labels.get(one.concept, one.concept),
        one.surprise,
        one.kind,
        told_of(one.concept, study.study, facts, measured),
        one.probability,
        one.grade,
        one.value,
    )


def _warnings(
    encoder: EncoderInfo, judge: VideoJudge | MeasurementJudge, against: Against, compared: int, lexicon: Lexicon
) -> Iterator[str]:
    if against == "videos" and not encoder.trained:
        yield f"encoder {encoder.name} is untrained: its weights are random and this order means nothing"
    if isinstance(judge, VideoJudge):
        left = [reader.concept for reader in judge.findings.readers if reader.levels is None]
        if left:
            names = ", ".join(lexicon.labels.get(concept, concept) for concept in left)
            yield f"not compared, too few reports or not told by the videos: {names}"
    if not compared:
        yield f"no study has a report and {'structured reports' if against == 'sr' else 'videos'} to compare"
