"""Study or file -> studies whose videos look like it."""

from __future__ import annotations

from echosearch.archive import Archive
from echosearch.search.filter_rules import combine_and, without
from echosearch.search.results import Results, SearchOptions
from echosearch.search.study_hits import results, searching, study_hits
from echosearch.search.target import find_target

__all__ = ["similar"]


def similar(archive: Archive, target: str, options: SearchOptions) -> Results:
    """Studies nearest to a study's mean vector, or to the vector of one file, which need not be in the archive.

    The target's own study never comes back, its patient's others only with ``options.include_same_patient``.
    Raises UnknownStudy, FileRefused, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
    """
    with searching(archive) as search:
        meant = find_target(search, target)
        studies = (meant.study,) if meant.study else ()
        patients = () if options.include_same_patient else meant.patients
        aside = combine_and(without("study", studies), without("patient", patients))
        hits, dropped = study_hits(search, meant.vector, options, aside)
        return results(search, hits, dropped, options, meant.query)
