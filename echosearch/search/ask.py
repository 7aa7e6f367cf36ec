"""Question -> studies: reports answer through their facts, videos through prompts, and each hit says why it is there.

    stated   the study's report states what was asked: first
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
from echosearch.db.lookup import StoredVideo, StudyRow, VideoRow
from echosearch.db.studies.fact_conditions import Verdict, count_stated, stated_studies, verdicts
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.study_filter import STUDY_FIELDS, study_filter
from echosearch.filters import Comparison, Where
from echosearch.report.facts import AnyOf, load_lexicon
from echosearch.search.belief import BACKGROUND, Belief, fit_belief
from echosearch.search.filter_rules import combine_and, fields_of, is_about_videos, search_condition
from echosearch.search.question import Question, read_question
from echosearch.search.results import MAX_EXPORT, Hit, Results, SearchOptions, Why
from echosearch.search.study_hits import Searching, results, searching, video_hit
from echosearch.search.video_arm import AskedVideos, ask_videos
from echosearch.vector import Vectors

__all__ = ["ask"]

CANDIDATES = 1000  # studies, or videos, from each arm
STRONG = 0.5  # least probability of a hit that is called strong
STRONG_PERCENTILE = 0.99  # where no probability is known
_TIERS: tuple[Verdict, ...] = ("stated", "silent", "denied")

Fits = NDArray[np.float64]


@dataclass(frozen=True)
class _Candidate:
    """A study, or one of its videos, that may become a hit."""

    about: StudyRow
    vector: Vectors
    verdict: Verdict
    fits: Fits  # (C,), of the conditions that videos were asked for
    score: float = 0.0
    belief: float = 0.0


def ask(archive: Archive, text: str, options: SearchOptions) -> Results:
    """Studies (or videos, patients) that answer ``text`` best.

    Raises InputError on a text without words or with a contradiction, EmptyArchive, EncoderMismatch, NoEncoder,
    StoreUnreachable.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    question = read_question(text, lexicon)
    with searching(archive) as search:
        if not question.required and not question.excluded:
            return _nothing(search, question, text, options)
        asked = ask_videos(archive.encoder, dict(lexicon.labels), question.required)
        where = combine_and(search_condition(options), question.where)
        by_video = options.group == "video" or is_about_videos(options)
        depth = MAX_EXPORT if options.export else CANDIDATES
        found, dropped = _candidates(search, question, asked, where, by_video, depth)
        belief = _believe(search, question, asked, found)
        ranked = _ranked(found, belief, options)
        if options.sort == "date":
            ranked = _newest(ranked, belief)
        hits = _hits(search, question, asked, ranked[: options.top_k], belief)
        made = results(search, hits, dropped, options, {"report": text}, *_notes(question))
        return replace(
            made,
            understood=question.json,
            words=question.words,
            total=_total(search, question, where),
            strong=sum(_is_strong(one, belief) for one in ranked),
            belief=belief.kind,
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
    search: Searching, question: Question, asked: AskedVideos, where: Where | None, by_video: bool, depth: int
) -> tuple[list[_Candidate], int]:
    """Everything that may be a hit, once, and how many points the database does not know."""
    archive = search.archive
    kind = "videos" if by_video else "studies"
    collection = archive.collection(kind)  # type: ignore[arg-type]
    about_studies = where is None or fields_of(where) <= STUDY_FIELDS
    condition, given = study_filter(where if about_studies else None)
    stated = stated_studies(
        search.connection, search.encoder_id, question.required, question.excluded, depth, condition, given
    )
    scored = {}
    directions = asked.directions
    if len(directions) > 1:
        directions.append(np.mean(directions, axis=0).astype(np.float32))
    for direction in directions:
        for point in archive.index.search(collection, direction, depth, where):
            scored[point.key] = point
        if stated:
            among = combine_and(where, Comparison("study", "in", tuple(stated)))
            for point in archive.index.search(collection, direction, depth, among):
                scored[point.key] = point
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
        vectors = lookup.study_vectors(search.connection, search.encoder_id, [*rows])
    kept = {key: row for key, row in rows.items() if key not in scored or scored[key].gen in row.gens}
    said = verdicts(
        search.connection, question.required, question.excluded, sorted({row.study for row in kept.values()})
    )
    order = [key for key in kept if key in vectors]
    fits = (
        asked.fits(np.stack([vectors[key] for key in order]))
        if order and asked.conditions
        else np.zeros((len(order), 0))
    )
    found = [
        _Candidate(kept[key], vectors[key], said.get(kept[key].study, "silent"), fits[i]) for i, key in enumerate(order)
    ]
    return found, len(keys) - len(kept)


# --- belief and order ---------------------------------------------------------------------------------------------


