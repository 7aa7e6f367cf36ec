"""What a report that refers back inherits: 「前回と著変なし」 after a severe MR is a severe MR.

A study whose report says that nothing has changed has the findings of the patient's study before that its own report
does not speak of, marked with the study whose report states them. Numbers are of their day and are not inherited, nor
is what was wrong with valves where a prosthesis or clip has come since: reports do not always say which it mended.
Worked out afresh for each marked patient, so that it does not matter in which order studies and reports arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from sqlalchemy import Connection, text

from echosearch.db.questions.facts_about import related
from echosearch.db.studies.facts import facts_of, insert_facts
from echosearch.report.facts import Fact
from echosearch.report.facts.walls import single_walls

__all__ = ["inherit", "inherited_facts"]

_INHERITED = ("present", "absent", "not_significant", "uncertain")
_SETTLED_BY = {"lvef_low": ("lvef",)}  # a number speaks of it
_MENDS_VALVES = ("prosthetic_valve", "repair_clip")
_OF_VALVES = {
    *("mr", "ms", "ar", "as", "tr", "ts", "pr", "pulm_stenosis"),
    *("mvp", "chordal_rupture", "mac", "av_sclerosis", "bav", "tav", "valve_disease"),
}
Origin = tuple[Fact, str]  # a fact and the study whose report states it


def inherited_facts(before: Sequence[Origin], own: Sequence[Fact]) -> list[Origin]:
    """Return the findings of the study before that ``own``, the facts of today's report, does not speak of.

    Of a wall motion abnormality that is told wall by wall, the walls that it does not speak of.
    """
    spoken = _spoken_of([fact for fact in own if not fact.walls])
    of_walls = _spoken_of([fact for fact in own if fact.walls])
    told = single_walls(wall for fact in own for wall in fact.walls)
    come = _implants(own) - _implants([fact for fact, _ in before])
    return [
        (_of_other_walls(fact, told), origin)
        for fact, origin in before
        if fact.value is None
        and fact.unit is None
        and fact.polarity in _INHERITED
        and fact.concept not in spoken
        and (_of_other_walls(fact, told).walls if fact.walls else fact.concept not in of_walls)
        and not spoken & {*_SETTLED_BY.get(fact.concept, ())}
        and not (come and fact.concept in _OF_VALVES and fact.polarity in ("present", "uncertain"))
    ]


def _spoken_of(facts: Sequence[Fact]) -> set[str]:
    spoken = {fact.concept for fact in facts}
    return {name for one in spoken for name in related(one)}


def _of_other_walls(fact: Fact, told: frozenset[str]) -> Fact:
    """Return a fact without those of its walls of which anything is told."""
    left = tuple(wall for wall in fact.walls if told.isdisjoint(single_walls([wall])))
    return fact if left == fact.walls else replace(fact, walls=left)


def _implants(facts: Sequence[Fact]) -> set[str]:
    return {fact.concept for fact in facts if fact.concept in _MENDS_VALVES and fact.polarity == "present"}


def inherit(connection: Connection, patients: Sequence[str]) -> None:
    """Make the inherited facts of these patients' studies anew; their studies are numbered (visits.py)."""
    given = {"keys": list(patients)}
    connection.execute(
        text(
            "delete from core.fact f using core.study s where s.study_key = f.study_key"
            " and f.inherited_from is not null and s.patient_key = any(cast(:keys as uuid[]))"
        ),
        given,
    )
    rows = connection.execute(
        text(
            "select cast(s.patient_key as text) as patient, cast(s.study_key as text) as study,"
            " coalesce(r.refers_back, false) as refers_back from core.study s"
            " left join core.fact_reading r using (study_key) where s.visit > 0 and s.patient_key in"
            "  (select t.patient_key from core.study t join core.fact_reading b using (study_key)"
            "   where b.refers_back and t.patient_key = any(cast(:keys as uuid[])))"
            " order by s.patient_key, s.visit"
        ),
        given,
    ).all()
    facts = facts_of(connection, [row.study for row in rows])
    known: dict[str, list[Origin]] = defaultdict(list)  # a study's facts, own and inherited
    made = []
    for _, visits in groupby(rows, key=lambda row: row.patient):
        before = ""
        for row in visits:
            own = facts.get(row.study, [])
            new = inherited_facts(known[before], own) if row.refers_back else []
            known[row.study] = [*((fact, row.study) for fact in own), *new]
            made += [(row.study, len(own) + place, fact, origin) for place, (fact, origin) in enumerate(new)]
            before = row.study
    insert_facts(connection, made)
