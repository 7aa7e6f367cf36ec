"""The three CSVs on their way into the archive: reports staged, view labels applied, sidecar identities at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from echosearch.batch import batched
from echosearch.db import Connection
from echosearch.db.files.ledger import as_walked
from echosearch.db.studies.identity import studies_by_accession
from echosearch.db.studies.reports import IncomingReport, stage_reports
from echosearch.db.studies.view_labels import put_view_labels
from echosearch.pseudonyms import Keyring
from echosearch.reading.media import MediaIdentity
from echosearch.report.csv_tables import read_reports, read_sidecar, read_views
from echosearch.video import ViewLabel

__all__ = ["apply_views", "load_sidecar", "stage_report_table", "with_studies"]

ROWS = 1000
AccessionAndPatient = tuple[str, str]


def stage_report_table(connection: Connection, keyring: Keyring, table: Path) -> int:
    """Store the reports of a CSV, all or none; how many were new. Raises TableError. Empty texts are left out."""
    incoming = (
        IncomingReport(row.report_text, row.study_uid, row.accession_number, row.patient_id, row.study_date)
        for row in read_reports(table)
        if row.report_text.strip()
    )
    return sum(stage_reports(connection, keyring, rows) for rows in batched(incoming, ROWS))


def apply_views(connection: Connection, keyring: Keyring, table: Path, root: Path) -> int:
    """Store the view labels of a CSV, all or none; how many videos that are here already changed. Raises TableError."""

    def labels() -> Iterator[tuple[str, ViewLabel]]:
        for row in read_views(table):
            subject = keyring.video(row.sop_uid) if row.sop_uid else keyring.path(_resolve(row.path, root))
            yield subject, row.view

    return sum(put_view_labels(connection, rows) for rows in batched(labels(), ROWS))


def load_sidecar(table: Path, root: Path) -> dict[Path, MediaIdentity]:
    """Path -> identity, for mp4 and avi files. Raises TableError. Held in memory: about 500 bytes a row.

    Rows that name their study only by accession number and patient have no ``study_uid`` yet (with_studies).
    """
    return {
        _resolve(row.path, root): MediaIdentity(
            study_uid=row.study_uid,
            patient_id=row.patient_id,
            accession_number=row.accession_number,
            study_date=row.study_date,
            sop_uid=row.sop_uid or None,
            view=row.view,
        )
        for row in read_sidecar(table)
    }


def with_studies(connection: Connection, keyring: Keyring, unnamed: Sequence[MediaIdentity]) -> list[MediaIdentity]:
    """The same with the study that their accession number and patient name, as far as the archive knows it by now."""
    found = []
    for rows in batched(unnamed, ROWS):
        named = _study_uids(connection, keyring, [(row.accession_number, row.patient_id) for row in rows])
        found += [replace(row, study_uid=named[row.accession_number, row.patient_id]) for row in rows]
    return found


def _study_uids(
    connection: Connection, keyring: Keyring, wanted: Sequence[AccessionAndPatient]
) -> dict[AccessionAndPatient, str]:
    """The one study here with each accession number and patient; where there is none yet, a study of its own.

    Its UID is made from the two under 2.25, the root for UUIDs (PS3.5 B.2): the same at every ingest.
    """
    made_up = {pair: f"2.25.{UUID(keyring.key('study-of-accession', *pair)).int}" for pair in wanted}
    return made_up | studies_by_accession(connection, wanted)


def _resolve(path: str, root: Path) -> Path:
    """As walk() names it: absolute, of the root's real path."""
    folder = Path(os.path.realpath(root))
    return as_walked(folder / path if folder.is_dir() else folder.parent / path)  # an absolute path stays one
