"""The three CSVs on their way into the archive: reports staged, view labels applied, sidecar identities at hand."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from echosearch.batch import batched
from echosearch.db import Connection
from echosearch.db.opt_out.registry import OptOuts
from echosearch.db.studies.identity import studies_by_accession
from echosearch.db.studies.replaced import has_reports, lost_texts, remember_served
from echosearch.db.studies.reports import IncomingReport, link_reports, stage_reports
from echosearch.db.studies.view_labels import put_view_labels, unmet_subjects
from echosearch.errors import TableError
from echosearch.pseudonyms import Keyring
from echosearch.reading.media import MediaIdentity
from echosearch.report.csv_tables import SidecarRow, ViewRow, read_reports, read_sidecar, read_views
from echosearch.report.view_names import is_unknown
from echosearch.video import ViewLabel
from ingest.options import TableRows, UnmatchedRow
from ingest.places import Places

__all__ = [
    "NamedRows",
    "Reader",
    "StagedTable",
    "apply_views",
    "load_sidecar",
    "rows_without_file",
    "stage_report_table",
    "with_studies",
]

ROWS = 1000
KEYS = 10_000  # looked up in one statement
SHOWN = 20  # rows that are named one by one
LOST_SHARE = 0.1  # of the good texts that a table replaces, so many may become unknown ones
Reader = Callable[[Path, str | None], Iterator[ViewRow] | Iterator[SidecarRow]]
AccessionAndPatient = tuple[str, str]


class NamedRows:
    """The lines of a table, with the key of the file or video that each line names: 24 bytes a row."""

    def __init__(self, table: Path, encoding: str | None) -> None:
        self.table, self.encoding = table, encoding
        self.unknown_views = 0
        self.first_unknown_views: list[int] = []  # lines
        self._lines = array("Q")
        self._keys = bytearray()

    def add(self, line: int, key: str, view: ViewLabel | None) -> None:
        self._lines.append(line)
        self._keys += UUID(key).bytes
        if view is not None and is_unknown(view):
            self.unknown_views += 1
            if len(self.first_unknown_views) < SHOWN:
                self.first_unknown_views.append(line)

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for place, line in enumerate(self._lines):
            yield line, self._keys[16 * place : 16 * place + 16].hex()


@dataclass(frozen=True)
class StagedTable:
    """What became of a table of reports."""

    new: int  # texts that were not here
    opted_out: int  # rows of patients who have opted out: not stored


def stage_report_table(
    connection: Connection, keyring: Keyring, table: Path, encoding: str | None = None, replace_texts: bool = False
) -> StagedTable:
    """Store the reports of a CSV, all or none. Empty texts are left out, and those of who has opted out.

    Raises TableError, also where it would replace known texts by unknown ones (echosearch/report/known.py), unless
    ``replace_texts``; the caller's transaction is then to be rolled back.
    """
    compared = not replace_texts and has_reports(connection)
    if compared:
        link_reports(connection)  # a run that died may have left some
        remember_served(connection)
    incoming = (
        IncomingReport(row.report_text, row.study_uid, row.accession_number, row.patient_id, row.study_date)
        for row in read_reports(table, encoding)
        if row.report_text.strip()
    )
    opt_outs = OptOuts(connection, keyring)
    new = stage_reports(connection, keyring, opt_outs.others(incoming))
    if compared and new:
        link_reports(connection)
        found = lost_texts(connection)
        if found.lost >= max(1.0, LOST_SHARE * found.replaced):
            raise TableError(
                f"{table}: {found.lost} of the {found.replaced} report texts that it replaces would become texts"
                " without a Japanese word or a known term, as a wrong encoding makes them; nothing was stored:"
                " check the table, say its encoding with --encoding, or store it as it is with --replace"
            )
    return StagedTable(new, opt_outs.refused)


def apply_views(
    connection: Connection, keyring: Keyring, table: Path, root: Path, encoding: str | None = None
) -> tuple[int, NamedRows]:
    """Store the view labels of a CSV, all or none. Raises TableError.

    How many videos that are here already changed, and which subject each row names.
    """
    places, named = Places(root), NamedRows(table, encoding)

    def labels() -> Iterator[tuple[str, ViewLabel]]:
        for row in read_views(table, encoding):
            subject = keyring.video(row.sop_uid) if row.sop_uid else keyring.path(places.find(row.path))
            named.add(row.line, subject, row.view)
            yield subject, row.view

    return put_view_labels(connection, labels()), named


def load_sidecar(
    table: Path, root: Path, keyring: Keyring | None = None, encoding: str | None = None
) -> tuple[dict[Path, MediaIdentity], NamedRows]:
    """Return path -> identity, for mp4 and avi files; with a keyring also the file of each row. Raises TableError, also
    where two rows contradict each other.

    Held in memory: about 500 bytes a row. Rows that name their study only by accession number and patient have no
    ``study_uid`` yet (with_studies).
    """
    places, named = Places(root), NamedRows(table, encoding)
    identities: dict[Path, MediaIdentity] = {}
    for row in read_sidecar(table, encoding):
        path = places.find(row.path)
        if keyring is not None:
            named.add(row.line, keyring.path(path), row.view)
        identity = MediaIdentity(
            study_uid=row.study_uid,
            patient_id=row.patient_id,
            accession_number=row.accession_number,
            study_date=row.study_date,
            sop_uid=row.sop_uid or None,
            view=row.view,
        )
        if identities.setdefault(path, identity) != identity:
            raise TableError(f"{table}, line {row.line}: an earlier line says something else of the same file")
    return identities, named


def rows_without_file(connection: Connection, named: NamedRows, root: Path, read: Reader) -> TableRows:
    """Return the rows of a table that name no file or video in the archive. Call this after the files are ingested."""
    missing = [
        line
        for batch in batched(named, KEYS)
        for line in unmet_subjects(connection, [line for line, _ in batch], [key for _, key in batch])
    ]
    shown = set(missing[:SHOWN])
    places = Places(root)
    unmatched = []
    for row in read(named.table, named.encoding) if shown else ():
        if row.line in shown:
            by_uid = isinstance(row, ViewRow) and bool(row.sop_uid)
            hint = None if by_uid else places.nearest(row.path)
            unmatched.append(UnmatchedRow(row.line, "sop_uid" if by_uid else "path", hint))
        if row.line >= max(shown):
            break
    return TableRows(len(named), len(missing), tuple(unmatched), named.unknown_views, tuple(named.first_unknown_views))


def with_studies(connection: Connection, keyring: Keyring, unnamed: Sequence[MediaIdentity]) -> list[MediaIdentity]:
    """Return the rows with the study that accession number and patient name, if the archive knows it by now."""
    found = []
    for rows in batched(unnamed, ROWS):
        named = _study_uids(connection, keyring, [(row.accession_number, row.patient_id) for row in rows])
        found += [replace(row, study_uid=named[row.accession_number, row.patient_id]) for row in rows]
    return found


def _study_uids(
    connection: Connection, keyring: Keyring, wanted: Sequence[AccessionAndPatient]
) -> dict[AccessionAndPatient, str]:
    """Return the one study with each accession number and patient; if there is none yet, a new study.

    Its UID is made from the two under 2.25, the root for UUIDs (PS3.5 B.2): the same at every ingest.
    """
    made_up = {pair: f"2.25.{UUID(keyring.key('study-of-accession', *pair)).int}" for pair in wanted}
    return made_up | studies_by_accession(connection, wanted)
