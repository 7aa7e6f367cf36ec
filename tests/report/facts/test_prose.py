"""What prose leaves unsaid: the valve that a sentence before named, causes, what is compared with an earlier day."""

from __future__ import annotations

import pytest

from tests.report.facts.test_rules import expected, read

VALVES = {
    "aortic": ("as", "ar"),
    "mitral": ("ms", "mr"),
    "tricuspid": ("ts", "tr"),
    "pulmonic": ("pulm_stenosis", "pr"),
}
SUBJECTS = (
    *("The {} valve is thickened; ", "The {} valve is thickened. ", "The {} valve leaflets are mildly thickened. "),
    *("Thickened {} valve. ", "The {} valve appears thickened. There is "),
)
SAID = (
    ("no stenosis.", "{0} a"),
    ("no regurgitation.", "{1} a"),
    ("no significant stenosis or regurgitation.", "{0} n, {1} n"),
    ("moderate stenosis and mild regurgitation.", "{0} p[3,3], {1} p[2,2]"),
    ("trace regurgitation, no stenosis.", "{1} p[1,1], {0} a"),
)
LENT = (
    "The aortic valve is trileaflet with mild sclerosis; no stenosis. => tav p, av_sclerosis p[2,2], as a",
    "The aortic valve is calcified. No stenosis. => av_sclerosis p, as a",
    "Bicuspid aortic valve; no stenosis. => bav p, as a",
    "The tricuspid valve is normal. Mild regurgitation. => tr a, ts a, tr p[2,2]",
    "The mitral valve is myxomatous. Moderate prolapse. => mvp p[3,3]",
    "The aortic valve is sclerotic. The left atrium is dilated. No stenosis. => av_sclerosis p, la_dilation p",
    "The left ventricle is dilated; no hypertrophy. => lv_dilation p, lv_hypertrophy a",
    "The left ventricle is normal in size. Systolic function is normal. => lv_dilation a, lvef_low a",
    "The prosthetic aortic valve is well seated. No regurgitation. => prosthetic_valve p, prosthetic_leak a",
    "Status post AVR. No regurgitation. => prosthetic_valve p, prosthetic_leak a",
    "生体弁の開放良好。逆流なし。 => prosthetic_valve p, prosthetic_dysfunction a, prosthetic_leak a",
    "AVR後。MR軽度。逆流なし。 => prosthetic_valve p, mr p[2,2]",
    "大動脈弁石灰化。中等度狭窄、軽度逆流 => av_sclerosis p, as p[3,3], ar p[2,2]",
    "Normal aortic and mitral valves. Normal left atrium. => as a, ar a, mr a, ms a, la_dilation a",
)

TWO_WORDS = (
    "弛緩異常型拡張障害 => lv_diastolic p[2,2]",
    "偽正常化型拡張能障害 => lv_diastolic p[3,3]",
    "弛緩異常型左室拡張障害を認める => lv_diastolic p[2,2]",
    "拘束型拡張機能障害 => lv_diastolic p[4,4]",
    "拡張障害弛緩異常型 => lv_diastolic p[2,2]",
    "impaired relaxation type diastolic dysfunction => lv_diastolic p[2,2]",
    "restrictive diastolic dysfunction => lv_diastolic p[4,4]",
    "grade II diastolic dysfunction with pseudonormal filling => lv_diastolic p[3,3]",
    "弛緩異常による拡張障害 => lv_diastolic p[2,2]",
    "弛緩異常型(grade I)の拡張障害 => lv_diastolic p[2,2]",
    "拡張障害を認める(弛緩異常型) => lv_diastolic p[2,2]",
    "弛緩異常型拡張障害なし => lv_diastolic a",
    "僧帽弁逆流症MRII度 => mr p[3,3]",
    "三尖弁閉鎖不全TR mild、肺高血圧PH疑い => tr p[2,2], ph u",
    "心嚢液貯留PE少量、胸水なし => pericardial_effusion p[2,2], pleural_effusion a",
    "LVH左室肥大なし => lv_hypertrophy a",
    "AVR MVR後 => prosthetic_valve p",
)
CAUSES = (
    "リード接触によると思われるTRを中等度認めます => device_lead p, tr p[3,3]",
    "リード干渉が疑われるTR中等度 => device_lead p, tr p[3,3]",
    "TRはリードの影響と思われる。 => tr p, device_lead p",
    "AFによると思われる左房拡大 => af p, la_dilation p",
    "左室拡大によると思われるMR中等度 => lv_dilation p, mr p[3,3]",
    "腱索断裂によると思われる高度MR => chordal_rupture u, mr p[4,4]",
    "逸脱によると思われる中等度MR => mvp u, mr p[3,3]",
    "リードに疣贅付着を疑う => device_lead p, vegetation u",
    "リードの血栓が疑われる => device_lead p, thrombus u",
    "リードと思われる高輝度エコー => device_lead u",
    "人工弁？ => prosthetic_valve u",
    "PHが原因と思われるTR中等度 => ph u, tr p[3,3]",
    "Moderate TR, possibly due to the pacing lead. => tr p[3,3], device_lead p",
    "LV hypertrophy likely due to AS => lv_hypertrophy p, as p",
    "Severe MR, probably secondary to chordal rupture. => mr p[4,4], chordal_rupture u",
    "LVH, may be due to amyloidosis => lv_hypertrophy p, amyloid u",
    "LVEF is reduced, likely due to ischemia; LV thrombus => lvef_low p, thrombus p",
    "アミロイドーシスによると思われる左室肥大 => amyloid u, lv_hypertrophy p",
    "TRはリードの影響を否定できない => tr p, device_lead p",
    "MRの増悪が疑われる => mr u",
    "リードは否定できない => device_lead u",
)


@pytest.mark.parametrize("valve", VALVES)
def test_the_valve_of_the_sentence_before_is_lent(valve: str) -> None:
    wrong = []
    for subject in SUBJECTS:
        for words, facts in SAID:
            text = subject.format(valve) + words
            if read(text) != expected(facts.format(*VALVES[valve])):
                wrong.append(text)
    assert wrong == []


@pytest.mark.parametrize("example", LENT + TWO_WORDS + CAUSES)
def test_prose_is_read_as_it_is_meant(example: str) -> None:
    text, _, facts = example.rpartition(" => ")
    assert read(text) == expected(facts)
