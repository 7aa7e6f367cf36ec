"""What a reader of the hard level tells: their own grades, less what they are silent about, in their own endings."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from echosearch.phantom.heart.features import feature_grades
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.phrase import Phrase

__all__ = ["as_read", "beside", "chosen", "kept", "normal_phrases", "own_ending"]

_NORMAL = 0.85  # share of normal studies whose report is one that many share
_HABIT = 0.8  # share of choices that a reader makes as always
_ENDINGS = (  # of the first family, and what some readers write instead
    ("を認めない", ("を認めない", "は認められない", "を認めず")),
    ("なし", ("なし", "なし", "は認められない", "を認めず", " (-)")),
    ("を認める", ("を認める", "を認めた", "が存在する")),
    ("あり", ("あり", "あり", "を認めた", "が存在する", " (+)")),
)


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("hard_words.toml").read_text(encoding="utf-8"))


def as_read(study: PhantomStudy) -> PhantomStudy:
    """Return the study with its reader's grades; an easy study as it is."""
    return study if study.hard is None else replace(study, findings=study.hard.read)


def kept(study: PhantomStudy, phrases: Sequence[Phrase]) -> list[Phrase]:
    """Return the phrases without those about nothing but findings that the reader is silent about."""
    if study.hard is None:
        return [*phrases]
    unsaid = study.hard.unsaid
    return [phrase for phrase in phrases if not phrase.about or not unsaid.issuperset(phrase.about)]


def beside(study: PhantomStudy, family: str) -> list[Phrase]:
    """Return the statements about features and rhythm, in a family of wording; none at the easy level."""
    if study.hard is None:
        return []
    there = {name for name, grade in feature_grades(study.hard.features).items() if grade} - study.hard.unsaid
    said = [*sorted(there), *(["af"] if study.hard.rhythm == "af" else [])]
    rng = np.random.default_rng([study.seed, study.patient, study.number, 8803])
    forms = _words()[family]
    return [Phrase(forms[name][chosen(study, len(forms[name]), rng)], (name,)) for name in said]


def normal_phrases(study: PhantomStudy, family: str) -> list[Phrase] | None:
    """Return the statements of a normal study's report that many share; None if its report is another."""
    hard = study.hard
    rng = np.random.default_rng([study.seed, study.patient, study.number, 8804])
    if hard is None or not hard.normal or rng.random() >= _NORMAL:
        return None
    if any(grade >= 2 for grade in hard.read.grades().values()):
        return None
    forms = _words()["normal"][family]
    form = forms[chosen(study, len(forms), rng)]
    return [Phrase(text.format(v=round(hard.read.ef)), tuple(about)) for text, about in form]


def chosen(study: PhantomStudy, options: int, rng: np.random.Generator) -> int:
    """Return which of ``options`` forms is written: at the hard level mostly the one that this reader always writes."""
    drawn = int(rng.integers(options))
    if study.hard is None or rng.random() >= _HABIT:
        return drawn
    return int(np.random.default_rng([8805, study.hard.reader, options]).integers(options))


def own_ending(study: PhantomStudy, text: str) -> str:
    """Return a statement of the first family with the reader's own ending."""
    if study.hard is None:
        return text
    for which, (usual, own) in enumerate(_ENDINGS):
        if text.endswith(usual):
            at = int(np.random.default_rng([8806, study.hard.reader, which]).integers(len(own)))
            return text.removesuffix(usual) + own[at]
    return text
