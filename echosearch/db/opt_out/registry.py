"""The registry of opt-outs: pseudonyms by which files and reports are refused. It holds no identifier.

    kind         pseudonym of            refuses
    patient_id   a patient id            every file and report with this id, whoever issued it
    shared_id    a patient id            reports with this id that do not name the study of another patient; of the
                                         patients who share the id one has opted out
    patient      a patient               every file of this patient
    study        a study                 every file and report of this study, whatever patient it names
    accession    an accession number     reports with this number and no patient id

The keys of one opt-out have one owner, the pseudonym of the patient id (of a patient without one: the patient), so that
it can be taken back when the patient's rows are gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from echosearch.db.studies.reports import IncomingReport
from echosearch.pseudonyms import Keyring

__all__ = [
    "NamedFile",
    "OptOuts",
    "RefusalKey",
    "add_refusals",
    "file_owners",
    "owner_of_id",
    "refusals_of_study",
    "remove_opt_outs",
    "shared_key",
]


@dataclass(frozen=True)
class RefusalKey:
    """One row of the registry."""

    key: str
    owner: str
    kind: str


@dataclass(frozen=True)
class NamedFile:
    """What an inspected file says whose it is. Prints no identifier."""

    file_id: int
    study_uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    accession_number: str = field(default="", repr=False)


def owner_of_id(keyring: Keyring, patient_id: str) -> str:
    """Return the pseudonym of a patient id, whoever issued it: the owner and the first key of its opt-out."""
    return keyring.key("opt-out", patient_id)


def shared_key(keyring: Keyring, patient_id: str) -> str:
    """Return the key of a patient id that several patients share."""
    return keyring.key("opt-out-shared", patient_id)


def refusals_of_study(keyring: Keyring, study: str, accession_number: str, owner: str) -> list[RefusalKey]:
    """Return the keys that refuse what names this study (a key), or its accession number if it has one."""
    keys = [RefusalKey(study, owner, "study")]
    if accession_number:
        keys.append(RefusalKey(_accession_key(keyring, accession_number), owner, "accession"))
    return keys


def _accession_key(keyring: Keyring, accession_number: str) -> str:
    return keyring.key("opt-out-accession", accession_number)


def add_refusals(connection: Connection, rows: Iterable[RefusalKey]) -> int:
    """Add rows to the registry; return how many are new."""
    made = sorted({(row.key, row.owner, row.kind) for row in rows})
    if not made:
        return 0
    keys, owners, kinds = zip(*made, strict=True)
    return connection.execute(
        text(
            "insert into core.opt_out (key, owner, kind) select * from unnest(cast(:keys as uuid[]),"
            " cast(:owners as uuid[]), cast(:kinds as text[])) on conflict do nothing"
        ),
        {"keys": [*keys], "owners": [*owners], "kinds": [*kinds]},
    ).rowcount


def remove_opt_outs(connection: Connection, owners: Collection[str]) -> int:
    """Remove the opt-outs of these owners; return how many there were. Their files become due to be read."""
    gone = set(
        connection.scalars(
            text("delete from core.opt_out where owner = any(cast(:owners as uuid[])) returning cast(owner as text)"),
            {"owners": list(owners)},
        )
    )
    if gone:  # whose a refused file was is not kept: all are read again, and the others are refused again
        connection.execute(
            text(
                "update core.source_file set state = 'registered', reason = null, detail = null, attempts = 0"
                " where reason = 'OPTED_OUT'"
            )
        )
    return len(gone)


def file_owners(connection: Connection, keyring: Keyring, files: Sequence[NamedFile]) -> dict[int, set[str]]:
    """Return file id -> the owners of the opt-outs that refuse it, of the files that are refused."""
    asked: dict[str, set[int]] = defaultdict(set)
    for file in files:
        asked[keyring.study(file.study_uid)].add(file.file_id)
        if file.patient_id:
            asked[owner_of_id(keyring, file.patient_id)].add(file.file_id)
            asked[keyring.patient(file.issuer, file.patient_id)].add(file.file_id)
        else:
            asked[keyring.unnamed_patient(file.study_uid)].add(file.file_id)
    rows = connection.execute(
        text(
            "select cast(key as text) as key, cast(owner as text) as owner from core.opt_out"
            " where key = any(cast(:keys as uuid[])) and kind in ('patient_id', 'patient', 'study')"
        ),
        {"keys": sorted(asked)},
    )
    refused: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        for file_id in asked[row.key]:
            refused[file_id].add(row.owner)
    return dict(refused)


class OptOuts:
    """The keys of the registry in memory, about 100 bytes each, against which a table of reports is held."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self.refused = 0  # reports, so far
        self._keyring = keyring
        self._keys = frozenset(connection.scalars(text("select distinct cast(key as text) from core.opt_out")))

    def others(self, reports: Iterable[IncomingReport]) -> Iterator[IncomingReport]:
        """Yield the reports that no opt-out refuses, and count those that one does."""
        for report in reports:
            if self._keys and self._refuses(report):
                self.refused += 1
            else:
                yield report

    def _refuses(self, report: IncomingReport) -> bool:
        ring, keys = self._keyring, self._keys
        if report.study_uid and ring.study(report.study_uid) in keys:
            return True
        if not report.patient_id:
            return bool(report.accession_number) and _accession_key(ring, report.accession_number) in keys
        if owner_of_id(ring, report.patient_id) in keys:
            return True
        return not report.study_uid and shared_key(ring, report.patient_id) in keys
