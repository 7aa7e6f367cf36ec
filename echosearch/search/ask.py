"""Question -> studies: reports and measurements answer as facts, videos through prompts, and each hit says why.

    stated   the study's report, or a measurement of it, states what was asked: first
    silent   no report, or one that does not speak of it: ranked by how well the videos fit
    denied   the report says otherwise: no hit, unless asked for

Within each, the order is by the videos' fit. Candidates come from both sides: studies whose facts state the question,
and the nearest by each condition's direction in the index. All are compared exactly afterwards.

With examples (`similar --and`) the nearest to them are candidates too. What is stated is in the order of its likeness
to the examples; what is silent in that of its likeness and its videos' fit, as shares that are worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echosearch.archive import Archive
from echosearch.db import lookup
from echosearch.db.files.measurements import measurements_of
from echosearch.db.lookup import StoredVideo, StudyRow, VideoRow
from echosearch.db.studies.fact_conditions import Verdict, count_stated, stated_studies, verdicts
from echosearch.db.studies.facts import facts_of, is_behind
from echosearch.db.studies.study_filter import STUDY_FIELDS, study_filter
from echosearch.db.vectors.study_means import study_vectors
from echosearch.filters import Comparison, Where
from echosearch.index.base import PointKind
from echosearch.report.facts import load_lexicon
from echosearch.search.arms.evidence import explain
from echosearch.search.arms.likeness import likeness, order_with_likeness
from echosearch.search.arms.scale import Scale, measured_scale
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.search.filter_rules import combine_and, fields_of, is_about_videos, search_condition
from echosearch.search.matchless import with_devices
from echosearch.search.question import Question, read_question
from echosearch.search.results import MAX_EXPORT, Hit, Results, SearchOptions
from echosearch.search.study_hits import Searching, best_video, check_filled, results, searching, video_hit
from echosearch.vector import Vectors, unit

__all__ = ["answer", "ask", "unread_words"]

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
    likeness: float | None = None  # cosine with the examples, where there are any


def ask(archive: Archive, text: str, options: SearchOptions) -> Results:
    """Studies (or videos, patients) that answer ``text`` best.

    Raises InputError on a text without words or with a contradiction, EmptyArchive, EncoderMismatch, NoEncoder,
    StoreUnreachable.
    """
    question = read_question(text, load_lexicon(archive.settings.lexicon))
    with searching(archive) as search:
        if not question.required and not question.excluded:
            return _nothing(search, question, text, with_devices(search.connection, options))
        return answer(search, question, options, {"report": text})


def answer(
    search: Searching,
    question: Question,
    options: SearchOptions,
    query: dict[str, Any],
    like: Vectors | None = None,
    aside: Where | None = None,
) -> Results:
    """Answer a question that has a condition on facts; ``query`` is what results say was asked.

    With ``like`` (D,), the vector of the examples, studies are ranked by their likeness to it; ``aside`` leaves the
    examples themselves out.
    """
    lexicon = load_lexicon(search.archive.settings.lexicon)
    options = with_devices(search.connection, options)
    asked = ask_videos(search.archive.encoder, dict(lexicon.labels), question.required)
    where = combine_and(search_condition(options), question.where)
    by_video = options.group == "video" or is_about_videos(options)
    depth = MAX_EXPORT if options.export else CANDIDATES
    asked, scale = measured_scale(search.archive, search.connection, search.encoder_id, asked)
    among = combine_and(where, aside)
    found, dropped = _candidates(search, question, asked, scale, among, by_video, depth, like)
    ranked = _ranked(found, scale, options)
    if options.sort == "date":
        ranked = _newest(ranked, scale)
    hits = _hits(search, question, asked, scale, ranked[: options.top_k], like)
    notes = unread_words(question)
    if is_behind(search.connection, lexicon.version):
        notes.append("reports wait to be read for facts by this lexicon: run echosearch ingest FOLDER")
    made = results(search, hits, dropped, options, query, *notes)
    belief = "probability" if scale.is_calibrated else "percentile"
    return replace(
        made,
        understood=question.json,
        words=question.words,
        total=_total(search, question, where),
        strong=sum(_is_strong(one, scale) for one in ranked),
        belief=None if like is not None else belief,
        read_values=asked.read_values,
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


def unread_words(question: Question) -> list[str]:
    """Return a sentence that names the words that no rule understands, and one that says who answers a change."""
    notes = [f"not understood, and not searched: {question.rest}"] if question.rest else []
    if question.understanding.changes:
        notes.append("a change is asked of reports and measurements alone: echosearch changed asks the videos")
    return notes


# --- candidates ---------------------------------------------------------------------------------------------------


def _candidates(
    search: Searching,
    question: Question,
    asked: AskedVideos,
    scale: Scale,
    where: Where | None,
    by_video: bool,
    depth: int,
    like: Vectors | None = None,
) -> tuple[list[_Candidate], int]:
    """Everything that may be a hit, once, and how many points the database does not know."""
    archive = search.archive
    kind: PointKind = "videos" if by_video else "studies"
    search.asked.add(kind)
    collection = archive.collection(kind)
    about_studies = where is None or fields_of(where) <= STUDY_FIELDS
    condition, given = study_filter(where if about_studies else None)
    stated = stated_studies(
        search.connection, search.encoder_id, question.required, question.excluded, depth, condition, given
    )
    scored = {}
    directions = asked.directions
    if len(directions) > 1:
        directions.append(np.mean(directions, axis=0).astype(np.float32))
    if like is not None:  # the nearest, and the nearest of those that lean towards what is asked
        directions = [like, *(unit(unit(like) + unit(each)) for each in directions[-1:])]
    for direction in directions:
        for point in archive.index.search(collection, direction, depth, where):
            scored[point.key] = point
        if stated:
            among = combine_and(where, Comparison("study", "in", tuple(stated)))
            for point in archive.index.search(collection, direction, depth, among):
                scored[point.key] = point
    if not scored:
        check_filled(search, kind)
    rows: Mapping[str, StudyRow]
    vectors: dict[str, Vectors]
    keys = [*scored] if scored or by_video else stated
    if by_video:
        stored = lookup.videos_with_keys(search.connection, search.encoder_id, keys)
        rows, vectors = (
            {key: one.about for key, one in stored.items()},
            {key: one.vector for key, one in stored.items()},
        )
    else:
        rows = lookup.studies_about(search.connection, search.encoder_id, keys)
        vectors = study_vectors(search.connection, search.encoder_id, [*rows])
    kept = {key: row for key, row in rows.items() if key not in scored or scored[key].gen in row.gens}
    said = verdicts(
        search.connection, question.required, question.excluded, sorted({row.study for row in kept.values()})
    )
    order = [key for key in kept if key in vectors]
    if not order:
        return [], len(keys) - len(kept)
    stacked = np.stack([vectors[key] for key in order])
    scores = asked.scores(stacked)
    ranks, beliefs = scale.order(scores), scale.believe(scores)
    verdict = [said.get(kept[key].study, "silent") for key in order]
    cosines = None
    if like is not None:
        cosines = likeness(stacked, like)
        ranks = order_with_likeness(cosines, ranks, np.array([one == "stated" for one in verdict]))
    found = [
        _Candidate(
            *(kept[key], vectors[key], verdict[i], scores[i], float(ranks[i]), float(beliefs[i])),
            likeness=None if cosines is None else float(cosines[i]),
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


def _total(search: Searching, question: Question, where: Where | None) -> int | None:
    """How many studies state the question; None under a condition that only videos meet."""
    if where is not None and not fields_of(where) <= STUDY_FIELDS:
        return None
    condition, given = study_filter(where)
    return count_stated(search.connection, search.encoder_id, question.required, question.excluded, condition, given)


def _is_strong(one: _Candidate, scale: Scale) -> bool:
    """Whether its report states the question, or its videos make it likely."""
    return one.verdict == "stated" or (
        one.verdict == "silent" and one.belief >= (STRONG if scale.is_calibrated else STRONG_PERCENTILE)
    )


# --- hits ---------------------------------------------------------------------------------------------------------


def _hits(
    search: Searching,
    question: Question,
    asked: AskedVideos,
    scale: Scale,
    ranked: Sequence[_Candidate],
    like: Vectors | None,
) -> list[Hit]:
    studies = [one.about.study for one in ranked]
    facts = facts_of(search.connection, studies)
    measured = measurements_of(search.connection, studies)
    videos = lookup.videos_of(search.connection, search.encoder_id, studies)
    fits = scale.shares(np.stack([one.scores for one in ranked])) if ranked else np.zeros((0, 0))
    hits = []
    for i, one in enumerate(ranked):
        study = one.about.study
        own, near = videos.get(study, []), one.likeness
        if like is None:
            video = _deciding(one, own, asked, scale)
        elif isinstance(one.about, VideoRow):
            video = one.about
        else:
            video, near = best_video(own, like)
        why = explain(question, one.verdict, facts.get(study, []), measured.get(study, []), [*map(float, fits[i])])
        score = one.belief if one.likeness is None else one.likeness
        hits.append(video_hit(one.about, video, score, near, rank=i + 1, why=why))
    return hits


def _deciding(one: _Candidate, videos: Sequence[StoredVideo], asked: AskedVideos, scale: Scale) -> VideoRow | None:
    """The study's video that fits best; of equals the first by key."""
    if isinstance(one.about, VideoRow):
        return one.about
    if not videos:
        return None
    order = scale.order(asked.scores(np.stack([video.vector for video in videos])))
    return videos[int(np.argmax(order))].about
