"""What a denial is said of: in a query words that a space parts are each for itself, and no A, B or C is none."""

from __future__ import annotations

import pytest

from echosearch.report.facts import AnyOf, FindingCondition, load_lexicon, read_facts, understand


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("左房拡大 MRなし", [("la_dilation", "present"), ("mr", "absent")]),
        ("MR TRなし", [("mr", "present"), ("tr", "absent")]),
        ("重度MR　左房拡大　血栓なし", [("mr", "present"), ("la_dilation", "present"), ("thrombus", "absent")]),
        ("MR・TRなし", [("mr", "absent"), ("tr", "absent")]),
        ("no MR, LA enlarged", [("mr", "absent"), ("la_dilation", "present")]),
        ("no valvular disease, EF reduced", [("valve_disease", "absent"), ("lvef_low", "present")]),
        ("no AS, AR or MR", [("as", "absent"), ("ar", "absent"), ("mr", "absent")]),
        ("without MR or TR", [("mr", "absent"), ("tr", "absent")]),
        ("no MR or no TR", [("mr", "absent", "or"), ("tr", "absent", "or")]),
        ("MRなしではない", [("mr", "present")]),
        ("MRがないわけではない", [("mr", "present")]),
        ("MRを認めないことはない", [("mr", "present")]),
        ("ARがなくはない", [("ar", "present")]),
        ("MRがないとは言えない重度AS", [("mr", "present"), ("as", "present")]),
        ("not without MR", [("mr", "present")]),
        ("no absence of MR", [("mr", "present")]),
        ("MRなし、ARなし", [("mr", "absent"), ("ar", "absent")]),
        ("MRなしなのにTRなし", [("mr", "absent"), ("tr", "absent")]),
        ("CRT未", [("device_lead", "absent")]),
        ("ICD未植込み", [("device_lead", "absent")]),
        ("TAVI未施行のAS", [("prosthetic_valve", "absent"), ("as", "present")]),
        ("MR未評価", [("mr", "not_assessed")]),
    ],
)
def test_a_denial_is_of_what_it_stands_beside(query: str, wanted: list[tuple[str, ...]]) -> None:
    found = understand(query)
    read: list[tuple[str, ...]] = []
    for one in found.required:
        several = isinstance(one, AnyOf)
        for each in one.conditions if isinstance(one, AnyOf) else (one,):
            polarity = getattr(each, "polarity", "")
            read.append((each.concept, polarity, "or") if several else (each.concept, polarity))
    assert read == wanted
    assert found.rest == ""


@pytest.mark.parametrize(
    ("query", "severity"),
    [
        ("軽度でないMR", (3, 4)),
        ("MR軽度でない", (3, 4)),
        ("少量でない心嚢液", (3, 4)),
        ("重症でないAS", (0, 3)),
        ("MR中等度でない", (0, 2)),
    ],
)
def test_a_denied_grade_leaves_the_others(query: str, severity: tuple[int, int]) -> None:
    (one,) = understand(query).required
    assert isinstance(one, FindingCondition)
    assert (one.polarity, one.severity) == ("present", severity)


def test_a_suspected_failure_with_preserved_ef_says_that_the_ef_is_not_low() -> None:
    (one,) = understand("HFpEF 疑い").required
    assert isinstance(one, FindingCondition)
    assert (one.concept, one.polarity) == ("lvef_low", "absent")


def test_reports_go_on_as_lists() -> None:
    facts = read_facts("血栓 疣贅なし。No significant valvular disease, LV dilated.", load_lexicon())
    assert [(fact.concept, fact.polarity) for fact in facts] == [
        ("thrombus", "absent"),
        ("vegetation", "absent"),
        ("valve_disease", "not_significant"),
        ("lv_dilation", "present"),
    ]
