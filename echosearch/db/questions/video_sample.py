"""Single videos of a sample of the archive's studies: what a question about videos is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from echosearch.db.questions.study_sets import VideoSet, study_filter
from echosearch.db.server.statement import statement
from echosearch.filters import Where
from echosearch.vector import Vectors, from_bytes

__all__ = ["VideoSample", "first_video_vectors"]

OF_A_STUDY = 2  # videos at most: a sample of many studies tells more than one of few


@dataclass(frozen=True)
class VideoSample:
    """Videos of some studies, side by side."""

    studies: tuple[str, ...]  # (N,) keys: each video's own study
    vectors: Vectors = field(repr=False)  # (N, D) raw


def first_video_vectors(connection: Connection, encoder_id: int, limit: int, where: Where | None) -> VideoSample:
    """Return videos that meet ``where``, a few a study, of the first ``limit`` studies by key.

    Keys are HMACs: a random sample, and always the same one. Where the condition is rare, few videos are in it.
    """
    sets = VideoSet()
    met = study_filter(sets, where) if where is not None else sets.everything
    rows = connection.execute(
        statement(
            "select cast(s.study_key as text) as study, one.vector"
            " from (select * from core.study where not conflict order by study_key limit :limit) s"
            " cross join lateral (select e.vector from core.video v join core.embedding e using (video_key)"
            " where v.study_key = s.study_key and e.encoder_id = :encoder and e.indexed_gen is not null"
            f" and {met} order by v.video_key limit {OF_A_STUDY}) one order by s.study_key",
            binary=True,
        ),
        {"encoder": encoder_id, "limit": limit} | sets.given,
    ).all()
    vectors = [from_bytes(row.vector) for row in rows]
    return VideoSample(tuple(row.study for row in rows), np.stack(vectors) if vectors else np.zeros((0, 0), np.float32))
