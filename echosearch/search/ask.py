"""Question -> studies: reports answer as facts and by their words, videos through prompts, and each hit says why.

    stated   the study's report, or a measurement of it, states what was asked: first
    silent   no report, or one that does not speak of it: ranked by how well the videos fit
    denied   the report says otherwise: no hit, unless asked for

Within each, the order is by the videos' fit and the words of the report (arms/weights.toml). A query without a finding
asks for the studies whose report has all of its words.

With examples (`similar --and`) the nearest to them are candidates too. What is stated is in the order of its likeness
to the examples; what is silent in that of its likeness and its videos' fit, as shares that are worse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from echosearch.archive import Archive
from echosearch.db.studies.facts import is_behind
from echosearch.filters import Where
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.answer.asked import Asked, prepare
from echosearch.search.answer.candidates import newest, ranked, rescored
from echosearch.search.answer.gather import gather
from echosearch.search.answer.hits import question_hits
from echosearch.search.answer.notes import no_condition, unsearched
from echosearch.search.arms.word_arm import AskedWords, ask_words
from echosearch.search.matchless import with_devices
from echosearch.search.question import Question, read_question
from echosearch.search.results import Results, SearchOptions
from echosearch.search.study_hits import Searching, results, searching
from echosearch.vector import Vectors

__all__ = ["ask", "ask_alike"]


def ask(archive: Archive, text: str, options: SearchOptions) -> Results:
    """Find the studies (or videos, patients) that answer ``text`` best.

    Raises InputError on a text without words or with a contradiction, EmptyArchive, EncoderMismatch, NoEncoder,
    StoreUnreachable.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    question = read_question(text, lexicon)
    with searching(archive) as search:
        options = with_devices(search.connection, options)
        words = ask_words(search.connection, question.asks_words, lexicon)
        if not (words.holds if question.asks_only_words else question.required or question.excluded):
            return _nothing(search, question, words, text, options)
        asked = prepare(search, question, words, lexicon, options)
        return _answer(search, asked, lexicon, options, {"report": text})


def ask_alike(
    search: Searching,
    question: Question,
    options: SearchOptions,
    query: dict[str, Any],
    like: Vectors,
    aside: Where | None,
) -> Results:
    """Answer a question that has a condition on facts by studies that resemble examples.

    ``like`` (D,) is the vector of the examples, ``aside`` leaves them out, ``query`` is what results say was asked.
    """
    lexicon = load_lexicon(search.archive.settings.lexicon)
    options = with_devices(search.connection, options)
    words = ask_words(search.connection, question.asks_words, lexicon)
    asked = prepare(search, question, words, lexicon, options, like, aside)
    return _answer(search, asked, lexicon, options, query)


def _answer(
    search: Searching, asked: Asked, lexicon: Lexicon, options: SearchOptions, query: dict[str, Any]
) -> Results:
    found, dropped, total = gather(search, asked)
    order = ranked(found, asked.scale, options)
    if asked.views:
        found, order = rescored(search, found, asked.videos, asked.scale, asked.views, order)
    if options.sort == "date":
        order = newest(found, order, asked.scale)
    notes = unsearched(asked.question, asked.words)
    if is_behind(search.connection, lexicon.version):
        notes.append("reports wait to be read for facts by this lexicon: run echosearch ingest FOLDER")
    order = order[: options.top_k]
    hits = question_hits(search, asked, found, order)
    return replace(
        results(search, hits, dropped, options, query, *notes),
        understood=asked.question.json,
        words=asked.question.words,
        total=total,
        strong=int(found.strong(asked.scale)[order].sum()),
        belief=_belief(asked),
        read_values=asked.videos.read_values,
    )


def _belief(asked: Asked) -> str | None:
    """What the scores of hits are."""
    if asked.like is not None:
        return None
    if asked.only_words:
        return "words"
    return "probability" if asked.scale.is_calibrated else "percentile"


def _nothing(search: Searching, question: Question, words: AskedWords, text: str, options: SearchOptions) -> Results:
    """No condition that facts or videos can be asked for, no report with all words: say so, and rank nothing."""
    made = results(search, [], 0, options, {"report": text}, no_condition(question, words))
    return replace(made, understood=question.json, words=question.words, strong=0, belief=None)
