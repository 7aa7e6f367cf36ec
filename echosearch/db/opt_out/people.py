"""Who is meant by a patient id or a study: the patients of the archive, and the keys that their opt-out needs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from echosearch.db.opt_out.registry import RefusalKey, owner_of_id, shared_key
from echosearch.pseudonyms import Keyring

__all__ = [
    "PatientWithId",
    "ids_without_zeros",
    "keys_of_id",
    "keys_of_patient",
    "owners_of_study",
    "patient_of_study",
    "patients_with_ids",
]


@dataclass(frozen=True)
class PatientWithId:
    """A patient who has studies here; ``patient_id`` is "" where the files name none."""

    patient: str
    patient_id: str = field(repr=False)


def patients_with_ids(connection: Connection, patient_ids: Collection[str]) -> dict[str, list[PatientWithId]]:
    """Return patient id -> the patients of the archive with this id who have studies."""
    rows = connection.execute(
        text(
            "select p.patient_id, cast(p.patient_key as text) as patient from phi.patient p"
            " where p.patient_id = any(:ids)"
            " and exists (select from core.study s where s.patient_key = p.patient_key) order by 1, 2"
        ),
        {"ids": list(patient_ids)},
    )
    found: dict[str, list[PatientWithId]] = defaultdict(list)
    for row in rows:
        found[row.patient_id].append(PatientWithId(row.patient, row.patient_id))
    return dict(found)


def ids_without_zeros(connection: Connection, patient_ids: Collection[str]) -> set[str]:
    """Return those of these ids that no patient has, but with other zeros in front: a spreadsheet drops them."""
    bare = {one: one.lstrip("0") for one in patient_ids if one.isdigit() and one.lstrip("0")}
    if not bare:
        return set()
    rows = connection.execute(
        text(
            "select distinct ltrim(patient_id, '0') as bare from phi.patient"
            " where ltrim(patient_id, '0') = any(:bare) and patient_id <> all(:ids)"
        ),
        {"bare": sorted({*bare.values()}), "ids": list(patient_ids)},
    )
    with_zeros = {row.bare for row in rows}
    return {one for one, rest in bare.items() if rest in with_zeros}


def patient_of_study(connection: Connection, keyring: Keyring, name: str) -> PatientWithId | None:
    """Return the patient of a study, named by its whole key or its StudyInstanceUID; None if there is no such study."""
    row = connection.execute(
        text(
            "select cast(s.patient_key as text) as patient, coalesce(p.patient_id, '') as patient_id from core.study s"
            " left join phi.patient p on p.patient_key = s.patient_key"
            " where s.study_key = any(cast(:keys as uuid[])) limit 1"
        ),
        {"keys": _study_keys(keyring, name)},
    ).one_or_none()
    return None if row is None else PatientWithId(row.patient, row.patient_id)


def owners_of_study(connection: Connection, keyring: Keyring, name: str) -> set[str]:
    """Return whose opt-outs have erased or refused a study, named as for patient_of_study."""
    rows = connection.scalars(
        text(
            "select distinct cast(owner as text) from core.opt_out where kind = 'study'"
            " and key = any(cast(:keys as uuid[]))"
        ),
        {"keys": _study_keys(keyring, name)},
    )
    return set(rows)


def keys_of_id(keyring: Keyring, patient_id: str, patients: Sequence[PatientWithId]) -> list[RefusalKey]:
    """Return the keys that refuse everybody with this patient id, and name those of them who are here."""
    owner = owner_of_id(keyring, patient_id)
    return [RefusalKey(owner, owner, "patient_id"), *(RefusalKey(one.patient, owner, "patient") for one in patients)]


def keys_of_patient(keyring: Keyring, one: PatientWithId) -> list[RefusalKey]:
    """Return the keys that refuse this patient, and not others with the same patient id."""
    if not one.patient_id:
        return [RefusalKey(one.patient, one.patient, "patient")]
    owner = owner_of_id(keyring, one.patient_id)
    return [
        RefusalKey(one.patient, owner, "patient"),
        RefusalKey(shared_key(keyring, one.patient_id), owner, "shared_id"),
    ]


def _study_keys(keyring: Keyring, name: str) -> list[str]:
    digits = name.replace("-", "").lower()
    whole = [str(UUID(digits))] if re.fullmatch(r"[0-9a-f]{32}", digits) else []
    return [*whole, keyring.study(name)]
