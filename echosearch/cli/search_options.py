"""The options that query, similar and report share, and their tables of hits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from echosearch.cli.output import note, say, say_json, short_key, table
from echosearch.errors import InputError
from echosearch.report.view_names import view_named
from echosearch.search.filter_parser import parse_where
from echosearch.search.filter_rules import fields_of
from echosearch.search.results import GROUPS, MAX_TOP_K, Hit, Results, SearchOptions, as_json
from echosearch.video import VIEW_GATE, View

__all__ = ["asking", "read_target", "search_options", "show_results"]

MAX_TARGET = 8192  # bytes of a path or an identifier

F = TypeVar("F", bound=Callable[..., Any])


def asking(videos: bool) -> Callable[[F], F]:
    """Add the options of a search; ``videos``: also those that only studies and videos have."""
    shared = [
        click.option("--top-k", type=click.IntRange(1, MAX_TOP_K), default=10, show_default=True, help="How many."),
        click.option("--where", metavar="CONDITION", help='A filter, such as "age >= 65 and sex = F".'),
        click.option("--exact", is_flag=True, help="Compare with every vector; slower, never misses one."),
        click.option("--identified", is_flag=True, help="Add patient and study identifiers."),
        click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/search.md."),
    ]
    of_videos = [
        click.option("--view", metavar="VIEW", help=f"Only this view: {', '.join(View)}."),
        click.option(
            "--min-view-prob", type=float, default=VIEW_GATE, show_default=True, help="How sure a view must be."
        ),
        click.option(
            "--group", type=click.Choice(GROUPS), default="study", show_default=True, help="One hit for each."
        ),
    ]

    def add(command: F) -> F:
        for option in reversed([*(of_videos if videos else []), *shared]):
            command = option(command)
        return command

    return add


def search_options(given: dict[str, Any]) -> SearchOptions:
    """Return the options of the command line. Raises InputError, WhereError."""
    chosen = {name: value for name, value in given.items() if name != "as_json"}
    where, view = chosen.pop("where", None), chosen.pop("view", None)
    if view is not None and view_named(view) is None:
        raise InputError(f"--view {view!r}: no such view, it is one of {', '.join(View)}")
    options = SearchOptions(
        where=parse_where(where) if where is not None else None, view=view_named(view) if view else None, **chosen
    )
    typed = click.get_current_context().get_parameter_source("min_view_prob") is ParameterSource.COMMANDLINE
    if typed and view is None and "view" not in fields_of(options.where):
        raise InputError("--min-view-prob says how sure the view that is asked for must be: name one with --view")
    return options


def read_target(given: str) -> str:
    """Read the target of a search; for "-" an unseen typed line, or the first line of standard input.

    Raises InputError if it is empty, too long or not UTF-8.
    """
    if given != "-":
        return given
    if sys.stdin.isatty():
        typed = str(click.prompt("study or file", hide_input=True, err=True))
    else:
        data = sys.stdin.buffer.read(MAX_TARGET + 1)
        if len(data) > MAX_TARGET:
            raise InputError(f"standard input: more than {MAX_TARGET:,} bytes, give one study or file in one line")
        try:
            lines = data.decode("utf-8-sig").strip().splitlines()
        except UnicodeDecodeError:
            raise InputError("standard input: not UTF-8 text") from None
        if len(lines) > 1:
            raise InputError(f"standard input: {len(lines)} lines, give one study or file in one line")
        typed = lines[0] if lines else ""
    if not typed.strip():
        raise InputError("standard input is empty: give one study or file in one line")
    return typed.strip()


def show_results(results: Results, json: bool, nothing: str = "nothing fits the conditions") -> None:
    """Print results as JSON or as a table; ``nothing`` is the line to print if there is no hit."""
    if json:
        say_json(as_json(results))
        return
    for warning in results.warnings:
        note(warning)
    hits = results.hits
    if results.words:
        note(f"understood: {results.words}")
    for one in results.read_values:
        whose = "known values of this archive" if one.source == "archive" else "values known to the encoder's makers"
        note(f"{one.concept} is read off videos by {one.studies} {whose}: error {one.error:.1f} in other patients")
    if results.strong == 0 and hits:
        note("nothing strong found: no report states it, and no videos make it likely")
    identified = any(hit.identified for hit in hits)
    if not hits:
        say(nothing)
    elif hits[0].report:
        _show_reports(hits, identified)
    else:
        _show_videos(hits, identified)
    encoder = results.encoder
    trained = "" if encoder.trained else ", untrained"
    note(f"encoder {encoder.name} {encoder.version}{trained}, licence {encoder.licence}; {encoder.provenance}")


_WHOSE = ("study_uid", "accession_number", "patient_id", "study_date")


def _show_videos(hits: tuple[Hit, ...], identified: bool) -> None:
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
            *(hit.rank, f"{hit.score:.4f}", short_key(hit.study), hit.date, hit.view),
            *(None if hit.view_prob is None else f"{hit.view_prob:.2f}", hit.mode, hit.age, hit.sex, hit.device),
            short_key(hit.video),
            *((_words(hit),) if worded else ()),
            *_whose(hit, identified),
        )
        for hit in hits
    ]
    columns = (*columns, *(("words",) if worded else ()))
    table((*columns, *(_WHOSE if identified else ())), rows, right=("rank", "score", "prob", "age"))


def _words(hit: Hit) -> str | None:
    """The words of the query that its report has, each once."""
    if hit.why is None or hit.why.words is None:
        return None
    return " ".join(dict.fromkeys(place.word for place in hit.why.words.places)) or None


def _show_reports(hits: tuple[Hit, ...], identified: bool) -> None:
    columns = ("rank", "score", "report", "study", "date", "age", "sex", "own")
    rows = [
        (
            *(hit.rank, f"{hit.score:.4f}", short_key(hit.report), short_key(hit.study), hit.date, hit.age, hit.sex),
            *("own" if hit.same_study else None, *_whose(hit, identified)),
            *((hit.report_text,) if identified else ()),
        )
        for hit in hits
    ]
    table((*columns, *((*_WHOSE, "report_text") if identified else ())), rows, right=("rank", "score", "age"))


def _whose(hit: Hit, identified: bool) -> tuple[object, ...]:
    if not identified:
        return ()
    names = hit.identified
    if names is None:
        return (None,) * len(_WHOSE)
    return names.study_uid, names.accession_number or None, names.patient_id or None, names.study_date
