"""Ways to say a fact: forms.toml's frames, filled with the lexicon's names, synonyms and abbreviations.

A statement that a held-out family of wording can make is never drawn (prompts_other.py, wording_other.py): held-out
wording stays held out, word for word.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from echosearch.encoder.text.clean import own_form
from echosearch.phantom.patients.wording import NAMES
from echosearch.report.facts import load_lexicon
from trainer.words.facts import DIAMETERS, EFS, TERRITORIES, learned_phrases
from trainer.words.held_out import held_out_statements, plain

__all__ = ["Statement", "Statements", "finding_names"]

CONCEPTS = {  # a finding -> its concept in the lexicon, its parts there, and the scale of its grades
    "mr": ("mr", ("mv", "regurgitation"), "leak"),
    "ar": ("ar", ("av", "regurgitation"), "leak"),
    "tr": ("tr", ("tv", "regurgitation"), "leak"),
    "as": ("as", ("av", "stenosis"), "size"),
    "ms": ("ms", ("mv", "stenosis"), "size"),
    "lv_dilation": ("lv_dilation", ("lv", "dilation"), "size"),
    "la_dilation": ("la_dilation", ("la", "dilation"), "size"),
    "ra_dilation": ("ra_dilation", ("ra", "dilation"), "size"),
    "rv_dilation": ("rv_dilation", ("rv", "dilation"), "size"),
    "lv_hypertrophy": ("lv_hypertrophy", ("lv", "hypertrophy"), "size"),
    "pericardial_effusion": ("pericardial_effusion", None, "fluid"),
    "dyssynchrony": ("lv_dyssynchrony", None, "size"),
}
OWN_FORMS = {  # forms.toml's sections of statements that only such findings have
    **dict.fromkeys(("mr", "ar", "tr"), "leak"),
    **dict.fromkeys(("as", "ms"), "stenosis"),
    **dict.fromkeys(("lv_dilation", "la_dilation", "ra_dilation", "rv_dilation"), "size"),
    "lv_hypertrophy": "wall",
    "pericardial_effusion": "fluid",
    "dyssynchrony": "timing",
}
# names that are other findings' or other people's: a part of the ventricle, a fibre
UNUSED = frozenset({"内腔", "ef", "ai", "fmr", "dmr", "efs", "a弁", "m弁", "t弁", "leak", "リーク", "defect"})
KINDS = {  # how often each kind of statement is drawn
    "graded": 0.27,
    "present": 0.14,
    "absent": 0.17,
    "uncertain": 0.02,
    "together": 0.03,
    "walls": 0.12,
    "ef": 0.08,
    "function": 0.06,
    "pacemaker": 0.025,
    "prosthesis": 0.035,
    "nothing": 0.02,
    "as_learned": 0.1,
}


@dataclass(frozen=True)
class Statement:
    """One statement without 「。」, and the facts that it states."""

    text: str
    facts: tuple[str, ...]


@cache
def _forms() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("forms.toml").read_text(encoding="utf-8"))


@cache
def finding_names(finding: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the lexicon's (names, structures, attributes) of a finding; the last two are empty if it has no parts."""
    concept, parts, _ = CONCEPTS[finding]
    own = {own_form(word) for word in _lexicon_names(concept) if word not in UNUSED}
    structures, attributes = set(), set()
    for word, senses in load_lexicon().words.items():
        if word in UNUSED:
            continue
        for sense in senses:
            if parts and sense.kind == "structure" and sense.value == (parts[0],):
                structures.add(own_form(word))
            if parts and sense.kind == "attribute" and sense.value == parts[1]:
                attributes.add(own_form(word))
    return tuple(sorted(own)), tuple(sorted(structures)), tuple(sorted(attributes))


