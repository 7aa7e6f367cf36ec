"""Refuse inspected files of patients who have opted out, before anything of them is written."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from echosearch.db.opt_out.erase import erase_reports, reports_naming
from echosearch.db.opt_out.registry import NamedFile, add_refusals, file_owners, refusals_of_study
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
    add_refusals(
        connection,
        [
            key
            for file in refused
            for owner in owners[file.file_id]
            for key in refusals_of_study(keyring, keyring.study(file.study_uid), file.accession_number, owner)
        ],
    )
    named = {(file.study_uid, file.accession_number, "") for file in refused}
    erase_reports(connection, reports_naming(connection, named))
    return set(owners)
