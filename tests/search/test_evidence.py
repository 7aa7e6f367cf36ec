"""Whether a report and a measurement agree, asked in Python as the database asks it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.db.questions.fact_conditions import verdicts
from echosearch.outcome import MeasuredValue
from echosearch.report.facts import AnyOf, Fact, FindingCondition, ValueCondition, load_lexicon
from echosearch.search.arms.evidence import explain
from echosearch.search.question import read_question


def written(concept: str, value: float | None, value_hi: float | None = None, polarity: str = "present") -> Fact:
    return Fact(concept, polarity, None, value, value_hi, "%", 0, 1, "rule")  # type: ignore[arg-type]


def disagree(query: str, facts: list[Fact], *measured: tuple[str, float]) -> bool:
    question = read_question(query, load_lexicon())
    return explain(question, "stated", facts, [MeasuredValue(*one, "%") for one in measured], []).disagree


@pytest.mark.parametrize(
    ("query", "facts", "measured", "expected"),
    [
        ("EF 40%未満", [written("lvef", 35)], [("lvef", 32)], False),
        ("EF 40%未満", [written("lvef", 41)], [("lvef", 39)], True),  # one satisfies, one does not
        ("EF 60%以下", [written("lvef", 35)], [("lvef", 46)], True),  # 11 points
        ("EF 60%以下", [written("lvef", 35)], [("lvef", 45)], False),
        ("EF 60%以下", [written("lvef", 30, 40)], [("lvef", 50)], False),  # from the nearer end
        ("EF 60%以下", [written("lvef", 55), written("lvef", 41)], [("lvef", 41)], False),  # one method agrees
        ("EF 60%以下", [written("lvef", 35, polarity="historical")], [("lvef", 55)], False),
        ("EF 60%以下", [written("lvef", None, polarity="not_assessed")], [("lvef", 55)], False),
        ("EF 60%以下", [], [("lvef", 55)], False),
        ("EF 60%以下", [written("lvef", 35)], [], False),
        ("LVDd 50mm以上", [written("lvdd", 60)], [("lvdd", 70)], False),
        ("LVDd 50mm以上", [written("lvdd", 60)], [("lvdd", 71)], True),
        ("MR", [written("lvef", 35)], [("lvef", 70)], False),  # not asked
    ],
)
def test_disagreement(query: str, facts: list[Fact], measured: list[tuple[str, float]], expected: bool) -> None:
    assert disagree(query, facts, *measured) is expected


def test_only_what_was_asked_is_shown() -> None:
    question = read_question("MR、EF 40%未満", load_lexicon())
    measured = [MeasuredValue("lvef", 32, "%"), MeasuredValue("lvdd", 60, "mm")]
    why = explain(question, "stated", [written("lvef", 35), written("lvdd", 60)], measured, [0.5])
    assert [one.concept for one in why.measurements] == ["lvef"]
    assert [fact.concept for fact in why.facts] == ["lvef"]


CONDITIONS = [
    ValueCondition("lvef", op, 40, 50 if op in ("between", "!=") else None, "%")
    for op in ("<", "<=", ">", ">=", "=", "between", "!=")
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.op)
def test_measurements_are_asked_as_facts_are(empty: Archive, condition: ValueCondition) -> None:
    """The same values as facts of reports and as measurements have the same verdict; untrusted ones have none."""
    values = [30.0, 40.0, 45.0, 50.0, 60.0]
    keys = {
        kind: [empty.keyring.study(f"{n}.{value}") for value in values] for n, kind in enumerate(("report", "sr", "no"))
    }
    with empty.engine.begin() as connection:
        file = connection.scalar(
            text(
                "insert into core.source_file (path_key, size, mtime_ns) values (gen_random_uuid(), 1, 1) returning id"
            )
        )
        for value, report, sr, untrusted in zip(values, keys["report"], keys["sr"], keys["no"], strict=True):
            given = {"file": file, "patient": empty.keyring.patient("", str(value)), "report": report, "value": value}
            for statement in (
                "insert into core.patient (patient_key) values (:patient)",
                "insert into core.study (study_key, patient_key) values (:report, :patient)",
                "insert into core.report (report_key, study_key) values (:report, :report)",
                "insert into core.fact_reading values (:report, :report, 'v')",
                "insert into core.fact (study_key, place, concept, polarity, value, start, stop, rule)"
                " values (:report, 0, 'lvef', 'present', :value, 0, 1, 'r')",
            ):
                connection.execute(text(statement), given)
            for study in (sr, untrusted):
                statement = "insert into core.study (study_key, patient_key) values (:study, :patient)"
                connection.execute(text(statement), {"study": study, "patient": given["patient"]})
            for study, trusted in ((sr, True), (untrusted, False)):
                connection.execute(
                    text(
                        "with f as (insert into core.source_file (path_key, size, mtime_ns)"
                        " values (gen_random_uuid(), 1, 1) returning id)"
                        " insert into core.sr_value (file_id, study_key, concept, value, unit, trusted)"
                        " select id, :study, 'lvef', :value, '%', :trusted from f"
                    ),
                    {"study": study, "value": value, "trusted": trusted},
                )
        asked = {kind: verdicts(connection, (condition,), (), of) for kind, of in keys.items()}
        among = (AnyOf((condition, FindingCondition("mr", "present", None))),)
        either = verdicts(connection, among, (), keys["sr"])
    said = [asked["report"][key] for key in keys["report"]]
    assert {"stated", "denied"} == set(said)
    assert [asked["sr"][key] for key in keys["sr"]] == said
    assert {asked["no"][key] for key in keys["no"]} == {"silent"}
    assert [either[key] == "stated" for key in keys["sr"]] == [verdict == "stated" for verdict in said]
