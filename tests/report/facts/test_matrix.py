"""Every name with every cue, every grade, every way to write a number: what the contract's tables multiply out to."""

from __future__ import annotations

import pytest

from echosearch.report.facts import Fact, load_lexicon, read_facts

NAMES = {
    "lv_dilation": "左室拡大 左心室拡大 LVE",
    "la_dilation": "左房拡大 LAE",
    "rv_dilation": "右室拡大 RVE",
    "lv_hypertrophy": "左室肥大 壁肥厚 求心性肥大 LVH",
    "asym_septal_hyp": "非対称性中隔肥厚 ASH",
    "lv_wall_motion": "左室壁運動異常",
    "rwma": "局所壁運動異常 asynergy LAD領域の壁運動異常",
    "hypokinesis": "下壁hypokinesis 前壁の低収縮",
    "akinesis": "心尖部無収縮",
    "diffuse_hypo": "びまん性壁運動低下",
    "septal_motion": "中隔の奇異性運動 D-shape",
    "lv_dyssynchrony": "非同期運動 同期不全",
    "lvef_low": "左室収縮能低下 EF低下",
    "lv_diastolic": "拡張障害",
    "high_lvfp": "左室充満圧上昇 左房圧上昇",
    "lv_aneurysm": "左室瘤 心尖部瘤",
    "rv_function": "右室収縮能低下",
    "rv_overload": "右心負荷",
    "mr": "MR 僧帽弁逆流 僧房弁閉鎖不全症",
    "ar": "AR AI 大動脈弁逆流",
    "as": "AS 大動脈弁狭窄症",
    "tr": "TR 三尖弁逆流",
    "pr": "PR 肺動脈弁逆流",
    "mvp": "僧帽弁逸脱",
    "mac": "僧帽弁輪石灰化 MAC",
    "av_sclerosis": "大動脈弁硬化 大動脈弁石灰化",
    "valve_disease": "弁膜症 VHD",
    "ph": "肺高血圧 PH",
    "aorta_dilation": "上行大動脈拡大 大動脈基部拡張 上行大動脈瘤",
    "pericardial_effusion": "心嚢液 心のう水 心囊液貯留",
    "pleural_effusion": "胸水",
    "ivc_dilation": "下大静脈拡張 IVC拡張",
    "thrombus": "血栓 左室内血栓",
    "sec": "もやもやエコー",
    "vegetation": "疣腫 疣贅",
    "shunt": "シャント 短絡血流",
    "prosthetic_leak": "弁周囲逆流 PVL",
    "lvoto": "流出路狭窄 LVOTO",
    "sam": "SAM",
}
CUES = {
    "absent": "{}なし|{}無し|{}(-)|{}（－）|{}(ー)|{}：なし|{}を認めない|{}は認められませんでした"
    "|{}はみられない|{}は指摘できず"
    "|{}を指摘できない|{}を確認できない|{}は検出されず|{} none|no {}|{}消失|明らかな{}なし|{}は明らかでない"
    "|{}を疑う所見なし"
    "|{}は見当たりません|{}は同定できず|{}を示唆する所見に乏しい|{}：陰性|{}は指摘されません|{}らしき所見なし"
    "|{}を示唆する所見は認めない|{}は否定的|{}は考えにくい|{}の可能性は低い|{}はありません|{}所見なし|{} -",
    "not_significant": "有意な{}なし|病的な{}なし|{}は有意でない|no significant {}|有意な{}(-)|有意な{}は指摘できず"
    "|{}：有意なし|有意とはいえない{}|臨床的に問題となる{}なし|{}は有意なものではない",
    "uncertain": "{}疑い|{}の疑い|{}が疑われる|{} s/o|{}s/o|s/o {}|{}?|{}の可能性あり|{}が考えられる"
    "|{}と思われる|{}が示唆される|{}に一致する所見|{}を想起|{}の可能性も考えられる|{}らしき所見"
    "|possible {}|{} susp.|{}が鑑別に挙がる|{}として矛盾しない|{}は否定できない|{}を除外できず|{}なしとはいえない",
    "not_assessed": "{}の評価困難|{}の評価は困難|{}は判定不能|{}は評価できず|描出不良のため{}は評価できない"
    "|{}の有無は評価困難|{}は不明瞭",
    "historical": "{}の既往|既往に{}|{}歴あり|前回は{}を認めた|術前{}あり|昨年{}あり",
    "present": "{}|{}あり|{}を認めた|{}（＋）|{}：有|{}を伴う|{}相当|{}と診断|{}を指摘|{} +"
    "|{}にてフォロー中|{}残存|{}は著変なし"
    "|{}は改善|有意な{}あり|明らかな{}あり|{}の進行なし",
}
GRADES = {
    (1, 1): "ごく軽度の{}|{} triv|トリビアルの{}|{}(最小限)|{} trivial|{}微量|わずかな{}|{}(±)|{}±|{}はごくわずか",
    (
        2,
        2,
    ): "軽度{}|{}は軽度|{}：軽度|{}(軽度)|{}を軽度認める|mild {}|{} I度|{}(1+)|{} I/III|{}(1/4)|{} grade I|小さな{}",
    (3, 3): "中等度{}|{}は中等度です|{} moderate|{} II度|{}(++)|{} II/IV|{} Sellers II",
    (3, 4): "中等度以上の{}|{} moderate to severe|中〜高度の{}",
    (4, 4): "高度の{}|{}重症|severe {}|著明な{}|{} IV度|{} III/III",
    (1, 2): "{} trivial〜mild|ごく軽度〜軽度の{}|{}(微〜軽度)",
    (2, 3): "{}軽度〜中等度|軽度〜中等度の{}|{} mild〜moderate",
}
VALUES = {
    "lvef": ("EF LVEF 左室駆出率 EF(Simpson)", "%", 55, 60),
    "lvdd": ("LVDd 左室拡張末期径", "mm", 52, 58),
    "ivs": ("IVS IVST 中隔厚", "mm", 10, 12),
    "lad": ("LAD LA 左房径", "mm", 42, 45),
    "aod": ("AoD 大動脈径 Valsalva洞", "mm", 33, 36),
    "ivc": ("IVC 下大静脈径", "mm", 16, 20),
    "lavi": ("LAVI 左房容積係数", "mL/m2", 40, 48),
    "ea_ratio": ("E/A E/A比", "", 0.8, 1.2),
    "e_e": ("E/e' E/e’", "", 12.5, 15),
    "dt": ("DcT 減速時間", "ms", 210, 240),
    "trpg": ("TRPG TR-PG 三尖弁圧較差", "mmHg", 31, 40),
    "rvsp": ("RVSP 推定右室収縮期圧", "mmHg", 45, 55),
    "av_mpg": ("AS、平均圧較差 AVR後、meanPG", "mmHg", 40, 48),
    "trv": ("TRV 三尖弁逆流最大速度", "m/s", 2.8, 3.2),
    "ava": ("AVA AS、弁口面積", "cm2", 0.8, 1.1),
}
WRITTEN = (
    *("{n} {v}{u}", "{n}{v}{u}", "{n}：{v}{u}", "{n} = {v} {u}", "{n}は{v}{u}前後", "{n} {v}", "{n} ({v}{u})"),
    *("{n}\t{v}\t{u}", "｜{n}｜{v}｜"),
)


