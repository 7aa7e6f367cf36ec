"""Members of a cohort as they are exported: coarse attributes of each, in pages by study key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

__all__ = ["ListedMember", "MemberRow", "hold_members", "member_rows", "members_after"]

PAGE = 2000  # members in memory


@dataclass(frozen=True)
class MemberRow:
    """A member without its facts; age and date are numbers, or bands where small groups are hidden."""

    study: str
    patient: str
    date: str | None  # YYYY-MM, or YYYY where small groups are hidden
    age: int | None  # years, or the least of ten years
    sex: str | None
    device: str | None  # every machine of its videos
    videos: int
    report: bool  # whether a report of it was read
    probability: float | None


@dataclass(frozen=True)
class ListedMember:
    """A member as a page lists it."""

    study: str
    patient: str
    month: int | None  # yyyymm
    age: int | None
    sex: str | None
    probability: float | None


def members_after(connection: Connection, members: str, after: str | None, limit: int) -> list[ListedMember]:
    """Return the next members (of a query, snapshots.py) by study key, from behind ``after``."""
    rows = connection.execute(
        text(
            "select cast(m.study_key as text) as study, cast(m.patient_key as text) as patient, m.month, m.age, m.sex,"
            f" m.probability from ({members}) m where cast(:after as uuid) is null"
            " or m.study_key > cast(:after as uuid) order by m.study_key limit :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [ListedMember(**row._mapping) for row in rows]


def hold_members(connection: Connection, members: str, below: int = 0) -> int:
    """Fill the temporary table cohort_row from a query of members (snapshots.py); return how many patients they are.

    With ``below``, ages are in bands of ten years and dates in years, and all of date, age, sex and device is left out
    where fewer patients share it.
    """
    connection.execute(text("set local statement_timeout = 0"))
    connection.execute(text("drop table if exists pg_temp.cohort_row"))
    band, span = ("m.age / 10 * 10", "m.month / 100") if below > 1 else ("m.age", "m.month")
    connection.execute(
        text(
            f"create temporary table cohort_row on commit drop as select m.study_key, m.patient_key, {span} as span,"
            f" {band} as age, m.sex, v.device, coalesce(v.videos, 0) as videos, m.report_key is not null as report,"
            f" m.probability from ({members}) m left join lateral (select count(*) as videos,"
            " string_agg(distinct v.device, '; ' order by v.device) as device from core.video v"
            " where v.study_key = m.study_key) v on true"
        )
    )
    if below > 1:
        connection.execute(
            text(
                "with small as (select span, age, sex, device from cohort_row group by span, age, sex, device"
                " having count(distinct patient_key) < :below)"
                " update cohort_row r set span = null, age = null, sex = null, device = null from small s"
                " where (r.span, r.age, r.sex, r.device) is not distinct from (s.span, s.age, s.sex, s.device)"
            ),
            {"below": below},
        )
    connection.execute(text("create unique index on cohort_row (study_key)"))
    return int(connection.execute(text("select count(distinct patient_key) from cohort_row")).scalar_one())


def member_rows(connection: Connection) -> Iterator[list[MemberRow]]:
    """Yield the members that hold_members has found, in pages by study key."""
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        rows = connection.execute(
            text(
                "select cast(study_key as text) as study, cast(patient_key as text) as patient, span, age, sex, device,"
                " videos, report, probability from cohort_row where study_key > cast(:after as uuid)"
                " order by study_key limit :page"
            ),
            {"after": after, "page": PAGE},
        ).all()
        if not rows:
            return
        after = rows[-1].study
        yield [
            MemberRow(
                row.study,
                row.patient,
                _date(row.span),
                row.age,
                row.sex,
                row.device,
                row.videos,
                row.report,
                row.probability,
            )
            for row in rows
        ]


def _date(span: int | None) -> str | None:
    if span is None:
        return None
    return f"{span:04d}" if span < 10_000 else f"{span // 100:04d}-{span % 100:02d}"
