"""The three CSVs a hospital hands over: reports, views, and the sidecar that says whose an mp4 or avi is.

In any encoding of echosearch/report/encoding.py. Columns are strict, cells are strings (leading zeros stay), rows
stream. Every error names file, line and column and the rule, and never a cell: it may identify a patient.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from echosearch.errors import TableError
from echosearch.report.dates import read_date
from echosearch.report.encoding import detect_encoding, open_table
from echosearch.report.identifier import read_identifier, unwrapped
from echosearch.report.view_names import label_view
from echosearch.video import ViewLabel

__all__ = [
    "ReportRow",
    "SidecarRow",
    "TableRow",
    "ViewRow",
    "finite_number",
    "no_csv",
    "read_patient_ids",
    "read_reports",
    "read_sidecar",
    "read_views",
    "table_rows",
]

MAX_FIELD_BYTES = 1 << 20
MAX_ROWS = 5_000_000
_OTHER_SIGNS = {"\t": "tabs", ";": "semicolons", "|": "bars", "、": "「、」", "，": "「，」"}


@dataclass(frozen=True)
class ReportRow:
    """One report and what it may be linked by; an identifier that is not given is ""."""

    line: int  # first line of the row in its file, from 1
    report_text: str = field(repr=False)  # as it came; may be empty, the caller counts those
    study_uid: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    study_date: date | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ViewRow:
    """The view of one video, named by its SOP Instance UID or its path."""

    line: int
    view: ViewLabel
    sop_uid: str = field(default="", repr=False)
    path: str = field(default="", repr=False)  # absolute, or relative to the ingested folder


@dataclass(frozen=True)
class SidecarRow:
    """Whose an mp4 or avi is: the identity that such a file does not carry itself."""

    line: int
    path: str = field(repr=False)  # absolute, or relative to the ingested folder
    study_uid: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    study_date: date | None = field(default=None, repr=False)
    sop_uid: str = field(default="", repr=False)
    view: ViewLabel | None = None


def read_reports(path: Path, encoding: str | None = None) -> Iterator[ReportRow]:
    """Yield rows of reports.csv: report_text, and any of study_uid, accession_number, patient_id, study_date.

    ``encoding``: its name in ENCODINGS; found out where it is not given. Raises TableError at the first row that
    breaks a rule.
    """
    identities = ("study_uid", "accession_number", "patient_id")
    columns = ("report_text", *identities, "study_date")
    for row in table_rows(path, encoding, columns, needed=("report_text",), one_of=identities):
        yield ReportRow(
            row.line,
            row.text("report_text"),
            row.identifier("study_uid"),
            row.identifier("accession_number"),
            row.identifier("patient_id"),
            row.date("study_date"),
        )


def read_views(path: Path, encoding: str | None = None) -> Iterator[ViewRow]:
    """Yield rows of views.csv: sop_uid or path, view, and view_prob (1.0 where it is not given).

    A row whose view is empty says nothing and is passed over. Raises TableError.
    """
    for row in table_rows(
        path, encoding, ("sop_uid", "path", "view", "view_prob"), needed=("view",), one_of=("sop_uid", "path")
    ):
        label = row.view()
        sop_uid, file = row.identifier("sop_uid"), row.plain("path")
        if not (sop_uid or file):
            raise row.error("sop_uid", "empty, and so is path: a label needs one of them")
        if label is not None:
            yield ViewRow(row.line, label, sop_uid, file)


def read_sidecar(path: Path, encoding: str | None = None) -> Iterator[SidecarRow]:
    """Yield rows of the sidecar: path, and study_uid or accession_number with patient_id. Raises TableError."""
    columns = ("path", "study_uid", "accession_number", "patient_id", "study_date", "sop_uid", "view", "view_prob")
    for row in table_rows(path, encoding, columns, needed=("path",), one_of=("study_uid", "accession_number")):
        made = SidecarRow(
            row.line,
            row.plain("path"),
            row.identifier("study_uid"),
            row.identifier("accession_number"),
            row.identifier("patient_id"),
            row.date("study_date"),
            row.identifier("sop_uid"),
            row.view(),
        )
        if not made.path:
            raise row.error("path", "empty: a row names its file")
        if not (made.study_uid or (made.accession_number and made.patient_id)):
            raise row.error("study_uid", "empty: give it, or accession_number and patient_id")
        yield made


def read_patient_ids(path: Path, encoding: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield (line, patient id) of a list of patients, which may have other columns. Raises TableError."""
    columns = ("patient_id",)
    for row in table_rows(path, encoding, columns, needed=columns, one_of=columns, others=True):
        patient_id = row.identifier("patient_id")
        if not patient_id:
            raise row.error("patient_id", "empty: each row names a patient")
        yield row.line, patient_id


