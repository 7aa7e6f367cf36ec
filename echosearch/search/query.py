"""Text -> studies: what would be written in a report finds the studies that show it."""

from __future__ import annotations

from echosearch.archive import Archive
from echosearch.errors import InputError
from echosearch.report.text import language_warning
from echosearch.search.results import Results, SearchOptions
from echosearch.search.study_hits import results, searching, study_hits
from echosearch.unicode import is_text

__all__ = ["MAX_TEXT", "query_text"]

MAX_TEXT = 20_000  # characters; an encoder reads the first few hundred tokens


def query_text(archive: Archive, text: str, options: SearchOptions) -> Results:
    """Studies (or videos, patients) that fit ``text`` best.

    Raises InputError on a text that says nothing, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
    """
    if not any(character.isalnum() for character in text):
        raise InputError("the query says nothing: write findings as in a report, such as 重度僧帽弁逆流")
    if len(text) > MAX_TEXT:
        raise InputError(f"the query has {len(text)} characters, at most {MAX_TEXT} are read: shorten it")
    if not is_text(text):
        raise InputError("the query is not UTF-8 text: set the terminal to UTF-8, or give the text in a file")
    with searching(archive) as search:
        vector = archive.encoder.encode_texts([text])[0]
        hits, dropped = study_hits(search, vector, options)
        warning = language_warning(text, archive.encoder.text_spec)
        notes = [f"encoder {archive.encoder_info.name}: {warning}"] if warning else []
        return results(search, hits, dropped, options, {"report": text}, *notes)
