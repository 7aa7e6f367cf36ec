"""A phantom study's report, in the words that Japanese echo laboratories use.

Phrases end up joined with 「。」. Wording varies from report to report (synonyms, severity words, ways to negate);
negative findings and trivial ones are sometimes left out, as in real reports; what is said agrees with the truth.
"""

from __future__ import annotations

import numpy as np

from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.ventricle import lv_diastolic_diameter
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.phrase import Phrase
from echosearch.phantom.patients.told import as_read, beside, chosen, kept, normal_phrases, own_ending

__all__ = ["FLUID", "LEAK", "NAMES", "SIZE", "no_change_text", "report_phrases", "report_text"]


LEAK = (
    ("ごく軽度", "微量", "trivial"),
    ("軽度", "軽度", "mild"),
    ("中等度", "中等度", "moderate"),
    ("重度", "高度", "severe"),
)
SIZE = (("境界域",), ("軽度",), ("中等度",), ("高度", "重度"))
FLUID = (("ごく少量", "微量"), ("少量",), ("中等量",), ("大量", "多量"))

NAMES = {
    "mr": ("僧帽弁閉鎖不全", "僧帽弁逆流", "MR"),
    "ar": ("大動脈弁閉鎖不全", "大動脈弁逆流", "AR"),
    "tr": ("三尖弁閉鎖不全", "三尖弁逆流", "TR"),
    "as": ("大動脈弁狭窄", "大動脈弁狭窄症", "AS"),
    "ms": ("僧帽弁狭窄", "僧帽弁狭窄症", "MS"),
    "lv_dilation": ("左室拡大", "左室拡張", "左心室拡大"),
    "lv_hypertrophy": ("左室肥大", "左室壁肥厚", "求心性左室肥大"),
    "la_dilation": ("左房拡大",),
    "ra_dilation": ("右房拡大",),
    "rv_dilation": ("右室拡大",),
    "pericardial_effusion": ("心嚢液貯留", "心のう液貯留", "心嚢液"),
    "dyssynchrony": ("左室非同期運動", "左室同期不全"),
}
_WORDS = {name: LEAK if name in ("mr", "ar", "tr") else SIZE for name in NAMES} | {"pericardial_effusion": FLUID}
_OMIT_ABSENT = {
    "lv_dilation": 0.06,
    "mr": 0.08,
    "ar": 0.08,
    "tr": 0.10,
    "pericardial_effusion": 0.2,
    "dyssynchrony": 0.93,
}
_TERRITORY = {
    "LAD": ("前壁中隔", "前壁", "前壁から心尖部", "前壁中隔〜心尖部"),
    "RCA": ("下壁", "下壁中隔から下壁"),
    "LCX": ("側壁", "後側壁", "下側壁"),
}
_MOTION = (
    ("軽度壁運動低下", "軽度低収縮"),
    ("壁運動低下", "低収縮"),
    ("無収縮", "無収縮(akinesis)"),
    ("奇異性運動", "奇異性収縮(dyskinesis)"),
)


