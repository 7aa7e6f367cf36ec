"""The person that a study shows: the sex, age and birth date that its own files say.

They belong to the study and not to a patient id, for one id can belong to many people: a de-identified export, two
hospitals that number alike. Each video keeps what its file says, and the study has what they agree in:

    one value, or none in some files    that value
    two sexes, or two birth dates       none: a filter must not find a study by what one of its files denies
    ages that are a year apart          the lower: a birthday, or an age that was rounded
    ages that are further apart         none

The files that back a video count; if there are none, those that were refused after their header was read. The
hospital is found in the same way (hospitals.py). Contradictions are counted, within a study and between a patient's
studies.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

from echosearch.db.files.contradictions import Contradictions, contradictions
from echosearch.db.vectors.write import touch_studies

__all__ = [
    "describe_studies",
    "forget_descriptions",
    "note_contradictions",
    "studies_of",
]

# what the files of the studies in :keys say: of each video, and whether a file backs it
_SAID = """
    select v.study_key, v.sex, v.age, i.birth_date, i.authority, i.institution,
           bool_or(f.state in ('registered', 'admitted', 'embedded', 'indexed')) as backed
    from core.video v join core.source_file f on f.video_key = v.video_key
    left join phi.video i on i.video_key = v.video_key
    where v.study_key = any(cast(:keys as uuid[])) group by v.video_key, i.video_key"""
_AGREED = f"""
    select k.key as study_key,
           count(distinct sex) > 1 or count(distinct birth_date) > 1 or max(age) - min(age) > 1 is true as contradicts,
           case count(distinct sex) when 1 then min(sex) end as sex,
           case when max(age) - min(age) <= 1 then min(age) end as age,
           case count(distinct birth_date) when 1 then min(birth_date) end as birth_date,
           case count(distinct authority) when 1 then min(authority) end as authority,
           case count(distinct institution) when 1 then min(institution) end as institution
    from unnest(cast(:keys as uuid[])) as k(key) left join (
        select *, bool_or(backed) over (partition by study_key) as any_backed from ({_SAID}) said
    ) spoken on spoken.study_key = k.key and spoken.backed = spoken.any_backed
    group by k.key"""


def studies_of(connection: Connection, video_keys: Collection[str]) -> set[str]:
    """Return the studies that these videos belong to now."""
    rows = connection.scalars(
        text("select distinct cast(study_key as text) from core.video where video_key = any(cast(:keys as uuid[]))"),
        {"keys": list(video_keys)},
    )
    return set(rows)


def forget_descriptions(connection: Connection, video_keys: Collection[str]) -> None:
    """Forget what these videos' files said: they are of another study or patient now."""
    if not video_keys:
        return
    given = {"keys": list(video_keys)}
    of_these = "where video_key = any(cast(:keys as uuid[]))"
    connection.execute(text(f"update core.video set sex = null, age = null {of_these}"), given)
    connection.execute(
        text(f"update phi.video set birth_date = null, authority = null, institution = null {of_these}"), given
    )


def describe_studies(connection: Connection, study_keys: Collection[str]) -> None:
    """Write the values that the files of these studies agree in, and send the studies whose filter values changed."""
    if not study_keys:
        return
    given = {"keys": sorted(study_keys)}  # whoever writes rows takes their locks in one order
    changed = connection.scalars(
        text(
            f"update core.study s set sex = a.sex, age = a.age, contradicts = a.contradicts from ({_AGREED}) a"
            " where a.study_key = s.study_key"
            " and (s.sex, s.age, s.contradicts) is distinct from (a.sex, a.age, a.contradicts)"
            " returning cast(s.study_key as text)"
        ),
        given,
    ).all()
    connection.execute(
        text(
            f"update phi.study s set birth_date = a.birth_date, authority = a.authority, institution = a.institution"
            f" from ({_AGREED}) a where a.study_key = s.study_key and (s.birth_date, s.authority, s.institution)"
            " is distinct from (a.birth_date, a.authority, a.institution)"
        ),
        given,
    )
    touch_studies(connection, sorted(changed))


def note_contradictions(connection: Connection) -> Contradictions:
    """Compare the studies of each patient in the archive, and return how many contradict. Needs the phi schema."""
    connection.execute(
        text(
            "update core.patient p set two_sexes = d.two_sexes, two_birth_dates = d.two_birth_dates from ("
            "  select s.patient_key, count(distinct s.sex) > 1 as two_sexes,"
            "   count(distinct i.birth_date) > 1 as two_birth_dates"
            "  from core.study s left join phi.study i using (study_key) group by s.patient_key) d"
            " where d.patient_key = p.patient_key"
            " and (p.two_sexes, p.two_birth_dates) is distinct from (d.two_sexes, d.two_birth_dates)"
        )
    )
    return contradictions(connection)
