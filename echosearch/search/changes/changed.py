"""Pairs of consecutive studies of a patient, ranked by how much their videos differ in one finding.

    d = amount(later) - amount(earlier)     ranked by d, shown on the scale of unchanged pairs

Every pair is compared, a batch at a time: what is kept is the best TOP.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echosearch.archive import Archive
from echosearch.db.files.measurements import measurements_of
from echosearch.db.questions.fact_conditions import Verdict, verdicts
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.identified import Identified, identified
from echosearch.db.studies.visit_pairs import VisitPair, pairs_after
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import InputError
from echosearch.report.facts import ChangeCondition, change_words, load_lexicon
from echosearch.search.changes.amount import amounts
from echosearch.search.changes.scale import ChangeScale, Told, change_scales, differences, told_of
from echosearch.search.results import MAX_TOP_K
from echosearch.search.study_hits import Searching, searching

__all__ = ["ChangedPair", "ChangedPairs", "changed", "days_between", "month_text"]

BATCH = 2000  # pairs: 16 MB at 1,024 dimensions
_DOWN = ("gone", "better", "falls")


@dataclass(frozen=True)
class ChangedPair:
    """Two studies, how their videos differ, and what their reports say; ``date`` is a month."""

    rank: int
    patient: str
    earlier: str
    later: str
    earlier_date: str
    later_date: str
    months: int
    age: int | None
    sex: str | None
    change: float  # of the expected grade, the value, or the difference of cosines
    z: float | None  # robust standard deviations of the scale's pairs, in the direction that was asked for
    percentile: float | None  # of the scale's pairs, in that direction
    verdict: Verdict  # what reports and measurements say of the change
    before: Told
    now: Told
    identified: tuple[Identified | None, Identified | None] | None = None

    @property
    def days(self) -> int | None:
        """Between the two; known with identifiers alone."""
        return None if self.identified is None else days_between(*self.identified)


@dataclass(frozen=True)
class ChangedPairs:
    """The pairs that changed most, and how many were compared."""

    pairs: tuple[ChangedPair, ...]
    condition: ChangeCondition
    words: str
    compared: int
    scale: ChangeScale
    encoder: EncoderInfo
    warnings: tuple[str, ...]


def changed(
    archive: Archive, change: ChangeCondition, *, since: int | None = None, top_k: int = 10, names: bool = False
) -> ChangedPairs:
    """Rank the pairs of consecutive studies by a change that their videos show.

    ``since`` is the month, yyyymm, that the later study is from at the earliest; ``names`` adds identifiers.
    Raises InputError if videos cannot be asked for the concept, EmptyArchive, EncoderMismatch, NoEncoder.
    """
    if not 1 <= top_k <= MAX_TOP_K:
        raise InputError(f"--top-k {top_k}: give a number from 1 to {MAX_TOP_K}")
    archive.check_whole()
    lexicon = load_lexicon(archive.settings.lexicon)
    with searching(archive) as search:
        asked = amounts(archive.encoder, lexicon, [change.concept])
        if change.concept not in asked:
            label = lexicon.labels.get(change.concept, change.concept)
            raise InputError(f"videos cannot be asked for {label}: of measurements they show the EF alone")
        scale = change_scales(search, asked)[change.concept]
        sign = -1.0 if change.kind in _DOWN else 1.0
        best: list[tuple[float, str, float, VisitPair]] = []
        compared = 0
        for batch in _batches(search, change, since):
            compared += len(batch)
            found = differences(asked[change.concept], batch)
            for pair, difference in zip(batch, found, strict=True):
                heapq.heappush(best, (sign * float(difference), pair.later, float(difference), pair))
                if len(best) > top_k:
                    heapq.heappop(best)
        ranked = [(difference, pair) for _, _, difference, pair in sorted(best, reverse=True)]
        return ChangedPairs(
            _shown(search, change, ranked, scale, sign, names),
            change,
            change_words(change, lexicon),
            compared,
            scale,
            archive.encoder_info,
            tuple(_warnings(search, scale, compared)),
        )


def _batches(search: Searching, change: ChangeCondition, since: int | None) -> Iterator[list[VisitPair]]:
    after: str | None = None
    while batch := pairs_after(search.connection, search.encoder_id, after, BATCH, change.within_months, since):
        yield batch
        after = batch[-1].later


def _shown(
    search: Searching,
    change: ChangeCondition,
    ranked: Sequence[tuple[float, VisitPair]],
    scale: ChangeScale,
    sign: float,
    names: bool,
) -> tuple[ChangedPair, ...]:
    studies = [study for _, pair in ranked for study in (pair.earlier, pair.later)]
    facts, measured = facts_of(search.connection, studies), measurements_of(search.connection, studies)
    said = verdicts(search.connection, (change,), (), [pair.later for _, pair in ranked])
    who = identified(search.connection, studies) if names else {}
    made = []
    for place, (difference, pair) in enumerate(ranked, 1):
        z, share = scale.z(difference), scale.percentile(difference)
        made.append(
            ChangedPair(
                *(place, pair.patient, pair.earlier, pair.later, month_text(pair.earlier_month)),
                *(month_text(pair.later_month), pair.months, pair.age, pair.sex, difference),
                None if z is None else sign * z,
                share if share is None or sign > 0 else 1.0 - share,
                said.get(pair.later, "silent"),
                told_of(change.concept, pair.earlier, facts, measured),
                told_of(change.concept, pair.later, facts, measured),
                (who.get(pair.earlier), who.get(pair.later)) if names else None,
            )
        )
    return tuple(made)


def days_between(earlier: Identified | None, later: Identified | None) -> int | None:
    """Return days between two studies, None if a date is not known."""
    if earlier is None or later is None or earlier.study_date is None or later.study_date is None:
        return None
    return (later.study_date - earlier.study_date).days


def month_text(month: int) -> str:
    """Write 202004 as 2020-04."""
    return f"{month // 100:04d}-{month % 100:02d}"


def _warnings(search: Searching, scale: ChangeScale, compared: int) -> Iterator[str]:
    encoder = search.archive.encoder_info
    if not encoder.trained:
        yield f"encoder {encoder.name} is untrained: its weights are random and this order means nothing"
    if not compared:
        yield "no patient has two indexed studies with dates that meet the conditions"
    elif scale.of == "all pairs":
        yield f"fewer than 25 pairs have reports that say no change: the scale is all {scale.pairs} pairs of the sample"
