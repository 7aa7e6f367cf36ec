"""Changes in queries, what is left of the query beside them, and which reports refer to the study before."""

from __future__ import annotations

import pytest

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.patients import wording, wording_other
from echosearch.report.facts import (
    ChangeCondition,
    FindingCondition,
    QueryUnderstanding,
    load_lexicon,
    refers_back,
    understand,
    understood_words,
)

C = ChangeCondition


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ("EFが1年以内に10以上低下", C("lvef", "falls", 10, "%", 12)),
        ("1年以内にEFが10%以上低下した症例", C("lvef", "falls", 10, "%", 12)),
        ("LVEFが半年以内に15ポイント以上低下", C("lvef", "falls", 15, "%", 6)),
        ("EF fell by 10 within 1 year", C("lvef", "falls", 10, "%", 12)),
        ("前回よりEFが低下", C("lvef", "falls", None, "%", None)),
        ("EFが2年以内に10%以上改善", C("lvef", "rises", 10, "%", 24)),
        ("LVDdが1cm以上拡大", C("lvdd", "rises", 10, "mm", None)),
        ("ＥＦが１年以内に１０％以上低下", C("lvef", "falls", 10, "%", 12)),
        ("MRが1年以内に1段階以上悪化", C("mr", "worse", 1, None, 12)),
        ("2年以内にMRが悪化", C("mr", "worse", 1, None, 24)),
        ("MRが二段階以上増悪した患者", C("mr", "worse", 2, None, None)),
        ("ASの進行", C("as", "worse", 1, None, None)),
        ("TRの改善", C("tr", "better", 1, None, None)),
        ("MR worsened by 1 grade within 12 months", C("mr", "worse", 1, None, 12)),
        ("新規のペースメーカー", C("device_lead", "new")),
        ("ペースメーカーが新たに植え込まれた", C("device_lead", "new")),
        ("2年以内の新規人工弁", C("prosthetic_valve", "new", None, None, 24)),
        ("新たな心嚢液貯留", C("pericardial_effusion", "new")),
        ("新たに出現した心嚢液", C("pericardial_effusion", "new")),
        ("new pacemaker", C("device_lead", "new")),
        ("3か月以内に心嚢液が消失", C("pericardial_effusion", "gone", None, None, 3)),
        ("前回より悪化したMR", C("mr", "worse", 1)),
        ("前回よりMRが悪化した症例", C("mr", "worse", 1)),
        ("1年以内に進行したAS", C("as", "worse", 1, None, 12)),
        ("二段階以上悪化したTR", C("tr", "worse", 2)),
        ("改善したMR", C("mr", "better", 1)),
        ("MRが前回より増えた", C("mr", "worse", 1)),
        ("TRが重症化した", C("tr", "worse", 1)),
        ("MRの悪化、前回比", C("mr", "worse", 1)),
        ("worsening MR", C("mr", "worse", 1)),
        ("MR worse than the previous study", C("mr", "worse", 1)),
        ("MR worsened within an year", C("mr", "worse", 1, None, 12)),
        ("前回なかった心嚢液", C("pericardial_effusion", "new")),
        ("前回はなかった心嚢液が出現", C("pericardial_effusion", "new")),
        ("前回より低下したEF", C("lvef", "falls", None, "%")),
        ("前回より10%以上低下したEF", C("lvef", "falls", 10, "%")),
        ("EFが10%を超えて低下", C("lvef", "falls", 10, "%")),
        ("EF低下が10%以上", C("lvef", "falls", 10, "%")),
        ("EF低下 10ポイント以上", C("lvef", "falls", 10, "%")),
        ("TRPGの上昇が20mmHg以上", C("trpg", "rises", 20, "mmHg")),
        ("EF drop >10%", C("lvef", "falls", 10, "%")),
        ("drop in EF of more than 10 points", C("lvef", "falls", 10, "%")),
        ("EF decreased by >10%", C("lvef", "falls", 10, "%")),
        ("EF improvement of at least 10%", C("lvef", "rises", 10, "%")),
        ("前回よりEFが10%以上落ちた患者", C("lvef", "falls", 10, "%")),
        ("MRが2段階以上悪くなった", C("mr", "worse", 2, None)),
        ("MRが悪くなっている", C("mr", "worse", 1, None)),
        ("ASが良くなった", C("as", "better", 1, None)),
        ("EFが改善した症例", C("lvef", "rises", None, "%")),
        ("EFが悪化", C("lvef", "falls", None, "%")),
        ("LVDdが縮小", C("lvdd", "falls", None, "mm")),
        ("TRPGが10以上改善", C("trpg", "falls", 10, "mmHg")),  # which way is better is the measurement's
        ("E/e'が5以上悪化", C("e_e", "rises", 5, None)),
        ("ASのVmaxが半年に0.5以上上昇", C("av_vmax", "rises", 0.5, "m/s", 6)),
        ("大動脈弁のmean PGが10以上上昇", C("av_mpg", "rises", 10, "mmHg")),
        ("GLS improved", C("gls", "rises", None, "%")),
    ],
)
def test_a_change_is_understood(query: str, change: ChangeCondition) -> None:
    found = understand(query)
    assert (found.changes, found.rest, found.demographics) == ((change,), "", ())
    assert not found.values
    if change.kind in ("falls", "rises"):
        assert {one.concept for one in found.required if isinstance(one, FindingCondition)} <= {"as"}
    else:  # what has become worse, or is new, is there
        (required,) = found.required
        assert isinstance(required, FindingCondition)
        assert (required.concept, required.polarity) == (
            change.concept,
            "absent" if change.kind == "gone" else "present",
        )


