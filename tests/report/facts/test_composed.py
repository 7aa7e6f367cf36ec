"""Reports put together from clauses, each complete in itself: what a clause says does not depend on its neighbours."""

from __future__ import annotations

import random
from collections import Counter

from echosearch.report.facts import load_lexicon, read_facts
from tests.report.facts.test_rules import expected

CLAUSES = (
    "MR軽度 => mr p[2,2]",
    "軽度MRあり => mr p[2,2]",
    "軽度のMRを認める => mr p[2,2]",
    "TR(中等度) => tr p[3,3]",
    "TR：trivial => tr p[1,1]",
    "中等度TR(+) => tr p[3,3]",
    "AR I/IV => ar p[2,2]",
    "AR mild => ar p[2,2]",
    "ARなし => ar a",
    "有意なARを認めない => ar n[0,1]",
    "AS moderate => as p[3,3]",
    "AS(-) => as a",
    "大動脈弁狭窄は認めません => as a",
    "重症AS(AVA 0.7cm2、mPG 52mmHg) => as p[4,4], ava 0.7, av_mpg 52",
    "MSなし => ms a",
    "PR trivial => pr p[1,1]",
    "PSは認めず => pulm_stenosis a",
    "左房拡大(-) => la_dilation a",
    "左房は軽度拡大 => la_dilation p[2,2]",
    "左房拡大あり(45mm) => la_dilation p, lad 45",
    "右房拡大なし => ra_dilation a",
    "両心房の中等度拡大を認める => la_dilation p[3,3], ra_dilation p[3,3]",
    "左室拡大を認めず => lv_dilation a",
    "左室は拡大している => lv_dilation p",
    "左室内腔の拡大(+) => lv_dilation p",
    "右室拡大はみられない => rv_dilation a",
    "右室はやや拡大 => rv_dilation p[2,2]",
    "LVH(-) => lv_hypertrophy a",
    "左室壁肥厚を軽度認める => lv_hypertrophy p[2,2]",
    "求心性肥大を認める => lv_hypertrophy p",
    "中隔肥厚なし => asym_septal_hyp a",
    "左室壁運動異常なし => lv_wall_motion a",
    "左室壁運動良好 => lv_wall_motion a",
    "asynergy(-) => rwma a",
    "下壁hypokinesisあり => hypokinesis p",
    "心尖部はakinesis => akinesis p",
    "前壁の壁運動は軽度低下 => hypokinesis p[2,2]",
    "びまん性に壁運動低下 => diffuse_hypo p",
    "EF 58% => lvef 58",
    "LVEF：35〜40% => lvef 35~40",
    "EF(MOD) 47%（前回 52%） => lvef 47, lvef h 52",
    "左室収縮能正常 => lvef_low a",
    "左室収縮能は中等度低下 => lvef_low p[3,3]",
    "LVDd/Ds 48/30mm => lvdd 48, lvds 30",
    "IVS/PW 10/9 => ivs 10, pw 9",
    "LAD 38mm => lad 38",
    "上行大動脈 42mm => asc_ao 42",
    "上行大動脈は拡大(46mm) => aorta_dilation p, asc_ao 46",
    "拡張障害 grade I => lv_diastolic p[2,2]",
    "弛緩異常型 => lv_diastolic p[2,2]",
    "E/A 0.8 => ea_ratio 0.8",
    "E/e' 12 => e_e 12",
    "DcT 220msec => dt 220",
    "拡張能はAFのため評価困難 => lv_diastolic x, af p",
    "TRPG 28mmHg => trpg 28",
    "推定RVSP 36mmHg => rvsp 36",
    "TRV 2.6m/s => trv 2.6",
    "PHなし => ph a",
    "肺高血圧を疑う => ph u",
    "PHを示唆する所見なし => ph a",
    "IVC 14mm => ivc 14",
    "IVC拡張なし => ivc_dilation a",
    "呼吸性変動良好 => ivc_collapse_low a",
    "呼吸性変動なし => ivc_collapse_low p",
    "心嚢液なし => pericardial_effusion a",
    "心嚢液少量(後壁側6mm) => pericardial_effusion p[2,2], effusion_depth 6",
    "PE(-) => pericardial_effusion a",
    "胸水(+) => pleural_effusion p",
    "右胸水を中等量認める => pleural_effusion p[3,3]",
    "血栓なし => thrombus a",
    "心内血栓は指摘できず => thrombus a",
    "左心耳血栓は評価困難 => thrombus x",
    "心尖部血栓を除外できない => thrombus u",
    "疣贅を認めない => vegetation a",
    "IE疑い => vegetation u",
    "シャント(-) => shunt a",
    "ASD閉鎖術後 => asd h",
    "PFO疑い => pfo u",
    "AVR後 => prosthetic_valve p",
    "人工弁機能良好 => prosthetic_dysfunction a",
    "PVL trivial => prosthetic_leak p[1,1]",
    "僧帽弁形成術後 => repair_clip p",
    "ペースメーカーリードあり => device_lead p",
    "右心負荷所見なし => rv_overload a",
    "D-shape(-) => septal_motion a",
    "右室収縮能は良好 => rv_function a",
    "TAPSE 17mm => tapse 17",
    "大動脈弁は三尖 => tav p",
    "大動脈弁石灰化あり => av_sclerosis p",
    "MAC(+) => mac p",
    "SAM(-) => sam a",
    "流出路狭窄なし => lvoto a",
    "S字状中隔を認める => sigmoid_septum p",
    "僧帽弁後尖の逸脱を認める => mvp p",
    "GLS -18.2% => gls 18.2",
    "LAVI 42mL/m2 => lavi 42",
    "HCM疑い => hcm u",
    "僧帽弁輪石灰化を軽度認める => mac p[2,2]",
    "有意な弁膜症なし => valve_disease n[0,1]",
    "AF rhythm => af p",
    "弁逆流は軽度のMRのみ => mr p[2,2]",
    "MR、TRともに軽度 => mr p[2,2], tr p[2,2]",
    "MR・TRなし => mr a, tr a",
    "僧帽弁に異常なし => mr a, ms a",
    "三尖弁：逆流軽度 => tr p[2,2]",
)
JOINTS = ("。", "、", "\n", ", ", "。\n", "; ", "。 ", "\n・")


def read(text: str) -> Counter[tuple[object, ...]]:
    return Counter(
        (f.concept, f.polarity, f.severity, f.value and float(f.value), f.value_hi) for f in read_facts(text)
    )


def test_each_clause_reads_as_labelled() -> None:
    for clause in CLAUSES:
        text, _, facts = clause.partition(" => ")
        assert read(text) == Counter(expected(facts)), text


def test_what_a_clause_says_does_not_depend_on_its_neighbours() -> None:
    measures = load_lexicon().measures
    rng = random.Random(3)
    for _ in range(2500):
        chosen = [clause.partition(" => ") for clause in rng.sample(CLAUSES, rng.randint(2, 4))]
        text = rng.choice(JOINTS).join(words for words, _, _ in chosen)
        want: Counter[tuple[object, ...]] = Counter()
        for _, _, facts in chosen:
            for fact in expected(facts):
                want[fact] = want[fact] + 1 if fact[0] in measures else 1  # a finding said again is one fact
        assert read(text) == want, text
