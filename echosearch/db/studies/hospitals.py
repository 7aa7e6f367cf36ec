"""One patient number at two hospitals: two patients, if anything tells them apart.

A patient is (issuer, PatientID). Many files name no issuer, or two hospitals have issuers of one name. Studies of one
(issuer, PatientID) are of several patients

    if their authorities differ, by universal id: each authority counts on its own
    if their institutions differ in name or address, and their sexes or birth dates differ as well

and then each hospital's studies are a patient. An institution's name alone separates nobody: it is typed by hand, one
hospital has many spellings and departments, and a patient taken for two would be found as the most similar to
himself, and be on both sides of a training split. The whole archive is compared at the end of an ingest, so that the
order of files does not matter, and a correction joins patients again.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from echosearch.db.studies.visits import unsettle
from echosearch.db.vectors.write import touch_studies
from echosearch.pseudonyms import Keyring

__all__ = ["keep_hospitals_apart"]

_STUDIES = """
    select s.study_key, s.patient_key, p.issuer, p.patient_id, p.name, s.sex, i.birth_date,
           i.authority, i.institution
    from core.study s join phi.study i using (study_key) join phi.patient p on p.patient_key = s.patient_key
    where p.patient_id <> ''"""
# those whose patient is to be looked at: told apart by now, or told apart before
_CONTESTED = f"""
    select issuer, patient_id from ({_STUDIES}) d group by issuer, patient_id
    having count(distinct authority) > 1
        or (count(distinct institution) filter (where sex is not null) > 1
            and count(distinct sex) filter (where institution is not null) > 1)
        or (count(distinct institution) filter (where birth_date is not null) > 1
            and count(distinct birth_date) filter (where institution is not null) > 1)"""


def keep_hospitals_apart(connection: Connection, keyring: Keyring) -> int:
    """Give each study to the patient of its hospital, if hospitals are told apart; return how many studies moved.

    The points of these studies are sent again.
    """
    rows = connection.execute(
        text(
            f"select cast(d.study_key as text) as study, cast(d.patient_key as text) as patient, d.issuer,"
            f" d.patient_id, d.name, coalesce(d.authority, d.institution, '') as hospital,"
            f" c.issuer is not null as apart from ({_STUDIES}) d"
            f" left join ({_CONTESTED}) c on c.issuer = d.issuer and c.patient_id = d.patient_id"
            " where c.issuer is not null or exists (select from phi.patient q where q.issuer = d.issuer"
            " and q.patient_id = d.patient_id and q.hospital <> '') order by 1"
        )
    ).all()
    moved = []
    for row in rows:
        hospital = row.hospital if row.apart else ""
        patient = keyring.patient(row.issuer, row.patient_id, hospital)
        if patient != row.patient:
            moved.append(
                {"study": row.study, "patient": patient, "issuer": row.issuer, "id": row.patient_id, "name": row.name,
                 "hospital": hospital}
            )  # fmt: skip
    if not moved:
        return 0
    for statement in (
        "insert into core.patient (patient_key) values (cast(:patient as uuid)) on conflict do nothing",
        "insert into phi.patient (patient_key, issuer, patient_id, hospital, name)"
        " values (cast(:patient as uuid), :issuer, :id, :hospital, :name) on conflict do nothing",
        "update core.study set patient_key = cast(:patient as uuid) where study_key = cast(:study as uuid)",
        "update phi.study set patient_key = cast(:patient as uuid) where study_key = cast(:study as uuid)",
    ):
        connection.execute(text(statement), moved)
    unsettle(connection, [one["study"] for one in moved])
    touch_studies(connection, [one["study"] for one in moved])
    return len(moved)
