"""A phantom study's report as other laboratories write it: a second family of wording, for honest measures.

No shipped encoder was trained on these words. The forms are in ``wording_other.toml``; this module chooses among them.
A report keeps one habit: whole sentences, short plain ones, a technician's headings and grades, or English in Japanese;
its own digits, brackets and katakana. What it says agrees with the truth: negatives and traces are left out now and
then, a finding of grade 2 or more never.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.ventricle import lv_diastolic_diameter
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.phrase import Phrase
from echosearch.phantom.patients.told import as_read, beside, chosen, kept, normal_phrases
from echosearch.phantom.patients.typing_habits import TypingHabit

__all__ = ["STYLES", "no_change_text", "report_phrases", "report_text"]

STYLES = ("polite", "plain", "note", "mixed")
_OF_FAMILY = {"other": STYLES, "letter": ("letter", "items")}
_DRAWN_BY = {"other": 7011, "letter": 7012}  # parts of the seed
_OMIT_ABSENT = {"pericardial_effusion": 0.2, "dyssynchrony": 0.93, "ms": 0.4}  # the others: 0.12
_HEADED, _BESIDE = "note", "その他の所見"
_BETWEEN = {  # what may separate statements; two blanks after "no AR" would leave open what "no" denies
    "polite": ("。",),
    "plain": ("。",),
    "note": (", ", "、", "  "),
    "mixed": (", ", "、"),
    "letter": ("。",),
    "items": ("\n",),
}
_LOW_EF = ((30, 4), (40, 3), (48, 2))  # EF below, the grade of its loss

_Section = tuple[str, list[Phrase]]  # heading, statements


@cache
def _forms(family: str) -> dict[str, Any]:
    """The forms of a family; parts and words of severity are those of "other" in all."""
    own = tomllib.loads(files(__package__).joinpath(f"wording_{family}.toml").read_text(encoding="utf-8"))
    return own if family == "other" else {name: _forms("other")[name] for name in ("parts", "words")} | own


class _Writer:
    """One laboratory's habits for one report."""

    def __init__(self, study: PhantomStudy, family: str) -> None:
        self.study, self.forms = study, _forms(family)
        self.rng = np.random.default_rng([study.seed, study.patient, study.number, _DRAWN_BY[family]])
        styles = _OF_FAMILY[family]
        self.style = styles[chosen(study, len(styles), self.rng)]
        self.typing = TypingHabit.drawn(self.rng, _BETWEEN[self.style])
        self.grades = study.findings.grades()
        self.grouped: set[str] = set()  # findings already said in one statement with others

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, options: list[str]) -> str:
        return options[chosen(self.study, len(options), self.rng)]

    def say(self, kind: str, *about: str, **places: str) -> Phrase:
        """A form of ``kind`` ("neither", "present.leak") in the report's style, its places filled."""
        options: Any = self.forms
        for key in kind.split("."):
            options = options[key]
        return Phrase(self.pick(options[self.style]).format(**places).replace("わずかの", "わずかな"), about)

    def severity(self, scale: str, grade: int) -> dict[str, str]:
        words = self.forms["words"].get(scale) or self.forms["words"]["size"]
        return {name: self.pick(words[name][grade - 1]) for name in words} if grade else {}

    def places(self, finding: str) -> dict[str, str]:
        part = self.forms["parts"][finding]
        places = {"p": self.pick(part["p"]), "a": part["a"], "noun": part["noun"], "short": part["short"]}
        return places | self.severity(part["kind"], self.grades[finding])

    def graded(self, finding: str) -> list[Phrase]:
        """The statement about a finding: absent, or present with its severity; perhaps nothing."""
        if finding in self.grouped:
            return []
        grade, kind, places = self.grades[finding], self.forms["parts"][finding]["kind"], self.places(finding)
        if grade == 0:
            if gone := self.gone(finding):
                return gone
            silent = self.chance(_OMIT_ABSENT.get(finding, 0.12))
            return [] if silent else [self.say(f"absent.{kind}", finding, **places)]
        if grade == 1 and self.chance(0.16):
            return [] if self.chance(0.5) else [self.say("not_significant", finding, **places)]
        if grade == 2 and self.chance(0.06):
            return [self.say("uncertain", finding, **places)]
        if changed := self.changed(finding, places):
            return [changed]
        if grade >= 2 and kind == "size" and self.chance(0.08):
            return [self.say("bare.size", finding, **places)]
        return [self.say(f"present.{kind}", finding, **places)]

    def earlier(self, finding: str) -> int | None:
        """The grade of the study before, None if a comparison would mean little."""
        if self.study.before is None or self.style not in ("polite", "plain"):
            return None
        grades = self.study.before.grades()
        return grades[finding] if grades["prosthetic_valve"] == self.grades["prosthetic_valve"] else None

    def changed(self, finding: str, places: dict[str, str]) -> Phrase | None:
        """A statement that compares with the study before, and says the grade of today."""
        earlier, grade = self.earlier(finding), self.grades[finding]
        if earlier is None or grade < 2 or not self.chance(0.12 if earlier == grade else 0.5 if earlier else 0.0):
            return None
        kind = "worse" if earlier < grade else "better" if earlier > grade else "same"
        form = self.pick(self.forms["changed"][kind])
        return Phrase(form.format(**places), (finding,))

    def gone(self, finding: str) -> list[Phrase]:
        earlier = self.earlier(finding)
        if finding != "pericardial_effusion" or not earlier or not self.chance(0.5):
            return []
        return [Phrase(self.pick(self.forms["changed"]["gone"]).format(**self.places(finding)), (finding,))]

    def list_of(self, findings: list[str]) -> str:
        """MR・TR, or 左心房・右心房の拡大."""
        parts = [self.forms["parts"][finding] for finding in findings]
        joint = "/" if self.style == "mixed" else "・"
        if parts[0]["kind"] == "leak":
            return joint.join(part["a"] for part in parts)
        if self.style == "mixed":
            return joint.join(part["a"] for part in parts) + " dilatation"
        return joint.join(part["p"][0] for part in parts) + "の拡大"

    def group(self, findings: tuple[str, ...], scale: str, share: float) -> list[Phrase]:
        """One statement for all of ``findings`` that have the same grade, where at least two have."""
        if not self.chance(share):
            return []
        grade = self.grades[findings[0]]
        alike = [finding for finding in findings if self.grades[finding] == grade]
        if len(alike) < 2 or grade == 1:
            return []
        self.grouped |= set(alike)
        kind = "together" if grade else "neither"
        return [self.say(kind, *alike, l=self.list_of(alike), **self.severity(scale, grade))]

    def function(self) -> list[_Section]:
        """Wall motion and ejection fraction."""
        f, ef = self.study.findings, round(self.study.findings.ef)
        forms, walls = self.forms, list[Phrase]()
        loss = next((grade for below, grade in _LOW_EF if ef < below), 0)
        words = self.severity("size", loss)
        if f.wall_motion:
            place = self.pick(forms["walls"][f.territory])
            form = self.pick(forms["walls"][self.style][f.wall_motion - 1])
            walls.append(Phrase(form.format(x=place), ("wall_motion",)))
        elif loss:
            walls.append(self.say("diffuse", "ef", **words))
        if not f.wall_motion and self.chance(0.5 if loss else 0.92):
            walls.append(self.say("no_walls", "wall_motion"))
        said, both, worded = self.chance(0.92), self.chance(0.45), self.chance(0.6)
        ejection: list[Phrase] = []
        if (loss or ef >= 53) and (both or worded):
            number = f"({self.pick(['EF ', 'LVEF ', 'EF='])}{ef}%)" if said and both else ""
            ejection.append(self.say("reduced" if loss else "preserved", "ef", v=number, **words))
            said = said and not both
        if said:
            ejection.append(self.say("ejection", "ef", v=str(ef)))
        return [("壁運動", walls), ("左室機能", ejection)]

    def valve(self, position: str, leak: str, stenosis: str) -> list[Phrase]:
        g = self.grades
        if g["prosthetic_valve"] and self.study.findings.prosthesis == position:
            places = {"p": self.forms["parts"][leak]["p"][0], "s": "MVR" if position == "mitral" else "AVR"}
            first = self.say("prosthesis", "prosthetic_valve", **places)
            return [first, *(self.graded(leak) if g[leak] else [])]
        return self.graded(leak) + self.graded(stenosis)

    def measured(self) -> list[Phrase]:
        """A diameter, equal to that of the measurement object."""
        if not self.chance(0.35):
            return []
        size = heart_size(self.study.anatomy, self.study.findings)
        lv, la = round(10 * lv_diastolic_diameter(size)), round(19.5 * size.la_radius)
        return [self.say("measured", d=str(lv), dc=f"{lv / 10:.1f}", l=str(la))]

    def remarks(self) -> list[Phrase]:
        """What real reports also say, and no picture here shows."""
        out = [self.say("remarks")] if self.chance(0.35) else []
        if self.study.before is not None and self.chance(0.4):
            before, now = self.study.before, self.study.findings
            if before.grades() == now.grades() and abs(before.ef - now.ef) < 3:
                out.append(self.say("same_as_before"))
        return out

    def sections(self) -> list[_Section]:
        """All statements under their headings, in the laboratory's order."""
        native = ("mr", "tr", "ar") if not self.grades["prosthetic_valve"] else ("tr",)
        leaks = self.group(native, "leak", 0.4)
        atria = self.group(("la_dilation", "ra_dilation"), "size", 0.3)
        ventricle = [
            ("左心室", self.graded("lv_dilation") + self.graded("lv_hypertrophy") + self.graded("dyssynchrony")),
            *self.function(),
        ]
        chambers = [
            ("心房", atria),
            ("左心房", self.graded("la_dilation")),
            ("右心房", self.graded("ra_dilation")),
            ("右心室", self.graded("rv_dilation")),
        ]
        valves = [
            ("弁膜", leaks),
            ("僧帽弁", self.valve("mitral", "mr", "ms")),
            ("大動脈弁", self.valve("aortic", "ar", "as")),
            ("三尖弁", self.graded("tr")),
        ]
        end = [
            ("心膜", self.graded("pericardial_effusion")),
            ("デバイス", [self.say("pacemaker", "pacemaker")] if self.grades["pacemaker"] else []),
            ("計測", self.measured()),
            ("その他", self.remarks()),
        ]
        order = valves + ventricle + chambers if self.chance(0.3) else ventricle + chambers + valves
        return [(heading, phrases) for heading, phrases in order + end if phrases]


