"""Patients of the hard level: half of them normal and alike; severities between grades; readers who differ and omit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.findings import FINDINGS, Findings
from echosearch.phantom.imaging.cine import render_cine
from echosearch.phantom.patients.hard_history import hard_history
from echosearch.phantom.patients.hard_study import HardStudy
from echosearch.phantom.patients.history import PhantomStudy, patient_history
from echosearch.phantom.patients.readers import READERS, THERE_OR_NOT, read_by
from echosearch.phantom.patients.wording import LEAK, report_phrases, report_text


@pytest.fixture(scope="module")
def studies() -> list[PhantomStudy]:
    return list(phantom_studies(300, 5, level="hard"))


def hard(study: PhantomStudy) -> HardStudy:
    assert study.hard is not None
    return study.hard


def test_a_patient_alone_is_the_patient_in_the_cohort(studies: list[PhantomStudy]) -> None:
    alone = hard_history(5, 37)
    assert list(alone) == [study for study in studies if study.patient == 37]
    easy = patient_history(5, 37)[0]
    assert easy.who is not None
    assert alone[0].who is not None
    assert alone[0].who.patient_id == "PHANTOM-H5-0037" != easy.who.patient_id
    assert alone[0].accession_number != easy.accession_number


def test_half_of_the_studies_are_normal_and_their_hearts_are_alike(studies: list[PhantomStudy]) -> None:
    normal = [study for study in studies if hard(study).normal]
    assert 0.43 < len(normal) / len(studies) < 0.57
    assert max(grade for study in normal for grade in study.findings.grades().values()) <= 1
    radii = [heart_size(study.anatomy, Findings()).lv_radius for study in normal]
    of_all = [heart_size(study.anatomy, Findings()).lv_radius for study in studies if not hard(study).normal]
    assert np.std(radii) < 0.75 * np.std(of_all)


def test_normal_studies_are_told_in_few_words(studies: list[PhantomStudy]) -> None:
    words = [{phrase.text for phrase in report_phrases(study)} for study in studies]
    normal = [words[i] for i, study in enumerate(studies) if hard(study).normal]
    other = [words[i] for i, study in enumerate(studies) if not hard(study).normal]
    assert np.mean([len(said) for said in normal]) < 0.55 * np.mean([len(said) for said in other])
    distinct = [len(set().union(*some[:100])) for some in (normal, other)]
    assert distinct[0] < 0.5 * distinct[1]


def test_severities_are_continuous_and_round_to_the_grade(studies: list[PhantomStudy]) -> None:
    drawn: dict[tuple[str, int], set[float]] = {}
    for study in studies:
        for name, grade in study.findings.grades().items():
            severity = study.findings.severity(name)
            assert int(np.floor(severity + 0.5)) == grade
            drawn.setdefault((name, grade), set()).add(round(severity, 2))
    assert len(drawn["mr", 3]) > 20
    assert len(drawn["la_dilation", 2]) > 20


def test_two_hearts_of_one_grade_are_drawn_as_severe_as_they_are(studies: list[PhantomStudy]) -> None:
    plain = replace(next(patient for patient in studies if not hard(patient).normal), hard=None)
    shown = []
    for severity in (2.55, 3.0, 3.45):
        study = replace(plain, findings=Findings(mr=3, severities=(("mr", severity),)))
        cine = render_cine(study, "4CH", color=True, frames=24, rows=120, columns=160).astype(int)
        shown.append(int((cine[:, 20:104, 10:-30].max(axis=3) - cine[:, 20:104, 10:-30].min(axis=3) > 70).sum()))
    assert shown == sorted(shown)
    assert shown[2] > 1.1 * shown[0]
    sizes = [
        heart_size(plain.anatomy, Findings(la_dilation=2, severities=(("la_dilation", s),))) for s in (1.6, 2, 2.4)
    ]
    assert sizes[0].la_radius < sizes[1].la_radius < sizes[2].la_radius
    assert sizes[1] == heart_size(plain.anatomy, Findings(la_dilation=2))


def test_two_readers_differ_by_a_grade_in_about_a_fifth_of_what_is_there(studies: list[PhantomStudy]) -> None:
    rng = np.random.default_rng(1)
    apart, borderline, clear = list[int](), list[int](), list[int]()
    for study in studies:
        one, other = rng.choice(READERS, 2, replace=False)
        read = [read_by(int(reader), study.findings, rng).grades() for reader in (one, other)]
        for name in set(FINDINGS) - {*THERE_OR_NOT, "dyssynchrony"}:
            severity = study.findings.severity(name)
            if severity > 0.5:
                apart.append(abs(read[0][name] - read[1][name]))
                (borderline if abs(severity % 1 - 0.5) < 0.15 else clear).append(apart[-1])
    assert 0.15 < np.mean(apart) < 0.25
    assert np.mean(np.array(apart) > 1) < 0.005
    assert np.mean(borderline) > 3 * np.mean(clear)


def test_reports_give_the_readers_grade_not_the_hearts(studies: list[PhantomStudy]) -> None:
    checked = 0
    for study in studies:
        read, true = hard(study).read.grades(), study.findings.grades()
        for phrase in () if hard(study).only_unchanged else report_phrases(study):
            for name in {*phrase.about} & {"mr", "ar", "tr"}:
                if read[name] != true[name] and read[name] >= 2 and "弁膜症" not in phrase.text:
                    assert any(word in phrase.text for word in LEAK[read[name] - 1]), phrase
                    checked += 1
    assert checked >= 5


def test_some_readers_are_silent_about_what_is_there(studies: list[PhantomStudy]) -> None:
    omitted = there = 0
    for study in studies:
        if hard(study).only_unchanged:
            continue
        spoken = {name for phrase in report_phrases(study) for name in phrase.about}
        severe = {name for name, grade in hard(study).read.grades().items() if grade >= 2}
        there += len(severe)
        omitted += len(severe - spoken)
    assert 0.05 < omitted / there < 0.25


def test_some_reports_say_only_that_nothing_changed(studies: list[PhantomStudy]) -> None:
    short = [study for study in studies if hard(study).only_unchanged]
    assert len(short) > 20
    assert any(max(study.findings.grades().values()) >= 3 for study in short)
    for study in short:
        assert "著変なし" in report_text(study) or "変化なし" in report_text(study)
        assert report_text(study).count("。") == 2


def test_histories_have_transplants_clips_catheter_valves_devices_and_recovery() -> None:
    studies = list(phantom_studies(900, 5, level="hard"))
    pairs = [(a, b) for a, b in pairwise(studies) if a.patient == b.patient]
    new = {
        name: [(a, b) for a, b in pairs if getattr(hard(b).features, name) and not getattr(hard(a).features, name)]
        for name in ("transplant", "clip", "tavi", "icd", "lvad")
    }
    assert all(new.values()), {name: len(found) for name, found in new.items()}
    for a, b in new["transplant"]:  # a donor's heart
        assert a.findings.ef < 30 < 50 < b.findings.ef
        assert a.anatomy.wobble_seed != b.anatomy.wobble_seed
    assert all(a.findings.mr >= 3 and b.findings.mr <= 2 for a, b in new["clip"])
    assert all(b.findings.prosthetic_valve == 4 and b.findings.aortic_stenosis == 0 for _, b in new["tavi"])
    assert all(b.findings.pacemaker == 4 for _, b in new["icd"])
    assert sum(hard(b).recovered >= 10 and not hard(b).features.transplant for _, b in pairs) >= 5
