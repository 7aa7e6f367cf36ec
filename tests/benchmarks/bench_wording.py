"""How well wording is read that no rule was made with: python tests/benchmarks/bench_wording.py FILE ... [--misses]

FILE has the lines of tests/report/facts/rounds/: {"text", "facts"} is a sentence or a short report, {"query", ...} a
query; labelled before it is read. A round counts on its first reading. Prints precision and recall of findings
(concept and polarity), the severity and the values, and the queries understood whole, with 95 % intervals over the
lines (a bootstrap; Wilson's for queries).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from echosearch.report.facts import Fact, load_lexicon, read_facts, understand, understanding_json
from tests.report.facts.test_labelled import same

DRAWS = 2000


@dataclass(frozen=True)
class Counts:
    """Of one line: findings right, read and wanted; severity right; values right, read and wanted."""

    right: int
    read: int
    wanted: int
    graded: int
    values: int
    values_read: int
    values_wanted: int


def counted(row: dict[str, Any], found: Sequence[Fact]) -> tuple[Counts, Counter[Any], Counter[Any]]:
    """Compare one line with its labels; also what is missing and what is too much."""
    measures = load_lexicon().measures
    got = Counter((f.concept, f.polarity) for f in found if f.concept not in measures)
    want = Counter((f["concept"], f["polarity"]) for f in row["facts"] if "severity" in f)
    graded = Counter((f.concept, f.polarity, f.severity) for f in found if f.concept not in measures)
    graded_want = Counter(
        (f["concept"], f["polarity"], f["severity"] and tuple(f["severity"])) for f in row["facts"] if "severity" in f
    )
    values = Counter((f.concept, f.polarity, f.value, f.value_hi) for f in found if f.concept in measures)
    values_want = Counter(
        (f["concept"], f["polarity"], f["value"], f["value_hi"]) for f in row["facts"] if "severity" not in f
    )
    counts = Counts(
        (got & want).total(),
        got.total(),
        want.total(),
        (graded & graded_want).total(),
        (values & values_want).total(),
        values.total(),
        values_want.total(),
    )
    read, labelled = graded + values, graded_want + values_want
    return counts, labelled - read, read - labelled


def shares(table: NDArray[np.int64]) -> list[float]:
    """Precision, recall, severity, precision and recall of values of (N, 7) counts."""
    right, read, wanted, graded, values, values_read, values_wanted = table.sum(axis=0)
    of = ((right, read), (right, wanted), (graded, right), (values, values_read), (values, values_wanted))
    return [float(part / whole) if whole else math.nan for part, whole in of]


def report(rows: Sequence[dict[str, Any]], misses: bool) -> Iterator[str]:
    """Lines on sentences."""
    counts = []
    for row in rows:
        one, missing, extra = counted(row, read_facts(row["text"]))
        counts.append(list(vars(one).values()))
        if misses and (missing or extra):
            yield f"{row['text']}\n    missing {sorted(map(str, missing))}\n    too much {sorted(map(str, extra))}"
    table = np.array(counts)
    rng = np.random.default_rng(0)
    drawn = np.array([shares(table[rng.integers(0, len(table), len(table))]) for _ in range(DRAWS)])
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    names = ("findings: precision", "recall", "severity", "values: precision", "recall")
    made = (f"{n} {v:.3f} ({a:.3f}-{b:.3f})" for n, v, a, b in zip(names, shares(table), low, high, strict=True))
    yield f"{len(rows)} lines, {table[:, 2].sum()} findings, {table[:, 6].sum()} values"
    yield ", ".join(made)


def understood(rows: Sequence[dict[str, Any]], misses: bool) -> Iterator[str]:
    """Lines on queries."""
    right = 0
    for row in rows:
        found = understanding_json(understand(row["query"]))
        if same(found, row):
            right += 1
        elif misses:
            parts = ("required", "excluded", "values", "demographics", "rest")
            yield f"{row['query']}\n    " + "\n    ".join(
                f"{part}: {found[part]} for {row[part]}" for part in parts if str(found[part]) != str(row[part])
            )
    n, z = len(rows), 1.96
    middle, half = (right + z * z / 2) / (n + z * z), z * math.sqrt(right * (n - right) / n + z * z / 4) / (n + z * z)
    yield f"{n} queries, understood whole {right / n:.3f} ({middle - half:.3f}-{middle + half:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--misses", action="store_true", help="print each line that is misread")
    chosen = parser.parse_args()
    rows = [json.loads(line) for file in chosen.files for line in file.read_text(encoding="utf-8").splitlines()]
    sentences, queries = ([row for row in rows if key in row] for key in ("text", "query"))
    for line in (
        *(report(sentences, chosen.misses) if sentences else ()),
        *(understood(queries, chosen.misses) if queries else ()),
    ):
        print(line)


if __name__ == "__main__":
    main()
