"""What a command shows, as values: made where the archive is open, printed where the terminal is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from echosearch.cli.output import note, say, say_json, table

__all__ = ["Shown"]


class Shown:
    """Lines, tables and JSON in their order. ``terminal``: whether they will be shown on one."""

    def __init__(self, terminal: bool, parts: Sequence[Sequence[Any]] = ()) -> None:
        self.terminal = terminal
        self.parts = [tuple(part) for part in parts]  # of JSON's own types

    def say(self, line: str = "") -> None:
        self.parts.append(("say", line))

    def note(self, line: str) -> None:
        self.parts.append(("note", line))

    def json(self, document: object) -> None:
        self.parts.append(("json", document))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
        cells = [[None if cell is None else str(cell) for cell in row] for row in rows]
        self.parts.append(("table", list(columns), cells, list(right)))

    def short_key(self, key: str | None) -> str | None:
        """Return the first 8 digits of a key on a terminal, the whole key in a pipe."""
        return key[:8] if key is not None and self.terminal else key

    def show(self) -> None:
        """Print it."""
        for part in self.parts:
            match part:
                case ("say", line):
                    say(line)
                case ("note", line):
                    note(line)
                case ("json", document):
                    say_json(document)
                case ("table", columns, rows, right):
                    table(columns, rows, right)
