"""Whether new reports replace good ones by texts without a known word, as a table in a wrong encoding does.

Call ``remember_served`` before reports are staged, ``lost_texts`` after they are linked, in one transaction: a caller
that refuses the loss rolls it back, and nothing was written.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.report.known import is_known

__all__ = ["Lost", "has_reports", "lost_texts", "remember_served"]

# what is served of each study; of reports without a study, the newest of each set of identifiers
_LINKED = "select distinct on (study_key) study_key, report_key from core.report where study_key is not null" + (
    " order by study_key, seq desc"
)
_IDENTITY = "p.study_uid, p.accession_number, p.patient_id, p.study_date"
_UNLINKED = (
    f"select distinct on ({_IDENTITY}) {_IDENTITY}, r.report_key"
    " from core.report r join phi.report p using (report_key)"
    f" where r.study_key is null order by {_IDENTITY}, r.seq desc"
)


@dataclass(frozen=True)
class Lost:
    """How many good texts are replaced, and how many of them by a text without a known word."""

    replaced: int
    lost: int


def has_reports(connection: Connection) -> bool:
    """Return True if any report is stored."""
    return bool(connection.scalar(text("select exists (select from core.report)")))


def remember_served(connection: Connection) -> None:
    """Note which reports are served now: those of studies as they are linked."""
    for name, query in (("served_before", _LINKED), ("waiting_before", _UNLINKED)):
        connection.execute(text(f"drop table if exists pg_temp.{name}"))
        connection.execute(text(f"create temporary table {name} on commit drop as {query}"))
        connection.execute(text(f"analyze {name}"))


def lost_texts(connection: Connection) -> Lost:
    """Compare the reports that are served now with those that remember_served noted."""
    pairs = connection.execute(
        text(
            f"with served as ({_LINKED}), waiting as ({_UNLINKED}), pairs as ("
            " select b.report_key as old, a.report_key as new from served_before b join served a using (study_key)"
            " union all"
            " select b.report_key, a.report_key from waiting_before b join waiting a on a.study_uid = b.study_uid"
            "  and a.accession_number = b.accession_number and a.patient_id = b.patient_id"
            "  and a.study_date is not distinct from b.study_date)"
            " select o.text as old, n.text as new from pairs join phi.report o on o.report_key = pairs.old"
            " join phi.report n on n.report_key = pairs.new where pairs.old <> pairs.new"
        ),
        execution_options={"stream_results": True, "max_row_buffer": 1000},
    )
    replaced = lost = 0
    for old, new in pairs:
        if is_known(old):
            replaced += 1
            lost += not is_known(new)
    return Lost(replaced, lost)
