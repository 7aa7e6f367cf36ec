"""What of a cohort's sentence may be meant otherwise than it was read: an abbreviation, a change of one wall."""

from __future__ import annotations

from echosearch.cohort.definition import Definition
from echosearch.db.cohorts.plan import Excluded, Stated, Window
from echosearch.errors import InputError
from echosearch.report.facts import Lexicon
from echosearch.search.question import read_question

__all__ = ["doubts_of"]


def doubts_of(definition: Definition, lexicon: Lexicon) -> tuple[str, ...]:
    """Return what of a definition's sentence may be meant otherwise than it was read; of edited criteria nothing."""
    try:
        question = read_question(definition.text, lexicon)
    except InputError:  # no sentence, or one that this lexicon does not read
        return ()
    read = (*map(Stated, question.required), *map(Excluded, question.excluded))
    if read != tuple(one for one in definition.criteria if not isinstance(one, Window)):
        return ()
    return (*question.doubts, *(question.of_videos if definition.video_at_least is not None else ()))
