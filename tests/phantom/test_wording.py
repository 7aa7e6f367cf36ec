"""Reports: what is said is the truth, said in many ways; negatives and trivia may be left out, disease may not."""

from __future__ import annotations

import re

import pytest

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.files.srfile import measured_values
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.wording import FLUID, LEAK, NAMES, SIZE, report_phrases, report_text

ABSENT = re.compile(r"(なし|認めない|認めず|\(-\))$")
# an independent reading of severity: the word and the grades it may stand for, longest first
SEVERITY = {
    "ごく軽度": 1, "微量": 1, "trivial": 1, "境界域": 1, "ごく少量": 1,
    "軽度": 2, "mild": 2, "中等度": 3, "moderate": 3, "中等量": 3, "少量": 2,
    "重度": 4, "高度": 4, "severe": 4, "大量": 4, "多量": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def studies() -> list[PhantomStudy]:
    return list(phantom_studies(patients=300, seed=11))


def grade_said(text: str) -> int | None:
    for word in sorted(SEVERITY, key=len, reverse=True):
        if word in text:
            return SEVERITY[word]
    return None


def test_every_graded_phrase_says_the_grade_that_is_true(studies: list[PhantomStudy]) -> None:
    said = 0
    for study in studies:
        grades = study.findings.grades()
        for phrase in report_phrases(study):
            for finding in phrase.about:
                if finding not in NAMES:
                    continue
                said += 1
                if phrase.text.startswith("有意な"):
                    assert grades[finding] <= 1, phrase
                elif ABSENT.search(phrase.text):
                    assert grades[finding] == 0, phrase
                else:
                    assert grade_said(phrase.text) == grades[finding], phrase
    assert said > 3000


def test_disease_of_grade_two_and_more_is_never_left_out(studies: list[PhantomStudy]) -> None:
    for study in studies:
        spoken = {finding for phrase in report_phrases(study) for finding in phrase.about}
        missing = {name for name, grade in study.findings.grades().items() if grade >= 2} - spoken
        assert not missing


def test_the_ef_in_the_text_is_the_true_one(studies: list[PhantomStudy]) -> None:
    numbers = [(study, re.search(r"(\d+)%", report_text(study))) for study in studies]
    found = [(study.findings.ef, int(match[1])) for study, match in numbers if match]
    assert len(found) > 0.8 * len(studies)
    assert all(abs(true - said) <= 0.51 for true, said in found)


def test_wording_varies_and_has_negation_uncertainty_and_omission(studies: list[PhantomStudy]) -> None:
    texts = [report_text(study) for study in studies]
    everything = "".join(texts)
    for expected in (
        "左室拡大なし",
        "を認めない",
        "疑",
        "僧帽弁逆流",
        "僧帽弁閉鎖不全",
        "MR",
        "有意な",
        "ペースメーカーリード",
        "人工弁",
    ):
        assert expected in everything, expected
    assert len(set(texts)) > 0.95 * len(texts)
    no_effusion = [s for s in studies if s.findings.pericardial_effusion == 0]
    silent = [s for s in no_effusion if "心嚢" not in report_text(s) and "心のう" not in report_text(s)]
    assert 0.05 < len(silent) / len(no_effusion) < 0.5


def test_a_report_is_phrases_each_ending_in_a_full_stop(studies: list[PhantomStudy]) -> None:
    for study in studies[:50]:
        text, phrases = report_text(study), report_phrases(study)
        assert text.endswith("。")
        assert text.count("。") == len(phrases) <= 35
        assert text == report_text(study)


def test_severity_words_of_the_scales_do_not_overlap() -> None:
    for scale in (LEAK, SIZE, FLUID):
        assert [{SEVERITY[word] for word in words} for words in scale] == [{1}, {2}, {3}, {4}]


def test_a_diameter_is_the_one_that_is_measured(studies: list[PhantomStudy]) -> None:
    said = 0
    for study in studies:
        if stated := re.search(r"LVDd (\d+)mm", report_text(study)):
            (measured,) = (v.value for v in measured_values(study) if v.concept.value == "29436-3")  # cm
            assert abs(float(stated[1]) - 10 * measured) <= 0.55
            said += 1
    assert said > 50
