"""How right a search is: 46 queries with known answers on a phantom archive. Run by ``make bench``; not a test.

    python tests/benchmarks/bench_search.py [--patients 60] [--seed 4242] [--wording first|other] [--without-reports]
    python tests/benchmarks/bench_search.py --folder KEPT ...      keep the archive in KEPT/ph and KEPT/home
    python tests/benchmarks/bench_search.py --reuse KEPT           measure a kept archive again, nothing is ingested
    python tests/benchmarks/bench_search.py --phantom FOLDER       take a phantom that `phantom write` made

Per kind of query: precision@10 against truth.csv, the share of the first ten hits that the truth contradicts, and
milliseconds a query, the encoder warm. ``--ask`` names the function that answers: (archive, text, SearchOptions).

How truth is judged:
- A finding without a grade: grade 2 and more is right, 0 wrong. Its absence: grade 0 is right, 2 and more wrong.
  Grade 1 (a trace, borderline) counts neither way: precision is of the first ten hits that count.
- A grade: by its interval, nothing is tolerated.
- EF: that of truth.csv; neither way where rounding to whole percents, as reports do, changes the answer.
- Several conditions: all must hold; one that is contradicted makes the hit wrong.
Fewer than ten hits are no excuse: precision@10 is out of ten. Queries that fewer than ten studies fulfil are left out,
and named in --json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import fmean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from echosearch.archive import Archive, open_archive
from echosearch.errors import EchosearchError
from echosearch.phantom.files.archive import WORDINGS
from echosearch.search.results import MAX_TOP_K, SearchOptions
from echosearch.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.search_queries import KINDS, QUERIES, Query, Row

K = 10
Ask = Callable[[Archive, str, SearchOptions], Any]


@dataclass(frozen=True)
class Score:
    """What one query found."""

    kind: str
    query: str
    fulfil: int  # studies of the archive that are right
    studies: int
    precision: float | None  # None: fewer than K studies are right
    contradicted: float  # of the first K hits, as shown
    shown: int
    milliseconds: float
    refused: str | None = None  # what the search said instead of answering


def run(home: Path, *words: str) -> None:
    """An echosearch command, in a process of its own, as a user starts it."""
    program = [sys.executable, "-c", "from echosearch.cli import main; main()"]
    subprocess.run([*program, *words], env=os.environ | {"ECHOSEARCH_HOME": str(home)}, check=True, stdout=sys.stderr)


def make(folder: Path, chosen: argparse.Namespace) -> tuple[Path, Path]:
    """Write (or take) a phantom and ingest it; its folder and the archive's home."""
    home, phantom = folder / "home", chosen.phantom or folder / "ph"
    if chosen.phantom is None:
        size = ("--patients", str(chosen.patients), "--seed", str(chosen.seed))
        run(home, "phantom", "write", str(phantom), *size, "--wording", chosen.wording or "first")
    for bundle in ("phantom-tiny", "phantom-views"):
        run(home, "encoder", "use", bundle)
    reports = () if chosen.without_reports else ("--reports", str(phantom / "reports.csv"))
    run(home, "ingest", str(phantom / "DICOM"), *reports)
    return phantom, home


def score(archive: Archive, ask: Ask, query: Query, truth: Mapping[str, Row]) -> Score:
    """Ask once and judge the hits; ``truth`` is by the study's key in the archive."""
    judged = {study: query.judge(row) for study, row in truth.items()}
    fulfil = sum(answer is True for answer in judged.values())
    neither = sum(answer is None for answer in judged.values())
    began = time.perf_counter()
    refused, studies = None, []
    try:
        studies = [hit.study for hit in ask(archive, query.text, SearchOptions(top_k=K)).hits]
    except EchosearchError as exc:
        refused = str(exc)
    taken = 1000 * (time.perf_counter() - began)
    shown = [judged[study] for study in studies]
    if not refused and None in shown:  # hits that count neither way make room for those after them
        more = ask(archive, query.text, SearchOptions(top_k=min(K + neither, MAX_TOP_K))).hits
        studies = [hit.study for hit in more]
    counted = [judged[study] for study in studies if judged[study] is not None][:K]
    precision = counted.count(True) / K if fulfil >= K else None
    wrong = shown.count(False) / len(shown) if shown else 0.0
    return Score(query.kind, query.text, fulfil, len(truth), precision, wrong, len(shown), taken, refused)


