"""Probabilities, grades and values of videos that are known, in patients that nothing was fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.insight.curves import fit_curves, stated_grade
from echosearch.insight.sample import FOLDS, VectorSample, fold_of
from echosearch.insight.values import fit_value, known_value
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.search.arms.reliability import calibration_error
from echosearch.search.arms.told import stated_by
from tests.insight.samples import ENCODER, GRADES, heart, sample_of

LEXICON = load_lexicon()


def graded(seed: int, count: int = 400, noise: float = 0.03) -> tuple[VectorSample, list[int]]:
    random = np.random.default_rng(seed)
    grades = [int(grade) for grade in random.integers(0, 5, count)]
    vectors = [heart(random, noise, mr=grade) for grade in grades]
    return sample_of(vectors, [f"{GRADES[g]}のMRあり。" if g else "MRなし。" for g in grades]), grades


def test_a_finding_is_calibrated_in_patients_left_out() -> None:
    sample, grades = graded(1)
    folds = np.array([fold_of(study.patient) for study in sample.studies])
    assert set(folds) == set(range(FOLDS))
    fitted, held = (sample.only(np.flatnonzero(part).tolist()) for part in (folds > 0, folds == 0))
    curves = fit_curves(ENCODER, LEXICON, fitted, ["mr", "ar"])
    mr, ar = curves.curves
    assert mr.positives + mr.negatives == len(fitted)
    assert mr.error is not None
    assert mr.error < 0.1
    found = curves.probabilities(curves.scores(held.vectors))
    true = np.array(grades)[folds == 0]
    assert calibration_error(found[:, 0], true >= 2) < 0.1
    assert found[true >= 3, 0].mean() > 0.7 > 0.2 > found[true == 0, 0].mean()
    assert mr.grade is not None
    read = curves.grades(held.vectors)[:, 0]
    assert np.abs(read - true).mean() < 0.9
    assert np.corrcoef(read, true)[0, 1] > 0.7
    # nothing states AR: no number, and the reason
    assert (ar.positives, ar.belief, ar.error) == (0, None, None)
    assert ar.why_not is not None
    assert "25 reports" in ar.why_not
    assert np.isnan(found[:, 1]).all()


def test_a_finding_that_videos_do_not_tell_has_no_probability() -> None:
    random = np.random.default_rng(2)
    said = random.random(300) < 0.5
    sample = sample_of(
        [heart(random, 0.3, mr=int(random.integers(5))) for _ in said],
        ["TR中等度。" if one else "TRなし。" for one in said],
    )
    (curve,) = fit_curves(ENCODER, LEXICON, sample, ["tr"]).curves
    assert curve.belief is None
    assert curve.why_not is not None
    assert "do not tell" in curve.why_not


@pytest.mark.parametrize(
    ("report", "expected", "grade"),
    [
        ("中等度のMRあり。", True, 3.0),
        ("MRなし。", False, 0.0),
        ("ごく軽度のMRあり。", False, 1.0),
        ("左室拡大あり。", False, None),  # it is read, and does not state MR
        ("MRの疑い。", None, None),
        ("", None, None),
    ],
)
def test_what_a_report_states(report: str, expected: bool | None, grade: float | None) -> None:
    facts = read_facts(report, LEXICON)
    assert stated_by(facts, "mr") is expected
    assert stated_grade(facts, "mr") == grade


def test_an_interval_holds_nine_of_ten_values_of_patients_left_out() -> None:
    random = np.random.default_rng(3)
    true = [float(value) for value in random.uniform(20, 70, 600)]
    sample = sample_of([heart(random, 0.1, ef=value) for value in true], [""] * len(true), true)
    folds = np.array([fold_of(study.patient) for study in sample.studies])
    fitted = sample.only(np.flatnonzero(folds > 0).tolist())
    held = sample.only(np.flatnonzero(folds == 0).tolist())
    reader = fit_value(ENCODER, LEXICON, fitted, "lvef")
    assert reader.width is not None
    assert reader.error is not None
    assert reader.studies == len(fitted)
    apart = np.abs(reader.read(held.vectors, np.full(len(held), -1)) - np.array(true)[folds == 0])
    assert 0.82 <= (apart <= reader.width).mean() <= 0.98
    assert reader.error < np.abs(np.array(true) - np.mean(true)).mean()


def test_a_value_that_few_studies_know_is_not_read() -> None:
    random = np.random.default_rng(4)
    sample = sample_of([heart(random, 0.1, ef=50.0) for _ in range(20)], ["EF 50%。"] * 20)
    reader = fit_value(ENCODER, LEXICON, sample, "lvef")
    assert (reader.width, reader.studies) == (None, 20)
    assert reader.why_not is not None


def test_a_structured_report_goes_before_the_text() -> None:
    random = np.random.default_rng(5)
    sample = sample_of([heart(random, 0.1)] * 3, ["EF 40%。", "EF 40%。", "EF 40%。EF 60%。"], [62.0])
    assert [known_value(sample, row, "lvef") for row in range(3)] == [62.0, 40.0, None]
