"""Questions that take in or leave out a part: suspicions, grades, what is planned, what did not change, only."""

from __future__ import annotations

import pytest

from echosearch.report.facts import AnyOf, FindingCondition, ValueCondition, understand


def of(concept: str, polarity: str = "present", severity: tuple[int, int] | None = None) -> FindingCondition:
    return FindingCondition(concept, polarity, severity)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "query",
    [
        "血栓（疑い例を含む）",
        "血栓（疑い含む）の症例",
        "血栓疑いも含む",
        "疑い例を含む血栓",
        "血栓またはその疑い",
        "血栓（疑いも可）",
        "確定・疑い問わず血栓",
        "definite or suspected thrombus",
        "thrombus (including suspected cases)",
        "thrombus (incl. suspected cases)",
    ],
)
def test_a_suspicion_is_enough_where_it_is_included(query: str) -> None:
    found = understand(query)
    assert found.required == (AnyOf((of("thrombus"), of("thrombus", "uncertain"))),)
    assert (found.excluded, found.rest) == ((), "")


@pytest.mark.parametrize(
    ("query", "excluded"),
    [
        ("血栓疑いは含まない", (of("thrombus", "uncertain"),)),
        ("血栓（疑い除く）", (of("thrombus", "uncertain"),)),
        ("AS、血栓（疑い例を含む）を除く", (of("as"), of("thrombus"), of("thrombus", "uncertain"))),
    ],
)
def test_a_suspicion_is_excluded(query: str, excluded: tuple[FindingCondition, ...]) -> None:
    assert understand(query).excluded == excluded


def test_a_suspicion_inside_another_finding_stays_one() -> None:
    found = understand("血栓疑いを含む心尖部瘤")
    assert found.required == (of("thrombus", "uncertain"), of("lv_aneurysm"))
    assert found.rest == "含む"


@pytest.mark.parametrize("query", ["MR（軽度は含まない）", "MR（軽度を含まない）", "MR（軽度を除く）"])
def test_a_grade_is_left_out(query: str) -> None:
    found = understand(query)
    assert (found.required, found.excluded) == ((of("mr"),), (of("mr", severity=(2, 2)),))


@pytest.mark.parametrize(
    ("query", "conditions"),
    [
        ("MR（軽度を除く）またはTR", (of("mr", severity=(1, 1)), of("mr", severity=(3, 4)), of("tr"))),
        ("TRまたはMR（軽度を除く）", (of("tr"), of("mr", severity=(1, 1)), of("mr", severity=(3, 4)))),
        ("AR、または重症以外のAS", (of("ar"), of("as", severity=(1, 3)))),
    ],
)
def test_a_grade_is_left_out_of_its_branch_alone(query: str, conditions: tuple[FindingCondition, ...]) -> None:
    found = understand(query)
    assert (found.required, found.excluded) == ((AnyOf(conditions),), ())


def test_a_grade_before_its_finding_is_not_of_the_one_before() -> None:
    found = understand("AR、重症を除くAS")
    assert (found.required, found.excluded) == ((of("ar"), of("as")), (of("as", severity=(4, 4)),))


@pytest.mark.parametrize("query", ["AFを伴うMSを除く", "AF合併のMSを除く", "AFによるMS以外", "excluding MS with AF"])
def test_what_an_excluded_finding_comes_with_is_not_asked_for(query: str) -> None:
    found = understand(query)
    assert (found.required, found.excluded) == ((), (of("ms"),))
    assert [one.concept for one in found.ambiguous] == ["ms"]


@pytest.mark.parametrize(
    ("query", "required"),
    [
        ("軽度MRしかない", (of("mr", severity=(2, 2)),)),
        ("軽症以下のMRしかない僧帽弁形成術後", (of("mr", severity=(0, 2)), of("repair_clip"))),
        ("ASしか認めない", (of("as"),)),
    ],
)
def test_nothing_but_a_finding_is_the_finding(query: str, required: tuple[FindingCondition, ...]) -> None:
    found = understand(query)
    assert found.required == required
    assert [one.other for one in found.ambiguous] == ["that nothing else is there"]


def test_nothing_but_a_wall_leaves_out_the_others() -> None:
    found = understand("下壁にしか無収縮がない")
    assert found.required == (of("akinesis.inferior"),)
    assert of("rwma.anterior") in found.excluded