def measure(phantom: Path, home: Path, ask: Ask) -> list[Score]:
    with (phantom / "truth.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    with open_archive(Settings(home=home)) as archive:
        truth = {archive.keyring.study(row["study_uid"]): row for row in rows}
        ask(archive, QUERIES[0].text, SearchOptions(top_k=K))  # loads the text tower
        return [score(archive, ask, query, truth) for query in QUERIES]


def summary(scores: list[Score]) -> list[dict[str, Any]]:
    """A row a kind, over the queries that could reach 1.00."""
    out = []
    for kind in KINDS:
        asked = [one for one in scores if one.kind == kind]
        able = [one for one in asked if one.precision is not None]
        reached = [one.precision for one in able if one.precision is not None]
        out.append(
            {
                "kind": kind,
                "queries": len(able),
                "left_out": len(asked) - len(able),
                "precision_at_10": round(fmean(reached), 4) if able else None,
                "contradicted": round(fmean(one.contradicted for one in able), 4) if able else None,
                "chance": round(fmean(one.fulfil / one.studies for one in able), 4) if able else None,
                "milliseconds": round(median(one.milliseconds for one in asked), 1),
            }
        )
    return out


def show(rows: list[dict[str, Any]], title: str) -> None:
    table = Table("kind", "queries", "precision@10", "contradicted", "share that is right", "ms a query", title=title)
    for row in rows:
        shares = [
            "-" if value is None else f"{value:.2f}"
            for value in (row["precision_at_10"], row["contradicted"], row["chance"])
        ]
        left = f" (+{row['left_out']} left out)" if row["left_out"] else ""
        table.add_row(row["kind"], f"{row['queries']}{left}", *shares, f"{row['milliseconds']:.0f}")
    Console(width=max(100, Console().width)).print(table)


def function(name: str) -> Ask:
    """``module:function``, imported when it is asked for."""
    module, _, attribute = name.partition(":")
    found: Ask = getattr(import_module(module), attribute)
    return found


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--seed", type=int, default=4242)
    parser.add_argument("--wording", choices=WORDINGS, help="of the reports; the first is the default")
    parser.add_argument("--without-reports", action="store_true", help="ingest the videos alone")
    parser.add_argument("--phantom", type=Path, help="a phantom that is written already")
    parser.add_argument("--folder", type=Path, help="keep the archive here; else it is temporary")
    parser.add_argument("--reuse", type=Path, help="a folder kept by --folder, measured as it is")
    parser.add_argument("--ask", default="echosearch.search.query:query_text", help="module:function that answers")
    parser.add_argument("--json", action="store_true", help="all queries and the summary, as JSON")
    chosen = parser.parse_args()
    if chosen.reuse and (chosen.folder or chosen.without_reports):
        parser.error("--reuse takes an archive as it is: leave out --folder and --without-reports")
    if chosen.wording and (chosen.reuse or chosen.phantom):
        parser.error("--wording is for a phantom that is written here: leave it out with --reuse and --phantom")
    return chosen


def main() -> int:
    chosen = options()
    ask = function(chosen.ask)
    with ExitStack() as stack:
        if chosen.reuse:
            phantom, home = chosen.phantom or chosen.reuse / "ph", chosen.reuse / "home"
        else:
            folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="echosearch-bench-")))
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)  # the embedded server's user must reach its folder
            phantom, home = make(folder.resolve(), chosen)
        scores = measure(phantom, home, ask)
    rows = summary(scores)
    if chosen.json:
        print(
            json.dumps(
                {"ask": chosen.ask, "kinds": rows, "queries": [asdict(one) for one in scores]}, ensure_ascii=False
            )
        )
        return 0
    show(rows, f"{len(QUERIES)} queries, {scores[0].studies} studies, {chosen.ask}")
    for one in scores:
        if one.refused:
            Console(stderr=True).print(f"{one.query}: {one.refused}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
