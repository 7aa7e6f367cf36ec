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
CHANGES = (  # a neutral name with only a change is no fact; a word about today is
    "EF 32%。前回(EF 45%)と比べ低下しています。 => lvef 32, lvef h 45",
    "EF 32%。前回(EF 45%)より低下 => lvef 32, lvef h 45",
    "EF 45%から32%に低下 => lvef h 45, lvef 32",
    "EF has decreased from 50% to 35%. => lvef h 50, lvef 35",
    "The ejection fraction has fallen from 50% to 35%. => lvef h 50, lvef 35",
    "EF 32%と前回より低下 => lvef 32",
    "EF 32%と前回45%より低下 => lvef 32, lvef h 45",
    "EF 32%と低下 => lvef 32, lvef_low p",
    "EF 32%、低下 => lvef 32, lvef_low p",
    "EF 32%と軽度低下 => lvef 32, lvef_low p[2,2]",
    "EF 45→32%と低下 => lvef h 45, lvef 32",
    "EF 62→48%と経時的に低下 => lvef h 62, lvef 48",
    "前回よりEF低下 => none",
    "前回に比べ左室収縮能は低下 => none",
    "左室収縮能は前回より低下 => none",
    "左室収縮能は前回と比べ低下しています => none",
    "EFは前回より低下 => none",
    "EFの低下を認める => lvef_low p",
    "前回と比べ、左室収縮能低下が進行 => lvef_low p",
    "左室収縮能は中等度低下(前回より低下) => lvef_low p[3,3]",
    "左室収縮能は前回より軽度低下 => none",
    "前回に比べ壁運動は低下 => none",
    "右室収縮能は前回より低下 => none",
    "右室機能は前回に比し低下 => none",
    "推定肺動脈圧は前回より上昇 => none",
    "RVSPは前回より上昇 => none",
    "左房径は前回より拡大 => none",
    "左室は前回より拡大 => lv_dilation p",
    "LVDdは55mmから60mmに拡大 => lvdd h 55, lvdd 60",
    "E/e'は前回より上昇 => none",
    "左室充満圧は前回より上昇 => none",
    "EF 65%から52%へと低下しており、心毒性を疑う => lvef h 65, lvef 52",
    "LVEF has dropped to 35% from 50%. => lvef 35, lvef h 50",
    "LVEF 35%, decreased from 50%. => lvef 35, lvef h 50",
    "LVEF 35%, reduced compared with prior (50%). => lvef 35, lvef h 50",
    "LVEF 35%, down from 50% => lvef 35, lvef h 50",
    "LVEF is 35%, lower than the previous study (50%). => lvef 35, lvef h 50",
    "LV systolic function is reduced compared to prior. => none",
    "LV systolic function has decreased since the previous study. => none",
    "LVEF is reduced at 35%. => lvef_low p, lvef 35",
    "LVEF is mildly reduced at 45%. => lvef_low p[2,2], lvef 45",
    "RVSP increased compared to prior study. => none",
    "RV function has worsened since the prior study. => none",
    "推定肺動脈圧は40から55mmHgに上昇 => rvsp h 40, rvsp 55",
    "EFは45%で、前回(55%)から低下した => lvef 45, lvef h 55",
    "EF 45%で昨年より低下 => lvef 45",
    "昨年のEF 60%から45%に低下 => lvef h 60, lvef 45",
    "術前EF 60%、術後EF 45%と低下 => lvef h 60, lvef 45",
    "EF 45%と低下、前回 52% => lvef 45, lvef_low p, lvef h 52",
    "EF 45%から32%に低下し、左室収縮能は高度低下 => lvef h 45, lvef 32, lvef_low p[4,4]",
    "EF 38%と低下しているが前回(30%)より改善 => lvef 38, lvef_low p, lvef h 30",
    "前回55%であったEFは今回41%に低下していた。 => lvef h 55, lvef 41",
    "TRPG 45 mmHg, increased from 30 mmHg. => trpg 45, trpg h 30",
    "LVEF 35%, decreased from a previous value of 50%. LA is dilated. => lvef 35, lvef h 50, la_dilation p",
    "LVDd 60 mm, increased from 55 mm. => lvdd 60, lvdd h 55",
    "LVEF 50%, improved from 35% => lvef 50, lvef h 35",
    "Compared to the prior study, LV systolic function has decreased. => none",
    "Compared with the previous exam, RV function is reduced. => none",
    "LV systolic function is moderately reduced. => lvef_low p[3,3]",
    "右室に比べ左室の収縮能は低下 => lvef_low p",
    "心尖部に比べ基部の壁運動は低下 => hypokinesis p",
    "前回と比べ著変なく左室収縮能は低下している => lvef_low p",
    "前回同様に左室収縮能は低下 => lvef_low p",
    "左室収縮能の低下は前回と変わらず => lvef_low p",
    "左室収縮能低下は前回より進行 => lvef_low p",
    "昨年より左室収縮能は悪化 => none",
    "左室壁運動は3年前と比べ全体に低下 => none",
    "IVC径は前回より拡大、呼吸性変動低下 => ivc_collapse_low p",
    "前回と比べ、左室収縮能は低下、左房は拡大 => la_dilation p",
    "EF 40%(前回 55%)、左室壁運動はびまん性に低下 => lvef 40, lvef h 55, diffuse_hypo p",
    "EF 35%(前回 36%)。左室収縮能は高度低下 => lvef 35, lvef h 36, lvef_low p[4,4]",
    "TAPSE 14mm(前回 18mm)と低下 => tapse 14, tapse h 18",
    "右室機能：TAPSE 14mm(前回18mm)、低下 => tapse 14, tapse h 18",
    "化学療法前と比べEF低下 => none",
    "治療前に比べてEFは低下 => none",
    "推定肺動脈圧は前回38mmHgから今回52mmHgと上昇 => rvsp h 38, rvsp 52",
    "左室壁厚は前回より増大 => none",
    "呼吸性変動は前回より低下 => none",
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


@pytest.mark.parametrize("example", LENT + TWO_WORDS + CAUSES + CHANGES)
def test_prose_is_read_as_it_is_meant(example: str) -> None:
    text, _, facts = example.rpartition(" => ")
    assert read(text) == expected(facts)