def test_none_to_mild_is_no_only() -> None:
    assert understand("MRなしから軽度").ambiguous == ()


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("TAVI予定のAS", "TAVI予定"),
        ("TAVI適応のAS", "TAVI適応"),
        ("AS、TAVI術前", "TAVI術前"),
        ("ASでTAVIやMitraClipの候補", "TAVI MitraClipの候補"),
        ("AS, candidates for TAVI", "candidates TAVI"),
        ("pre-TAVI AS", "pre TAVI"),
    ],
)
def test_what_is_planned_is_not_there(query: str, rest: str) -> None:
    found = understand(query)
    assert (found.required, found.rest) == ((of("as"),), rest)


@pytest.mark.parametrize("query", ["TAVI後のAS", "prior TAVI, AS", "TAVI施行後で再手術予定のAS"])
def test_what_was_put_in_is_there(query: str) -> None:
    assert set(understand(query).required) == {of("as"), of("prosthetic_valve")}


@pytest.mark.parametrize(
    "query",
    ["MRの悪化なし", "MRが悪化していない", "MRが前回より進行しなかった", "MR has not progressed", "MRが消失しない"],
)
def test_what_did_not_change_is_there(query: str) -> None:
    found = understand(query)
    assert (found.required, found.changes) == ((of("mr"),), ())
    assert found.rest


@pytest.mark.parametrize(
    "query", ["CRT後にEFが改善しなかった", "CRT後、EFが10以上低下していない", "EF did not improve after CRT"]
)
def test_a_value_that_did_not_change_is_no_condition(query: str) -> None:
    found = understand(query)
    assert (found.required, found.changes, found.values) == ((of("device_lead"),), (), ())
    assert "EF" in found.rest


def test_no_low_ef_is_a_finding() -> None:
    assert understand("EFの低下なし").required == (of("lvef_low", "absent"),)


@pytest.mark.parametrize(
    ("query", "severity"),
    [
        ("重症AS、TRは軽度なら可", (0, 2)),
        ("重症AS、trivial TRは許容", (0, 1)),
        ("severe AS, mild TR allowed", (0, 2)),
        ("severe AS, mild or no TR", (0, 2)),
        ("重症AS、軽度またはなしのTR", (0, 2)),
        ("severe AS, TR none or trivial", (0, 1)),
        ("severe AS, at worst mild TR", (0, 2)),
    ],
)
def test_a_finding_that_may_be_there_up_to_a_grade(query: str, severity: tuple[int, int]) -> None:
    assert understand(query).required == (of("as", severity=(4, 4)), of("tr", severity=severity))


@pytest.mark.parametrize("query", ["AS、TRはあってもよい", "AS、TRは許容", "AS、TRも可"])
def test_a_finding_that_may_be_there_is_not_asked_for(query: str) -> None:
    found = understand(query)
    assert (found.required, found.rest) == ((of("as"),), "")


def test_what_could_not_be_assessed_is_no_leave() -> None:
    assert understand("MR評価不可").required == (of("mr", "not_assessed"),)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("EF btw 20 and 50", ValueCondition("lvef", "between", 20, 50, "%")),
        ("EF４０いか", ValueCondition("lvef", "<=", 40, None, "%")),
        ("EF 40みまん", ValueCondition("lvef", "<", 40, None, "%")),
        ("LVDd between 50 mm and 60 mm", ValueCondition("lvdd", "between", 50, 60, "mm")),
    ],
)
def test_comparisons_as_they_are_typed(query: str, value: ValueCondition) -> None:
    found = understand(query)
    assert (found.values, found.rest) == ((value,), "")


def test_two_bounds_joined_by_but() -> None:
    assert {(one.op, one.value) for one in understand("EF at least 30% but below 50%").values} == {
        (">=", 30),
        ("<", 50),
    }


def test_an_abbreviated_exclusion_ends_no_sentence() -> None:
    found = understand("severe TR, excl. RV dilation")
    assert (found.required, found.excluded) == ((of("tr", severity=(4, 4)),), (of("rv_dilation"),))


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("AS、AR疑い", "AS, and AR suspected"),
        ("左房拡大、AS疑い", "both of them suspected"),
    ],
)
def test_a_list_that_ends_in_a_suspicion_is_said_to_be_in_doubt(query: str, other: str) -> None:
    assert [one.other for one in understand(query).ambiguous] == [other]