class Statements:
    """Draws statements; the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 211])
        self._held_out = held_out_statements()
        self._learned = [(text, fact) for fact, said in learned_phrases().items() for text in said]

    def draw(self, count: int) -> Iterator[Statement]:
        """Yield ``count`` statements, none of which a held-out family makes."""
        kinds, shares = [*KINDS], np.array([*KINDS.values()])
        while count:
            made = getattr(self, f"_{kinds[int(self._rng.choice(len(kinds), p=shares / shares.sum()))]}")()
            if plain(made.text) not in self._held_out:
                count -= 1
                yield made

    def _pick(self, options: Sequence[Any]) -> Any:
        return options[int(self._rng.integers(len(options)))]

    def _chance(self, share: float) -> bool:
        return bool(self._rng.random() < share)

    def _name(self, finding: str) -> dict[str, str]:
        """A name {n}, and structure {s} and attribute {d} where the finding has them. Japanese words more often."""
        names, structures, attributes = finding_names(finding)
        s = self._word(structures) if structures else ""
        d = self._word(attributes) if attributes else ""
        chance = self._rng.random()
        if chance < 0.25:
            n = str(self._pick(NAMES[finding]))
        elif structures and chance < 0.6:
            n = f"{s}{self._pick(('', '', 'の'))}{d}"
        else:
            n = self._word(names)
        return {"n": n, "s": s, "d": d}

    def _word(self, words: Sequence[str]) -> str:
        japanese = [word for word in words if not word.isascii()]
        short = [word for word in words if word.isascii() and len(word) <= 4]
        chance = self._rng.random()
        if japanese and chance < 0.65:
            return str(self._pick(japanese))
        if short and chance < 0.9:
            return str(self._pick(short)).upper() if self._chance(0.8) else str(self._pick(short))
        return str(self._pick(words))

    def _lexicon_name(self, concept: str) -> str:
        return self._word([own_form(word) for word in _lexicon_names(concept)])

    def _grade(self, finding: str, grade: int) -> dict[str, str]:
        words = _forms()["grades"][CONCEPTS[finding][2]]
        return {name: self._pick(words[name][grade - 1]) for name in ("w", "ly", "c")}

    def _form(self, section: Mapping[str, Sequence[str]], finding: str) -> str:
        """A frame of the section: a general one, one of chamber and attribute, or one of such findings."""
        parts = bool(finding_names(finding)[1])
        own = section.get(OWN_FORMS[finding])
        chance = self._rng.random()
        if own and chance < 0.25:
            return str(self._pick(own))
        if parts and chance < 0.5:
            return str(self._pick(section["apart"]))
        return str(self._pick(section["forms"]))

    def _finding(self) -> str:
        return str(self._pick([*CONCEPTS]))

    def _graded(self) -> Statement:
        finding, grade = self._finding(), int(self._rng.integers(1, 5))
        places = self._name(finding) | self._grade(finding, grade)
        return Statement(self._form(_forms()["graded"], finding).format(**places), (f"{finding}.{grade}",))

    def _present(self) -> Statement:
        finding = self._finding()
        return Statement(self._form(_forms()["present"], finding).format(**self._name(finding)), (f"{finding}.p",))

    def _absent(self) -> Statement:
        finding = self._finding()
        return Statement(self._form(_forms()["absent"], finding).format(**self._name(finding)), (f"{finding}.0",))

    def _uncertain(self) -> Statement:
        finding = self._finding()
        places = self._name(finding) | self._grade(finding, 2)
        return Statement(self._pick(_forms()["uncertain"]["forms"]).format(**places), (f"{finding}.u",))

    def _together(self) -> Statement:
        alike = self._pick((("mr", "ar", "tr"), ("as", "ms"), ("la_dilation", "ra_dilation", "rv_dilation")))
        chosen = [str(one) for one in self._rng.permutation(alike)[: int(self._rng.integers(2, len(alike) + 1))]]
        said = (
            self._pick(("・", "と", "、", "および", "/")).replace("、", "・").join(self._name(f)["n"] for f in chosen)
        )
        if self._chance(0.5):
            return Statement(
                self._pick(_forms()["together"]["absent"]).format(l=said), tuple(f"{one}.0" for one in chosen)
            )
        grade = int(self._rng.integers(1, 5))
        form = self._pick(_forms()["together"]["graded"])
        return Statement(
            form.format(l=said, w=self._grade(chosen[0], grade)["w"]), tuple(f"{one}.{grade}" for one in chosen)
        )

    def _walls(self) -> Statement:
        forms, chance = _forms()["walls"], self._rng.random()
        territory, grade = self._pick(TERRITORIES), int(self._rng.integers(1, 5))
        place = self._pick(forms[territory])
        if chance < 0.2:
            return Statement(self._wall_normal(), ("wall.0",))
        if chance < 0.35:
            form = self._pick(_forms()["present"]["forms"])
            return Statement(form.format(n=self._lexicon_name("rwma")), ("wall.any.p",))
        if chance < 0.42:
            return Statement(self._pick(forms["anywhere"][grade - 1]), (f"wall.any.{grade}",))
        if chance < 0.55:
            said = self._pick(forms["present"]).format(x=place, a=self._pick(forms["abnormal"]))
            return Statement(said, (f"wall.{territory}.p",))
        if chance < 0.7:
            return Statement(self._pick(forms["slow"][grade - 1]).format(x=place), (f"wall.{territory}.{grade}",))
        said = self._pick(forms["graded"]).format(x=place, m=self._pick(forms["motions"][grade - 1]))
        return Statement(said, (f"wall.{territory}.{grade}",))

    def _wall_normal(self) -> str:
        if self._chance(0.5):
            return str(self._pick(_forms()["walls"]["normal"]))
        return str(self._pick(_forms()["absent"]["forms"]).format(n=self._lexicon_name("rwma")))

    def _ef(self) -> Statement:
        forms = _forms()["ef"]
        if self._chance(0.06):
            diameter = int(self._pick(DIAMETERS))
            form = self._pick(
                ("左室拡張末期径 {v}mm", "LVDd={v}mm", "LVDd：{v}mm", "LVDd {v} mm", "左室径(拡張末期){v}mm")
            )
            return Statement(form.format(v=diameter), (f"lvdd.{diameter}",))
        ef = int(self._pick(EFS))
        return Statement(self._pick(forms["forms"]).format(e=self._pick(forms["names"]), v=ef), (f"ef.{ef}",))

    def _function(self) -> Statement:
        forms, chance, grade = _forms()["ef"], self._rng.random(), int(self._rng.integers(2, 5))
        words = self._grade("lv_dilation", grade)
        k = self._pick(forms["functions"])
        if chance < 0.2:
            return Statement(self._pick(forms["low"]).format(k=k, **words), (f"ef.low.{grade}",))
        if chance < 0.5:
            return Statement(self._pick(forms["lowered"]).format(k=k), ("ef.low.p",))
        if chance < 0.6:
            return Statement(self._pick(forms["bare_low"]), ("ef.low.p",))
        if chance < 0.8:
            return Statement(self._pick(forms["good"]).format(k=k), ("ef.good",))
        if chance < 0.94:
            return Statement(self._pick(forms["diffuse"]).format(**words), (f"diffuse.{grade}",))
        return Statement(self._pick(forms["diffused"]), ("diffuse.p",))

    def _pacemaker(self) -> Statement:
        forms = _forms()["pacemaker"]
        absent = self._chance(0.2)
        form = self._pick(forms["absent" if absent else "present"])
        name = self._word(forms["names"]) if self._chance(0.5) else self._lexicon_name("device_lead")
        return Statement(form.format(n=name), ("pacemaker.0" if absent else "pacemaker.p",))

    def _prosthesis(self) -> Statement:
        forms, chance = _forms()["prosthesis"], self._rng.random()
        name = self._pick(forms["names"])
        if chance < 0.15:
            return Statement(self._pick(forms["absent"]).format(n=name), ("prosthesis.0",))
        if chance < 0.4:
            return Statement(self._pick(forms["anywhere"]).format(n=name), ("prosthesis.any",))
        valve = self._pick(("mitral", "aortic"))
        s, o = ("僧帽弁", "MVR") if valve == "mitral" else ("大動脈弁", "AVR")
        return Statement(self._pick(forms["present"]).format(n=name, s=s, o=o), (f"prosthesis.{valve}",))

    def _nothing(self) -> Statement:
        forms = _forms()["nothing"]
        if self._chance(0.5):
            return Statement(self._pick(forms["plain"]), ("nothing",))
        return Statement(self._pick(forms["forms"]).format(t=self._pick(forms["things"])), ("nothing",))

    def _as_learned(self) -> Statement:
        """A phrase of the learned wording: what is asked in its words stays what it was."""
        text, fact = self._pick(self._learned)
        return Statement(text, (fact,))


@cache
def _lexicon_names(concept: str) -> tuple[str, ...]:
    return tuple(
        sorted(
            word
            for word, senses in load_lexicon().words.items()
            for sense in senses
            if sense.kind == "finding" and sense.value.concept == concept and sense.value.polarity is None
        )
    )
