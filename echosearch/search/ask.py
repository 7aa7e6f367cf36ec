"""Question -> studies: reports answer as facts and by their words, videos through prompts, and each hit says why.

    stated   the study's report, or a measurement of it, states what was asked: first
    silent   no report, or one that does not speak of it: ranked by how well the videos fit
    denied   the report says otherwise: no hit, unless asked for

Within each, the order is by the videos' fit and the words of the report (arms/weights.toml). Candidates come from both
sides: studies whose facts state the question, and the nearest by each condition's direction in the index. All are
compared exactly afterwards. A query without a finding asks for the studies whose report has all of its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from echosearch.archive import Archive
from echosearch.db import lookup
from echosearch.db.files.measurements import measurements_of
from echosearch.db.lookup import StudyRow
from echosearch.db.studies.fact_conditions import count_stated, stated_studies, verdicts
from echosearch.db.studies.facts import facts_of, is_behind
from echosearch.db.studies.study_filter import STUDY_FIELDS, study_filter
from echosearch.db.studies.words import holding
from echosearch.db.vectors.study_means import study_vectors
from echosearch.filters import Comparison, Where
from echosearch.index.base import PointKind
from echosearch.report.facts import load_lexicon
from echosearch.search.arms.evidence import explain
from echosearch.search.arms.found_words import FoundWords
from echosearch.search.arms.scale import Scale, measured_scale
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.search.arms.view_weights import Weights, view_weights
from echosearch.search.arms.weights import words_weight
from echosearch.search.arms.word_arm import AskedWords, WordScore, ask_words
from echosearch.search.candidates import Candidate, deciding, is_strong, newest, ranked, rescored
from echosearch.search.filter_rules import combine_and, fields_of, is_about_videos, search_condition
from echosearch.search.matchless import with_devices
from echosearch.search.notes import no_condition, unsearched
from echosearch.search.question import Question, read_question
from echosearch.search.results import MAX_EXPORT, Hit, Results, SearchOptions
from echosearch.search.study_hits import Searching, check_filled, results, searching, video_hit
from echosearch.vector import Vectors

__all__ = ["ask"]

CANDIDATES = 400  # studies, or videos, from each arm


def ask(archive: Archive, text: str, options: SearchOptions) -> Results:
    """Studies (or videos, patients) that answer ``text`` best.

    Raises InputError on a text without words or with a contradiction, EmptyArchive, EncoderMismatch, NoEncoder,
    StoreUnreachable.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    question = read_question(text, lexicon)
    with searching(archive) as search:
        options = with_devices(search.connection, options)
        words = ask_words(search.connection, question.asks_words, lexicon)
        only_words = bool(question.asks_words.terms) and not question.required
        if not (words.holds if only_words else question.required or question.excluded):
            return _nothing(search, question, words, text, options)
        asked = ask_videos(archive.encoder, dict(lexicon.labels), question.required)
        where = combine_and(search_condition(options), question.where)
        by_video = options.group == "video" or is_about_videos(options)
        depth = MAX_EXPORT if options.export else CANDIDATES
        asked, scale = measured_scale(search.archive, search.connection, search.encoder_id, asked)
        found, dropped = _candidates(search, question, words, asked, scale, where, by_video, depth)
        order = ranked(found, scale, options)
        views = view_weights(archive.encoder_info.fingerprint) if options.rescore and not by_video else {}
        if views and asked.conditions:
            order = rescored(search, asked, views, order)
        if options.sort == "date":
            order = newest(order, scale)
        hits = _hits(search, question, words, asked, scale, views, order[: options.top_k])
        notes = unsearched(question, words)
        if is_behind(search.connection, lexicon.version):
            notes.append("reports wait to be read for facts by this lexicon: run echosearch ingest FOLDER")
        made = results(search, hits, dropped, options, {"report": text}, *notes)
        return replace(
            made,
            understood=question.json,
            words=question.words,
            total=_total(search, question, words, where),
            strong=sum(is_strong(one, scale) for one in order),
            belief="words" if only_words else "probability" if scale.is_calibrated else "percentile",
        )


def _nothing(search: Searching, question: Question, words: AskedWords, text: str, options: SearchOptions) -> Results:
    """No condition that facts or videos can be asked for, no report with all words: say so, and rank nothing."""
    said = no_condition(question, words)
    made = results(search, [], 0, options, {"report": text}, said)
    return replace(made, understood=question.json, words=question.words, strong=0, belief=None)


