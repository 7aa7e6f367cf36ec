"""The options that query, similar and report share; nothing that answers them is imported here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from echosearch.errors import InputError
from echosearch.search.limits import GROUPS, MAX_TOP_K
from echosearch.video import VIEW_GATE, View

__all__ = ["asking", "names_files", "options_given", "read_target"]

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


def options_given(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a command as they were typed, and whether --min-view-prob was."""
    typed = click.get_current_context().get_parameter_source("min_view_prob") is ParameterSource.COMMANDLINE
    return given | {"min_view_prob_typed": typed}


def names_files(asked: Mapping[str, Any]) -> bool:
    """Return whether a search has an example that is a file or folder of this machine."""
    target = [asked["target"]] if "target" in asked else []
    return any(os.path.exists(name) for name in (*target, *asked.get("like", ()), *asked.get("unlike", ())))


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
