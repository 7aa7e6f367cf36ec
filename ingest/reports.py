"""Embed the texts of served reports that have no vector yet, or one of an older text form."""

from __future__ import annotations

from collections.abc import Sequence

from echosearch.batch import batched
from echosearch.db.studies.report_attempts import MAX_ATTEMPTS, begin_alone, begin_reports, finish_reports
from echosearch.db.studies.reports import ReportText, reports_to_encode, superseded, texts_to_encode
from echosearch.db.vectors.write import put_report_vectors, withdraw_reports
from echosearch.vector import is_usable
from ingest.text_process import EncoderReader, TextProcess, TextsRead
from ingest.work import Work

__all__ = ["encode_reports"]

BATCH = 64


def encode_reports(run: Work) -> int:
    """Embed served reports that this encoder has not seen, withdraw others; return how many were new.

    None where the encoder came without its vocabulary: videos are searched all the same. A report whose text ends the
    process that reads it twice, alone, is quarantined.
    """
    archive, encoder_id = run.archive, run.encoder_id
    with run.writing() as connection:
        withdraw_reports(connection, encoder_id, superseded(connection, encoder_id))
    with archive.engine.connect() as connection:
        waiting = reports_to_encode(connection, encoder_id)
    if not waiting:
        return 0
    if not archive.encoder.reads_texts:
        run.unread_texts = True
        return 0
    new = 0
    process: TextProcess[TextsRead] | None = None
    try:
        for keys in batched(waiting, BATCH):
            with archive.engine.connect() as connection:
                texts = texts_to_encode(connection, encoder_id, keys)
            process = process or TextProcess(EncoderReader(archive.encoder))
            new += _together(run, process, [report for report in texts if not report.suspect])
            new += sum(_alone(run, process, report) for report in texts if report.suspect)
        return new
    finally:
        if process is not None:
            process.end()


def _together(run: Work, process: TextProcess[TextsRead], reports: Sequence[ReportText]) -> int:
    """Read a batch; if the process ends in it, one by one. Return how many got their first vector."""
    if len(reports) < 2:
        return sum(_alone(run, process, report) for report in reports)
    with run.writing() as connection:
        begin_reports(connection, run.encoder_id, [report.report_key for report in reports])
    read = process.read(reports)
    if read is None:
        return sum(_alone(run, process, report) for report in reports)
    return _store(run, reports, read)


def _alone(run: Work, process: TextProcess[TextsRead], report: ReportText) -> int:
    """Read one report that may end the process; return 1 if it got its first vector."""
    while True:
        with run.writing() as connection:
            attempt = begin_alone(connection, run.encoder_id, report.report_key)
        read = process.read([report])
        if read is not None:
            return _store(run, [report], read)
        if attempt >= MAX_ATTEMPTS:
            return 0  # what its row says from now on: quarantined


def _store(run: Work, reports: Sequence[ReportText], read: TextsRead) -> int:
    run.encoder_batches += bool(read.fresh)
    rows = [
        (reports[i].report_key, vector) for i, vector in zip(read.fresh, read.vectors, strict=True) if is_usable(vector)
    ]
    left_out = {report.report_key: note.left_out for report, note in zip(reports, read.notes, strict=True)}
    with run.writing() as connection:
        put_report_vectors(connection, run.encoder_id, rows)
        finish_reports(connection, run.encoder_id, left_out)
    stored = {report.report_key for report in reports if report.form}
    return sum(key not in stored for key, _ in rows)
