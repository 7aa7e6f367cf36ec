"""Text -> studies: what would be written in a report finds the studies that show it."""

from __future__ import annotations

from echosearch.archive import Archive
from echosearch.encoder.base import Encoder
from echosearch.report.text import language_warning
from echosearch.search.question import check_text
from echosearch.search.results import Results, SearchOptions
from echosearch.search.study_hits import results, searching, study_hits

__all__ = ["query_text"]


def query_text(archive: Archive, text: str, options: SearchOptions) -> Results:
    """Find the studies (or videos, patients) that fit ``text`` best.

    Raises InputError on a text without words, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
    """
    check_text(text)
    with searching(archive) as search:
        vector = archive.encoder.encode_texts([text])[0]
        hits, dropped = study_hits(search, vector, options)
        return results(search, hits, dropped, options, {"report": text}, *_warnings(archive.encoder, text))


def _warnings(encoder: Encoder, text: str) -> list[str]:
    """What to know of the query before believing the answer."""
    name, warnings = encoder.id.name, []
    if language := language_warning(text, encoder.text_spec):
        warnings.append(f"encoder {name}: {language}")
    words = encoder.known_words(text)
    if not words.known:
        warnings.append(
            f"encoder {name} knows none of the query's words, so this order means nothing: word findings as reports do"
        )
    elif words.unknown:
        every = words.known + words.unknown
        warnings.append(
            f"encoder {name} does not know {words.unknown} of the query's {every} words: what they mean is not searched"
        )
    (note,) = encoder.text_notes([text])
    if note.left_out:
        warnings.append(
            f"the query is longer than encoder {name} reads: {note.left_out} of its phrases, "
            "those that tell least, are left out; ask for less at a time"
        )
    return warnings
