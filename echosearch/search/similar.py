"""Studies or files -> studies whose videos look like them, and answer what else is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from echosearch.archive import Archive
from echosearch.report.facts import load_lexicon
from echosearch.search.ask import ask_alike
from echosearch.search.examples import find_examples
from echosearch.search.filter_rules import combine_and
from echosearch.search.question import read_question
from echosearch.search.results import Results, SearchOptions
from echosearch.search.study_hits import results, searching, study_hits

__all__ = ["similar"]


def similar(
    archive: Archive,
    target: str,
    options: SearchOptions,
    *,
    also: str | None = None,
    like: Sequence[str] = (),
    unlike: Sequence[str] = (),
) -> Results:
    """Find studies nearest to a study's mean vector, or to one of a file that need not be in the archive.

    ``like`` and ``unlike`` are further examples, of what is wanted and of what is not. ``also`` is a question as
    `query` understands it: its findings and measurements decide which studies state, deny or are silent on it, its
    conditions on people and dates become a filter.

    The studies of the examples never come back, their patients' others only with ``options.include_same_patient``.
    Raises InputError, UnknownStudy, FileRefused, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
    """
    question = read_question(also, load_lexicon(archive.settings.lexicon)) if also is not None else None
    with searching(archive) as search:
        meant = find_examples(search, target, like, unlike)
        aside = meant.aside(options.include_same_patient)
        query = meant.query if also is None else {**meant.query, "and": also}
        if question is not None and (question.required or question.excluded):
            return ask_alike(search, question, options, query, meant.vector, aside)
        where, rest = (question.where, question.rest) if question is not None else (None, "")
        hits, dropped = study_hits(search, meant.vector, options, combine_and(where, aside))
        unread = [f"not understood, and not searched: {rest}"] if rest else []
        made = results(search, hits, dropped, options, query, *unread)
        return made if question is None else replace(made, understood=question.json, words=question.words)