@pytest.mark.parametrize("concept", NAMES)
def test_every_name_takes_every_cue_and_grade(concept: str) -> None:
    wrong = []
    for name in NAMES[concept].split():
        for polarity, patterns in CUES.items():
            for pattern in patterns.split("|"):
                if [(f.concept, f.polarity) for f in read_facts(pattern.format(name))] != [(concept, polarity)]:
                    wrong.append(pattern.format(name))
        for grade, patterns in GRADES.items():
            for pattern in patterns.split("|"):
                if [(f.concept, f.severity) for f in read_facts(pattern.format(name))] != [(concept, grade)]:
                    wrong.append(pattern.format(name))
    assert wrong == []


@pytest.mark.parametrize("measure", VALUES)
def test_every_measurement_is_read_however_it_is_written(measure: str) -> None:
    names, unit, value, higher = VALUES[measure]
    wrong = []
    for name in names.split():
        for pattern in WRITTEN:
            text = pattern.format(n=name, v=value, u=unit)
            if numbers(text) != [(measure, "present", value, None)]:
                wrong.append(text)
        for pattern, expected in (
            ("{n} {v}〜{w}{u}", [(measure, "present", value, higher)]),
            ("{n} {v}{u}（前回 {w}{u}）", [(measure, "present", value, None), (measure, "historical", higher, None)]),
            ("{n} {v}→{w}{u}", [(measure, "historical", value, None), (measure, "present", higher, None)]),
            ("{n} 前回{v}{u}→今回{w}{u}", [(measure, "historical", value, None), (measure, "present", higher, None)]),
            ("{n}計測不能", [(measure, "not_assessed", None, None)]),
            ("{n} 未計測", [(measure, "not_assessed", None, None)]),
        ):
            text = pattern.format(n=name, v=value, w=higher, u=unit)
            if numbers(text) != expected:
                wrong.append(text)
    assert wrong == []


def numbers(text: str) -> list[tuple[str, str, float | None, float | None]]:
    measures = load_lexicon().measures
    found: list[Fact] = [fact for fact in read_facts(text) if fact.concept in measures]
    return [(f.concept, f.polarity, f.value, f.value_hi) for f in found]
