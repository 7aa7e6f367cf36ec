"""Candidates -> hits: each with the video that decided, and why it is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from echosearch.db import lookup
from echosearch.db.files.measurements import measurements_of
from echosearch.db.lookup import StoredVideo, VideoRow
from echosearch.db.studies.facts import facts_of
from echosearch.search.answer.asked import Asked
from echosearch.search.answer.candidates import Candidate, deciding
from echosearch.search.arms.evidence import explain
from echosearch.search.arms.found_words import FoundWords
from echosearch.search.results import Hit
from echosearch.search.study_hits import Searching, best_video, video_hit

__all__ = ["question_hits"]


def question_hits(search: Searching, asked: Asked, shown: Sequence[Candidate]) -> list[Hit]:
    """Look up what is shown of candidates, in their order."""
    studies = [one.about.study for one in shown]
    facts = facts_of(search.connection, studies)
    measured = measurements_of(search.connection, studies)
    videos = lookup.videos_of(search.connection, search.encoder_id, studies)
    fits = asked.scale.shares(np.stack([one.scores for one in shown])) if shown else np.zeros((0, 0))
    worded = {one.about.study: one.words.bm25 for one in shown if one.words.covered}
    found = asked.words.found(search.connection, worded)
    hits = []
    for i, one in enumerate(shown):
        study = one.about.study
        video, near = _decided(asked, one, videos.get(study, []))
        of_study = (facts.get(study, []), measured.get(study, []))
        why = explain(asked.question, one.verdict, *of_study, [*map(float, fits[i])])
        if asked.words.terms:
            why = replace(why, words=found.get(study, FoundWords(0.0)))
        score = one.belief if one.likeness is None else one.likeness
        hits.append(video_hit(one.about, video, score, near, rank=i + 1, why=why))
    return hits


def _decided(asked: Asked, one: Candidate, videos: Sequence[StoredVideo]) -> tuple[VideoRow | None, float | None]:
    """The video that decided and, where there are examples, its cosine with them."""
    if asked.like is None:
        return deciding(one, videos, asked.videos, asked.scale, asked.views), None
    if isinstance(one.about, VideoRow):
        return one.about, one.likeness
    return best_video(videos, asked.like)
