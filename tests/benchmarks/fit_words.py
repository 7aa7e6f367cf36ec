"""What the words of a report count for beside its videos, for echosearch/search/arms/weights.toml. Not a test.

    python tests/benchmarks/bench_search.py --seed 777 --folder KEPT
    python tests/benchmarks/fit_words.py KEPT                            the archive's reports are changed

A sixth of the reports gets the line 「(reason)で来院。」, for each of three reasons. Asked is 「(reason)の(finding)」,
with each query for a finding or a grade in search_queries.py; right is a study with the finding by its truth, and with
the reason by its report. Per weight: precision of the first ten, or of as many as are right. Beside it the dense arm:
reports by the cosine of the reason's own vector.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path
from statistics import fmean

from sqlalchemy import text

from echosearch.archive import Archive, open_archive
from echosearch.db.studies.facts import due_reports, put_facts
from echosearch.db.studies.words import put_words
from echosearch.encoder.text.report_words import report_words
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.search import ask as asking
from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions
from echosearch.settings import Settings
from tests.benchmarks.search_queries import QUERIES, Row

WEIGHTS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
REASONS = ("呼吸困難", "健診異常", "動悸")
SHARE = 1 / 6
FINDINGS = [query for query in QUERIES if query.kind in ("finding", "graded")]


def give_reasons(archive: Archive, studies: list[str]) -> dict[str, set[str]]:
    """Add the lines to the reports, and read them as an ingest does; which studies have which reason."""
    rng, lexicon = random.Random(5), load_lexicon()
    reasons = {reason: set(rng.sample(studies, round(len(studies) * SHARE))) for reason in REASONS}
    with archive.engine.begin() as connection:
        for reason, chosen in reasons.items():
            connection.execute(
                text(
                    "update phi.report p set text = :line || p.text from core.report r"
                    " where r.report_key = p.report_key and r.study_key = any(cast(:keys as uuid[]))"
                    " and position(:line in p.text) = 0"
                ),
                {"line": f"{reason}で来院。", "keys": sorted(chosen)},
            )
        connection.execute(text("delete from core.fact_reading"))
        due = due_reports(connection, lexicon.version, None, 100_000)
        put_facts(connection, lexicon.version, [(one, read_facts(one.text, lexicon)) for one in due])
        put_words(connection, [(one.study_key, report_words(one.text, lexicon)) for one in due])
    return reasons


def precision(found: list[str], right: set[str]) -> float:
    most = min(10, len(right))
    return sum(study in right for study in found[:most]) / most


def dense(archive: Archive, reason: str) -> list[str]:
    """Studies by the cosine of their report's vector with that of the reason."""
    vector = archive.encoder.encode_texts([reason])[0]
    return [point.study for point in archive.index.search(archive.collection("reports"), vector, 10)]


def main(kept: Path) -> None:
    with (kept / "ph/truth.csv").open(encoding="utf-8", newline="") as handle:
        rows: list[Row] = list(csv.DictReader(handle))
    with open_archive(Settings(home=kept / "home")) as archive:
        truth = {archive.keyring.study(row["study_uid"]): row for row in rows}
        reasons = give_reasons(archive, sorted(truth))
        asked = []
        for reason, studies in reasons.items():
            for query in FINDINGS:
                right = {study for study, row in truth.items() if study in studies and query.judge(row)}
                if len(right) >= 3:
                    asked.append((f"{reason}の{query.text}", right))
        print(f"{len(asked)} queries, {fmean(len(right) for _, right in asked):.1f} studies are right")
        for weight in WEIGHTS:
            asking.words_weight = lambda w=weight: w  # type: ignore[attr-defined]
            found = [[hit.study for hit in ask(archive, query, SearchOptions()).hits] for query, _ in asked]
            score = fmean(precision(hits, right) for hits, (_, right) in zip(found, asked, strict=True))
            print(f"words = {weight:g}: {score:.3f}")
        for reason, studies in reasons.items():
            alone = [hit.study for hit in ask(archive, reason, SearchOptions()).hits]
            shares = (precision(alone, studies), precision(dense(archive, reason), studies), len(studies) / len(truth))
            print(f"{reason} alone: words {shares[0]:.2f}, dense {shares[1]:.2f}, chance {shares[2]:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
