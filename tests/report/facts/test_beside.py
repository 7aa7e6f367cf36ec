"""Reports whose findings stand beside one another: at, because of, in one list; numbers for the body's size."""

from __future__ import annotations

import pytest

from echosearch.report.facts import read_facts

Read = dict[str, tuple[str, tuple[int, int] | None]]


def read(text: str) -> Read:
    return {fact.concept: (fact.polarity, fact.severity) for fact in read_facts(text)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("心尖部瘤に血栓を認めない", {"lv_aneurysm": ("present", None), "thrombus": ("absent", (0, 0))}),
        ("左室瘤内に明らかな血栓なし", {"lv_aneurysm": ("present", None), "thrombus": ("absent", (0, 0))}),
        ("ASDにPHを伴わない", {"asd": ("present", None), "ph": ("absent", (0, 0))}),
        ("心尖部瘤に壁在血栓を疑う", {"lv_aneurysm": ("present", None), "thrombus": ("uncertain", None)}),
        ("重症ASにARを合併", {"as": ("present", (4, 4)), "ar": ("present", None)}),
        ("ASに軽度ARを合併", {"as": ("present", None), "ar": ("present", (2, 2))}),
        ("左室肥大の原因としてASは否定的", {"lv_hypertrophy": ("present", None), "as": ("absent", (0, 0))}),
        ("左室肥大の原因はASでない", {"lv_hypertrophy": ("present", None), "as": ("absent", (0, 0))}),
    ],
)
def test_what_is_said_of_a_finding_is_not_said_of_the_one_that_it_is_at(text: str, found: Read) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "polarities"),
    [
        ("無収縮、血栓疑い", {"akinesis": "present", "thrombus": "uncertain"}),
        ("左房拡大、AS疑い", {"la_dilation": "present", "as": "uncertain"}),
        ("右室拡大、PHの可能性", {"rv_dilation": "present", "ph": "uncertain"}),
        ("左室拡大、血栓は否定できない", {"lv_dilation": "present", "thrombus": "uncertain"}),
        ("AS、AR疑い", {"as": "uncertain", "ar": "uncertain"}),
        ("血栓、疣腫を疑う", {"thrombus": "uncertain", "vegetation": "uncertain"}),
        ("無収縮、血栓を認めない", {"akinesis": "absent", "thrombus": "absent"}),
    ],
)
def test_a_suspicion_is_of_a_list_of_findings_of_one_kind(text: str, polarities: dict[str, str]) -> None:
    assert {concept: polarity for concept, (polarity, _) in read(text).items()} == polarities


@pytest.mark.parametrize(
    "text",
    [
        "LVDd index 30mm/m2",
        "LVDdI 30",
        "LVEDV index: 80",
        "indexed EDV 80",
        "BSA補正左室拡張末期径 32mm",
        "上行大動脈径係数 24",
        "補正AVA 0.6",
        "LVDd 28mm/m2",
        "LV mass index 120",
        "LV mass 210 g",
        "no other valve disease",
        "No left-sided valve disease",
    ],
)
def test_what_names_another_thing_is_no_fact(text: str) -> None:
    assert read_facts(text) == ()


def test_a_mass_is_a_mass() -> None:
    assert [fact.concept for fact in read_facts("LV mass, 20mm")] == ["tumor"]


@pytest.mark.parametrize(
    ("text", "severity"), [("MR 中〜重", (3, 4)), ("MR 軽〜中", (2, 3)), ("軽-中等度AR", (2, 3)), ("TR 中-高", (3, 4))]
)
def test_a_range_of_short_grades(text: str, severity: tuple[int, int]) -> None:
    assert [fact.severity for fact in read_facts(text)] == [severity]


@pytest.mark.parametrize(("text", "polarity"), [("AR post TAVR", "present"), ("AS post TAVR", "historical")])
def test_a_leak_after_an_operation_is_there(text: str, polarity: str) -> None:
    assert read_facts(text)[0].polarity == polarity