class _Writer:
    """One laboratory's habits for one report."""

    def __init__(self, study: PhantomStudy, rng: np.random.Generator) -> None:
        self.study, self.rng = study, rng
        self.grades = study.findings.grades()
        self.abbreviates = rng.random() < 0.3

    def pick(self, options: tuple[str, ...]) -> str:
        return options[chosen(self.study, len(options), self.rng)]

    def name(self, finding: str) -> str:
        names = NAMES[finding]
        if self.abbreviates and names[-1].isascii():
            return names[-1]
        return self.pick(tuple(n for n in names if not n.isascii()))

    def graded(self, finding: str) -> list[Phrase]:
        """The usual sentence about a finding: absent, or present with its severity; perhaps nothing."""
        grade, name = self.grades[finding], self.name(finding)
        if grade == 0:
            if self.rng.random() < _OMIT_ABSENT.get(finding, 0.15):
                return []
            return [
                Phrase(
                    self.pick((f"{name}なし", f"{name}なし", f"{name}を認めない", f"{name}認めず", f"{name}(-)")),
                    (finding,),
                )
            ]
        if grade == 1 and self.rng.random() < 0.15:
            return [] if self.rng.random() < 0.5 else [Phrase(f"有意な{name}なし", (finding,))]
        word = self.pick(tuple(w for w in _WORDS[finding][grade - 1] if name.isascii() or not w.isascii()))
        if grade == 2 and self.rng.random() < 0.06:
            return [
                Phrase(
                    self.pick((f"{word}の{name}の疑い", f"{word}の{name}が疑われる", f"{word}の{name}を否定できない")),
                    (finding,),
                )
            ]
        if word.isascii():
            return [Phrase(self.pick((f"{word} {name}あり", f"{name}: {word}", f"{name} {word}")), (finding,))]
        return [
            Phrase(
                self.pick(
                    (
                        f"{word}の{name}あり",
                        f"{word}の{name}あり",
                        f"{word}{name}あり",
                        f"{word}の{name}を認める",
                        f"{name}：{word}",
                    )
                ),
                (finding,),
            )
        ]

    def function(self) -> list[Phrase]:
        """Wall motion and ejection fraction."""
        f, ef = self.study.findings, round(self.study.findings.ef)
        out: list[Phrase] = []
        if f.wall_motion:
            where, how = self.pick(_TERRITORY[f.territory]), self.pick(_MOTION[f.wall_motion - 1])
            out.append(
                Phrase(
                    self.pick((f"{where}に{how}あり", f"{where}の{how}を認める", f"局所壁運動異常あり({where}{how})")),
                    ("wall_motion",),
                )
            )
        elif ef < 48:
            extent = "高度" if ef < 30 else "中等度" if ef < 40 else "軽度"
            out.append(
                Phrase(
                    self.pick((f"びまん性に{extent}の左室壁運動低下あり", f"{extent}びまん性壁運動低下あり")), ("ef",)
                )
            )
            if self.rng.random() < 0.5:
                out.append(Phrase(self.pick(("局所壁運動異常なし", "明らかな局所壁運動異常なし")), ("wall_motion",)))
        elif self.rng.random() < 0.93:
            out.append(
                Phrase(
                    self.pick(("左室壁運動正常", "左室壁運動異常なし", "局所壁運動異常なし", "asynergyなし")),
                    ("wall_motion",),
                )
            )
        if self.rng.random() < 0.9:
            out.append(
                Phrase(
                    self.pick(
                        (f"EF {ef}%", f"LVEF {ef}%", f"左室駆出率{ef}%", f"左室駆出率は{ef}%", f"LVEF(MOD)={ef}%")
                    ),
                    ("ef",),
                )
            )
        if self.rng.random() < 0.6:
            if ef >= 53:
                out.append(Phrase(self.pick(("左室収縮能は保たれている", "左室収縮能正常", "左室収縮能良好")), ("ef",)))
            elif ef < 48:
                extent = "高度に" if ef < 30 else "中等度" if ef < 40 else "軽度"
                out.append(Phrase(self.pick((f"左室収縮能は{extent}低下", f"左室収縮能{extent}低下あり")), ("ef",)))
        return out

    def mitral(self) -> list[Phrase]:
        g, f = self.grades, self.study.findings
        if g["prosthetic_valve"] and f.prosthesis == "mitral":
            first = Phrase(
                self.pick(
                    (
                        "僧帽弁位人工弁あり",
                        "僧帽弁置換術後",
                        "僧帽弁位に人工弁を認める",
                        "僧帽弁置換術後(MVR)、人工弁あり",
                    )
                ),
                ("prosthetic_valve",),
            )
            return [first, *(self.graded("mr") if g["mr"] else [Phrase("人工弁逆流なし")])]
        if g["mr"] == 0 and g["ms"] == 0 and self.rng.random() < 0.3:
            return [Phrase("僧帽弁病変なし", ("mr", "ms"))]
        return self.graded("mr") + (self.graded("ms") if g["ms"] or self.rng.random() < 0.4 else [])

    def aortic(self) -> list[Phrase]:
        g, f = self.grades, self.study.findings
        if g["prosthetic_valve"] and f.prosthesis == "aortic":
            first = Phrase(
                self.pick(
                    (
                        "大動脈弁位人工弁あり",
                        "大動脈弁置換術後",
                        "大動脈弁位に人工弁を認める",
                        "大動脈弁置換術後(AVR)、人工弁あり",
                    )
                ),
                ("prosthetic_valve",),
            )
            return [first, *(self.graded("ar") if g["ar"] else [])]
        cusps = [Phrase(self.pick(("大動脈弁三尖弁", "大動脈弁は三尖")))] if self.rng.random() < 0.35 else []
        return cusps + self.graded("ar") + (self.graded("as") if g["as"] or self.rng.random() < 0.6 else [])

    def remarks(self) -> list[Phrase]:
        """What real reports also say, and no picture here shows."""
        out = []
        if self.rng.random() < 0.35:
            out.append(
                Phrase(self.pick(("左室血流流入波形は弛緩異常型", "左室流入血流波形は正常型", "左室拡張能評価困難")))
            )
        if self.rng.random() < 0.2:
            out.append(Phrase(self.pick(("心内血栓認めず", "明らかな血栓なし", "心内シャントなし"))))
        if self.rng.random() < 0.12:
            out.append(Phrase(self.pick(("描出やや不良", "前回と著変なし" if self.study.number else "描出良好"))))
        return out