def _lines(study: PhantomStudy, family: str) -> tuple[TypingHabit, list[list[Phrase]]]:
    writer = _Writer(as_read(study), family)
    habit, lines = writer.typing, list[list[Phrase]]()
    said = [(heading, kept(study, phrases)) for heading, phrases in writer.sections()]
    said.append((_BESIDE, beside(study, family)))
    if (normal := normal_phrases(study, family)) is not None:
        said = [(_BESIDE, normal)]
    for heading, phrases in ((heading, phrases) for heading, phrases in said if phrases):
        typed = [Phrase(habit.typed(phrase.text), phrase.about) for phrase in phrases]
        if writer.style == _HEADED:
            typed[0] = Phrase(habit.heading.format(habit.typed(heading)) + typed[0].text, typed[0].about)
        lines.append(typed)
    return habit, lines


def report_phrases(study: PhantomStudy, family: str = "other") -> tuple[Phrase, ...]:
    """Return the statements of a study's report; a heading belongs to the first statement under it."""
    return tuple(phrase for line in _lines(study, family)[1] for phrase in line)


def report_text(study: PhantomStudy, family: str = "other") -> str:
    """Return the report as one text: sentences, or lines under headings."""
    if study.hard and study.hard.only_unchanged:
        return no_change_text(study, family)
    habit, lines = _lines(study, family)
    return "".join(habit.between.join(phrase.text for phrase in line) + habit.end for line in lines).strip()


def no_change_text(study: PhantomStudy, family: str = "other") -> str:
    """Return the report of a study without changes: it refers to the one before, and gives the EF."""
    w = _Writer(as_read(study), family)
    said = (w.say("same_as_before"), w.say("ejection", "ef", v=str(round(w.study.findings.ef))))
    return (w.typing.between.join(w.typing.typed(phrase.text) for phrase in said) + w.typing.end).strip()
