"""Facts and words of served reports: read what is not read as it would be now, withdraw what is no longer served.

Each batch is one transaction: a run that is stopped goes on behind the last one. Words are made in a process of their
own, as MeCab is C++. A report whose text ends that process alone keeps its facts and has no words.
"""

from __future__ import annotations

from collections.abc import Sequence

from echosearch.db.studies.facts import DueReport, due_reports, put_facts, withdraw_facts
from echosearch.db.studies.inheritance import inherit
from echosearch.db.studies.reports import ReportText
from echosearch.db.studies.visits import number_visits, unsettled_patients
from echosearch.db.studies.words import put_words
from echosearch.encoder.text.report_words import ReportWord
from echosearch.report.facts import load_lexicon, read_facts
from ingest.text_process import TextProcess, WordReader
from ingest.work import HALF_A_BLOCK, Work

__all__ = ["read_facts_of_reports", "settle_patients"]

BATCH = 500
FOLDED = 20  # batches

Words = list[list[ReportWord]]


def read_facts_of_reports(run: Work) -> int:
    """Read facts and words out of the served reports that are due; return how many were read."""
    lexicon = load_lexicon(run.archive.settings.lexicon)
    with run.writing() as connection:
        withdraw_facts(connection)
    total, after = 0, None
    process = TextProcess(WordReader(run.archive.settings.lexicon))
    try:
        while True:
            with run.archive.engine.connect() as connection:
                due = due_reports(connection, lexicon.version, after, BATCH)
            if not due:
                return total
            read = [(report, read_facts(report.text, lexicon)) for report in due]
            words = _words(process, due)
            with run.writing() as connection:
                put_facts(connection, lexicon.version, read)
                put_words(connection, [(one.study_key, said) for one, said in zip(due, words, strict=True)])
            total, after = total + len(due), due[-1].study_key
            if total % (FOLDED * BATCH) == 0:
                run.fold_stale(HALF_A_BLOCK)
    finally:
        process.end()


def _words(process: TextProcess[Words], due: Sequence[DueReport]) -> Words:
    """The words of these reports; if the process ends in them, one by one, and none of the report that ends it."""
    texts = [ReportText(one.report_key, one.text) for one in due]
    words = process.read(texts)
    if words is not None:
        return words
    return [(process.read([one]) or [[]])[0] for one in texts]


def settle_patients(run: Work) -> None:
    """Put the studies of each patient whose studies or facts have changed in order, and make what they inherit anew."""
    while True:
        with run.writing() as connection:
            patients = unsettled_patients(connection, BATCH)
            if not patients:
                return
            number_visits(connection, patients)
            inherit(connection, patients)
