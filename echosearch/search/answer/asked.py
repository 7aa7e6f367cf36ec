"""A question, ready to be answered: what each arm is asked, how scores are read, and whom the answer may name."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from echosearch.db.questions.study_sets import STUDY_FIELDS
from echosearch.filters import Where
from echosearch.index.base import PointKind
from echosearch.report.facts import Lexicon
from echosearch.search.arms.scale import BestVideos, Scale, measured_scale
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.search.arms.view_weights import Weights, view_weights
from echosearch.search.arms.word_arm import AskedWords
from echosearch.search.filter_rules import combine_and, fields_of, is_about_videos, of_videos, search_condition
from echosearch.search.question import Question
from echosearch.search.results import MAX_EXPORT, Group, SearchOptions
from echosearch.search.study_hits import Searching
from echosearch.vector import Vectors, unit

__all__ = ["Asked", "prepare"]

CANDIDATES = 400  # studies, or videos, from each arm
FEWER = 4  # of so many studies that answer one is enough where each patient is one hit, or videos meet a condition


@dataclass(frozen=True)
class Asked:
    """What is asked of one archive."""

    question: Question
    words: AskedWords  # of reports
    videos: AskedVideos
    scale: Scale  # of the videos' scores
    where: Where | None  # people, dates and videos that are asked for
    aside: Where | None  # studies and patients that are left out
    kind: PointKind  # videos where a condition or a group is of videos, else studies
    depth: int  # candidates from each arm
    group: Group  # what is one hit
    listed: int  # hits: if reports alone give as many, nothing else is looked for
    fewest: int  # the same of as many studies as ``depth``, where a hit is a patient or videos meet a condition
    views: Weights = field(default_factory=dict)  # of videos, to score the first hits again; empty: not wanted
    like: Vectors | None = field(default=None, repr=False)  # (D,), of the examples that hits are to resemble

    @property
    def only_words(self) -> bool:
        """Whether nothing but words of reports is asked for."""
        return self.question.asks_only_words

    @property
    def among(self) -> Where | None:
        """Who may be a hit."""
        return combine_and(self.where, self.aside)

    @property
    def is_about_studies(self) -> bool:
        """Whether only a study's own fields are conditions."""
        return self.where is None or fields_of(self.where) <= STUDY_FIELDS

    def depth_of(self, last: bool) -> int:
        """Return how many candidates a direction gives: all conditions together as many as their mean, the last."""
        parts = len(self.videos.directions)
        return self.depth if last or self.like is not None or parts < 2 else self.depth // parts

    def enough(self, stated: int) -> int:
        """Return how many hits are enough of the ``stated`` studies whose report answers; all of few are looked at."""
        few = stated < self.depth or (self.kind == "studies" and self.group != "patient")
        return self.listed if few else self.fewest

    def directions(self) -> list[Vectors]:
        """Return the vectors (D,) that the index is asked for: of each condition and of all, or of the examples."""
        found = self.videos.directions
        if len(found) > 1:
            found.append(np.mean(found, axis=0).astype(np.float32))
        if self.like is None:
            return found
        # the nearest, and the nearest of those that lean towards what is asked
        return [self.like, *(unit(unit(self.like) + unit(each)) for each in found[-1:])]


def prepare(
    search: Searching,
    question: Question,
    words: AskedWords,
    lexicon: Lexicon,
    options: SearchOptions,
    like: Vectors | None = None,
    aside: Where | None = None,
) -> Asked:
    """Encode the prompts and measure their scale; ``aside`` leaves studies and patients out."""
    archive = search.archive
    by_video = options.group == "video" or is_about_videos(options)
    chosen = search_condition(archive.viewer, options)
    videos, scale = measured_scale(
        archive,
        search.connection,
        search.encoder_id,
        ask_videos(archive.encoder, dict(lexicon.labels), question.required),
        BestVideos(of_videos(chosen), options.group == "video") if by_video else None,
    )
    rescore = options.rescore and not by_video and videos.conditions
    depth = MAX_EXPORT if options.export else CANDIDATES
    listed = _listed(options, depth)
    return Asked(
        question,
        words,
        videos,
        scale,
        where=combine_and(chosen, question.where),
        aside=aside,
        kind="videos" if by_video else "studies",
        depth=depth,
        group=options.group,
        listed=listed,
        fewest=listed if options.include_denied else min(listed, depth // FEWER),
        views=view_weights(archive.encoder_info.fingerprint) if rescore else {},
        like=like,
    )


def _listed(options: SearchOptions, depth: int) -> int:
    """How many hits reports must give to be all that is listed: what is silent or denied comes after these."""
    if options.sort == "date":  # what is silent may be the newest
        return depth
    return options.top_k if options.include_denied else min(options.top_k, depth)
