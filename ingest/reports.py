"""Report texts into the same space: what is linked and served, and not embedded yet."""

from __future__ import annotations

from echosearch.db.studies.reports import superseded, texts_to_encode
from echosearch.db.vectors.write import put_report_vectors, withdraw_reports
from echosearch.vector import is_usable
from ingest.work import Work

__all__ = ["encode_reports"]

BATCH = 64


def encode_reports(run: Work) -> int:
    """Embed served reports that this encoder has not seen, withdraw those no longer served; how many were new.

    None where the encoder came without its vocabulary: videos are searched all the same.
    """
    archive, encoder_id = run.archive, run.encoder_id
    with run.writing() as connection:
        withdraw_reports(connection, encoder_id, superseded(connection, encoder_id))
    total, after = 0, None
    while True:
        with archive.engine.connect() as connection:
            texts = texts_to_encode(connection, encoder_id, after, BATCH)
        if not texts:
            return total
        if not archive.encoder.reads_texts:
            run.unread_texts = True
            return total
        vectors = archive.encoder.encode_texts([report.text for report in texts])
        run.encoder_batches += 1
        rows = [(report.report_key, vector) for report, vector in zip(texts, vectors, strict=True) if is_usable(vector)]
        with run.writing() as connection:
            put_report_vectors(connection, encoder_id, rows)
        total, after = total + len(rows), texts[-1].report_key
