"""Hits as Python sees them: a sequence, a table in a terminal or notebook, an Arrow table, a data frame."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from echosearch.encoder_info import EncoderInfo
from echosearch.errors import ConfigError
from echosearch.search.results import Hit, Results, as_json

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["Hits"]

SHOWN = ("rank", "score", "study", "date", "view", "view_prob", "mode", "age", "sex", "video")
SHOWN_OF_REPORTS = ("rank", "score", "report", "study", "date", "age", "sex", "same_study")
KEY_DIGITS = 8  # of a key in a printed table: a study can be named by them
KEYS = {"study", "video", "report", "patient"}
NUMBERS = {"rank": "int64", "age": "int64", "score": "float64", "video_score": "float64", "view_prob": "float64"}
# the columns that every table has, hits or none
COLUMNS = ("rank", "study", "score", "date", "age", "sex", "patient")
VIDEO_COLUMNS = ("video", "video_score", "view", "view_prob", "mode", "device")


class Hits(Sequence[Hit]):
    """Hits, best first. ``results`` holds all that the search answered; a slice is Hits again."""

    def __init__(self, results: Results, of_reports: bool = False) -> None:
        self.results = results
        self._of_reports = of_reports

    @property
    def encoder(self) -> EncoderInfo:
        """The encoder whose vectors answered."""
        return self.results.encoder

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing the hits, a sentence each."""
        return self.results.warnings

    def __len__(self) -> int:
        return len(self.results.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.results.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> Hits: ...
    def __getitem__(self, place: int | slice) -> Hit | Hits:
        if isinstance(place, slice):
            return Hits(replace(self.results, hits=self.results.hits[place]), self._of_reports)
        return self.results.hits[place]

    def __repr__(self) -> str:
        return f"Hits({len(self)} {'reports' if self._of_reports else 'hits'} by {self.encoder})"

    def __str__(self) -> str:
        if not self:
            return "\n".join(["no hits", *self.warnings])
        rows = [self._shown, *self._cells()]
        widths = [max(_width(row[i]) for row in rows) for i in range(len(self._shown))]
        lines = ["  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*(line.rstrip() for line in lines), *self.warnings])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in self._shown)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self._cells()
        )
        if not self:
            body = f'<tr><td colspan="{len(self._shown)}">no hits</td></tr>'
        notes = "".join(f"<p>{html.escape(warning)}</p>" for warning in self.warnings)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dict for each hit, in the shape of ``--json``."""
        hits: list[dict[str, Any]] = as_json(self.results)["hits"]
        return hits

    def to_arrow(self) -> pyarrow.Table:
        """Return an Arrow table with whole keys; the columns are there also where nothing was found."""
        import pyarrow

        rows = self.to_dicts()
        own = ("report", "same_study") if self._of_reports else VIDEO_COLUMNS
        if self.results.understood is not None:
            own = (*own, "why")
        columns = {}
        for name in dict.fromkeys((*COLUMNS, *own, *(name for row in rows for name in row))):
            if name in NUMBERS:
                kind = pyarrow.type_for_alias(NUMBERS[name])
            elif name == "same_study":
                kind = pyarrow.bool_()
            elif name == "why":
                kind = _why_type()
            else:  # text; what has parts is left to pyarrow
                kind = None if any(isinstance(row.get(name), dict | list) for row in rows) else pyarrow.string()
            columns[name] = pyarrow.array([row.get(name) for row in rows], kind)
        return pyarrow.table(columns)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame of the same columns. Raises ConfigError where pandas is not installed."""
        try:
            import pandas  # noqa: F401 - to say what is missing before pyarrow does
        except ImportError as exc:
            raise ConfigError("to_pandas needs pandas, which is not installed: pip install pandas") from exc
        return self.to_arrow().to_pandas()

    @property
    def _shown(self) -> tuple[str, ...]:
        return SHOWN_OF_REPORTS if self._of_reports else SHOWN

    def _cells(self) -> list[tuple[str, ...]]:
        return [tuple(_cell(name, row.get(name)) for name in self._shown) for row in self.to_dicts()]


def _why_type() -> pyarrow.DataType:
    """What ``why`` is in an Arrow table, also of no hits."""
    import pyarrow

    text, number = pyarrow.string(), pyarrow.float64()
    fact = {
        "concept": text,
        "polarity": text,
        "severity": pyarrow.list_(pyarrow.int64()),
        "value": number,
        "value_hi": number,
        "unit": text,
        "start": pyarrow.int64(),
        "end": pyarrow.int64(),
        "rule": text,
        "inherited": pyarrow.bool_(),  # these are null where they are not there
        "walls": pyarrow.list_(text),
    }
    measurement = {"concept": text, "value": number, "unit": text, "source": text}
    return pyarrow.struct(
        {
            "verdict": text,
            "facts": pyarrow.list_(pyarrow.struct(fact)),
            "video_fits": pyarrow.list_(number),
            "measurements": pyarrow.list_(pyarrow.struct(measurement)),
            "disagree": pyarrow.bool_(),
        }
    )


def _cell(name: str, value: object) -> str:
    """A value as a table shows it, in one line: text of an archive must not steer a terminal."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if name == "score" else f"{value:.2f}"
    if name in KEYS:
        return str(value)[:KEY_DIGITS]
    return "".join(letter for letter in str(value) if unicodedata.category(letter) != "Cc")


def _width(cell: str) -> int:
    """Columns of a terminal: Japanese letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in cell)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))