@dataclass(frozen=True)
class TableRow:
    """One record of a table: cells by column name, and its line."""

    path: Path
    line: int
    cells: dict[str, str] = field(repr=False)

    def error(self, column: str, rule: str) -> TableError:
        return TableError(f"{self.path}, line {self.line}, column {column}: {rule}")

    def text(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def plain(self, column: str) -> str:
        """Return a cell that is no prose, without what a spreadsheet puts around text."""
        return unwrapped(self.cells.get(column, ""))

    def identifier(self, column: str) -> str:
        cell = self.cells.get(column, "")
        if not cell:
            return ""
        try:
            return read_identifier(cell, uid=column.endswith("_uid"))
        except ValueError as exc:
            raise self.error(column, str(exc)) from None

    def date(self, column: str) -> date | None:
        text = self.plain(column)
        if not text:
            return None
        try:
            return read_date(text)
        except ValueError as exc:
            raise self.error(column, str(exc)) from None  # the cause would show the date

    def view(self) -> ViewLabel | None:
        label, prob = self.plain("view"), self.plain("view_prob")
        if not label:
            return None
        try:
            return label_view(label, float(prob) if prob else 1.0, source="csv")
        except ValueError:
            raise self.error("view_prob", "not a probability: write a number from 0 to 1") from None


def table_rows(
    path: Path,
    given: str | None,
    columns: tuple[str, ...],
    needed: tuple[str, ...],
    one_of: tuple[str, ...],
    others: bool = False,
) -> Iterator[TableRow]:
    """Yield the records below the header, without blank lines. ``given`` is the encoding, None to find it out.

    Every column is one of ``columns``, unless ``others`` may be there too. Raises TableError: file, line, rule.
    """
    encoding = detect_encoding(path, given)
    csv.field_size_limit(MAX_FIELD_BYTES)  # the module's own default is an eighth of what a cell may hold
    with open_table(path, encoding) as handle:
        reader = csv.reader(handle, strict=True)
        header: list[str] | None = None
        rows, line = 0, 1
        while (record := _next(path, reader)) is not None:
            this_line, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in record):
                continue
            if header is None:
                header = _header(path, this_line, record, columns, needed, one_of, others)
                continue
            if record[-1].strip() in columns and [unwrapped(cell) for cell in record] == header:
                continue  # of another table: they were put together
            rows += 1
            if rows > MAX_ROWS:
                raise TableError(f"{path}, line {this_line}: more than {MAX_ROWS:,} rows: split the file")
            if len(record) != len(header):
                raise TableError(
                    f"{path}, line {this_line}: {len(record)} cells, the header has {len(header)} columns: "
                    "quote cells that hold commas or line breaks"
                )
            for name, cell in zip(header, record, strict=True):
                if len(cell) * 4 > MAX_FIELD_BYTES and len(cell.encode()) > MAX_FIELD_BYTES:
                    raise TableError(f"{path}, line {this_line}, column {name}: a cell may hold 1 MiB")
            yield TableRow(path, this_line, dict(zip(header, record, strict=True)))
        if header is None:
            raise TableError(f"{path} is empty: its first line must name columns: {', '.join(columns)}")


def _next(path: Path, reader: Iterator[list[str]]) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as exc:
        raise no_csv(f"{path}, line {getattr(reader, 'line_num', 0)}", exc) from None


def no_csv(where: str, error: csv.Error) -> TableError:
    """Return what is said of a table that cannot be cut into cells; ``where`` is its file and line."""
    return TableError(f"{where}: not a CSV ({error}): check the quotes and the length of cells")


def _header(
    path: Path,
    line: int,
    record: list[str],
    columns: tuple[str, ...],
    needed: tuple[str, ...],
    one_of: tuple[str, ...],
    others: bool,
) -> list[str]:
    names = [unwrapped(cell) for cell in record]  # a byte order mark too, of a table that was marked twice
    permitted = f"permitted are {', '.join(columns)}"
    if not set(names) & set(columns):  # perhaps no header at all: its cells may be a patient's, so none is shown
        for sign, said in _OTHER_SIGNS.items():
            if set(columns) & {unwrapped(cell) for cell in ",".join(record).split(sign)}:
                raise TableError(f"{path}, line {line}: {said} part its cells, where commas must: save it as CSV")
        raise TableError(f"{path}, line {line}: no header: the first line must name columns; {permitted}")
    for place, name in enumerate(names, 1):
        if name not in columns and not others:  # a first row of cells may stand here: its words are not repeated
            nearest = get_close_matches(name.lower(), columns, 1, 0.8)
            hint = f", perhaps {nearest[0]}" if nearest else ""
            raise TableError(
                f"{path}, line {line}: column {place} of the header has an unknown name{hint}; {permitted}"
            )
        if names.count(name) > 1 and name in columns:
            raise TableError(f"{path}, line {line}: column {name} stands there twice")
    for name in needed:
        if name not in names:
            raise TableError(f"{path}, line {line}: column {name} is missing; {permitted}")
    if not set(names) & set(one_of):
        raise TableError(f"{path}, line {line}: at least one of {', '.join(one_of)} is needed; {permitted}")
    return names


def finite_number(cell: str) -> float | None:
    """Return the number that a cell holds; None where it holds none, or one that is not finite."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
