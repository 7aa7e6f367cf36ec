"""Facts of served reports: read what this lexicon has not read, and withdraw what is no longer served.

Each batch is one transaction: a run that is stopped goes on behind the last one.
"""

from __future__ import annotations

from echosearch.db.studies.facts import due_reports, put_facts, withdraw_facts
from echosearch.report.facts import load_lexicon, read_facts
from ingest.study_bits import HALF_A_BLOCK, fold_stale
from ingest.work import Work

__all__ = ["read_reports"]

BATCH = 500
FOLDED = 20  # batches


def read_reports(run: Work) -> int:
    """Read facts out of the served reports that are due; return how many were read."""
    lexicon = load_lexicon(run.archive.settings.lexicon)
    with run.writing() as connection:
        withdraw_facts(connection)
    total, after = 0, None
    while True:
        with run.archive.engine.connect() as connection:
            due = due_reports(connection, lexicon.version, after, BATCH)
        if not due:
            return total
        read = [(report, read_facts(report.text, lexicon)) for report in due]
        with run.writing() as connection:
            put_facts(connection, lexicon.version, read)
        total, after = total + len(due), due[-1].study_key
        if total % (FOLDED * BATCH) == 0:
            fold_stale(run, HALF_A_BLOCK)
