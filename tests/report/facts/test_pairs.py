"""Two findings in one sentence, whatever joins them: each keeps its own polarity and grade, in both languages."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.report.facts.test_rules import expected, read

# concept: its names
JAPANESE = {
    "mr": "MR|僧帽弁逆流",
    "tr": "TR|三尖弁閉鎖不全",
    "as": "AS|大動脈弁狭窄",
    "ar": "AR|大動脈弁逆流",
    "la_dilation": "左房拡大|LAE",
    "lv_dilation": "左室拡大",
    "lv_hypertrophy": "左室肥大|LVH",
    "pericardial_effusion": "心嚢液貯留|心嚢液",
    "pleural_effusion": "胸水",
    "thrombus": "左室内血栓|血栓",
    "ph": "肺高血圧|PH",
    "vegetation": "疣贅",
    "rv_dilation": "右室拡大",
    "sam": "SAM",
    "mac": "MAC|僧帽弁輪石灰化",
    "mvp": "僧帽弁逸脱",
    "shunt": "シャント",
    "aorta_dilation": "上行大動脈拡大",
    "lvef_low": "左室収縮能低下",
    "rv_function": "右室収縮能低下",
    "rv_overload": "右心負荷所見",
    "asd": "ASD",
    "dissection": "大動脈解離",
}
ENGLISH = {
    "mr": "mitral regurgitation|MR",
    "tr": "tricuspid regurgitation|TR",
    "as": "aortic stenosis|AS",
    "ar": "aortic regurgitation|AR",
    "la_dilation": "left atrial enlargement|LA enlargement",
    "lv_hypertrophy": "left ventricular hypertrophy|LVH",
    "pericardial_effusion": "pericardial effusion",
    "pleural_effusion": "pleural effusion",
    "thrombus": "LV thrombus|thrombus",
    "ph": "pulmonary hypertension",
    "vegetation": "vegetation",
    "rv_dilation": "RV enlargement|right ventricular enlargement",
    "mac": "mitral annular calcification",
    "mvp": "mitral valve prolapse",
    "shunt": "intracardiac shunt",
    "rv_function": "RV dysfunction",
    "lvef_low": "LV systolic dysfunction",
    "aorta_dilation": "aortic root dilatation",
}
UNGRADED = {"sam", "shunt", "asd", "dissection", "vegetation", "thrombus"}
# what joins them, and what is said of the first and of the second
JOINED = (
    ("{a}と{b}を認める", "p", "p"),
    ("{a}はなく、{b}を認める", "a", "p"),
    ("{a}を認めるが、{b}はない", "p", "a"),
    ("{a}を認めるが{b}は認めない", "p", "a"),
    ("{a}および{b}は認めない", "a", "a"),
    ("{a}なし、{b}あり", "a", "p"),
    ("{a}あり、{b}なし", "p", "a"),
    ("{a}は認めず、{b}が疑われる", "a", "u"),
    ("{a}、{b}ともに認めず", "a", "a"),
    ("{a}に加え、{b}を認める", "p", "p"),
    ("{a}の他、{b}も認める", "p", "p"),
    ("{a}は認めないが{b}を認める", "a", "p"),
    ("{a}を認めますが、明らかな{b}は指摘できません", "p", "a"),
    ("{a}は認めますが有意な{b}は認めません", "p", "n"),
    ("{a}はみられず、{b}もみられない", "a", "a"),
    ("{a}も{b}も認めない", "a", "a"),
    ("{a}(+)、{b}(-)", "p", "a"),
    ("{a}(-) {b}(+)", "a", "p"),
    ("{a}：なし　{b}：あり", "a", "p"),
    ("{a}を疑うが、{b}は否定的", "u", "a"),
    ("{a}の可能性あり、{b}なし", "u", "a"),
    ("{a}は評価困難、{b}なし", "x", "a"),
    ("{a}は指摘できないが、{b}は否定できない", "a", "u"),
    ("明らかな{a}なく、{b}も認めません", "a", "a"),
    ("{a}なく、{b}なし", "a", "a"),
    ("{a}なく{b}あり", "a", "p"),
    ("{a}や{b}は指摘できず", "a", "a"),
    ("{a}は既往にあり、今回{b}を認める", "h", "p"),
    ("{a}があり{b}を伴う", "p", "p"),
    ("{a}、{b}、いずれもなし", "a", "a"),
    ("{a}を認め、{b}を疑う", "p", "u"),
    ("{a}あるも{b}なし", "p", "a"),
    ("{a}ですが{b}はありません", "p", "a"),
    ("{a}を認めるものの{b}は認めず", "p", "a"),
    ("{a}は消失し、{b}も認めない", "a", "a"),
    ("{a}は前回同様、{b}は新たに出現", "p", "p"),
)
JOINED_EN = (
    ("{a} and {b} are present.", "p", "p"),
    ("No {a} or {b}.", "a", "a"),
    ("No {a}, {b}.", "a", "a"),
    ("There is {a} without {b}.", "p", "a"),
    ("{a}, no {b}.", "p", "a"),
    ("No {a}; {b} is present.", "a", "p"),
    ("{a} is present, but no {b} is seen.", "p", "a"),
    ("Neither {a} nor {b} is seen.", "a", "a"),
    ("There is no {a}. There is {b}.", "a", "p"),
    ("{a} with possible {b}.", "p", "u"),
    ("Possible {a}; no {b}.", "u", "a"),
    ("No evidence of {a} and no {b}.", "a", "a"),
    ("{a} is noted; {b} is not seen.", "p", "a"),
    ("No significant {a} or {b}.", "n", "n"),
    ("{a} but no significant {b}.", "p", "n"),
    ("No {a} is identified. {b} cannot be excluded.", "a", "u"),
    ("There is {a}, however there is no {b}.", "p", "a"),
    ("History of {a}. No {b}.", "h", "a"),
    ("{a} and no evidence of {b}.", "p", "a"),
    ("{a} or {b} are not seen.", "a", "a"),
)
GRADED = (
    ("軽度の{a}と中等度の{b}を認める", "p[2,2]", "p[3,3]"),
    ("{a}は軽度、{b}は中等度", "p[2,2]", "p[3,3]"),
    ("{a}軽度 {b}中等度", "p[2,2]", "p[3,3]"),
    ("{a} mild, {b} moderate", "p[2,2]", "p[3,3]"),
    ("{a}、{b}ともに軽度", "p[2,2]", "p[2,2]"),
    ("{a}は軽度で{b}は中等度", "p[2,2]", "p[3,3]"),
    ("{a}(軽度)、{b}(中等度)", "p[2,2]", "p[3,3]"),
    ("軽度{a}、中等度{b}を認める", "p[2,2]", "p[3,3]"),
    ("{a}を軽度、{b}を中等度認める", "p[2,2]", "p[3,3]"),
    ("{a}が軽度、{b}が高度", "p[2,2]", "p[4,4]"),
    ("{a}は中等度、{b}なし", "p[3,3]", "a[0,0]"),
    ("{a}はなく、{b}は軽度", "a[0,0]", "p[2,2]"),
    ("軽度{a}を認めるが{b}なし", "p[2,2]", "a[0,0]"),
    ("{a}は軽度、{b}はごく軽度です", "p[2,2]", "p[1,1]"),
    ("{a}：軽度、{b}：なし", "p[2,2]", "a[0,0]"),
    ("{a}は軽度から中等度、{b}は高度", "p[2,3]", "p[4,4]"),
    ("{a}は軽度ですが、{b}は高度です", "p[2,2]", "p[4,4]"),
    ("{a}は軽度のみで{b}なし", "p[2,2]", "a[0,0]"),
    ("高度の{a}に伴う軽度の{b}", "p[4,4]", "p[2,2]"),
    ("{a}(mild)、{b}(severe)を認めます", "p[2,2]", "p[4,4]"),
    ("{a}は軽度、{b}の疑い", "p[2,2]", "u"),
    ("{a}：mild　{b}：trivial", "p[2,2]", "p[1,1]"),
    ("軽度の{a}、{b}なし", "p[2,2]", "a[0,0]"),
    ("{a}を認め軽度、{b}は認めない", "p[2,2]", "a[0,0]"),
    ("{a}は中等度で、前回と著変なし。{b}は軽度", "p[3,3]", "p[2,2]"),
)
GRADED_EN = (
    ("Mild {a} and moderate {b}.", "p[2,2]", "p[3,3]"),
    ("{a} is mild; {b} is severe.", "p[2,2]", "p[4,4]"),
    ("{a} is mild and {b} is moderate.", "p[2,2]", "p[3,3]"),
    ("Mild {a}, no {b}.", "p[2,2]", "a[0,0]"),
    ("Mild {a} with moderate {b}.", "p[2,2]", "p[3,3]"),
    ("There is mild {a} and severe {b}.", "p[2,2]", "p[4,4]"),
    ("{a}: mild. {b}: none.", "p[2,2]", "a[0,0]"),
    ("{a} mild, {b} severe", "p[2,2]", "p[4,4]"),
    ("Mild {a}. No {b}.", "p[2,2]", "a[0,0]"),
    ("No {a}, mild {b}.", "a[0,0]", "p[2,2]"),
    ("Moderate {a} but only mild {b}.", "p[3,3]", "p[2,2]"),
    ("Severe {a} due to mild {b}.", "p[4,4]", "p[2,2]"),
    ("Trace {a} and mild-to-moderate {b}.", "p[1,1]", "p[2,3]"),
    ("{a} (mild), {b} (moderate)", "p[2,2]", "p[3,3]"),
    ("{a} is moderate to severe, {b} is trivial.", "p[3,4]", "p[1,1]"),
)
DRAWN = 24  # pairs for each sentence


@pytest.mark.parametrize(("pattern", "first", "second"), JOINED + JOINED_EN + GRADED + GRADED_EN)
def test_each_of_two_findings_keeps_its_own(pattern: str, first: str, second: str) -> None:
    names = JAPANESE if (pattern, first, second) in JOINED + GRADED else ENGLISH
    graded = "[" in first + second
    rng = random.Random(pattern)
    pairs = list(itertools.permutations([name for name in names if not graded or name not in UNGRADED], 2))
    wrong = []
    for one, other in rng.sample(pairs, DRAWN):
        text = pattern.format(a=rng.choice(names[one].split("|")), b=rng.choice(names[other].split("|")))
        text = text[0].upper() + text[1:]
        if read(text) != expected(f"{one} {first}, {other} {second}"):
            wrong.append(text)
    assert wrong == []
