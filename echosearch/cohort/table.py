"""Rows as a file, page by page: CSV for a spreadsheet, Parquet for statistics, and a dictionary of the columns.

cohort.parquet comes with cohort.dictionary.csv and cohort.dictionary.json: name, type, unit and meaning of each column.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from echosearch.atomic import whole_file
from echosearch.errors import InputError
from echosearch.search.export import EXPORTS, defused

__all__ = ["Column", "check_out", "dictionary_files", "write_table"]


@dataclass(frozen=True)
class Column:
    """A column of an export."""

    column: str
    type: Literal["text", "integer", "number", "boolean"]
    unit: str | None
    meaning: str


def check_out(file: Path, option: str = "--out") -> None:
    """Raise InputError if a table cannot be written to ``file``."""
    if file.suffix.lower() not in EXPORTS:
        raise InputError(f"{option} {file}: the name ends with {' or '.join(EXPORTS)}")
    if not file.parent.is_dir():
        raise InputError(f"{option} {file}: no such folder, make it first")


def dictionary_files(file: Path) -> tuple[Path, Path]:
    """Return the names of the dictionary beside ``file``."""
    return file.with_suffix(".dictionary.csv"), file.with_suffix(".dictionary.json")


def write_table(file: Path, columns: Sequence[Column], pages: Iterable[Sequence[Mapping[str, Any]]]) -> int:
    """Write all rows, whole or not at all, and the dictionary; return how many. Raises InputError."""
    write = _write_csv if file.suffix.lower() == ".csv" else _write_parquet
    try:
        with whole_file(file) as partial:
            count = write(partial, columns, pages)
        _write_dictionary(file, columns)
    except OSError as exc:
        raise InputError(f"--out {file}: {exc.strerror}") from exc
    return count


def _write_csv(file: Path, columns: Sequence[Column], pages: Iterable[Sequence[Mapping[str, Any]]]) -> int:
    count = 0
    with file.open("w", encoding="utf-8-sig", newline="") as handle:  # Excel reads UTF-8 by its BOM
        writer = csv.DictWriter(handle, [one.column for one in columns])
        writer.writeheader()
        for page in pages:
            writer.writerows({name: defused(value) for name, value in row.items()} for row in page)
            count += len(page)
    return count


def _write_parquet(file: Path, columns: Sequence[Column], pages: Iterable[Sequence[Mapping[str, Any]]]) -> int:
    import pyarrow
    import pyarrow.parquet

    kinds = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
    }
    schema = pyarrow.schema([(one.column, kinds[one.type]) for one in columns])
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for page in pages:
            writer.write_table(pyarrow.Table.from_pylist([dict(row) for row in page], schema=schema))
            count += len(page)
    return count


def _write_dictionary(file: Path, columns: Sequence[Column]) -> None:
    as_csv, as_json = dictionary_files(file)
    rows = [asdict(one) for one in columns]
    with whole_file(as_csv) as partial, partial.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with whole_file(as_json) as partial:
        partial.write_text(json.dumps({"columns": rows}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
