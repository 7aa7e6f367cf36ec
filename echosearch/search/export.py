"""Hits as a file: CSV for a spreadsheet, Parquet for statistics. Pseudonymous unless identifiers were asked for."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from echosearch.atomic import whole_file
from echosearch.errors import InputError
from echosearch.report.facts import Fact
from echosearch.search.results import Hit, Results, as_json

__all__ = ["EXPORTS", "check_export", "defused", "export_hits", "facts_text"]

EXPORTS = (".csv", ".parquet")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet runs when a cell begins with it


def check_export(file: Path) -> None:
    """Raise InputError before the search if hits cannot be written to ``file``."""
    if file.suffix.lower() not in EXPORTS:
        raise InputError(f"--export {file}: the name ends with {' or '.join(EXPORTS)}")
    if not file.parent.is_dir():
        raise InputError(f"--export {file}: no such folder, make it first")


def export_hits(results: Results, file: Path) -> None:
    """Write all hits, whole or not at all. Raises InputError."""
    rows = [_flat(shown, hit) for shown, hit in zip(as_json(results)["hits"], results.hits, strict=True)]
    try:
        with whole_file(file) as partial:
            (_write_csv if file.suffix.lower() == ".csv" else _write_parquet)(rows, partial)
    except OSError as exc:
        raise InputError(f"--export {file}: {exc.strerror}") from exc


def _flat(shown: dict[str, Any], hit: Hit) -> dict[str, Any]:
    """A hit as one row: what is inside ``why`` becomes columns."""
    row = {name: value for name, value in shown.items() if name != "why"}
    if hit.why is not None:
        row["verdict"] = hit.why.verdict
        row["facts"] = facts_text(hit.why.facts)
        row["measurements"] = "; ".join(f"{one.concept} {one.value:g}" for one in hit.why.measurements)
        row["disagree"] = hit.why.disagree
        row["words"] = None if hit.why.words is None else round(hit.why.words.score, 4)
    return row


def facts_text(facts: Sequence[Fact]) -> str:
    """Write facts in one cell: "mr present 3-4; lvef present 35; akinesis present (inferior, apex)"."""
    return "; ".join(
        f"{fact.concept} {fact.polarity}"
        + (f" {fact.severity[0]}-{fact.severity[1]}" if fact.severity else "")
        + (f" {fact.value:g}" if fact.value is not None else "")
        + (f" ({', '.join(fact.walls)})" if fact.walls else "")
        for fact in facts
    )


def _write_csv(rows: Sequence[dict[str, Any]], file: Path) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as handle:  # Excel reads UTF-8 by its BOM
        writer = csv.DictWriter(handle, list(rows[0]) if rows else ["rank", "study", "score"])
        writer.writeheader()
        for row in rows:
            writer.writerow({name: defused(value) for name, value in row.items()})


def defused(value: object) -> object:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_parquet(rows: Sequence[dict[str, Any]], file: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), file)
