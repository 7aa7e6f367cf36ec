"""Refuse inspected files of patients who have opted out, before anything of them is written."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from echosearch.db.opt_out.erase import erase_reports
from echosearch.db.opt_out.registry import NamedFile, RefusalKey, accession_key, add_refusals, file_owners
from echosearch.pseudonyms import Keyring

__all__ = ["refuse_opted_out"]


def refuse_opted_out(connection: Connection, keyring: Keyring, files: Sequence[NamedFile]) -> set[int]:
    """Return the ids of the files that an opt-out refuses; their studies are refused from now on.

    Reports that name these studies are erased. What other files of these studies have left goes at the end of the
    ingest (erase_opted_out).
    """
    owners = file_owners(connection, keyring, files)
    refused = [file for file in files if file.file_id in owners]
    if not refused:
        return set()
    rows = []
    for file in refused:
        keys = [(keyring.study(file.study_uid), "study")]
        if file.accession_number:
            keys.append((accession_key(keyring, file.accession_number), "accession"))
        rows += [RefusalKey(key, owner, kind) for key, kind in keys for owner in owners[file.file_id]]
    add_refusals(connection, rows)
    erase_reports(connection, _reports_naming(connection, refused))
    return set(owners)


def _reports_naming(connection: Connection, files: Sequence[NamedFile]) -> list[str]:
    """Return the reports that name these files' studies, by UID or, without a patient id, by accession number."""
    rows = connection.scalars(
        text(
            "select cast(report_key as text) from phi.report where study_uid = any(:studies)"
            " union select cast(report_key as text) from phi.report"
            " where accession_number = any(:accessions) and patient_id = ''"
        ),
        {
            "studies": sorted({file.study_uid for file in files}),
            "accessions": sorted({file.accession_number for file in files} - {""}),
        },
    )
    return list(rows)
