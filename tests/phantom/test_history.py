"""Patients: the same from the same seed, alone or in a cohort; no impossible hearts; every finding occurs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.findings import FINDINGS, Findings
from echosearch.phantom.heart.ventricle import lv_volume
from echosearch.phantom.patients.history import PhantomStudy, patient_history


@pytest.fixture(scope="module")
def studies() -> list[PhantomStudy]:
    return list(phantom_studies(patients=400, seed=5))


def test_a_patient_alone_is_the_patient_in_the_cohort(studies: list[PhantomStudy]) -> None:
    alone = patient_history(5, 37)
    assert list(alone) == [study for study in studies if study.patient == 37]
    assert alone != patient_history(6, 37)


def test_grades_are_found_in_all_strengths(studies: list[PhantomStudy]) -> None:
    for name in FINDINGS:
        seen = Counter(study.findings.grades()[name] for study in studies)
        assert sum(n for grade, n in seen.items() if grade >= 2) >= 15, name
        assert set(seen) <= ({0, 4} if name in ("pacemaker", "prosthetic_valve") else {0, 1, 2, 3, 4}), name


def test_a_replaced_valve_is_neither_narrow_nor_leaking_much(studies: list[PhantomStudy]) -> None:
    operated = [s.findings for s in studies if s.findings.prosthetic_valve]
    assert operated
    for f in operated:
        assert (f.ms == 0 and f.mr <= 1) if f.prosthesis == "mitral" else (f.aortic_stenosis == 0 and f.ar <= 1)


def test_history_has_progress_surgery_and_devices(studies: list[PhantomStudy]) -> None:
    pairs = [(a, b) for a, b in pairwise(studies) if a.patient == b.patient]
    assert all(a.study_date < b.study_date for a, b in pairs)
    assert any(b.findings.aortic_stenosis > a.findings.aortic_stenosis for a, b in pairs)
    assert any(b.findings.prosthetic_valve > a.findings.prosthetic_valve for a, b in pairs)
    assert any(b.findings.pacemaker > a.findings.pacemaker for a, b in pairs)
    assert all(a.anatomy.wobble_seed == b.anatomy.wobble_seed for a, b in pairs)


def test_the_drawn_ventricle_has_the_stated_ef(studies: list[PhantomStudy]) -> None:
    for study in studies[:120]:
        volume = lv_volume(heart_size(study.anatomy, study.findings), study.findings, np.linspace(0, 1, 60))
        assert 100 * (1 - volume.min() / volume[0]) == pytest.approx(study.findings.ef, abs=0.5)


def test_left_atrium_follows_mitral_disease_but_is_not_decided_by_it(studies: list[PhantomStudy]) -> None:
    leaking = [s.findings.la_dilation for s in studies if s.findings.mr >= 3]
    tight = [s.findings.la_dilation for s in studies if s.findings.mr == 0]
    assert np.mean(leaking) > np.mean(tight) + 0.4
    assert 0 in leaking
    assert 4 in tight


def test_a_study_has_five_to_eight_cines(studies: list[PhantomStudy]) -> None:
    for study in studies:
        plans = study_cines(study)
        assert 5 <= len(plans) <= 8
        assert [plan.number for plan in plans] == list(range(1, len(plans) + 1))


def test_impossible_findings_are_refused() -> None:
    with pytest.raises(ValueError, match="EF 5"):
        Findings(ef=5.0)
    with pytest.raises(ValueError, match="mr 7"):
        Findings(mr=7)
