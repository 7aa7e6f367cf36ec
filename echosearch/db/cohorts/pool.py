"""Cases and the pool that their controls come from, as temporary tables; what is measured of both for the balance.

cohort_case      members
cohort_pool      studies that do not state the question, of patients none of whose studies states it
cohort_control   studies of the pool that were chosen, with the case that each was chosen for
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, text

from echosearch.db.server.copying import copy_rows

__all__ = [
    "FIELDS",
    "ControlCandidate",
    "Field",
    "Moments",
    "candidates",
    "devices_of_cases",
    "fill_pool",
    "keep_controls",
    "matched_rows",
    "moments",
]

Field = Literal["sex", "year", "device", "age"]
FIELDS: tuple[Field, ...] = ("age", "sex", "year", "device")
_BATCH = 5000
_COLUMNS = "m.study_key, m.patient_key, s.sex, s.age, s.month, s.month / 100 as year, d.device"
_DEVICE = (
    " left join lateral (select min(v.device) as device from core.video v where v.study_key = s.study_key) d on true"
)


@dataclass(frozen=True)
class ControlCandidate:
    """A case or a study of the pool, within its stratum."""

    study: str
    patient: str
    stratum: str
    age: int | None


@dataclass(frozen=True)
class Moments:
    """What a group is like: mean and variance of each covariate; a share's variance is p (1 - p)."""

    studies: int
    means: dict[str, tuple[float, float]]


def fill_pool(connection: Connection, members: str, denied: bool, prefix: str = "cohort") -> tuple[int, int]:
    """Fill cohort_case from a query of members and cohort_pool from the studies of a run; return their sizes.

    ``denied``: of studies that deny the question, else of those that are silent about it.
    """
    connection.execute(text("set local statement_timeout = 0"))
    connection.execute(text("drop table if exists pg_temp.cohort_case, pg_temp.cohort_pool"))
    connection.execute(
        text(
            f"create temporary table cohort_case on commit drop as select {_COLUMNS} from ({members}) m"
            f" join core.study s on s.study_key = m.study_key{_DEVICE}"
        )
    )
    connection.execute(
        text(
            f"create temporary table cohort_pool on commit drop as select {_COLUMNS} from {prefix}_study m"
            f" join core.study s on s.study_key = m.study_key{_DEVICE}"
            f" where m.meets and {'m.denied' if denied else 'm.silent'} and not exists"
            " (select from cohort_case c where c.patient_key = m.patient_key) and not exists"
            f" (select from {prefix}_study o where o.patient_key = m.patient_key and true = all(o.met))"
        )
    )
    cases = int(connection.execute(text("select count(*) from cohort_case")).scalar_one())
    return cases, int(connection.execute(text("select count(*) from cohort_pool")).scalar_one())


def candidates(
    connection: Connection, table: Literal["cohort_case", "cohort_pool"], on: Sequence[Field], seed: int, most: int
) -> Iterator[ControlCandidate]:
    """Yield rows by stratum, in one by a hash of seed and key; at most ``most`` of a stratum and an age.

    What lacks a value of ``on`` is left out.
    """
    exact = [name for name in on if name != "age"]
    stratum = f"concat_ws('|', {', '.join(exact)})" if exact else "''"
    known = " and ".join(f"{name} is not null" for name in on) or "true"
    with connection.execute(
        text(
            "select cast(study_key as text) as study, cast(patient_key as text) as patient, stratum, age from"
            " (select *, row_number() over (partition by stratum, age order by drawn, study_key) as place"
            f" from (select study_key, patient_key, age, {stratum} as stratum,"
            " sha256(convert_to(:seed || cast(study_key as text), 'UTF8')) as drawn"
            f' from {table} where {known}) t) t where place <= :most order by stratum collate "C", drawn, study_key'
        ),
        {"seed": f"{seed}:", "most": most},
        execution_options={"stream_results": True, "yield_per": _BATCH},
    ) as rows:
        for row in rows:
            yield ControlCandidate(row.study, row.patient, row.stratum, row.age)


def keep_controls(connection: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    """Fill cohort_control from (study of a case, study of its control)."""
    copy_rows(connection, "cohort_control", "case_key uuid, study_key uuid", pairs)


def moments(connection: Connection, devices: Sequence[str]) -> dict[str, Moments]:
    """Measure all cases, the pool, the matched cases and the controls; ``devices`` are covariates too."""
    groups = {
        "cases": "cohort_case",
        "pool": "cohort_pool",
        "matched": "(select * from cohort_case where study_key in (select case_key from cohort_control))",
        "controls": "(select p.* from cohort_pool p join cohort_control c on c.study_key = p.study_key)",
    }
    made = {}
    for name, group in groups.items():
        shares = "".join(f", avg(case when device = :d{n} then 1.0 else 0 end) as d{n}" for n in range(len(devices)))
        row = connection.execute(
            text(
                "select count(*) as studies, avg(age) as age, var_samp(age) as age_var, avg(year) as year,"
                " var_samp(year) as year_var, avg(case sex when 'F' then 1.0 else 0 end) filter (where sex is not null)"
                f" as female{shares} from {group} g"
            ),
            {f"d{n}": device for n, device in enumerate(devices)},
        ).one()
        means = {
            "age": (float(row.age or 0), float(row.age_var or 0)),
            "year": (float(row.year or 0), float(row.year_var or 0)),
        }
        for label, share in (("female", row.female), *((d, getattr(row, f"d{n}")) for n, d in enumerate(devices))):
            p = float(share or 0)
            means[label] = (p, p * (1 - p))
        made[name] = Moments(row.studies, means)
    return made


def devices_of_cases(connection: Connection, most: int) -> list[str]:
    """Return the cases' machines, the most frequent first."""
    rows = connection.scalars(
        text(
            "select device from cohort_case where device is not null group by device order by count(*) desc, device"
            " limit :most"
        ),
        {"most": most},
    )
    return list(rows)


def matched_rows(connection: Connection) -> Iterator[list[dict[str, object]]]:
    """Yield cases and controls, set by set: the case first; unmatched cases have no set."""
    with connection.execute(
        text(
            "with sets as (select case_key, row_number() over (order by case_key) as set from (select distinct case_key"
            " from cohort_control) c) select set, role, cast(m.study_key as text) as study,"
            " cast(m.patient_key as text) as patient, m.month, m.age, m.sex, m.device from ("
            " select s.set, 'case' as role, c.* from sets s join cohort_case c on c.study_key = s.case_key union all"
            " select s.set, 'control', p.* from sets s join cohort_control k on k.case_key = s.case_key"
            " join cohort_pool p on p.study_key = k.study_key) m order by set, role, study"
        ),
        execution_options={"stream_results": True, "yield_per": _BATCH},
    ) as rows:
        for part in rows.partitions():
            yield [
                {
                    "set": row.set,
                    "role": row.role,
                    "study": row.study,
                    "patient": row.patient,
                    "date": None if row.month is None else f"{row.month // 100:04d}-{row.month % 100:02d}",
                    "age": row.age,
                    "sex": row.sex,
                    "device": row.device,
                }
                for row in part
            ]
