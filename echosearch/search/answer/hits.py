"""Candidates -> hits: each with the video that decided, and why it is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from echosearch.db import lookup
from echosearch.db.files.measurements import measurements_of
from echosearch.db.lookup import StoredVideo, StudyRow, VideoRow
from echosearch.db.questions.fact_conditions import Verdict
from echosearch.db.studies.facts import facts_of
from echosearch.search.answer.asked import Asked
from echosearch.search.answer.candidates import Candidates, Rows, Scores
from echosearch.search.arms.evidence import asked_concepts, explain
from echosearch.search.arms.found_words import FoundWords
from echosearch.search.arms.view_arm import telling
from echosearch.search.results import Hit
from echosearch.search.study_hits import Searching, best_video, video_hit

__all__ = ["question_hits"]

_NONE: Scores = np.zeros(0)
_VERDICTS: tuple[Verdict, ...] = ("stated", "silent", "denied")  # by tier


def question_hits(search: Searching, asked: Asked, found: Candidates, shown: Rows) -> list[Hit]:
    """Look up what is shown of candidates, in their order."""
    abouts = found.rows.at(shown).about()
    studies = [about.study for about in abouts]
    facts = facts_of(search.connection, studies, asked_concepts(asked.question))
    measured = measurements_of(search.connection, studies)
    videos = lookup.videos_of(search.connection, search.encoder_id, studies)
    order = _video_order(asked, videos)
    fits = asked.scale.shares(found.scores[shown])
    worded = {
        study: float(found.bm25[row]) for study, row in zip(studies, shown, strict=True) if found.covered[row] > 0
    }
    words = asked.words.found(search.connection, worded)
    hits = []
    for i, (about, row) in enumerate(zip(abouts, shown.tolist(), strict=True)):
        study = about.study
        alike = None if found.likeness is None else float(found.likeness[row])
        video, near = _deciding(asked, about, alike, videos.get(study, []), order.get(study, _NONE))
        of_study = (facts.get(study, []), measured.get(study, []))
        why = explain(asked.question, _VERDICTS[found.tiers[row]], *of_study, [*map(float, fits[i])])
        if asked.words.terms:
            why = replace(why, words=words.get(study, FoundWords(0.0)))
        score = float(found.beliefs[row]) if alike is None else alike
        hits.append(video_hit(about, video, score, near, rank=i + 1, why=why))
    return hits


def _deciding(
    asked: Asked, about: StudyRow, alike: float | None, videos: Sequence[StoredVideo], order: Scores
) -> tuple[VideoRow | None, float | None]:
    """The video that decided and, where there are examples, its cosine with them; of equals the first by key.

    ``order`` (V,): how well each of the study's videos fits, higher is better.
    """
    if asked.kind == "videos":  # None: withdrawn since it was found
        return next((one.about for one in videos if one.about.key == about.key), None), alike
    if asked.like is not None:
        return best_video(videos, asked.like)
    if not videos:
        return None, None
    place = int(np.argmax(np.where(telling(asked.videos, asked.views, videos), order, -np.inf)))
    return videos[place].about, None


def _video_order(asked: Asked, videos: Mapping[str, Sequence[StoredVideo]]) -> dict[str, Scores]:
    """How well each video of each study fits, all scored at once."""
    every = [video.vector for each in videos.values() for video in each]
    if not every or asked.kind == "videos" or asked.like is not None:
        return {}
    order = asked.scale.order(asked.videos.scores(np.stack(every)))
    ends = np.cumsum([len(each) for each in videos.values()])
    return dict(zip(videos, np.split(order, ends[:-1]), strict=True))
