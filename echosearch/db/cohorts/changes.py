"""Who entered and who left between two states of a cohort, and because of what.

opted out                its patient has opted out (db/opt_out): nothing of it is here
new study, study gone    the study came into the archive, or is not searchable any more
report, measurement      its report was added, changed or withdrawn; a structured report came
lexicon                  the same report was read by another version of the lexicon
attributes               its age, sex or date was corrected
encoder, calibration     its videos made it a member, by another encoder, or by other curves of the same one
definition               the older definition, asked now, decides otherwise
choice                   another study of its patient is the first, last or random one
other                    none of these: a link, a conflict, a video that came or went
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.db.cohorts.snapshots import Snapshot, Versions

__all__ = ["Change", "Compared", "changes", "compare_members", "count_causes"]

_BATCH = 2000


@dataclass(frozen=True)
class Change:
    """A study that entered or left."""

    study: str
    patient: str
    change: str  # "entered" or "left"
    causes: tuple[str, ...]  # the first is the main one


@dataclass(frozen=True)
class Compared:
    """What the comparison knows beside the members: the older snapshot, and the versions of the newer state."""

    before: Snapshot
    after: Versions
    redefined: bool  # the definitions differ;
    older_now: str | None  # then a query of the study keys that the older one gives now, where it can be asked
    per_patient: bool


_MEASURED = "exists (select from core.sr_value v where v.study_key = m.study_key and v.trusted and v.file_id > :file)"
_NOTHING_OLDER = "select cast(null as uuid) as study_key where false"


def compare_members(connection: Connection, before: str, after: str, encoder_id: int, how: Compared) -> None:
    """Fill the temporary table cohort_change; ``before`` and ``after`` are queries of members (snapshots.py)."""
    known = how.redefined and how.older_now is not None
    connection.execute(text("drop table if exists pg_temp.cohort_change"))
    connection.execute(
        text(f"""
            create temporary table cohort_change on commit drop as
            with a as materialized ({before}),
                b as materialized ({after}),
                older as materialized ({how.older_now or _NOTHING_OLDER}),
                entered as (
                    select m.study_key, m.patient_key, m.probability, m.lexicon,
                        exists (select from a where a.patient_key = m.patient_key) as other,
                        exists (select from older where older.study_key = m.study_key) as older,
                        s.created_at > :moment as is_new, coalesce(r.seq, 0) as seq, {_MEASURED} as measured
                    from (select * from b where not exists (select from a where a.study_key = b.study_key)) m
                    join core.study s on s.study_key = m.study_key
                    left join core.report r on r.report_key = m.report_key
                ),
                gone as (
                    select m.*,
                        exists (select from b where b.patient_key = m.patient_key) as other,
                        exists (select from older where older.study_key = m.study_key) as older,
                        exists (select from core.opt_out o where o.key = m.study_key) as opted_out,
                        e.study_key is null or s.conflict as gone, f.report_key as report_now,
                        f.lexicon as lexicon_now, s.month as month_now, s.age as age_now, s.sex as sex_now,
                        {_MEASURED} as measured
                    from (select * from a where not exists (select from b where b.study_key = a.study_key)) m
                    left join core.study s on s.study_key = m.study_key
                    left join core.study_embedding e
                        on e.study_key = m.study_key and e.encoder_id = :encoder and e.indexed_gen is not null
                    left join core.fact_reading f on f.study_key = m.study_key
                )
            select study_key, patient_key, 'entered' as change, {_entered(how, known)} as causes from entered x
            union all
            select study_key, patient_key, 'left', {_left(how, known)} from gone x
        """),
        {
            "encoder": encoder_id,
            "seq": how.before.report_seq,
            "file": how.before.file_id,
            "moment": how.before.created_at,
            "lexicons": list(how.before.versions.lexicons),
        },
    )
    connection.execute(
        text("update cohort_change set causes = array[cast(:nothing as text)] where cardinality(causes) = 0"),
        {"nothing": "definition" if how.redefined and not known else "other"},
    )


def _entered(how: Compared, known: bool) -> str:
    """SQL of why a study x entered; ``known``: what the older definition decides now is known."""
    several = "cardinality(cast(:lexicons as text[])) > 1"
    return _causes(
        ("definition", f"{known} and not x.older"),
        ("new study", "x.is_new"),
        ("report", "not x.is_new and x.seq > :seq"),
        ("measurement", "not x.is_new and x.measured"),
        (
            "lexicon",
            "not x.is_new and x.seq <= :seq and x.lexicon is not null"
            f" and ({several} or x.lexicon <> all(cast(:lexicons as text[])))",
        ),
        *_by_videos(how),
        ("choice", f"{how.per_patient} and x.other"),
    )


def _left(how: Compared, known: bool) -> str:
    """SQL of why a study x left; ``known`` as of those that entered."""
    return _causes(
        ("opted out", "x.opted_out"),
        ("study gone", "x.gone and not x.opted_out"),
        ("definition", f"{known} and x.older"),
        ("report", "not x.gone and x.report_now is distinct from x.report_key"),
        ("measurement", "not x.gone and x.measured"),
        ("lexicon", "not x.gone and x.report_now = x.report_key and x.lexicon_now <> x.lexicon"),
        (
            "attributes",
            "not x.gone and (x.month, x.age, x.sex) is distinct from (x.month_now, x.age_now, x.sex_now)",
        ),
        *_by_videos(how),
        ("choice", f"{how.per_patient} and x.other"),
    )


def _by_videos(how: Compared) -> tuple[tuple[str, str], ...]:
    """Causes of a member by its videos. Another encoder has another calibration: the encoder alone is the cause."""
    one, two = how.before.versions, how.after
    encoder = two.encoder is not None and one.encoder != two.encoder
    calibration = not encoder and two.calibration is not None and one.calibration != two.calibration
    changed = (("encoder", encoder), ("calibration", calibration))
    return tuple((cause, f"{has_changed} and x.probability is not null") for cause, has_changed in changed)


def _causes(*causes: tuple[str, str]) -> str:
    """SQL of the array of the causes whose condition holds, in this order."""
    each = ", ".join(f"case when {condition} then '{cause}' end" for cause, condition in causes)
    return f"array_remove(array[{each}], null)"


def count_causes(connection: Connection) -> dict[str, dict[str, int]]:
    """Return {"entered": {cause: studies}, "left": ...}, each study under its main cause."""
    counts: dict[str, dict[str, int]] = {"entered": {}, "left": {}}
    rows = connection.execute(
        text("select change, causes[1] as cause, count(*) as n from cohort_change group by 1, 2 order by 1, 3 desc, 2")
    )
    for row in rows:
        counts[row.change][row.cause] = row.n
    return counts


def changes(connection: Connection, limit: int | None = None) -> Iterator[Change]:
    """Yield every change, those that entered first, by study key; the first ``limit``."""
    with connection.execute(
        text(
            "select cast(study_key as text) as study, cast(patient_key as text) as patient, change, causes"
            " from cohort_change order by change, study_key limit :limit"
        ),
        {"limit": limit},
        execution_options={"stream_results": True, "yield_per": _BATCH},
    ) as rows:
        for row in rows:
            yield Change(row.study, row.patient, row.change, tuple(row.causes))
