"""Question -> studies: reports and measurements answer as facts, videos through prompts, and each hit says why.

    stated   the study's report, or a measurement of it, states what was asked: first
    silent   no report, or one that does not speak of it: ranked by how well the videos fit
    denied   the report says otherwise: no hit, unless asked for

Within each, the order is by the videos' fit. Candidates come from both sides: studies whose facts state the question,
and the nearest by each condition's direction in the index. All are compared exactly afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from echosearch.archive import Archive
from echosearch.db import lookup
from echosearch.db.files.measurements import measurements_of
from echosearch.db.lookup import StoredVideo, StudyRow, VideoRow
from echosearch.db.studies.fact_conditions import Verdict
from echosearch.db.studies.facts import facts_of, is_behind
from echosearch.db.studies.study_bits import Answer, answer, newest_stated
from echosearch.db.studies.study_filter import STUDY_FIELDS
from echosearch.filters import Comparison, Where
from echosearch.index.base import PointKind
from echosearch.report.facts import load_lexicon
from echosearch.search.arms.evidence import explain
from echosearch.search.arms.scale import Scale, measured_scale
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.search.filter_rules import combine_and, fields_of, is_about_videos, search_condition
from echosearch.search.matchless import with_devices
from echosearch.search.question import Question, read_question
from echosearch.search.results import MAX_EXPORT, Hit, Results, SearchOptions
from echosearch.search.study_hits import Searching, check_filled, results, searching, video_hit
from echosearch.vector import Vectors

__all__ = ["ask"]

CANDIDATES = 400  # studies, or videos, from each arm
STRONG = 0.5  # least probability of a hit that is called strong
STRONG_PERCENTILE = 0.99  # where no probability is known
_TIERS: tuple[Verdict, ...] = ("stated", "silent", "denied")

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class _Candidate:
    """A study, or one of its videos, that may become a hit."""

    about: StudyRow
    vector: Vectors
    verdict: Verdict
    scores: Scores  # (C,), of the conditions that videos were asked for
    order: float  # higher first
    belief: float


def ask(archive: Archive, text: str, options: SearchOptions) -> Results:
    """Studies (or videos, patients) that answer ``text`` best.

    Raises InputError on a text without words or with a contradiction, EmptyArchive, EncoderMismatch, NoEncoder,
    StoreUnreachable.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    question = read_question(text, lexicon)
    with searching(archive) as search:
        options = with_devices(search.connection, options)
        if not question.required and not question.excluded:
            return _nothing(search, question, text, options)
        asked = ask_videos(archive.encoder, dict(lexicon.labels), question.required)
        where = combine_and(search_condition(options), question.where)
        by_video = options.group == "video" or is_about_videos(options)
        depth = MAX_EXPORT if options.export else CANDIDATES
        asked, scale = measured_scale(search.archive, search.connection, search.encoder_id, asked)
        about_studies = where is None or fields_of(where) <= STUDY_FIELDS
        said = answer(
            search.connection,
            search.encoder_id,
            question.required,
            question.excluded,
            where if about_studies else None,
        )
        found, dropped = _candidates(search, said, asked, scale, where, by_video, depth)
        ranked = _ranked(found, scale, options)
        if options.sort == "date":
            ranked = _newest(ranked, scale)
        hits = _hits(search, question, asked, scale, ranked[: options.top_k])
        notes = _notes(question)
        if is_behind(search.connection, lexicon.version):
            notes.append("reports wait to be read for facts by this lexicon: run echosearch ingest FOLDER")
        made = results(search, hits, dropped, options, {"report": text}, *notes)
        return replace(
            made,
            understood=question.json,
            words=question.words,
            total=said.total if about_studies else None,
            strong=sum(_is_strong(one, scale) for one in ranked),
            belief="probability" if scale.is_calibrated else "percentile",
        )


def _nothing(search: Searching, question: Question, text: str, options: SearchOptions) -> Results:
    """No condition that facts or videos can be asked for: say so, and rank nothing."""
    if question.where is not None and not question.rest:
        said = "the query names no finding or measurement: put age, sex and date into --where, beside what to look for"
    else:
        said = (
            "no word of the query is known as a finding or a measurement: nothing was searched (echosearch understand)"
        )
    made = results(search, [], 0, options, {"report": text}, said)
    return replace(made, understood=question.json, words=question.words, strong=0, belief=None)


def _notes(question: Question) -> list[str]:
    return [f"not understood, and not searched: {question.rest}"] if question.rest else []


# --- candidates ---------------------------------------------------------------------------------------------------


