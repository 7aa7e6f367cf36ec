"""What query, similar and report answer: the search, the audit of identifiers, and the tables of hits."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten
from typing import Any

from echosearch.archive import Archive
from echosearch.cli.audited import audited
from echosearch.cli.search_options import names_files
from echosearch.cli.shown import Shown
from echosearch.errors import InputError
from echosearch.report.view_names import view_named
from echosearch.search.ask import ask
from echosearch.search.filter_parser import parse_where
from echosearch.search.filter_rules import fields_of
from echosearch.search.query import query_text
from echosearch.search.results import Hit, Results, SearchOptions, as_json
from echosearch.video import View

__all__ = ["answer_search", "find", "nothing_found", "search_options", "shown_results"]

NOTHING = "nothing fits the conditions"
PROVENANCE = 120  # characters of where an encoder came from, under every answer; --json and encoder check have all


def answer_search(archive: Archive, command: str, asked: Mapping[str, Any], terminal: bool, user: str) -> Shown:
    """Answer a search for the user of another process. Raises InputError where it would look at files."""
    if names_files(asked):
        raise InputError("files are looked for where the command line runs")
    options = search_options(asked["options"])
    found = find(archive, command, asked, options, user)
    return shown_results(found, asked["json"], terminal, nothing_found(asked, options))


def find(
    archive: Archive, command: str, asked: Mapping[str, Any], options: SearchOptions, user: str | None = None
) -> Results:
    """Search, and write to the audit before identifiers are shown. Raises what a search raises."""
    match command:
        case "query":
            query = asked["text"]
            results = (query_text if asked["as_typed"] else ask)(archive, query, options)
        case "similar":
            from echosearch.search.similar import similar

            query = asked["also"] or ""
            given = {"also": asked["also"], "like": asked["like"], "unlike": asked["unlike"]}
            results = similar(archive, asked["target"], options, **given)
        case _:
            from echosearch.search.reports import find_reports

            query = ""
            results = find_reports(archive, asked["target"], options)
    if options.identified:
        audited(archive, command, (hit.study for hit in results.hits), query, user)
    return results


def nothing_found(asked: Mapping[str, Any], options: SearchOptions) -> str:
    """Return the line to print if there is no hit."""
    if "also" not in asked or options.where is not None or options.view is not None or asked["also"] is not None:
        return NOTHING
    if options.include_same_patient:
        return "there is no other study"
    return "there is no study of another patient (--include-same-patient)"


def search_options(given: Mapping[str, Any]) -> SearchOptions:
    """Return the options of a command as options_given has them. Raises InputError, WhereError."""
    chosen = dict(given)
    typed = chosen.pop("min_view_prob_typed", False)
    where, view = chosen.pop("where", None), chosen.pop("view", None)
    if view is not None and view_named(view) is None:
        raise InputError(f"--view {view!r}: no such view, it is one of {', '.join(View)}")
    options = SearchOptions(
        where=parse_where(where) if where is not None else None, view=view_named(view) if view else None, **chosen
    )
    if typed and view is None and "view" not in fields_of(options.where):
        raise InputError("--min-view-prob says how sure the view that is asked for must be: name one with --view")
    return options


def shown_results(results: Results, json: bool, terminal: bool, nothing: str = NOTHING) -> Shown:
    """Return results as JSON or as a table; ``nothing`` is the line to print if there is no hit."""
    shown = Shown(terminal)
    if json:
        shown.json(as_json(results))
        return shown
    for warning in results.warnings:
        shown.note(warning)
    hits = results.hits
    if results.words:
        shown.note(f"understood: {results.words}")
    for one in results.read_values:
        whose = "known values of this archive" if one.source == "archive" else "values known to the encoder's makers"
        shown.note(
            f"{one.concept} is read off videos by {one.studies} {whose}: error {one.error:.1f} in other patients"
        )
    if results.strong == 0 and hits:
        shown.note("nothing strong found: no report states it, and no videos make it likely")
    identified = any(hit.identified for hit in hits)
    if not hits:
        shown.say(nothing)
    elif hits[0].report:
        _add_reports(shown, hits, identified)
    else:
        _add_videos(shown, hits, identified)
    encoder = results.encoder
    trained = "" if encoder.trained else ", untrained"
    made = shorten(encoder.provenance, PROVENANCE, placeholder=" ... (echosearch encoder check)")
    shown.note(f"encoder {encoder.name} {encoder.version}{trained}, licence {encoder.licence}; {made}")
    return shown


_WHOSE = ("study_uid", "accession_number", "patient_id", "study_date")


def _add_videos(shown: Shown, hits: tuple[Hit, ...], identified: bool) -> None:
    columns: tuple[str, ...] = (
        "rank",
        "score",
        "study",
        "date",
        "view",
        "prob",
        "mode",
        "age",
        "sex",
        "device",
        "video",
    )
    worded = any(hit.why is not None and hit.why.words is not None for hit in hits)
    rows = [
        (
            *(hit.rank, f"{hit.score:.4f}", shown.short_key(hit.study), hit.date, hit.view),
            *(None if hit.view_prob is None else f"{hit.view_prob:.2f}", hit.mode, hit.age, hit.sex, hit.device),
            shown.short_key(hit.video),
            *((_words(hit),) if worded else ()),
            *_whose(hit, identified),
        )
        for hit in hits
    ]
    columns = (*columns, *(("words",) if worded else ()))
    shown.table((*columns, *(_WHOSE if identified else ())), rows, right=("rank", "score", "prob", "age"))


def _words(hit: Hit) -> str | None:
    """The words of the query that its report has, each once."""
    if hit.why is None or hit.why.words is None:
        return None
    return " ".join(dict.fromkeys(place.word for place in hit.why.words.places)) or None


def _add_reports(shown: Shown, hits: tuple[Hit, ...], identified: bool) -> None:
    columns = ("rank", "score", "report", "study", "date", "age", "sex", "own")
    rows = [
        (
            *(
                hit.rank,
                f"{hit.score:.4f}",
                shown.short_key(hit.report),
                shown.short_key(hit.study),
                hit.date,
                hit.age,
                hit.sex,
            ),
            *("own" if hit.same_study else None, *_whose(hit, identified)),
            *((hit.report_text,) if identified else ()),
        )
        for hit in hits
    ]
    shown.table((*columns, *((*_WHOSE, "report_text") if identified else ())), rows, right=("rank", "score", "age"))


def _whose(hit: Hit, identified: bool) -> tuple[object, ...]:
    if not identified:
        return ()
    names = hit.identified
    if names is None:
        return (None,) * len(_WHOSE)
    return names.study_uid, names.accession_number or None, names.patient_id or None, names.study_date
