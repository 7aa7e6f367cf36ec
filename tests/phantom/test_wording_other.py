"""The second family of wording: the truth, in words of its own. The readings here know nothing of its forms' file."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import pytest

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.files.srfile import measured_values
from echosearch.phantom.patients import wording
from echosearch.phantom.patients.history import PhantomStudy, patient_history
from echosearch.phantom.patients.phrase import Phrase
from echosearch.phantom.patients.wording_other import report_phrases, report_text

# what a statement must name to be about a finding; its heading counts, and texts are read after NFKC
NAMED = {
    "mr": "(?=.*僧帽弁)(?=.*(逆流|閉鎖不全|regurgitation)).*|MR",
    "ar": "(?=.*大動脈弁)(?=.*(逆流|閉鎖不全|regurgitation)).*|AR",
    "tr": "(?=.*三尖弁)(?=.*(逆流|閉鎖不全|regurgitation)).*|TR",
    "as": "(?=.*大動脈弁)(?=.*(狭窄|stenosis)).*|AS",
    "ms": "(?=.*僧帽弁)(?=.*(狭窄|stenosis)).*|MS",
    "lv_dilation": "(?=.*(左心室|左室|LV))(?=.*(拡大|大き|dilat|enlarg|size)).*|LVE",
    "la_dilation": "(?=.*(左心房|左房|LA))(?=.*(拡大|大き|dilat|enlarg|size)).*|LAE",
    "ra_dilation": "(?=.*(右心房|右房|RA))(?=.*(拡大|大き|dilat|enlarg|size)).*|RAE",
    "rv_dilation": "(?=.*(右心室|右室|RV))(?=.*(拡大|大き|dilat|enlarg|size)).*|RVE",
    "lv_hypertrophy": "(?=.*(左心室|左室))(?=.*(厚|肥大)).*|LVH|LV wall",
    "pericardial_effusion": "心膜|心嚢|エコーフリースペース|pericardial effusion",
    "dyssynchrony": "非同期|同期不全|dyssynchrony|asynchron",
    "wall_motion": "壁運動|収縮|asynergy|RWMA|wall motion|kine|hypo",
    "ef": "収縮|EF|駆出率|systolic|contraction|低下|hypo",
    "pacemaker": "ペースメーカ|ペーシング|PM|pacemaker",
    "prosthetic_valve": "人工弁|prosthetic|MVR|AVR",
}
ABSENT = re.compile(
    r"((?<!変化あり)ません|はない|なかった|できない|されず|みられない|みられず|ていない|なし|無し?|\(-\)|none|は?消失(しています)?"
    r"|WNL|正常(です|範囲内)?|not detected|not dilated)$|^(no|normal) "
)
NOT_SIGNIFICANT = re.compile(r"有意|問題となる|significant")
BARE = re.compile(
    r"が大きい$|拡大して(いる|おります)$|拡大がみられます$|拡大\(\+\)$|拡大 有$|^dilated \w+$|enlargement\(\+\)$"
)
SEVERITY = {  # longest first; the grades that a word may stand for
    "ごくわずか": {1}, "わずか": {1}, "±": {1}, "trace": {1}, "minimal": {1}, "borderline": {1}, "ごく軽い": {1},
    "軽度": {2}, "軽症": {2}, "mild": {2}, "やや": {2}, "1+": {2}, "I度": {2}, "少量": {2}, "small": {2},
    "中等度": {3}, "中程度": {3}, "中等症": {3}, "中等量": {3}, "moderate": {3}, "2+": {3}, "II度": {3},
    "3+": {3, 4}, "III度": {3, 4}, "III〜IV度": {4}, "IV度": {4}, "4+": {4}, "重症": {4}, "高度": {4}, "著明": {4},
    "severe": {4}, "marked": {4}, "大量": {4}, "多量": {4}, "large": {4}, "massive": {4},
}  # fmt: skip
MOTION = {1: "mild|わずか|ごく軽い", 2: "低下|低収縮|hypo", 3: "無収縮|akine", 4: "奇異性|dyskine"}
WALLS = {
    "LAD": "心尖部|LAD領域|前下行枝|前壁",
    "RCA": "下壁|RCA領域|右冠動脈",
    "LCX": "LCX領域|回旋枝|側壁",
}


@pytest.fixture(scope="module")
def studies() -> list[PhantomStudy]:
    return list(phantom_studies(patients=400, seed=17))


def read(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def headed(study: PhantomStudy) -> list[tuple[str, str, Phrase]]:
    """(heading that holds, the statement without it, the phrase)."""
    out, heading = [], ""
    for phrase in report_phrases(study):
        text = read(phrase.text)
        found = re.match(
            r"(【\w+】|\[\w+\] |(?:壁運動|左室機能|弁膜|心房|\w*心[室房膜]|\w+弁|デバイス|計測|その他):)(?=.)", text
        )
        if found and not re.match(r"(心膜液|心嚢水):", text):
            heading, text = found[1], text[found.end() :]
        out.append((heading, text, phrase))
    return out


def grades_said(text: str) -> set[int] | None:
    for word in sorted(SEVERITY, key=len, reverse=True):
        if re.search(rf"(?<![a-z]){re.escape(word)}", text):  # not the "large" of "enlargement"
            return SEVERITY[word]
    return None


def test_each_statement_names_the_findings_that_it_is_about(studies: list[PhantomStudy]) -> None:
    for study in studies:
        for heading, text, phrase in headed(study):
            for finding in phrase.about:
                assert re.search(NAMED[finding], heading + text), (finding, heading, text)


def test_every_graded_statement_says_the_grade_that_is_true(studies: list[PhantomStudy]) -> None:
    said = dict.fromkeys(("absent", "graded", "bare", "not significant"), 0)
    for study in studies:
        grades = study.findings.grades()
        for _, text, phrase in headed(study):
            for finding in set(phrase.about) & set(wording.NAMES):
                if NOT_SIGNIFICANT.search(text):
                    kind, fine = "not significant", grades[finding] == 1
                elif ABSENT.search(text) and "否定できない" not in text:
                    kind, fine = "absent", grades[finding] == 0
                elif severity := grades_said(text):
                    kind, fine = "graded", grades[finding] in severity
                else:
                    kind, fine = "bare", grades[finding] >= 2 and BARE.search(text) is not None
                said[kind] += 1
                assert fine, (finding, grades[finding], text)
    assert min(said.values()) > 20
    assert said["absent"] + said["graded"] > 4000


def test_wall_motion_is_that_of_the_territory(studies: list[PhantomStudy]) -> None:
    seen = set()
    for study in studies:
        f = study.findings
        for _, text, phrase in headed(study):
            if phrase.about != ("wall_motion",):
                continue
            if ABSENT.search(text):
                assert f.wall_motion == 0, text
                continue
            assert re.search(MOTION[f.wall_motion], text), (f.wall_motion, text)
            assert re.search(WALLS[f.territory], text), (f.territory, text)
            assert [t for t in WALLS if re.search(WALLS[t], text)] == [f.territory], text
            seen.add((f.territory, f.wall_motion))
    assert len(seen) == 12


def test_disease_of_grade_two_and_more_is_never_left_out(studies: list[PhantomStudy]) -> None:
    for study in studies:
        spoken = {finding for phrase in report_phrases(study) for finding in phrase.about}
        assert not {name for name, grade in study.findings.grades().items() if grade >= 2} - spoken
        devices = {"pacemaker", "prosthetic_valve"} & spoken
        assert all(study.findings.grades()[device] for device in devices)


def test_the_ef_is_said_once_and_is_the_true_one(studies: list[PhantomStudy]) -> None:
    said = 0
    for study in studies:
        numbers = re.findall(r"(\d+) ?%", read(report_text(study)))
        assert numbers in ([], [f"{study.findings.ef:.0f}"])
        said += len(numbers)
    assert said > 0.85 * len(studies)


def test_words_for_the_ef_agree_with_it(studies: list[PhantomStudy]) -> None:
    low, kept = 0, 0
    for study in studies:
        for _, text, phrase in headed(study):
            if phrase.about != ("ef",) or re.search(r"^\D*\d+ ?%(です|でした|と計測されました|である)?$", text):
                continue
            if re.search("保たれ|良好|正常|preserved|good|normal", text):
                assert study.findings.ef >= 52.5, text
                kept += 1
            else:
                grade = 4 if study.findings.ef < 29.5 else 3 if study.findings.ef < 39.5 else 2
                assert study.findings.ef < 47.6, text
                assert abs(study.findings.ef - 29.5) < 0.6 or grades_said(text) == {grade}, (study.findings.ef, text)
                low += 1
    assert min(low, kept) > 50


def test_diameters_are_those_of_the_measurement_object(studies: list[PhantomStudy]) -> None:
    kinds = {
        "29436-3": r"(?:LVDd|左室拡張末期径)\D*([\d.]+) ?(mm|cm)",
        "29469-4": r"(?:LAD|左房径|LA diameter)\D*([\d.]+) ?(mm|cm)",
    }
    said: dict[str, int] = defaultdict(int)
    for study in studies:
        for code, pattern in kinds.items():
            for number, unit in re.findall(pattern, read(report_text(study))):
                (measured,) = (v.value for v in measured_values(study) if v.concept.value == code)  # cm
                assert abs(float(number) / (10 if unit == "mm" else 1) - measured) <= 0.056
                said[code] += 1
    assert min(said[code] for code in kinds) > 20


def test_a_comparison_is_true_and_says_what_is_true_now(studies: list[PhantomStudy]) -> None:
    seen = set()
    for study in studies:
        for _, text, phrase in headed(study):
            change = re.search("増悪|進行|増加|減少|消失|変化ありません|前回同様", text)
            if not phrase.about or "前回" not in text:
                continue
            assert change, text
            assert study.number > 0
            (finding,) = phrase.about
            before = patient_history(study.seed, study.patient)[study.number - 1].findings.grades()[finding]
            now = study.findings.grades()[finding]
            assert (now > before, now < before) == (
                change[0] in ("増悪", "進行", "増加"),
                change[0] in ("減少", "消失"),
            ), (before, now, text)
            seen.add(change[0])
    assert len(seen) >= 5


def bare_words(text: str) -> str:
    return "".join(read(text).split())


def test_no_statement_on_a_finding_is_one_of_the_first_family(studies: list[PhantomStudy]) -> None:
    ours = {bare_words(text) for study in studies for _, text, phrase in headed(study) if phrase.about}
    ours |= {bare_words(phrase.text) for study in studies for phrase in report_phrases(study) if phrase.about}
    first = {bare_words(phrase.text) for study in studies for phrase in wording.report_phrases(study) if phrase.about}
    assert ours & first == set()


def test_a_fact_is_said_in_many_ways(studies: list[PhantomStudy]) -> None:
    ways: dict[tuple[str, int], set[str]] = defaultdict(set)
    for study in phantom_studies(patients=1200, seed=18):
        for _, text, phrase in headed(study):
            for finding in phrase.about:
                grade = round(study.findings.ef) if finding == "ef" else study.findings.grades()[finding]
                ways[finding, grade].add(bare_words(text))
    facts = {(finding, grade) for finding in wording.NAMES for grade in (0, 2, 3, 4)}
    facts |= {("wall_motion", grade) for grade in (0, 2, 3, 4)} | {
        ("pacemaker", 4),
        ("prosthetic_valve", 4),
        ("ef", 60),
    }
    assert {fact: len(ways[fact]) for fact in facts if len(ways[fact]) < 8} == {}


def test_the_styles_and_typing_habits_all_occur(studies: list[PhantomStudy]) -> None:
    everything = "\n".join(report_text(study) for study in studies)
    for expected in (
        *("を認めます", "である", "moderate MR", "no RWMA", "ともに", "前回", "疑", "4+"),
        *("【僧帽弁】", "[僧帽弁]", "僧帽弁：", "Ⅱ度", "II度", "（", "(", "％", "%", "６", "ﾍﾟｰｽﾒｰｶｰ", "ペースメーカー"),
    ):
        assert expected in everything, expected
    texts = [report_text(study) for study in studies]
    assert len(set(texts)) > 0.98 * len(texts)


def test_a_study_has_one_report_whatever_was_asked_before(studies: list[PhantomStudy]) -> None:
    again = [report_text(study) for study in reversed(studies)]
    assert again[::-1] == [report_text(study) for study in studies]
    elsewhere = [report_text(study) for study in phantom_studies(patients=20, seed=19)]
    assert elsewhere != [report_text(study) for study in phantom_studies(patients=20, seed=20)]
