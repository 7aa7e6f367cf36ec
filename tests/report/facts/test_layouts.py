"""How systems and people lay a report out: a name, its number and a word about it; pairs, sums, lists, broken lines."""

from __future__ import annotations

import pytest

from tests.report.facts.test_rules import expected, read

# heading with its numbers, what they are, and words with what each says of the finding
EVALUATED = (
    ("心機能", "EF 38%", "lvef 38", "lvef_low", "低下", "良好"),
    ("左室収縮能", "EF 38%", "lvef 38", "lvef_low", "低下", "正常"),
    ("EF", "38%", "lvef 38", "lvef_low", "低下", "保持"),
    ("左房径", "46mm", "lad 46", "la_dilation", "拡大", "正常"),
    ("LAD", "46mm", "lad 46", "la_dilation", "拡大", "拡大なし"),
    ("LVDd", "60mm", "lvdd 60", "lv_dilation", "拡大", "正常"),
    ("左室", "LVDd 60mm、LVDs 48mm", "lvdd 60, lvds 48", "lv_dilation", "拡大", "拡大なし"),
    ("左室壁厚", "IVS 13mm、PW 12mm", "ivs 13, pw 12", "lv_hypertrophy", "肥厚", "正常"),
    ("右室機能", "TAPSE 14mm", "tapse 14", "rv_function", "低下", "良好"),
    ("拡張能", "E/A 1.2、E/e' 18", "ea_ratio 1.2, e_e 18", "lv_diastolic", "低下", "正常"),
    ("推定肺動脈圧", "58mmHg", "rvsp 58", "ph", "上昇", "正常"),
    ("上行大動脈", "46mm", "asc_ao 46", "aorta_dilation", "拡大", "拡大なし"),
)
PLACED = ("{name}：{numbers}、{word}", "{name}：{numbers}（{word}）", "{name} {numbers}、{word}。弁膜症なし")
GRADED = (("", ""), ("軽度", "[2,2]"), ("中等度", "[3,3]"), ("著明に", "[4,4]"))
PAIRS = (("LVDd", "LVDs", 50, 33), ("Dd", "Ds", 50, 33), ("IVS", "PW", 10, 9), ("IVST", "PWT", 12, 11))
BOUND = (
    *("{a}/{b} {v}/{w}mm", "{a}/{b}：{v}/{w}", "{a}・{b} {v}・{w}mm", "{a}:{b}={v}:{w}mm", "{a}-{b} {v}-{w}mm"),
    *("{a}={v}mm {b}={w}mm", "{a}：{v}mm、{b}：{w}mm", "{a} {v} {b} {w}", "{a}×{b} {v}×{w}"),
)
IDS = {"LVDd": "lvdd", "Dd": "lvdd", "LVDs": "lvds", "Ds": "lvds", "IVS": "ivs", "IVST": "ivs", "PW": "pw", "PWT": "pw"}
SUMS = (
    *("RVSP=35+8=43", "推定RVSP 35+8=43mmHg", "推定RVSP：43mmHg（35＋8）", "PASP=35+8=43mmHg"),
    *("RVSP=TRPG+RAP=35+8=43mmHg", "推定肺動脈圧 35mmHg+8mmHg=43mmHg"),
)
WRITTEN = (
    "以下の所見を認めず：血栓、疣贅、心嚢液 => thrombus a, vegetation a, pericardial_effusion a",
    "（−）：心嚢液、血栓 => pericardial_effusion a, thrombus a",
    "なし：心嚢液、胸水 => pericardial_effusion a, pleural_effusion a",
    "推定RVSP=TRPG 35+RAP 8=43mmHg => trpg 35, rvsp 43",
    "TRPG 35mmHg＋RAP 8mmHg＝RVSP 43mmHg => trpg 35, rvsp 43",
    "AV-PG(max/mean)=70/42mmHg => av_mpg 42",
    "左房容積 65mL（38mL/m2） => lavi 38",
    "左房径は40mmから45mmに拡大 => lad h 40, lad 45",
    "軽度の僧帽弁および中等度の三尖弁逆流 => mr p[2,2], tr p[3,3]",
    "Trace mitral and mild tricuspid regurgitation. => mr p[1,1], tr p[2,2]",
    "MR has progressed from mild to moderate. => mr h[2,2], mr p[3,3]",
    "MR progressed from mild to severe. => mr h[2,2], mr p[4,4]",
    "MRは高度だったが軽度となった => mr h[4,4], mr p[2,2]",
    "前回は心嚢液なし、今回少量あり => pericardial_effusion p[2,2]",
    "両心房拡大（軽度） => la_dilation p[2,2], ra_dilation p[2,2]",
    "MR - mild => mr p[2,2]",
    "MR(2) TR(1) => mr p[3,3], tr p[2,2]",
    "MR…軽度 => mr p[2,2]",
    "LVDd...52mm => lvdd 52",
    "血栓【-】 疣贅〔－〕 => thrombus a, vegetation a",
    "血栓 ー、疣贅 ー => thrombus a, vegetation a",
    "(1)左室拡大なし (2)左房軽度拡大 (3)TR軽度 => lv_dilation a, la_dilation p[2,2], tr p[2,2]",
    "僧帽弁逆流は\n軽度である。 => mr p[2,2]",
    "心嚢液は認め\nない。 => pericardial_effusion a",
    "推定肺動脈圧\n45mmHg => rvsp 45",
    "左室収縮能は正常とは言えない => lvef_low u",
    "アミロイドーシスが疑われ、精査を推奨 => amyloid u",
    "アミロイドーシス疑いの精査を推奨 => none",
    "AVR後のフォロー => prosthetic_valve p",
    "家族歴：父が拡張型心筋症 => none",
)


@pytest.mark.parametrize("place", PLACED)
def test_a_word_behind_a_number_speaks_of_what_was_measured(place: str) -> None:
    wrong = []
    for name, numbers, values, concept, abnormal, normal in EVALUATED:
        for words, said in GRADED:
            text = place.format(name=name, numbers=numbers, word=words + abnormal)
            wrong += _wrong(text, f"{values}, {concept} p{said}", place)
        wrong += _wrong(place.format(name=name, numbers=numbers, word=normal), f"{values}, {concept} a", place)
    assert wrong == []


def _wrong(text: str, notation: str, place: str) -> list[str]:
    after = ", valve_disease a" if "弁膜症" in place else ""
    return [text] if read(text) != expected(notation + after) else []


@pytest.mark.parametrize("bound", BOUND)
def test_two_names_share_two_numbers_however_they_are_joined(bound: str) -> None:
    for first, second, value, other in PAIRS:
        text = bound.format(a=first, b=second, v=value, w=other)
        assert read(text) == expected(f"{IDS[first]} {value}, {IDS[second]} {other}"), text


@pytest.mark.parametrize("text", SUMS)
def test_a_sum_is_the_pressure(text: str) -> None:
    assert read(text) == expected("rvsp 43")


@pytest.mark.parametrize("example", WRITTEN)
def test_what_is_written_so_is_read_so(example: str) -> None:
    text, _, facts = example.rpartition(" => ")
    assert read(text) == expected(facts)
