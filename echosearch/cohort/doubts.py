"""What of a cohort's sentences may be meant otherwise than it was read: an abbreviation, a change of one wall."""

from __future__ import annotations

from collections.abc import Iterator

from echosearch.cohort.definition import Definition
from echosearch.db.cohorts.plan import Excluded, Stated, Window
from echosearch.errors import InputError
from echosearch.report.facts import Lexicon
from echosearch.search.question import Question, read_question

__all__ = ["doubts_of"]


def doubts_of(definition: Definition, lexicon: Lexicon) -> tuple[str, ...]:
    """Return what of a definition's sentences may be meant otherwise than it was read; of edited criteria nothing."""
    return tuple(dict.fromkeys((*_of_sentence(definition, lexicon), *_of_windows(definition, lexicon))))


def _of_sentence(definition: Definition, lexicon: Lexicon) -> Iterator[str]:
    question = _read(definition.text, lexicon)
    if question is None:
        return
    read = (*map(Stated, question.required), *map(Excluded, question.excluded))
    if read == tuple(one for one in definition.criteria if not isinstance(one, Window)):
        yield from question.doubts
        yield from question.of_videos if definition.video_at_least is not None else ()


def _of_windows(definition: Definition, lexicon: Lexicon) -> Iterator[str]:
    for window in definition.criteria:
        question = _read(window.text, lexicon) if isinstance(window, Window) else None
        if question is not None and question.required == window.conditions:  # type: ignore[union-attr]
            yield from question.doubts


def _read(sentence: str, lexicon: Lexicon) -> Question | None:
    """Read a sentence; None where there is none, or one that this lexicon does not read."""
    try:
        return read_question(sentence, lexicon)
    except InputError:
        return None