def _about(question: Question, words: AskedWords, where: Where | None) -> tuple[str, dict[str, object]]:
    """Conditions on a study beside its facts: people and dates, and the words of a query that has no finding."""
    condition, given = study_filter(where)
    if words.terms and not question.required:
        has_words, word_given = holding(words.terms, every=not words.either)
        return f"({condition}) and {has_words}", given | word_given
    return condition, given


# --- candidates ---------------------------------------------------------------------------------------------------


def _candidates(
    search: Searching,
    question: Question,
    words: AskedWords,
    asked: AskedVideos,
    scale: Scale,
    where: Where | None,
    by_video: bool,
    depth: int,
) -> tuple[list[Candidate], int]:
    """Everything that may be a hit, once, and how many points the database does not know."""
    archive = search.archive
    kind: PointKind = "videos" if by_video else "studies"
    search.asked.add(kind)
    collection = archive.collection(kind)
    about_studies = where is None or fields_of(where) <= STUDY_FIELDS
    condition, given = _about(question, words, where if about_studies else None)
    wanted = (search.connection, search.encoder_id, question.required, question.excluded, depth)
    stated = stated_studies(*wanted, condition, given)
    if words.rare and question.required:  # those that have a word too, however many state the findings
        has_words, word_given = holding(words.rare, every=False)
        worded = stated_studies(*wanted, f"({condition}) and {has_words}", given | word_given)
        stated = list(dict.fromkeys([*worded, *stated]))
    scored = {}
    directions = asked.directions
    if len(directions) > 1:
        directions.append(np.mean(directions, axis=0).astype(np.float32))
    only_words = bool(words.terms) and not question.required
    if only_words and by_video and stated:  # any direction will do to find their videos
        directions = [*study_vectors(search.connection, search.encoder_id, stated[:1]).values()]
    for direction in directions:
        for point in archive.index.search(collection, direction, depth, where) if not only_words else ():
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
    scores = asked.scores(np.stack([vectors[key] for key in order])) if order else np.zeros((0, len(asked.conditions)))
    said_words = words.scores(search.connection, sorted({row.study for row in kept.values()}))
    of_words = [said_words.get(kept[key].study, WordScore(0.0, 0.0)) for key in order]
    beliefs = np.array([one.bm25 for one in of_words]) if only_words else scale.believe(scores)
    ranks = (
        beliefs if only_words else scale.order(scores) + words_weight() * np.array([one.covered for one in of_words])
    )
    found = [
        Candidate(
            kept[key],
            vectors[key],
            said.get(kept[key].study, "silent"),
            scores[i],
            float(ranks[i]),
            float(beliefs[i]),
            of_words[i],
        )
        for i, key in enumerate(order)
    ]
    return found, len(keys) - len(kept)


def _total(search: Searching, question: Question, words: AskedWords, where: Where | None) -> int | None:
    """How many studies state the question; None under a condition that only videos meet, and of common words."""
    if where is not None and not fields_of(where) <= STUDY_FIELDS:
        return None
    if words.terms and not words.rare and not question.required:  # too many to count while somebody waits
        return None
    condition, given = _about(question, words, where)
    return count_stated(search.connection, search.encoder_id, question.required, question.excluded, condition, given)


# --- hits ---------------------------------------------------------------------------------------------------------


def _hits(
    search: Searching,
    question: Question,
    words: AskedWords,
    asked: AskedVideos,
    scale: Scale,
    views: Weights,
    shown: Sequence[Candidate],
) -> list[Hit]:
    studies = [one.about.study for one in shown]
    facts = facts_of(search.connection, studies)
    measured = measurements_of(search.connection, studies)
    videos = lookup.videos_of(search.connection, search.encoder_id, studies)
    fits = scale.shares(np.stack([one.scores for one in shown])) if shown else np.zeros((0, 0))
    found = words.found(search.connection, {one.about.study: one.words.bm25 for one in shown if one.words.covered})
    hits = []
    for i, one in enumerate(shown):
        video = deciding(one, videos.get(one.about.study, []), asked, scale, views)
        study = one.about.study
        why = explain(question, one.verdict, facts.get(study, []), measured.get(study, []), [*map(float, fits[i])])
        if words.terms:
            why = replace(why, words=found.get(study, FoundWords(0.0)))
        hits.append(video_hit(one.about, video, rank=i + 1, score=one.belief, why=why))
    return hits
