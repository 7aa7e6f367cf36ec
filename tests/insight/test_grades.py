"""Grades read off videos that are known, and how much a stated grade surprises beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from echosearch.insight.grades import fit_grade_readers
from echosearch.insight.judge import judge_by_videos
from echosearch.insight.levels import fit_levels
from echosearch.insight.sample import VectorSample
from echosearch.report.facts import load_lexicon
from tests.insight.samples import ENCODER, GRADES, heart, sample_of

LEXICON = load_lexicon()


def told(grade: int) -> str:
    return f"{GRADES[grade]}のMRあり。" if grade else "MRなし。"


def graded(seed: int, count: int = 200) -> tuple[VectorSample, list[int]]:
    random = np.random.default_rng(seed)
    grades = [number % 5 for number in range(count)]
    return sample_of([heart(random, 0.01, mr=grade) for grade in grades], [told(grade) for grade in grades]), grades


def test_wrong_reports_do_not_confirm_themselves_and_come_first() -> None:
    sample, grades = graded(1)
    wrong = {7: 0, 20: 4, 48: 1, 111: 4, 124: 0}  # of these rows a report states this grade
    texts = [told(wrong.get(row, grade)) for row, grade in enumerate(grades)]
    sample = sample_of(list(sample.vectors), texts)
    found = [one for one in judge_by_videos(ENCODER, LEXICON, sample).compare(sample) if one is not None]
    assert len(found) == len(grades)
    surprise = np.array([one.surprise for one in found])
    assert set(np.argsort(-surprise)[: len(wrong)]) == set(wrong)
    assert {found[7].kind, found[20].kind, found[111].kind} <= {"stated", "not stated", "grade"}


def test_a_study_outside_the_sample_is_read_too() -> None:
    sample, _ = graded(2)
    readers = fit_grade_readers(ENCODER, LEXICON, sample, ["mr"], 10)
    other, grades = graded(3)
    names = tuple(replace(study, study=f"x{study.study}") for study in other.studies)
    read = readers.read(replace(other, studies=names))[:, 0]
    assert np.abs(read - np.array(grades)).mean() < 0.5


def test_a_study_without_a_view_that_shows_it_is_not_compared() -> None:
    sample, _ = graded(4)
    blind = replace(sample, unseen=(frozenset({"mr"}), *sample.unseen[1:]))
    found = [*judge_by_videos(ENCODER, LEXICON, blind, "mr").compare(blind)]
    assert found[0] is None
    assert all(one is not None for one in found[1:])


@pytest.mark.parametrize(("share", "tells"), [(0.1, True), (0.6, False)])
def test_silence_tells_where_reports_usually_speak(share: float, tells: bool) -> None:
    random = np.random.default_rng(5)
    stated = np.repeat([0.0, 4.0], 100)
    read = stated + random.normal(0, 0.2, 200)
    silent = (stated == 0) & (random.random(200) < 0.9)
    omitted = np.flatnonzero((stated == 4) & (random.random(200) < share))
    silent[omitted] = True
    stated = stated.copy()
    stated[omitted] = 0.0  # what a silent report is taken for
    levels = fit_levels(read, stated, silent)
    assert levels is not None
    assert levels.silence_tells is tells


def test_a_finding_that_videos_tell_poorly_surprises_less() -> None:
    random = np.random.default_rng(6)
    stated = np.repeat(np.arange(5.0), 40)
    sharp, vague = (
        fit_levels(stated + random.normal(0, spread, 200), stated, np.zeros(200, dtype=bool)) for spread in (0.2, 0.9)
    )
    assert sharp is not None
    assert vague is not None
    assert sharp.surprise(4.0, 0.0) > vague.surprise(4.0, 0.0) > 0 > vague.surprise(4.0, 4.0)
    assert fit_levels(np.ones(9), np.ones(9), np.zeros(9, dtype=bool)) is None
