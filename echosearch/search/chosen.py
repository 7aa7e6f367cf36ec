"""Studies that somebody has chosen, as hits: the nearest to what they have in common first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from echosearch.archive import Archive
from echosearch.db import lookup
from echosearch.errors import InputError
from echosearch.search.results import MAX_TOP_K, Results, SearchOptions
from echosearch.search.study_hits import best_video, may_be_shown, results, searching, video_hit
from echosearch.vector import mean_vector, unit

__all__ = ["chosen_studies"]


def chosen_studies(archive: Archive, studies: Sequence[str]) -> Results:
    """Return these studies, as far as they may be shown, by the cosine of each with the mean of all.

    Raises InputError if there are none, or more than a search gives; EmptyArchive, EncoderMismatch, NoEncoder.
    """
    if not 1 <= len(studies) <= MAX_TOP_K:
        raise InputError(f"{len(studies)} studies were chosen: from 1 to {MAX_TOP_K} can be shown")
    with searching(archive) as search:
        rows, vectors = lookup.studies_with_vectors(search.connection, search.encoder_id, studies)
        rows = may_be_shown(search, rows)
        units = {key: unit(vectors[key]) for key in rows}
        if not units:
            raise InputError("none of the chosen studies may be shown")
        middle = unit(mean_vector([*units.values()]))
        videos = lookup.videos_of(search.connection, search.encoder_id, [*rows])
        scores = {key: float(vector @ middle) for key, vector in units.items()}
        order = sorted(rows, key=lambda key: (-scores[key], key))
        ranked = []
        for rank, key in enumerate(order, 1):
            video, cosine = best_video(videos.get(key, []), middle)
            ranked.append(replace(video_hit(rows[key], video, scores[key], cosine), rank=rank))
        return results(search, ranked, 0, SearchOptions(), {"chosen": len(ranked)})
