"""What a statement can say, and where a finished encoder puts it: the targets of a text tower that learns more words.

A fact is a short key:

    mr.0 mr.1 ... mr.4      a finding's grade; mr.p: there, how much is not said; mr.u: a mild one is suspected
    wall.LAD.3              a territory's motion; wall.LAD.p, wall.any.3, wall.any.p: less is said; wall.0: none is bad
    ef.35  lvdd.52          values;  ef.low.4  ef.low.p  ef.good  diffuse.3  diffuse.p
    pacemaker.p             prosthesis.mitral, .aortic, .any;  pacemaker.0, prosthesis.0: not there
    nothing                 a remark on what no picture of a phantom shows

A fact's target is the mean vector of the phrases that state it in the wording that the encoder has learned
(phantom/patients/wording.py), so that all of them share one. What says less is the mean of what says more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from echosearch.phantom.patients.wording import FLUID, LEAK, NAMES, SIZE
from echosearch.vector import Vectors

__all__ = ["DIAMETERS", "EFS", "TERRITORIES", "fact_targets", "learned_phrases"]

TERRITORIES = ("LAD", "RCA", "LCX")
EFS = range(10, 81)  # percent
DIAMETERS = range(35, 81)  # mm, of the left ventricle at the end of diastole
ALL_WALLS = 0.1
_LEAKS = ("mr", "ar", "tr")
_PLACES = {
    "LAD": ("前壁中隔", "前壁", "前壁から心尖部", "前壁中隔〜心尖部"),
    "RCA": ("下壁", "下壁中隔から下壁"),
    "LCX": ("側壁", "後側壁", "下側壁"),
}
_MOTIONS = (
    ("軽度壁運動低下", "軽度低収縮"),
    ("壁運動低下", "低収縮"),
    ("無収縮", "無収縮(akinesis)"),
    ("奇異性運動", "奇異性収縮(dyskinesis)"),
)
_EXTENTS = {2: ("軽度", "軽度"), 3: ("中等度", "中等度"), 4: ("高度に", "高度")}
_OTHER = {
    "wall.0": (
        "左室壁運動正常",
        "左室壁運動異常なし",
        "局所壁運動異常なし",
        "明らかな局所壁運動異常なし",
        "asynergyなし",
    ),
    "ef.good": ("左室収縮能は保たれている", "左室収縮能正常", "左室収縮能良好"),
    "pacemaker.p": (
        "ペースメーカーリードあり",
        "右室内にペースメーカーリードを認める",
        "右心系にペースメーカーリードあり",
    ),
    "prosthesis.mitral": (
        "僧帽弁位人工弁あり",
        "僧帽弁置換術後",
        "僧帽弁位に人工弁を認める",
        "僧帽弁置換術後(MVR)、人工弁あり",
    ),
    "prosthesis.aortic": (
        "大動脈弁位人工弁あり",
        "大動脈弁置換術後",
        "大動脈弁位に人工弁を認める",
        "大動脈弁置換術後(AVR)、人工弁あり",
    ),
    "nothing": (
        "左室拡張能評価困難",
        "心内血栓認めず",
        "明らかな血栓なし",
        "心内シャントなし",
        "描出良好",
        "大動脈弁三尖弁",
    ),
}


def learned_phrases() -> dict[str, tuple[str, ...]]:
    """Return the phrases of the learned wording, by the fact that they state."""
    found = {**_OTHER}
    for finding, names in NAMES.items():
        scale = LEAK if finding in _LEAKS else FLUID if finding == "pericardial_effusion" else SIZE
        plain = tuple(name for name in names if not name.isascii())
        found[f"{finding}.0"] = tuple(
            form.format(n=name) for name in names for form in ("{n}なし", "{n}を認めない", "{n}認めず", "{n}(-)")
        )
        for grade, words in enumerate(scale, 1):
            found[f"{finding}.{grade}"] = tuple(
                form.format(n=name, w=word)
                for name in plain
                for word in words
                if not word.isascii()
                for form in ("{w}の{n}あり", "{w}{n}あり", "{w}の{n}を認める", "{n}：{w}")
            )
        found[f"{finding}.u"] = tuple(
            form.format(n=name, w=scale[1][0])
            for name in plain
            for form in ("{w}の{n}の疑い", "{w}の{n}が疑われる", "{w}の{n}を否定できない")
        )
    for territory, places in _PLACES.items():
        for grade, motions in enumerate(_MOTIONS, 1):
            found[f"wall.{territory}.{grade}"] = tuple(
                form.format(x=place, m=motion)
                for place in places
                for motion in motions
                for form in ("{x}に{m}あり", "{x}の{m}を認める", "局所壁運動異常あり({x}{m})")
            )
    for ef in EFS:
        forms = ("EF {v}%", "LVEF {v}%", "左室駆出率{v}%", "左室駆出率は{v}%", "LVEF(MOD)={v}%")
        found[f"ef.{ef}"] = tuple(form.format(v=ef) for form in forms)
    for diameter in DIAMETERS:
        found[f"lvdd.{diameter}"] = (f"LVDd {diameter}mm",)
    for grade, (adverb, noun) in _EXTENTS.items():
        found[f"ef.low.{grade}"] = (f"左室収縮能は{adverb}低下", f"左室収縮能{noun}低下あり")
        found[f"diffuse.{grade}"] = (f"びまん性に{noun}の左室壁運動低下あり", f"{noun}びまん性壁運動低下あり")
    return found


def fact_targets(embed: Callable[[Sequence[str]], Vectors]) -> dict[str, Vectors]:
    """Return the target of each fact, (D,) raw, by an encoder that ``embed`` reads texts with, (N, D) raw."""
    phrases = learned_phrases()
    flat = [f"{phrase}。" for said in phrases.values() for phrase in said]
    vectors = embed(flat)
    targets: dict[str, Vectors] = {}
    at = 0
    for fact, said in phrases.items():
        targets[fact] = vectors[at : at + len(said)].mean(axis=0)
        at += len(said)

    def mean(fact: str, of: Sequence[str]) -> None:
        targets[fact] = np.mean([targets[one] for one in of], axis=0)

    for finding in NAMES:
        mean(f"{finding}.p", [f"{finding}.{grade}" for grade in (2, 3, 4)])
    for territory in TERRITORIES:
        mean(f"wall.{territory}.p", [f"wall.{territory}.{grade}" for grade in (2, 3, 4)])
    mean("diffuse.p", [f"diffuse.{grade}" for grade in (2, 3, 4)])
    for degree in ("1", "2", "3", "4", "p"):
        mean(f"wall.any.{degree}", [f"wall.{territory}.{degree}" for territory in TERRITORIES])
        # what the three have in common is a wall that moves little: of a regional one, less that all of them do
        targets[f"wall.any.{degree}"] -= ALL_WALLS * targets["diffuse.p"]
    mean("ef.low.p", [f"ef.low.{grade}" for grade in (2, 3, 4)])
    mean("prosthesis.any", ["prosthesis.mitral", "prosthesis.aortic"])
    for device in ("pacemaker.p", "prosthesis.any"):  # no report says that there is none: the other way
        targets[f"{device.split('.')[0]}.0"] = -targets[device]
    return targets
