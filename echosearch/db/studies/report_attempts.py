"""Attempts to read reports, noted before a report's text is given to an encoder, as attempts at files are.

begun with others    a row, attempts 0: one of them may end the process, so that each comes alone next time
begun alone          attempts + 1; at MAX_ATTEMPTS the report is quarantined for this encoder
read                 the row is gone, and the vector says how its text was read
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.report.text import TEXT_FORM

__all__ = [
    "MAX_ATTEMPTS",
    "ReportCounts",
    "begin_alone",
    "begin_reports",
    "finish_reports",
    "forget_attempts",
    "report_counts",
]

MAX_ATTEMPTS = 2


@dataclass(frozen=True)
class ReportCounts:
    """How many reports one encoder does not read to their end, or at all."""

    cut: int  # searchable, though the encoder does not read all of their text
    quarantined: int  # not searchable: their text ended the process that read it, MAX_ATTEMPTS times


def begin_reports(connection: Connection, encoder_id: int, report_keys: Sequence[str]) -> None:
    """Note that these reports are being read together. Commit before any is read."""
    connection.execute(
        text(
            "insert into core.report_attempt (encoder_id, report_key)"
            " select :encoder, key from unnest(cast(:keys as uuid[])) as r(key) on conflict do nothing"
        ),
        {"encoder": encoder_id, "keys": list(report_keys)},
    )


def begin_alone(connection: Connection, encoder_id: int, report_key: str) -> int:
    """Note that this report is being read alone; return which attempt it is. Commit before it is read."""
    attempts = connection.scalar(
        text(
            "insert into core.report_attempt as a (encoder_id, report_key, attempts) values (:encoder, :key, 1)"
            " on conflict (encoder_id, report_key) do update set attempts = a.attempts + 1 returning attempts"
        ),
        {"encoder": encoder_id, "key": report_key},
    )
    return int(attempts or 0)


def finish_reports(connection: Connection, encoder_id: int, left_out: Mapping[str, int]) -> None:
    """Note on the vectors of these reports how they were read (key -> phrases left out), and forget the attempts."""
    given = {"encoder": encoder_id, "keys": list(left_out)}
    connection.execute(
        text(
            "update core.report_embedding e set text_form = :form, left_out = d.left_out"
            " from unnest(cast(:keys as uuid[]), cast(:left_out as bigint[])) as d(key, left_out)"
            " where e.encoder_id = :encoder and e.report_key = d.key"
        ),
        {**given, "form": TEXT_FORM, "left_out": list(left_out.values())},
    )
    connection.execute(
        text("delete from core.report_attempt where encoder_id = :encoder and report_key = any(cast(:keys as uuid[]))"),
        given,
    )


def forget_attempts(connection: Connection) -> None:
    """Let every report be read again (--retry-quarantined)."""
    connection.execute(text("delete from core.report_attempt"))


def report_counts(connection: Connection, encoder_id: int) -> ReportCounts:
    """Return how many reports this encoder does not read to their end, or at all."""
    row = connection.execute(
        text(
            "select (select count(*) from core.report_embedding where encoder_id = :encoder and left_out > 0) as cut,"
            " (select count(*) from core.report_attempt where encoder_id = :encoder and attempts >= :most)"
            " as quarantined"
        ),
        {"encoder": encoder_id, "most": MAX_ATTEMPTS},
    ).one()
    return ReportCounts(row.cut, row.quarantined)