def _score(fits: Fits, background: Fits) -> Fits:
    """(N, C) fits -> (N,): the sum of each condition's log share among the background that fits worse.

    Percentiles make conditions comparable whose fits spread differently; the fit itself breaks their ties.
    """
    if not fits.shape[1]:
        return np.zeros(len(fits))
    total = np.zeros(len(fits))
    for column in range(fits.shape[1]):
        ordered = np.sort(background[:, column]) if len(background) else np.sort(fits[:, column])
        rank = (np.searchsorted(ordered, fits[:, column], side="left") + 0.5) / (len(ordered) + 1)
        total += np.log(rank) + 1e-3 * fits[:, column]
    return total


def _believe(search: Searching, question: Question, asked: AskedVideos, found: list[_Candidate]) -> Belief:
    """Score the candidates in place of the background, and fit how far a score is to be believed."""
    sample = lookup.first_study_vectors(search.connection, search.encoder_id, BACKGROUND)
    background = asked.fits(np.stack([*sample.values()])) if sample and asked.conditions else np.zeros((0, 0))
    fits = np.stack([one.fits for one in found]) if found else np.zeros((0, background.shape[1]))
    scores = _score(fits, background)
    for i, one in enumerate(found):
        found[i] = replace(one, score=float(scores[i]))
    said = verdicts(search.connection, question.required, question.excluded, [*sample])
    stated = np.array([said.get(key) == "stated" for key in sample], dtype=bool)
    denied = np.array([said.get(key) == "denied" for key in sample], dtype=bool)
    belief = fit_belief(_score(background, background), stated, denied)
    shown = belief(scores)
    for i, one in enumerate(found):
        found[i] = replace(one, belief=float(shown[i]))
    return belief


def _ranked(found: Sequence[_Candidate], belief: Belief, options: SearchOptions) -> list[_Candidate]:
    """Candidates in the order of hits: stated, silent, and denied where asked for; one for each group."""
    kept = [one for one in found if one.verdict != "denied" or options.include_denied]
    kept.sort(key=lambda one: (_TIERS.index(one.verdict), -one.score, one.about.key))
    if options.group == "video":
        return kept
    best: dict[str, _Candidate] = {}
    for one in kept:
        best.setdefault(one.about.patient if options.group == "patient" else one.about.study, one)
    return [*best.values()]


def _newest(ranked: Sequence[_Candidate], belief: Belief) -> list[_Candidate]:
    """The strong ones, newest first; within a month as they were."""
    strong = [one for one in ranked if _is_strong(one, belief)]
    return sorted(strong, key=lambda one: -(one.about.month or 0))


def _total(search: Searching, question: Question, where: Where | None) -> int | None:
    """How many studies state the question; None under a condition that only videos meet."""
    if where is not None and not fields_of(where) <= STUDY_FIELDS:
        return None
    condition, given = study_filter(where)
    return count_stated(search.connection, search.encoder_id, question.required, question.excluded, condition, given)


def _is_strong(one: _Candidate, belief: Belief) -> bool:
    return one.verdict == "stated" or (
        one.verdict == "silent" and one.belief >= (STRONG if belief.labelled else STRONG_PERCENTILE)
    )


# --- hits ---------------------------------------------------------------------------------------------------------


def _hits(
    search: Searching, question: Question, asked: AskedVideos, ranked: Sequence[_Candidate], belief: Belief
) -> list[Hit]:
    studies = [one.about.study for one in ranked]
    facts = facts_of(search.connection, studies)
    videos = lookup.videos_of(search.connection, search.encoder_id, studies)
    concepts = _concepts(question)
    hits = []
    for rank, one in enumerate(ranked, 1):
        video, own = _deciding(one, videos.get(one.about.study, []), asked)
        evidence = tuple(fact for fact in facts.get(one.about.study, []) if fact.concept in concepts)
        why = Why(one.verdict, evidence, tuple(float(fit) for fit in own))
        hits.append(video_hit(one.about, video, rank=rank, score=one.belief, why=why))
    return hits


def _deciding(one: _Candidate, videos: Sequence[StoredVideo], asked: AskedVideos) -> tuple[VideoRow | None, Fits]:
    """The study's video that fits best, and its fits; of equals the first by key."""
    if isinstance(one.about, VideoRow):
        return one.about, one.fits
    if not videos or not asked.conditions:
        return (videos[0].about if videos else None), one.fits
    fits = asked.fits(np.stack([video.vector for video in videos]))
    best = int(np.argmax(np.log(np.maximum(fits, 1e-6)).sum(axis=1)))
    return videos[best].about, one.fits


def _concepts(question: Question) -> set[str]:
    named: set[str] = set()
    for condition in (*question.required, *question.excluded):
        for one in condition.conditions if isinstance(condition, AnyOf) else (condition,):
            named.add(one.concept)
    return named
