"""Reports: stored as they came, linked to studies by identifiers, never by a guess.

    study_uid                        StudyInstanceUID; refused (conflict) where the patient id contradicts it
    accession_number + patient_id    for rows without a study_uid, where exactly one study fits
    patient_id + study_date          for rows without either, or whose study has no accession number,
                                     where exactly one study fits

A report that does not fit is kept with its problem (unmatched, ambiguous, conflict). A report is tried again when a
study that it may fit has changed: triggers note those studies in core.stale_link (migration 0018).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, text

from echosearch.db.files.backed import HAS_FILE
from echosearch.db.server.copying import copy_rows
from echosearch.db.studies.report_attempts import MAX_ATTEMPTS
from echosearch.db.studies.served import SERVED
from echosearch.db.vectors.write import touch_reports
from echosearch.pseudonyms import Keyring
from echosearch.report.text import TEXT_FORM

__all__ = [
    "IncomingReport",
    "LinkCounts",
    "ReportText",
    "link_due_reports",
    "link_reports",
    "reports_to_encode",
    "stage_reports",
    "superseded",
    "texts_to_encode",
]


@dataclass(frozen=True)
class IncomingReport:
    """A report and the identifiers it came with. Its repr shows none of them."""

    text: str = field(repr=False)
    study_uid: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    study_date: date | None = field(default=None, repr=False)


@dataclass(frozen=True)
class LinkCounts:
    """All stored report versions by how they are linked."""

    linked: int
    unmatched: int
    ambiguous: int
    conflict: int
    superseded: int = 0  # of the linked: their study has a later one, which alone is read and searched


@dataclass(frozen=True)
class ReportText:
    report_key: str
    text: str = field(repr=False)
    form: int = 0  # the TEXT_FORM of its vector, an older one; 0: it has none
    suspect: bool = False  # a process that read it, perhaps with others, ended


_INCOMING = (
    "n bigint, report_key uuid, text text, study_uid text, accession_number text, patient_id text, study_date date"
)
_IDENTITY = "study_uid, accession_number, patient_id, study_date"


def stage_reports(connection: Connection, keyring: Keyring, reports: Iterable[IncomingReport]) -> int:
    """Store new reports in their order; return how many. Of the versions with the same identifiers the one that came
    last is served, also where it had come before."""
    rows = (
        (n, _key(keyring, one), one.text, one.study_uid, one.accession_number, one.patient_id, one.study_date)
        for n, one in enumerate(reports)
    )
    if not copy_rows(connection, "incoming", _INCOMING, rows):
        return 0
    new = connection.execute(
        text(
            "insert into core.report (report_key, link_problem) select report_key, 'unmatched' from"
            " (select report_key, min(n) as n from incoming group by report_key) i order by n on conflict do nothing"
        )
    ).rowcount
    connection.execute(
        text(
            "insert into phi.report (report_key, text, study_uid, accession_number, patient_id, study_date)"
            " select distinct on (report_key) report_key, text, study_uid, accession_number, patient_id, study_date"
            " from incoming on conflict do nothing"
        )
    )
    if new:
        connection.execute(
            text("analyze core.report, phi.report")
        )  # else the joins below are planned for a small table
    connection.execute(
        text(
            f"with last as (select distinct on ({_IDENTITY}) report_key, {_IDENTITY}"
            f" from incoming order by {_IDENTITY}, n desc),"
            " newest as (select l.report_key, max(n.seq) as seq from last l"
            "  join phi.report q on q.study_uid = l.study_uid and q.accession_number = l.accession_number"
            "   and q.patient_id = l.patient_id and q.study_date is not distinct from l.study_date"
            "  join core.report n on n.report_key = q.report_key group by l.report_key)"
            " update core.report r set seq = default from newest"
            " where newest.report_key = r.report_key and newest.seq > r.seq"
        )
    )
    return int(new)


def _key(keyring: Keyring, report: IncomingReport) -> str:
    day = report.study_date.isoformat() if report.study_date else ""
    return keyring.report(report.study_uid, report.accession_number, report.patient_id, day, report.text)


# a study whose files have all become another's, when their headers were corrected, is none
_HAS_VIDEOS = f"exists ({HAS_FILE})"
# A link by anything but the UID holds only while one study fits: a second one may have come since. One by the UID only
# while the study has videos, and its patient is the report's: whose it is may have become known, or been corrected.
_UNSURE = f"""
    link_method in ('accession_patient', 'patient_date') or not exists (
        select from phi.study s join phi.report p on p.report_key = r.report_key
        left join phi.patient o on o.patient_key = s.patient_key
        where s.study_key = r.study_key and {_HAS_VIDEOS}
          and (p.patient_id = '' or o.patient_id is null or o.patient_id = p.patient_id))"""
# candidates(report_key, study_key): every study that fits a not yet linked report by one method
_CANDIDATES = {
    "study_uid": f"""
        select r.report_key, s.study_key from core.report r
        join phi.report p using (report_key) join phi.study s on s.study_uid = p.study_uid
        left join phi.patient o on o.patient_key = s.patient_key
        where r.link_due and r.study_key is null and p.study_uid <> '' and {_HAS_VIDEOS}
          and (p.patient_id = '' or o.patient_id is null or o.patient_id = p.patient_id)""",
    "accession_patient": f"""
        select r.report_key, s.study_key from core.report r
        join phi.report p using (report_key)
        join phi.study s on s.accession_number = p.accession_number
        join phi.patient o on o.patient_key = s.patient_key and o.patient_id = p.patient_id
        where r.link_due and r.study_key is null and p.study_uid = '' and p.accession_number <> ''
          and p.patient_id <> '' and {_HAS_VIDEOS}""",
    "patient_date": f"""
        select r.report_key, s.study_key from core.report r
        join phi.report p using (report_key)
        join phi.patient o on o.patient_id = p.patient_id
        join phi.study s on s.patient_key = o.patient_key and s.study_date = p.study_date
        where r.link_due and r.study_key is null and p.study_uid = '' and p.patient_id <> '' and {_HAS_VIDEOS}
          and (p.accession_number = '' or s.accession_number = '')""",
}


# reports that fit a study of ``stale`` by what it says now, or are linked to it
_TOUCHED = """
    select r.report_key from core.report r join stale using (study_key)
    union select p.report_key from stale join phi.study s using (study_key)
    join phi.report p on p.study_uid = s.study_uid
    union select p.report_key from stale join phi.study s using (study_key)
    join phi.report p on p.accession_number = s.accession_number where s.accession_number <> ''
    union select p.report_key from stale join phi.study s using (study_key)
    join phi.patient o on o.patient_key = s.patient_key
    join phi.report p on p.patient_id = o.patient_id and p.study_date = s.study_date where o.patient_id <> ''"""


def link_reports(connection: Connection) -> LinkCounts:
    """Join to studies the reports that can be linked now, and count all."""
    link_due_reports(connection)
    rows = connection.execute(text("select link_problem, count(*) as n from core.report group by link_problem"))
    counts = {row.link_problem: row.n for row in rows}
    unmatched, ambiguous, conflict = (counts.get(problem, 0) for problem in ("unmatched", "ambiguous", "conflict"))
    later = "select count(*) - count(distinct study_key) from core.report where study_key is not null"
    return LinkCounts(counts.get(None, 0), unmatched, ambiguous, conflict, connection.scalar(text(later)) or 0)


def link_due_reports(connection: Connection) -> None:
    """Join to studies the reports that are new, or may fit a study that has changed, by statements over all at once.

    A study that changed may have been one of two that fitted: what is ambiguous, or contradicted, is tried each time.
    """
    for statement in (
        "drop table if exists pg_temp.stale, pg_temp.unlinked",
        "create temporary table stale (study_key uuid) on commit drop",
        "with gone as (delete from core.stale_link returning study_key)"
        " insert into stale select distinct study_key from gone",
        "analyze stale",
        f"update core.report set link_due = true where not link_due and report_key in ({_TOUCHED})",
        "update core.report set link_due = true where not link_due and link_problem in ('ambiguous', 'conflict')",
        "create temporary table unlinked on commit drop as select report_key, study_key from core.report r"
        f" where link_due and study_key is not null and ({_UNSURE})",
        "update core.report r set study_key = null, link_method = null, link_problem = 'unmatched'"
        " where link_due and (study_key is null or report_key in (select report_key from unlinked))",
    ):
        connection.execute(text(statement))
    for method, candidates in _CANDIDATES.items():
        connection.execute(
            text(
                f"with fits as (select report_key, min(cast(study_key as text)) as study, count(*) as n"
                f" from ({candidates}) c group by report_key)"
                f" update core.report r set study_key = case when n = 1 then cast(study as uuid) end,"
                f" link_method = case when n = 1 then :method end,"
                f" link_problem = case when n > 1 then 'ambiguous' end"
                f" from fits where fits.report_key = r.report_key"
            ),
            {"method": method},
        )
    connection.execute(
        text(
            "update core.report r set link_problem = 'conflict' from phi.report p, phi.study s, phi.patient o"
            " where p.report_key = r.report_key and r.link_due and r.study_key is null and p.study_uid = s.study_uid"
            " and o.patient_key = s.patient_key and p.patient_id not in ('', o.patient_id)"
        )
    )
    moved = connection.scalars(
        text(
            "select cast(r.report_key as text) from core.report r join unlinked u using (report_key)"
            " where r.study_key <> u.study_key"
        )
    )
    touch_reports(connection, moved.all())
    connection.execute(text("update core.report set link_due = false where link_due"))


def reports_to_encode(connection: Connection, encoder_id: int) -> list[UUID]:
    """Return the served reports, in key order, that this encoder has not embedded, or only in an older form; without
    those that are quarantined. All are read once: which version of a report is served only a sort of them tells.
    """
    rows = connection.scalars(
        text(
            f"select served.report_key from ({SERVED}) served"
            f" left join core.report_embedding e on e.report_key = served.report_key and e.encoder_id = :encoder"
            f" left join core.report_attempt a on a.report_key = served.report_key and a.encoder_id = :encoder"
            f" where (e.report_key is null or e.text_form < :form) and coalesce(a.attempts, 0) < :most order by 1"
        ),
        {"encoder": encoder_id, "form": TEXT_FORM, "most": MAX_ATTEMPTS},
    )
    return list(rows)


def texts_to_encode(connection: Connection, encoder_id: int, report_keys: Sequence[UUID]) -> list[ReportText]:
    """Return these reports with their texts, in key order."""
    rows = connection.execute(
        text(
            "select cast(p.report_key as text) as report_key, p.text, coalesce(e.text_form, 0) as form,"
            " a.report_key is not null as suspect from phi.report p"
            " left join core.report_embedding e on e.report_key = p.report_key and e.encoder_id = :encoder"
            " left join core.report_attempt a on a.report_key = p.report_key and a.encoder_id = :encoder"
            " where p.report_key = any(:keys) order by p.report_key"
        ),
        {"encoder": encoder_id, "keys": list(report_keys)},
    )
    return [ReportText(row.report_key, row.text, row.form, row.suspect) for row in rows]


def superseded(connection: Connection, encoder_id: int) -> list[str]:
    """Return embedded reports that are no longer served: a newer version came, or their study is in conflict."""
    return list(
        connection.scalars(
            text(
                f"select cast(e.report_key as text) from core.report_embedding e"
                f" where e.encoder_id = :encoder and not exists"
                f" (select 1 from ({SERVED}) served where served.report_key = e.report_key)"
            ),
            {"encoder": encoder_id},
        )
    )
