"""A table of readers' answers, as a spreadsheet saves it: study, answer, and where wanted reason and reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echosearch.cohort.review import check_answer, check_reader
from echosearch.db.cohorts.reviews import ANSWERS, ReviewRow
from echosearch.errors import InputError, TableError
from echosearch.report.csv_tables import TableRow, table_rows

__all__ = ["read_verdicts"]

COLUMNS = ("study", "answer", "reason", "reader")


def read_verdicts(file: Path, reader: str | None, encoding: str | None = None) -> Iterator[ReviewRow]:
    """Yield the answers of a CSV, without rows that have none yet; columns of other names are not read.

    ``reader``: whose answer a row without a reader is. ``encoding``: its name in ENCODINGS; None: found out. Raises
    TableError with file, line, column and rule.
    """
    needed = ("study", "answer") if reader else ("study", "answer", "reader")
    for row in table_rows(file, encoding, COLUMNS, needed, one_of=("study",), others=True):
        if row.plain("answer"):
            yield _verdict(row, reader or "")


def _verdict(row: TableRow, reader: str) -> ReviewRow:
    study, answer, who = row.identifier("study"), row.plain("answer").lower(), row.plain("reader") or reader
    if not study:
        raise row.error("study", "empty: an answer is about a study")
    known = next((one for one in ANSWERS if one == answer), None)
    if known is None:
        raise row.error("answer", f"it is one of {', '.join(ANSWERS)}, or empty")
    reason = row.text("reason")
    try:
        check_reader(who)
        check_answer(known, reason)
    except InputError as exc:
        raise TableError(f"{row.path}, line {row.line}: {exc}") from None
    return ReviewRow(study, who, known, reason)