def report_phrases(study: PhantomStudy) -> tuple[Phrase, ...]:
    """Return the statements of a study's report, in a laboratory's usual order."""
    if (normal := normal_phrases(study, "first")) is not None:
        return tuple(normal)
    said = kept(study, _phrases(as_read(study)))
    return (*(Phrase(own_ending(study, one.text), one.about) for one in said), *beside(study, "first"))


def _phrases(study: PhantomStudy) -> tuple[Phrase, ...]:
    rng = np.random.default_rng([study.seed, study.patient, study.number, 7001])
    w = _Writer(study, rng)
    g = w.grades
    out: list[Phrase] = [*w.graded("lv_dilation"), *w.graded("lv_hypertrophy"), *w.function()]
    out += w.graded("dyssynchrony") + w.graded("la_dilation")
    if g["ra_dilation"] or g["rv_dilation"] or rng.random() < 0.6:
        out += w.graded("ra_dilation") + w.graded("rv_dilation")
    elif rng.random() < 0.6:
        out.append(Phrase(w.pick(("右心系拡大なし", "右心系の拡大なし")), ("ra_dilation", "rv_dilation")))
    if 1 <= g["mr"] == g["tr"] and not g["ms"] and not g["prosthetic_valve"] and w.abbreviates:
        out.append(
            Phrase(f"{w.pick(tuple(x for x in LEAK[g['mr'] - 1] if not x.isascii()))}のMR・TRあり", ("mr", "tr"))
        )
        out += w.aortic()
    else:
        out += w.mitral() + w.aortic() + w.graded("tr")
    out += w.graded("pericardial_effusion")
    if g["pacemaker"]:
        out.append(
            Phrase(
                w.pick(
                    (
                        "ペースメーカーリードあり",
                        "右室内にペースメーカーリードを認める",
                        "右心系にペースメーカーリードあり",
                    )
                ),
                ("pacemaker",),
            )
        )
    if rng.random() < 0.3:
        size = heart_size(study.anatomy, study.findings)
        out.append(Phrase(f"LVDd {round(10 * lv_diastolic_diameter(size))}mm"))
    out += w.remarks()
    return tuple(out)


def report_text(study: PhantomStudy) -> str:
    """Return the report as one text: 「左室拡大なし。軽度の僧帽弁逆流あり。…」."""
    if study.hard and study.hard.only_unchanged:
        return no_change_text(study)
    return "".join(f"{phrase.text}。" for phrase in report_phrases(study))


def no_change_text(study: PhantomStudy) -> str:
    """Return the report of a study without changes: it refers to the one before, and gives the EF."""
    w = _Writer(study, np.random.default_rng([study.seed, study.patient, study.number, 7004]))
    same = w.pick(("前回と著変なし", "前回検査と比較し著変なし", "前回と変化なし", "著変なし"))
    return f"{same}。EF {round(as_read(study).findings.ef)}%。"