@pytest.mark.parametrize(
    "query",
    [
        "EF低下",
        "心嚢液が消失",
        "MR 中等度以上",
        "EF 40%未満",
        "MRの悪化を除く",
        "MRまたはARの悪化",
        "新たな心嚢液なし",
        "1年以内のMR",
        "MRが悪くなっていない",
        "MRが減っていない",
    ],
)
def test_what_is_no_change_is_none(query: str) -> None:
    assert understand(query).changes == ()


@pytest.mark.parametrize(
    ("query", "grade", "change"),
    [
        ("MRが軽度から重度に悪化", (4, 4), C("mr", "worse", 2)),
        ("MRが重度から軽度に改善", (2, 2), C("mr", "better", 2)),
        ("MR progressed from mild to severe", (4, 4), C("mr", "worse", 2)),
        ("MR from mild to moderate", (3, 3), C("mr", "worse", 1)),
    ],
)
def test_an_earlier_grade_is_a_change_and_no_condition_on_the_same_report(
    query: str, grade: tuple[int, int], change: ChangeCondition
) -> None:
    found = understand(query)
    assert found.required == (FindingCondition("mr", "present", grade),)
    assert (found.changes, found.rest) == ((change,), "")


@pytest.mark.parametrize(
    ("query", "rest"),
    [("呼吸困難が悪化したMR", "呼吸困難が悪化した"), ("息切れは前回より悪化したMR", "息切れは前回より悪化した")],
)
def test_what_another_word_says_has_changed_is_not_the_findings(query: str, rest: str) -> None:
    found = understand(query)
    assert (required(found), found.changes, found.rest) == ([("mr", "present")], (), rest)


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("EF低下 35%以下", [("lvef", "<=", 35)]),
        ("EF 35%以下に低下", [("lvef", "<=", 35)]),
        ("EF改善 50%以上", [("lvef", ">=", 50)]),
        ("TRPG上昇 40mmHg以上", [("trpg", ">=", 40)]),
        ("reduced EF <35%", [("lvef", "<", 35)]),
    ],
)
def test_a_number_beside_a_finding_is_a_value(query: str, values: list[tuple[str, str, float]]) -> None:
    found = understand(query)
    assert found.changes == ()
    assert [(one.concept, one.op, one.value) for one in found.values] == values


