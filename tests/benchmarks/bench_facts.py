"""Facts of stored reports, read anew: python tests/benchmarks/bench_facts.py [--reports 200000]

Reports as an ingest has linked them, each with numbers of its own, and the ingest's own stage that reads them. Prints
the rate and the process's resident memory at each fifth.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, text

from echosearch.archive import Archive, open_archive
from echosearch.db.studies.facts import DueReport, put_facts
from echosearch.encoder.fake import FakeEncoder
from echosearch.report.facts import Fact
from echosearch.settings import Settings
from ingest import facts
from ingest.options import IngestOptions
from ingest.run import Run

FIFTHS = 5
REPORT = (
    "'左室駆出率 ' || 20 + n % 60 || '%。LVDd/Ds ' || 40 + n % 30 || '/' || 25 + n % 20 || 'mm。'"
    " || (array['重度', '中等度', '軽度', 'ごく軽度の'])[1 + n % 4] || 'MRを認める。TRPG ' || 15 + n % 50 || 'mmHg。'"
    " || (array['左房拡大あり。', '左房拡大なし。', '心嚢液貯留を認めない。'])[1 + n % 3]"
    " || '局所壁運動異常' || (array['なし。', 'あり。'])[1 + n % 2] || 'IVC ' || 8 + n % 15 || 'mm。番号' || n || '。'"
)
STATEMENTS = (
    "insert into core.patient values (cast(md5('p') as uuid)) on conflict do nothing",
    "insert into core.study (study_key, patient_key) select cast(md5('s' || n) as uuid), cast(md5('p') as uuid)"
    " from generate_series(1, :reports) n",
    "insert into core.report (report_key, study_key, link_method)"
    " select cast(md5('r' || n) as uuid), cast(md5('s' || n) as uuid), 'study_uid' from generate_series(1, :reports) n",
    "insert into phi.report (report_key, text, study_uid, accession_number, patient_id)"
    f" select cast(md5('r' || n) as uuid), {REPORT}, '', '', '' from generate_series(1, :reports) n",
    "analyze core.study, core.report, phi.report",
)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def read(archive: Archive, root: Path, reports: int) -> None:
    """Read all, with a line at each fifth."""
    seen, began, spent = [0], time.perf_counter(), time.process_time()

    def put(connection: Connection, lexicon: str, batch: Sequence[tuple[DueReport, Sequence[Fact]]]) -> None:
        put_facts(connection, lexicon, batch)
        before, seen[0] = seen[0], seen[0] + len(batch)
        if before * FIFTHS // reports < seen[0] * FIFTHS // reports:
            rate = seen[0] / (time.process_time() - spent)
            print(f"{seen[0]:>9,} read: {resident_mb():.0f} MB, {rate:,.0f} a second of this process's own", flush=True)

    vars(facts)["put_facts"] = put
    with Run(archive, root, IngestOptions(), lambda _: None) as run:
        assert facts.read_facts_of_reports(run) == reports
    print(f"{reports:,} in {time.perf_counter() - began:.0f} s, PostgreSQL's time included")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reports", type=int, default=200_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as folder:
        home, root = Path(folder) / "home", Path(folder) / "export"
        root.mkdir()
        with open_archive(Settings(home=home), FakeEncoder()) as archive:
            with archive.engine.begin() as connection:
                connection.execute(text("set local statement_timeout = 0"))
                for statement in STATEMENTS:
                    connection.execute(text(statement), {"reports": chosen.reports} if ":reports" in statement else {})
            read(archive, root, chosen.reports)


if __name__ == "__main__":
    main()
