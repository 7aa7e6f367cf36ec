"""One run of a cohort: every study of the archive in a temporary table, with the first step that it does not pass.

    <prefix>_study    one row a study: which criteria it meets, alone
    <prefix>_video    studies that no report speaks of, whose videos make the question likely (filled by the caller)
    <prefix>_run      one row a study: ``step``, the number of the step that drops it; steps: a member

Set-based, so that the program's memory does not grow with the archive. The tables go with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.db.cohorts.grouped import GroupedSet
from echosearch.db.cohorts.plan import Plan, Stated, Window
from echosearch.db.questions.fact_conditions import all_stated, any_denied
from echosearch.db.questions.study_sets import STUDY_FIELDS, VideoSet, study_filter
from echosearch.filters import fields_of

__all__ = [
    "Counts",
    "StepCounts",
    "count_steps",
    "may_see_days",
    "prepare_cohort",
    "put_likely",
    "silent_studies",
    "step_all",
]

_SORT_MEMORY = "64MB"  # a sort's or a hash's; what does not fit goes to disk


@dataclass(frozen=True)
class Counts:
    """How many are left."""

    patients: int
    studies: int
    videos: int


@dataclass(frozen=True)
class StepCounts:
    """How many are left after a step, and how many of the studies are there by their videos alone."""

    kept: Counts
    by_videos: int


def may_see_days(connection: Connection) -> bool:
    """Return whether exact dates may be read: they are in the phi schema."""
    return bool(
        connection.scalar(
            text(
                "select case when has_schema_privilege('phi', 'usage')"
                " then has_table_privilege('phi.study', 'select') else false end"
            )
        )
    )


def prepare_cohort(connection: Connection, encoder_id: int, plan: Plan, days: bool, prefix: str = "cohort") -> None:
    """Fill <prefix>_study with all studies of the plan that are indexed, and make an empty <prefix>_video."""
    sets = GroupedSet()
    met = [
        all_stated(sets, [one.condition], []) if isinstance(one, Stated) else all_stated(sets, [], [one.condition])
        for one in plan.criteria
        if not isinstance(one, Window)
    ]
    near = [all_stated(sets, window.conditions, []) for window in plan.windows]
    denied = any_denied(sets, plan.required, plan.excluded)
    stated = all_stated(sets, plan.required, plan.excluded)
    facts = sets.source if sets.flags else "select cast(null as uuid) as study_key where false"
    about_videos = not fields_of(plan.where) <= STUDY_FIELDS
    where = study_filter(VideoSet(sets.given), plan.where) if plan.where else "true"
    scope = study_filter(VideoSet(sets.given), plan.scope) if plan.scope else "true"
    listed = " and s.study_key = any(cast(:listed as uuid[]))" if plan.studies else ""
    meets, videos = where, ""
    if about_videos:  # the filter first: most videos do not meet it
        meets = "n.study_key is not null"
        videos = (
            " left join (select distinct v.study_key from core.embedding m join core.video v using (video_key)"
            f" join core.study s on s.study_key = v.study_key where m.encoder_id = :encoder and {where}) n"
            " on n.study_key = s.study_key"
        )
    connection.execute(text("set local statement_timeout = 0"))
    connection.execute(text(f"set local work_mem = '{_SORT_MEMORY}'"))
    connection.execute(text(f"drop table if exists pg_temp.{prefix}_study, pg_temp.{prefix}_video"))
    connection.execute(
        text(
            f"create temporary table {prefix}_study on commit drop as"
            " select s.study_key, s.patient_key, s.month, s.month / 100 * 12 + s.month % 100 as months,"
            f" {'p.study_date' if days else 'cast(null as date)'} as day, e.embedded_videos as videos,"
            f" cast(array[{', '.join(met)}] as boolean[]) as met, cast(array[{', '.join(near)}] as boolean[]) as near,"
            f" {denied} as denied, not ({stated}) and not ({denied}) as silent,"
            f" {meets} as meets"
            " from core.study s join core.study_embedding e on e.study_key = s.study_key and e.encoder_id = :encoder"
            f"{videos} left join ({facts}) a on a.study_key = s.study_key"
            + (" left join phi.study p on p.study_key = s.study_key" if days else "")
            + f" where e.indexed_gen is not null and not s.conflict and {scope}{listed}"
        ),
        {**sets.given, "encoder": encoder_id, **({"listed": list(plan.studies)} if plan.studies else {})},
    )
    connection.execute(
        text(f"create temporary table {prefix}_video (study_key uuid primary key, probability float8) on commit drop")
    )
    connection.execute(text(f"analyze {prefix}_study"))


def silent_studies(connection: Connection, prefix: str, batch: int) -> Iterator[list[tuple[str, list[bool]]]]:
    """Yield studies that neither state nor deny the question, with the criteria that each meets, in batches."""
    after = "00000000-0000-0000-0000-000000000000"
    connection.execute(
        text(f"create unique index {prefix}_silent on {prefix}_study (study_key) where silent"),
    )
    while True:
        rows = connection.execute(
            text(
                f"select cast(study_key as text) as study, met from {prefix}_study where silent"
                " and study_key > cast(:after as uuid) order by study_key limit :batch"
            ),
            {"after": after, "batch": batch},
        ).all()
        if not rows:
            return
        after = rows[-1].study
        yield [(row.study, row.met) for row in rows]


def put_likely(connection: Connection, prefix: str, likely: Sequence[tuple[str, float]]) -> None:
    """Add studies whose videos make the question likely, with the probability."""
    if likely:
        connection.execute(
            text(f"insert into {prefix}_video select * from unnest(cast(:keys as uuid[]), cast(:p as float8[]))"),
            {"keys": [key for key, _ in likely], "p": [p for _, p in likely]},
        )


def step_all(connection: Connection, plan: Plan, prefix: str = "cohort") -> int:
    """Fill <prefix>_run; return the number of steps, which is the ``step`` of members."""
    cases, place = [], 0
    for one in plan.criteria:
        if isinstance(one, Window):
            found = f"w{plan.windows.index(one)}.study_key"
            dated = "b.day" if one.unit == "days" else "b.months"
            cases.append(f"{dated} is not null and {found} is {'null' if one.absent else 'not null'}")
        else:
            place += 1
            cases.append(f"(b.met[{place}] or v.study_key is not null)")
    if plan.where is not None:
        cases.append("b.meets")
    windows = [_window(prefix, number, window) for number, window in enumerate(plan.windows)]
    joins = "".join(f" left join w{number} on w{number}.study_key = b.study_key" for number in range(len(windows)))
    step = "".join(f" when not ({case}) then {number}" for number, case in enumerate(cases))
    order = {
        "all": None,
        "first": "day nulls last, month nulls last, study_key",
        "last": "day desc nulls last, month desc nulls last, study_key",
        "random": "sha256(convert_to(:seed || cast(study_key as text), 'UTF8'))",
    }[plan.per_patient]
    staged = (
        f"staged as materialized (select b.study_key, b.patient_key, b.month, b.day, b.videos, v.probability,"
        f" {f'case{step} else {len(cases)} end' if cases else 0} as step from {prefix}_study b"
        f" left join {prefix}_video v on v.study_key = b.study_key{joins})"
    )
    chosen, final = "", "s.step"
    if order is not None:
        chosen = (
            f", chosen as (select distinct on (patient_key) study_key from staged where step = {len(cases)}"
            f" order by patient_key, {order})"
        )
        final = "s.step + case when c.study_key is null then 0 else 1 end"
        joined = " left join chosen c on c.study_key = s.study_key"
    else:
        joined = ""
    connection.execute(text(f"drop table if exists pg_temp.{prefix}_run"))
    connection.execute(
        text(
            f"create temporary table {prefix}_run on commit drop as with {', '.join([*windows, staged])}{chosen}"
            f" select s.study_key, s.patient_key, s.month, s.videos, s.probability, {final} as step"
            f" from staged s{joined}"
        ),
        {"seed": f"{plan.seed}:"} if plan.per_patient == "random" else {},
    )
    connection.execute(text(f"analyze {prefix}_run"))
    return len(cases) + (order is not None)


def _window(prefix: str, number: int, window: Window) -> str:
    """A CTE of the studies that have another study of their patient in the window that states what is asked."""
    column = "day" if window.unit == "days" else "months"
    if window.side == "after":
        within = f"o.{column} >= b.{column} and o.{column} <= b.{column} + {window.length:d}"
    else:
        within = f"o.{column} < b.{column} and o.{column} >= b.{column} - {window.length:d}"
    return (
        f"w{number} as (select distinct b.study_key from {prefix}_study b join {prefix}_study o"
        f" on o.patient_key = b.patient_key and o.study_key <> b.study_key and o.near[{number + 1}] and {within})"
    )


def count_steps(connection: Connection, steps: int, prefix: str = "cohort") -> list[StepCounts]:
    """Return (steps + 1) counts: of all studies, then what each step leaves."""
    of_studies = {
        row.step: row
        for row in connection.execute(
            text(
                "select step, count(*) as studies, sum(videos) as videos, count(probability) as by_videos"
                f" from {prefix}_run group by step"
            )
        )
    }
    of_patients = {
        row.step: row.patients
        for row in connection.execute(
            text(
                "select step, count(*) as patients from"
                f" (select max(step) as step from {prefix}_run group by patient_key) p group by step"
            )
        )
    }
    made: list[StepCounts] = []
    for least in range(steps + 1):
        kept = [row for step, row in of_studies.items() if step >= least]
        counts = Counts(
            sum(n for step, n in of_patients.items() if step >= least),
            sum(row.studies for row in kept),
            sum(int(row.videos) for row in kept),
        )
        made.append(StepCounts(counts, sum(row.by_videos for row in kept)))
    return made