@pytest.mark.parametrize(
    ("query", "value", "change"),
    [
        ("EFが60%から40%以下に低下", ("<=", 40), C("lvef", "falls", 20, "%")),
        ("EF fell from 60 to 40", ("=", 40), C("lvef", "falls", 20, "%")),
        ("EF improved from 30 to 50", ("=", 50), C("lvef", "rises", 20, "%")),
        ("EF dropped below 40", ("<", 40), C("lvef", "falls", None, "%")),
        ("3年以内にEFが50%未満に低下", ("<", 50), C("lvef", "falls", None, "%", 36)),
        ("EFが50以上に回復", (">=", 50), C("lvef", "rises", None, "%")),
    ],
)
def test_what_a_value_came_to_is_one_of_today(query: str, value: tuple[str, float], change: ChangeCondition) -> None:
    found = understand(query)
    assert [(one.op, one.value) for one in found.values] == [value]
    assert (found.changes, found.required, found.rest) == ((change,), (), "")


@pytest.mark.parametrize("query", ["E/Aが悪化", "E/Aが0.5以上改善"])
def test_a_change_whose_way_is_not_known_is_none(query: str) -> None:
    found = understand(query)
    assert found.changes == ()
    assert "悪化" in found.rest or "改善" in found.rest


@pytest.mark.parametrize("query", ["MRがASより重い", "ARはMRより高度", "MR more severe than AS", "MR worse than AS"])
def test_findings_that_are_compared_with_one_another_have_no_grade(query: str) -> None:
    found = understand(query)
    assert [one.severity for one in found.required if isinstance(one, FindingCondition)] == [None, None]
    assert found.changes == ()
    assert "より" in found.rest or "than" in found.rest


def required(found: QueryUnderstanding) -> list[tuple[str, str]]:
    return [(one.concept, one.polarity) for one in found.required if isinstance(one, FindingCondition)]


def test_the_other_conditions_of_a_query_stay() -> None:
    found = understand("65歳以上の女性で、EFが1年以内に10以上低下、左室拡大なし、高度MR")
    assert found.changes == (C("lvef", "falls", 10, "%", 12),)
    assert required(found) == [("lv_dilation", "absent"), ("mr", "present")]
    assert [one.field for one in found.demographics] == ["age", "sex"]
    ahead = understand("前回より悪化したMR、左室拡大なし")
    assert required(ahead) == [("mr", "present"), ("lv_dilation", "absent")]
    graded = understand("MRが悪化したTR高度の患者")
    assert graded.required == (FindingCondition("mr", "present", None), FindingCondition("tr", "present", (4, 4)))
    behind = understand("1年以内にMRが悪化、左室拡大なし")
    assert required(behind) == [("mr", "present"), ("lv_dilation", "absent")]
    assert behind.changes == (C("mr", "worse", 1, None, 12),)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("EFが1年以内に10以上低下", "EF 12か月以内に10 %以上低下"),
        ("MRの悪化", "MR あり · MR 前回から1段階以上悪化"),
        ("1年以内に新規のペースメーカー", "デバイスリード あり · デバイスリード 12か月以内に新規"),
    ],
)
def test_a_change_is_named_in_what_was_understood(query: str, words: str) -> None:
    assert understood_words(understand(query), load_lexicon()) == words


@pytest.mark.parametrize(
    "report",
    [
        "前回と著変なし。EF 55%。",
        "著変なし。",
        "前回検査と比較し著変なし。",
        "軽度MR。その他は前回と著変なし。",
        "前回（2020/4/1）と比べ、著変を認めません。",
        "前回同様",
        "【その他】前回と著変なし",
        "血栓(-), 前回と著変無",
        "no significant change from the previous study, EF 60%",
        "Unchanged from prior study.",
    ],
)
def test_a_report_refers_to_the_study_before(report: str) -> None:
    assert refers_back(report)


@pytest.mark.parametrize(
    "report",
    [
        "左房径は前回と著変なし。",
        "左房径は、前回と著変なし",
        "MRは前回同様。",
        "新たな壁運動異常なし。",
        "前回より増悪。",
        "EF 55%、前回 60%",
        "軽度MR、変化なし",
        "",
    ],
)
def test_a_report_that_compares_one_thing_does_not(report: str) -> None:
    assert not refers_back(report)


def test_reports_of_no_change_in_both_families_of_wording_refer_back() -> None:
    for study in phantom_studies(60, 3):
        assert refers_back(wording.no_change_text(study))
        assert refers_back(wording_other.no_change_text(study))
