"""Study or file -> the archive's reports that fit its videos best."""

from __future__ import annotations

from dataclasses import replace

from echosearch.archive import Archive
from echosearch.search.filter_rules import only_about_studies
from echosearch.search.results import Results, SearchOptions
from echosearch.search.study_hits import rank_kind, report_hit, results, searching
from echosearch.search.target import find_target

__all__ = ["find_reports"]


def find_reports(archive: Archive, target: str, options: SearchOptions) -> Results:
    """Find reports nearest to a study's mean video vector, or a file's; texts only with ``options.identified``.

    The study's own report takes part: how high it stands says how well the encoder reads. Raises WhereError on a
    condition that only videos can meet, UnknownStudy, FileRefused, EmptyArchive, EncoderMismatch, NoEncoder.
    """
    where = only_about_studies(archive.viewer, options)
    with searching(archive) as search:
        meant = find_target(search, target)
        ranked, rows = rank_kind(search, "reports", meant.vector, options, where)
        hits = [report_hit(point, rows[point.key], meant.study) for point in ranked.points]
        placed = [replace(hit, rank=place) for place, hit in enumerate(hits, 1)]
        return results(search, placed, ranked.dropped, options, meant.query)
