"""Erase what the archive has of studies whose patients have opted out: all but the pseudonyms that refuse them.

Gone are vectors of every encoder, means, facts, words, measurements, contours, reports with their texts, view labels,
answers of readers, and the rows of videos, studies and patients with all identifiers.
Files stay in the ledger as OPTED_OUT, and so does what is written once: the audit, and the members of frozen cohorts
(pseudonyms, month, age and sex), which no command shows or exports any more.

The bits of a study (questions/study_bits.py) go in the same transaction: without its row no later fold would find them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.db.files.measurements import forget_measurements
from echosearch.db.opt_out.registry import add_refusals, refusals_of_study
from echosearch.db.questions.study_sets import BLOCK
from echosearch.db.studies.visits import unsettle
from echosearch.db.vectors.write import withdraw_reports, withdraw_videos
from echosearch.pseudonyms import Keyring

__all__ = [
    "STUDIES",
    "Erased",
    "erase_opted_out",
    "erase_reports",
    "reports_naming",
    "reports_of_ids",
    "reports_of_studies",
]

STUDIES = 100  # erased in one transaction
_NOTHING = f"cast(B'' as bit({BLOCK}))"


@dataclass(frozen=True)
class Erased:
    """How much was erased in one transaction."""

    studies: int = 0
    videos: int = 0
    reports: int = 0
    files: int = 0  # of the export, that were of it

    def __add__(self, more: Erased) -> Erased:
        return Erased(
            self.studies + more.studies,
            self.videos + more.videos,
            self.reports + more.reports,
            self.files + more.files,
        )


def erase_opted_out(connection: Connection, keyring: Keyring) -> Erased:
    """Erase the first STUDIES studies that an opt-out names, by their key or their patient's; none are left in time.

    The caller holds the ingest lock alone, or the driver lock.
    """
    studies = connection.scalars(
        text(
            "select cast(s.study_key as text) from core.study s where s.study_key in"
            " (select t.study_key from core.opt_out o join core.study t on t.study_key = o.key"
            " union select t.study_key from core.opt_out o join core.study t on t.patient_key = o.key)"
            " order by s.study_key limit :limit"
        ),
        {"limit": STUDIES},
    ).all()
    return _erase(connection, keyring, studies) if studies else Erased()


def _erase(connection: Connection, keyring: Keyring, studies: Sequence[str]) -> Erased:
    _register_studies(connection, keyring, studies)
    given = {"studies": list(studies)}
    unsettle(connection, studies)  # a patient may keep others: two of one number are told apart later
    videos = connection.scalars(
        text("select cast(video_key as text) from core.video where study_key = any(cast(:studies as uuid[]))"), given
    ).all()
    reports = erase_reports(connection, reports_of_studies(connection, studies))
    withdraw_videos(connection, videos)
    files = _refuse_files(connection, studies, videos)
    _clear_bits(connection, studies)
    for statement in (
        "delete from core.sr_value where study_key = any(cast(:studies as uuid[]))",
        "delete from core.contour where video_key = any(cast(:videos as uuid[]))",
        "delete from core.view_label where subject_key = any(cast(:videos as uuid[]))",
        "delete from phi.review p using core.review r where r.id = p.review_id"
        " and r.study_key = any(cast(:studies as uuid[]))",
        "delete from core.review where study_key = any(cast(:studies as uuid[]))",
        "delete from phi.video where video_key = any(cast(:videos as uuid[]))",
        "delete from core.video where video_key = any(cast(:videos as uuid[]))",
    ):
        connection.execute(text(statement), {**given, "videos": list(videos)})
    _erase_identities(connection, studies)
    return Erased(len(studies), len(videos), reports, files)


def _register_studies(connection: Connection, keyring: Keyring, studies: Sequence[str]) -> None:
    """Register these studies and their accession numbers: reports of them are refused when their rows are gone."""
    rows = connection.execute(
        text(
            "select cast(s.study_key as text) as study, cast(o.owner as text) as owner, p.accession_number"
            " from core.study s join core.opt_out o on o.key in (s.study_key, s.patient_key)"
            " left join phi.study p on p.study_key = s.study_key where s.study_key = any(cast(:studies as uuid[]))"
        ),
        {"studies": list(studies)},
    ).all()
    add_refusals(
        connection,
        [key for row in rows for key in refusals_of_study(keyring, row.study, row.accession_number or "", row.owner)],
    )


def reports_of_studies(connection: Connection, studies: Sequence[str]) -> list[str]:
    """Return the reports that are linked to these studies, or name them though they are linked to none."""
    given = {"studies": list(studies)}
    linked = connection.scalars(
        text("select cast(report_key as text) from core.report where study_key = any(cast(:studies as uuid[]))"),
        given,
    ).all()
    named = connection.execute(
        text(
            "select s.study_uid, s.accession_number, coalesce(p.patient_id, '') as patient_id from phi.study s"
            " left join phi.patient p on p.patient_key = s.patient_key"
            " where s.study_key = any(cast(:studies as uuid[]))"
        ),
        given,
    )
    return [*{*linked, *reports_naming(connection, [tuple(row) for row in named])}]


def reports_naming(connection: Connection, studies: Collection[tuple[str, str, str]]) -> list[str]:
    """Return the reports that name these studies (UID, accession number, patient id): by UID, or by accession number
    with that patient id or none.
    """
    uids, accessions, patients = ([one[place] for one in studies] for place in range(3))
    rows = connection.scalars(
        text(
            "with s as (select * from unnest(cast(:uids as text[]), cast(:accessions as text[]),"
            " cast(:patients as text[])) as s(study_uid, accession_number, patient_id))"
            " select cast(p.report_key as text) from s join phi.report p on p.study_uid = s.study_uid"
            " union select cast(p.report_key as text) from s join phi.report p"
            "  on p.accession_number = s.accession_number"
            "  where s.accession_number <> '' and p.patient_id in ('', s.patient_id)"
        ),
        {"uids": uids, "accessions": accessions, "patients": patients},
    )
    return list(rows)


def reports_of_ids(connection: Connection, patient_ids: Collection[str], unnamed_only: bool) -> list[str]:
    """Return the reports with these patient ids; ``unnamed_only``: of these, the ones that name no study by UID."""
    rows = connection.scalars(
        text(
            "select cast(report_key as text) from phi.report where patient_id = any(:ids)"
            + (" and study_uid = ''" if unnamed_only else "")
        ),
        {"ids": list(patient_ids)},
    )
    return list(rows)


def erase_reports(connection: Connection, reports: Sequence[str]) -> int:
    """Erase these reports: texts, facts, words, and vectors of every encoder. Return how many."""
    if not reports:
        return 0
    given = {"reports": list(reports)}
    encoders = connection.scalars(
        text("select distinct encoder_id from core.report_embedding where report_key = any(cast(:reports as uuid[]))"),
        given,
    ).all()
    for encoder_id in encoders:
        withdraw_reports(connection, encoder_id, reports)
    read = connection.scalars(
        text("select cast(study_key as text) from core.fact_reading where report_key = any(cast(:reports as uuid[]))"),
        given,
    ).all()
    unsettle(connection, read)
    for statement in (
        # before their readings, and in one statement: a trigger counts the words of each
        "delete from phi.report_words where study_key = any(cast(:read as uuid[]))",
        "delete from core.fact_reading where study_key = any(cast(:read as uuid[]))",
        "delete from core.report_attempt where report_key = any(cast(:reports as uuid[]))",
        "delete from phi.report where report_key = any(cast(:reports as uuid[]))",
        "delete from core.report where report_key = any(cast(:reports as uuid[]))",
    ):
        connection.execute(text(statement), {**given, "read": list(read)})
    return len(reports)


def _refuse_files(connection: Connection, studies: Sequence[str], videos: Sequence[str]) -> int:
    """Settle every file of these studies as OPTED_OUT, whatever it was, with what tables said of its path."""
    files = connection.execute(
        text(
            "update core.source_file f set state = 'skipped', reason = 'OPTED_OUT', detail = '', video_key = null,"
            " claimed_by = null, updated_at = now() where f.video_key = any(cast(:videos as uuid[])) or f.id in"
            " (select file_id from phi.sr_file where study_key = any(cast(:studies as uuid[])))"
            " returning f.id, cast(f.path_key as text) as path_key"
        ),
        {"videos": list(videos), "studies": list(studies)},
    ).all()
    forget_measurements(connection, [row.id for row in files])
    connection.execute(
        text("delete from core.view_label where subject_key = any(cast(:paths as uuid[]))"),
        {"paths": [row.path_key for row in files]},
    )
    return len(files)


def _clear_bits(connection: Connection, studies: Sequence[str]) -> None:
    connection.execute(
        text(
            "update core.study_bits b set studies = b.studies & ~ g.gone from ("
            f" select number / {BLOCK} as block,"
            f"  bit_or(set_bit({_NOTHING}, cast(number % {BLOCK} as int), 1)) as gone"
            "  from core.study where number is not null and study_key = any(cast(:studies as uuid[])) group by 1) g"
            f" where b.block = g.block and (b.studies & g.gone) <> {_NOTHING}"
        ),
        {"studies": list(studies)},
    )


def _erase_identities(connection: Connection, studies: Sequence[str]) -> None:
    """Delete the rows of these studies, and of those of their patients who have no other study."""
    given = {"studies": list(studies)}
    patients = connection.scalars(
        text(
            "select distinct cast(patient_key as text) from core.study where study_key = any(cast(:studies as uuid[]))"
        ),
        given,
    ).all()
    alone = (
        "patient_key = any(cast(:patients as uuid[]))"
        " and not exists (select from core.study s where s.patient_key = p.patient_key)"
    )
    for statement in (
        "delete from phi.study where study_key = any(cast(:studies as uuid[]))",
        "delete from core.study where study_key = any(cast(:studies as uuid[]))",
        f"delete from phi.patient p where {alone}",
        f"delete from core.patient p where {alone}",
    ):
        connection.execute(text(statement), {**given, "patients": list(patients)})