def _candidates(
    search: Searching,
    said: Answer,
    asked: AskedVideos,
    scale: Scale,
    where: Where | None,
    by_video: bool,
    depth: int,
) -> tuple[list[_Candidate], int]:
    """Everything that may be a hit, once, and how many points the database does not know."""
    archive = search.archive
    kind: PointKind = "videos" if by_video else "studies"
    search.asked.add(kind)
    collection = archive.collection(kind)
    stated = newest_stated(search.connection, said, depth)
    scored = {}
    directions = asked.directions
    share = depth // len(directions) if directions else 0  # all conditions together have as many as their mean
    if len(directions) > 1:
        directions.append(np.mean(directions, axis=0).astype(np.float32))
    for direction in directions:
        for point in archive.index.search(
            collection, direction, depth if direction is directions[-1] else share, where
        ):
            scored[point.key] = point
    if stated and by_video and directions:  # the videos of theirs that meet the condition
        among = combine_and(where, Comparison("study", "in", tuple(stated)))
        for point in archive.index.search(collection, directions[-1], depth, among):
            scored[point.key] = point
    if not scored:
        check_filled(search, kind)
    rows: Mapping[str, StudyRow]
    vectors: dict[str, Vectors]
    keys = [*scored] if by_video else [*dict.fromkeys([*scored, *stated])]
    if by_video:
        stored = lookup.videos_with_keys(search.connection, search.encoder_id, keys)
        rows, vectors = (
            {key: one.about for key, one in stored.items()},
            {key: one.vector for key, one in stored.items()},
        )
    else:
        rows, vectors = lookup.studies_with_vectors(search.connection, search.encoder_id, keys)
    kept = {key: row for key, row in rows.items() if key not in scored or scored[key].gen in row.gens}
    order = [key for key in kept if key in vectors]
    scores = asked.scores(np.stack([vectors[key] for key in order])) if order else np.zeros((0, len(asked.conditions)))
    ranks, beliefs = scale.order(scores), scale.believe(scores)
    found = [
        _Candidate(
            kept[key], vectors[key], said.verdict(kept[key].number), scores[i], float(ranks[i]), float(beliefs[i])
        )
        for i, key in enumerate(order)
    ]
    return found, len(keys) - len(kept)


# --- order -------------------------------------------------------------------------------------------------------


def _ranked(found: Sequence[_Candidate], scale: Scale, options: SearchOptions) -> list[_Candidate]:
    """Candidates in the order of hits: stated, silent, and denied where asked for; one for each group.

    Silent studies whose videos do not make it likely are hits only if there is nothing better: if no report states the
    question and, where probabilities are known, no videos make it likely.
    """
    kept = [one for one in found if one.verdict != "denied" or options.include_denied]
    strong = [one for one in kept if one.verdict == "denied" or _is_strong(one, scale)]
    if any(one.verdict == "stated" for one in kept) or (scale.is_calibrated and strong):
        kept = strong
    kept.sort(key=lambda one: (_TIERS.index(one.verdict), -one.order, one.about.key))
    if options.group == "video":
        return kept
    best: dict[str, _Candidate] = {}
    for one in kept:
        best.setdefault(one.about.patient if options.group == "patient" else one.about.study, one)
    return [*best.values()]


def _newest(ranked: Sequence[_Candidate], scale: Scale) -> list[_Candidate]:
    """The strong ones, newest first; within a month as they were."""
    strong = [one for one in ranked if _is_strong(one, scale)]
    return sorted(strong, key=lambda one: -(one.about.month or 0))


def _is_strong(one: _Candidate, scale: Scale) -> bool:
    """Whether its report states the question, or its videos make it likely."""
    return one.verdict == "stated" or (
        one.verdict == "silent" and one.belief >= (STRONG if scale.is_calibrated else STRONG_PERCENTILE)
    )


# --- hits ---------------------------------------------------------------------------------------------------------


def _hits(
    search: Searching, question: Question, asked: AskedVideos, scale: Scale, ranked: Sequence[_Candidate]
) -> list[Hit]:
    studies = [one.about.study for one in ranked]
    facts = facts_of(search.connection, studies)
    measured = measurements_of(search.connection, studies)
    videos = lookup.videos_of(search.connection, search.encoder_id, studies)
    fits = scale.shares(np.stack([one.scores for one in ranked])) if ranked else np.zeros((0, 0))
    hits = []
    for i, one in enumerate(ranked):
        video = _deciding(one, videos.get(one.about.study, []), asked, scale)
        study = one.about.study
        why = explain(question, one.verdict, facts.get(study, []), measured.get(study, []), [*map(float, fits[i])])
        hits.append(video_hit(one.about, video, rank=i + 1, score=one.belief, why=why))
    return hits


def _deciding(one: _Candidate, videos: Sequence[StoredVideo], asked: AskedVideos, scale: Scale) -> VideoRow | None:
    """The study's video that fits best; of equals the first by key."""
    if isinstance(one.about, VideoRow):
        return one.about
    if not videos:
        return None
    order = scale.order(asked.scores(np.stack([video.vector for video in videos])))
    return videos[int(np.argmax(order))].about
