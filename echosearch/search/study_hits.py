"""From a vector to Hits: rank, group, look up, and show each study with its best video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from echosearch.archive import Archive
from echosearch.coverage import find_gaps
from echosearch.db import Connection, lookup
from echosearch.db.lookup import StoredVideo, StudyRow, VideoRow
from echosearch.db.studies.identified import identified, report_texts
from echosearch.errors import EmptyArchive, StoreUnreachable
from echosearch.filters import Where
from echosearch.index.base import PointKind, Scored
from echosearch.search.filter_rules import combine_and, is_about_videos, search_condition
from echosearch.search.matchless import matchless, with_devices
from echosearch.search.rank import Ranked, rank
from echosearch.search.results import Hit, Results, SearchOptions
from echosearch.vector import Vectors, unit

__all__ = [
    "Searching",
    "best_video",
    "check_filled",
    "may_be_shown",
    "rank_kind",
    "report_hit",
    "results",
    "searching",
    "study_hits",
    "video_hit",
]


T = TypeVar("T", bound=StudyRow)


@dataclass(frozen=True)
class Searching:
    """One search under way: the archive, a connection, and the row of the encoder whose vectors answer."""

    archive: Archive
    connection: Connection
    encoder_id: int
    asked: set[PointKind] = field(default_factory=set)  # collections that were searched


@contextmanager
def searching(archive: Archive, whole: bool = False) -> Iterator[Searching]:
    """Open what searches use. Raises EmptyArchive, EncoderMismatch, NoEncoder before anything is encoded.

    ``whole``: every study is looked at. Raises ConfigError if the viewer may see a part alone.
    """
    if whole:
        archive.check_whole()
    with archive.engine.connect() as connection:
        yield Searching(archive, connection, archive.check_encoder(connection))
        connection.commit()  # nothing was written; on a rollback psycopg forgets its prepared statements


def rank_kind(
    search: Searching, kind: PointKind, vector: Vectors, options: SearchOptions, where: Where | None
) -> tuple[Ranked, Mapping[str, StudyRow]]:
    """Return the best points of a collection and their rows.

    Raises EmptyArchive when there are none at all, StoreUnreachable when the index has lost all that there were.
    """
    collection = search.archive.collection(kind)
    search.asked.add(kind)
    rows: dict[str, StudyRow] = {}

    def about(keys: Sequence[str]) -> Mapping[str, StudyRow]:
        found: Mapping[str, StudyRow]
        match kind:
            case "videos":
                found = lookup.videos_about(search.connection, search.encoder_id, keys)
            case "studies":
                found = lookup.studies_about(search.connection, search.encoder_id, keys)
            case "reports":
                found = lookup.reports_about(search.connection, search.encoder_id, keys)
        rows.update(may_be_shown(search, found))
        return rows

    group = options.group if kind != "reports" and options.group != "video" else None
    ranked = rank(search.archive.index, collection, vector, options.top_k, group, where, about, options.exact)
    if not ranked.points:
        check_filled(search, kind)
    return ranked, rows


def may_be_shown(search: Searching, rows: Mapping[str, T]) -> dict[str, T]:
    """Return those rows whose study the viewer may see, whatever the index was asked."""
    sees = search.archive.viewer.sees
    return {key: row for key, row in rows.items() if sees(row.month, row.age, row.sex)}


def check_filled(search: Searching, kind: PointKind) -> None:
    """Raise EmptyArchive if the index holds none of these, StoreUnreachable if it has lost all that there were."""
    if search.archive.index.tally(search.archive.collection(kind)):
        return
    for gap in find_gaps(search.archive, search.connection, search.archive.encoder_info, search.encoder_id, {kind}):
        if gap.kind == kind:
            raise StoreUnreachable(str(gap))
    option = " --reports reports.csv" if kind == "reports" else ""
    raise EmptyArchive(f"no {kind} are indexed yet: run echosearch ingest FOLDER{option} first")


def study_hits(
    search: Searching, vector: Vectors, options: SearchOptions, aside: Where | None = None
) -> tuple[list[Hit], int]:
    """Return hits without identifiers, and how many points the database did not know.

    Without a condition on videos the studies' means are ranked and each study's best video is found among its
    own; with one, the videos that meet it are ranked and the best one is its study's.
    """
    options = with_devices(search.connection, options)
    by_video = options.group == "video" or is_about_videos(options)
    where = combine_and(search_condition(search.archive.viewer, options), aside)
    ranked, rows = rank_kind(search, "videos" if by_video else "studies", vector, options, where)
    if by_video:
        pairs = [(point, rows[point.key], point.score) for point in ranked.points]
        hits = [video_hit(about, about, score, score) for _, about, score in pairs if isinstance(about, VideoRow)]
    else:
        studies = [point.study for point in ranked.points]
        videos = lookup.videos_of(search.connection, search.encoder_id, studies)
        hits = [
            _study_hit(rows[point.key], point.score, *best_video(videos.get(point.study, []), vector))
            for point in ranked.points
        ]
    return [replace(hit, rank=place) for place, hit in enumerate(hits, 1)], ranked.dropped


def best_video(videos: Sequence[StoredVideo], vector: Vectors) -> tuple[VideoRow | None, float | None]:
    """Return the video nearest to the query, and its cosine; of equals the first by key."""
    if not videos:
        return None, None
    cosines = unit(np.stack([video.vector for video in videos])) @ unit(vector)
    place = int(np.argmax(cosines))
    return videos[place].about, float(cosines[place])


def _study_hit(about: StudyRow, score: float, video: VideoRow | None, video_score: float | None) -> Hit:
    return video_hit(about, video, score, video_score)


def video_hit(
    about: StudyRow, video: VideoRow | None, score: float, video_score: float | None = None, **more: Any
) -> Hit:
    """Return a study as a hit, with the video that decided; ``more``: other fields of Hit."""
    return Hit(
        **_shared(about, score) | more,
        video=video.key if video else None,
        video_score=video_score,
        view=video.view if video else None,
        view_prob=video.view_prob if video else None,
        mode=video.mode if video else None,
        device=video.device if video else None,
    )


def report_hit(point: Scored, about: StudyRow, own_study: str | None) -> Hit:
    """Return a report as a hit, without its text."""
    return Hit(**_shared(about, point.score), report=point.key, same_study=about.study == own_study)


def _shared(about: StudyRow, score: float) -> dict[str, Any]:
    month = about.month
    return {
        "rank": 0,
        "score": score,
        "study": about.study,
        "patient": about.patient,
        "date": None if month is None else f"{month // 100:04d}-{month % 100:02d}",
        "age": about.age,
        "sex": about.sex,
    }


def results(
    search: Searching, hits: Sequence[Hit], dropped: int, options: SearchOptions, query: dict[str, Any], *notes: str
) -> Results:
    """Put names to hits where they were asked for, and say what to know before believing them."""
    shown = list(hits)
    if options.identified:
        names = identified(search.connection, [hit.study for hit in hits])
        texts = report_texts(search.connection, [hit.report for hit in hits if hit.report])
        shown = [replace(hit, identified=names.get(hit.study), report_text=texts.get(hit.report or "")) for hit in hits]
    encoder = search.archive.encoder_info
    warnings = list(notes)
    if not encoder.trained:
        warnings.insert(0, f"encoder {encoder.name} is untrained: its weights are random and this order means nothing")
    warnings += matchless(search.connection, search.encoder_id, options)
    gaps = find_gaps(search.archive, search.connection, encoder, search.encoder_id, search.asked)
    warnings += map(str, gaps)
    if dropped:
        warnings.append(f"{dropped} results left out: index and database differ on them, run echosearch verify")
    return Results(tuple(shown), encoder, query, tuple(warnings))
