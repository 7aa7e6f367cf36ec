"""Comparisons of grades in a query, whose grade it is, and inflected words, as people type them."""

from __future__ import annotations

import pytest

from echosearch.report.facts import FindingCondition, understand, understanding_json

Asked = dict[str, tuple[int, int] | None]
GRADES: dict[str, Asked] = {
    "弁周囲逆流が中等度以上のTAVI症例": {"prosthetic_leak": (3, 4), "prosthetic_valve": None},
    "MRが中等度以上の左房拡大": {"mr": (3, 4), "la_dilation": None},
    "MRが軽度のTAVI後": {"mr": (2, 2), "prosthetic_valve": None},
    "心膜液が大量にたまっている人": {"pericardial_effusion": (4, 4)},
    "心嚢液が溜まってる人": {"pericardial_effusion": None},
    "胸水がたまった患者": {"pleural_effusion": None},
    "non-severe AS": {"as": (1, 3)},
    "中等度以上のMRなし": {"mr": (0, 2)},
    "高度ASなし、中等度AR": {"as": (0, 3), "ar": (3, 3)},
    "重度のMRはないが重度のTRがある": {"mr": (0, 3), "tr": (4, 4)},
    "重度のMRもTRもない": {"mr": (0, 3), "tr": (0, 3)},
    "中等度以上のMRやARがない": {"mr": (0, 2), "ar": (0, 2)},
    "no severe MR": {"mr": (0, 3)},
    "no worse than mild MR": {"mr": (0, 2)},
    "not more than moderate AR": {"ar": (0, 3)},
    "ごく軽度のMRなし": {"mr": None},
    "弛緩異常なし": {"lv_diastolic": None},
    "重度MRと左室拡大なし": {"mr": (4, 4), "lv_dilation": None},
    "MR >= moderate": {"mr": (3, 4)},
    "MR≧中等度": {"mr": (3, 4)},
    "AR≦軽度": {"ar": (0, 2)},
    "TR>軽度": {"tr": (3, 4)},
    "MR<moderate": {"mr": (0, 2)},
    "AR≥III度": {"ar": (3, 4)},
    "拡張障害 >= grade II": {"lv_diastolic": (3, 4)},
}
COMPARED = {
    "at least {0} {1}|{0} {1} or worse|{0} {1} or greater|{0} or worse {1}|{1} at least {0}|{1} {0} or more": "up",
    "at most {0} {1}|{0} {1} or less|{0} or less {1}|{1} no more than {0}|{0} {1} or milder": "down",
    "no more than {0} {1}|not worse than {0} {1}": "down",
    "more than {0} {1}|{1} worse than {0}": "above",
    "less than {0} {1}|{1} less than {0}": "below",
}
VALUES = {
    "EF50切ってる人": ("lvef", "<", 50),
    "EF 50を切っている症例": ("lvef", "<", 50),
    "EFが40%を下回っている患者": ("lvef", "<", 40),
    "TRPGが40超えてる人": ("trpg", ">", 40),
    "LVDdが60を超えている": ("lvdd", ">", 60),
}


def required(query: str) -> Asked:
    found = understand(query)
    assert found.rest == "", query
    made = understanding_json(found)["required"]
    return {one["concept"]: one["severity"] and tuple(one["severity"]) for one in made}


@pytest.mark.parametrize("query", GRADES)
def test_a_grade_is_of_what_it_stands_behind(query: str) -> None:
    assert required(query) == GRADES[query]


@pytest.mark.parametrize("patterns", COMPARED)
def test_grades_are_compared_in_english(patterns: str) -> None:
    kind, wrong = COMPARED[patterns], {}
    for pattern in patterns.split("|"):
        for word, grade in (("mild", 2), ("moderate", 3)):
            want = {"up": (grade, 4), "down": (0, grade), "above": (grade + 1, 4), "below": (0, grade - 1)}[kind]
            for name, concept in (("TR", "tr"), ("mitral regurgitation", "mr"), ("pericardial effusion",) * 2):
                query = pattern.format(word, name)
                if required(query) != {concept.replace(" ", "_"): want}:
                    wrong[query] = required(query)
    assert wrong == {}


@pytest.mark.parametrize("query", VALUES)
def test_inflected_words_leave_nothing(query: str) -> None:
    found = understand(query)
    assert found.rest == ""
    assert [(one.concept, one.op, one.value) for one in found.values] == [VALUES[query]]


@pytest.mark.parametrize(
    ("query", "severity"),
    [
        ("ARは軽度まで", (0, 2)),
        ("中等度までのMR", (0, 3)),
        ("mild MR or less with LA enlargement", (0, 2)),
        ("moderate TR or worse with AF", (3, 4)),
    ],
)
def test_a_grade_with_its_bound_joins_nothing(query: str, severity: tuple[int, int]) -> None:
    first, *others = understand(query).required
    assert isinstance(first, FindingCondition)
    assert first.severity == severity
    assert all(isinstance(one, FindingCondition) and one.severity is None for one in others)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("2019年から2022年の間の心内膜炎", [("date", "between", "2019", "2022")]),
        ("EF 30〜40台", []),
        ("70台の女性", [("age", "between", 70, 79), ("sex", "=", "F", None)]),
    ],
)
def test_a_span_of_years_is_no_period_and_a_value_no_age(query: str, wanted: list[tuple[object, ...]]) -> None:
    found = understand(query)
    assert [(one.field, one.op, one.value, one.value_hi) for one in found.demographics] == wanted
    assert [(one.value, one.value_hi) for one in found.values] == ([(30, 49)] if "EF" in query else [])
    assert found.rest == ""
