"""False twins of a report's statements: other polarity, grade, valve, side of the heart or wall.

僧帽弁逆流：軽度  ->  僧帽弁逆流なし / 僧帽弁逆流：中等度 / 三尖弁逆流：軽度

A twin is made by exchanging words, so that it differs from the statement in little else. It counts only if the facts
parser reads a plain fact in it and the report contradicts that fact: a report that is silent on a finding gives no
twin of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from echosearch.phantom.patients.wording import FLUID, LEAK, SIZE
from echosearch.report.facts import Fact, read_facts
from echosearch.report.text import phrases

__all__ = ["draw_twins", "twins_of"]

Scale = tuple[tuple[str, ...], ...]
PLAIN = ("present", "absent", "not_significant")
WALLS = frozenset({"rwma", "hypokinesis", "akinesis", "dyskinesis"})
_THERE = ("あり", "を認める", "(+)")
_NOT_THERE = ("なし", "を認めない", "(-)")
# longest first: what a statement ends with, or its grade before or behind the finding
_WORDS = sorted({word for grade in (*LEAK, *FLUID, *SIZE) for word in grade}, key=len, reverse=True)
_GRADE = re.compile("|".join(map(re.escape, _WORDS)))
_GRADED = re.compile(rf"(?:有意な|明らかな|(?:{_GRADE.pattern})の?\s?)|[：:\s]\s*(?:{_GRADE.pattern})")
_BRACKETS = re.compile(r"\s*[(（](?![-+])[^()（）]*[)）]$")
_END = re.compile(
    r"\s*(?:が?あり|を認めない|を認めた|を認める|を?認めず|は認められない|が?なし|\([-+]\)|[：:](?:あり|なし))$"
)
# words that name one of several places; an exchange within a row
_PLACES = (
    ("僧帽弁", "大動脈弁", "三尖弁"),
    ("MR", "AR", "TR"),
    ("MS", "AS"),
    ("左房", "右房"),
    ("左心房", "右心房"),
    ("左室", "右室"),
    ("左心室", "右心室"),
)
_TERRITORIES = (
    ("前壁中隔〜心尖部", "前壁から心尖部", "前壁中隔", "前壁"),
    ("下壁中隔から下壁", "下壁"),
    ("下側壁", "後側壁", "側壁"),
)


def draw_twins(report: str, most: int, rng: np.random.Generator) -> list[tuple[int, str]]:
    """Return at most ``most`` of (place of a phrase in the report, a false statement in its place).

    Each kind of twin of each phrase is as likely as another, however many spellings it has.
    """
    said = phrases(report)
    choices = [(at, texts) for at, phrase in enumerate(said) for texts in twins_of(phrase, tuple(said)) if texts]
    drawn = [choices[i] for i in rng.permutation(len(choices))[:most]]
    return [(at, texts[int(rng.integers(len(texts)))]) for at, texts in drawn]


def twins_of(phrase: str, report: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the false twins of ``phrase``, by kind: polarity, grade, place. ``report`` are its report's phrases."""
    whole = [(fact, _territories(said)) for said in report for fact in _facts(said)]
    own = _facts(phrase)
    if not own or any(fact.polarity not in PLAIN for fact in own):
        return ()
    return tuple(tuple(text for text in kind if _false(text, whole)) for kind in _candidates(phrase))


@lru_cache(maxsize=20_000)
def _candidates(phrase: str) -> tuple[tuple[str, ...], ...]:
    """Rewordings of ``phrase`` by kind, true or not, readable or not."""
    name = _GRADED.sub("", _END.sub("", _BRACKETS.sub("", phrase))).strip()
    facts = _facts(phrase)
    scales = (FLUID,) if any(fact.concept == "pericardial_effusion" for fact in facts) else (LEAK, SIZE)
    if any(fact.polarity == "present" for fact in facts):
        polarity = [f"{name}{end}" for end in _NOT_THERE]
        grade = list(_regraded(phrase, scales))
    else:
        words = [word for grade in scales[0] for word in dict.fromkeys(grade) if not word.isascii()]
        polarity = [f"{name}{end}" for end in _THERE] + [f"{word}の{name}あり" for word in words]
        grade = []
    place = [*_exchanged(phrase, _PLACES), *_moved(phrase)]
    return tuple(tuple(dict.fromkeys(text for text in kind if text != phrase)) for kind in (polarity, grade, place))


def _regraded(phrase: str, scales: Iterable[Scale]) -> Iterable[str]:
    """Yield the phrase with each other grade of the first scale that has its word, in its script."""
    found = _GRADE.search(phrase)
    if found is None:
        return
    word = found.group()
    scale = next((scale for scale in scales if any(word in grade for grade in scale)), ())
    for other in (one for grade in scale if word not in grade for one in grade):
        if other.isascii() == word.isascii():
            yield f"{phrase[: found.start()]}{other}{phrase[found.end() :]}"


def _exchanged(phrase: str, rows: Iterable[Sequence[str]]) -> Iterable[str]:
    for row in rows:
        here = [word for word in row if word in phrase]
        if len(here) == 1:
            yield from (phrase.replace(here[0], word) for word in row if word != here[0])


def _moved(phrase: str) -> Iterable[str]:
    """Yield a statement about a wall with a wall of each other territory, if it names a territory's wall once."""
    own = _territories(phrase)
    if len(own) != 1:
        return
    (at,) = own
    word = next(word for word in _TERRITORIES[at] if word in phrase)
    for other, walls in enumerate(_TERRITORIES):
        if other != at:
            yield from (phrase.replace(word, wall) for wall in walls)


def _territories(phrase: str) -> frozenset[int]:
    """Return the territories whose walls a phrase names: of names within each other the longest counts."""
    found = set()
    for word, at in sorted(((w, at) for at, walls in enumerate(_TERRITORIES) for w in walls), key=lambda x: -len(x[0])):
        if word in phrase:
            found.add(at)
            phrase = phrase.replace(word, "")
    return frozenset(found)


@lru_cache(maxsize=20_000)
def _facts(phrase: str) -> tuple[Fact, ...]:
    return tuple(fact for fact in read_facts(f"{phrase}。") if fact.value is None)


Placed = tuple[Fact, frozenset[int]]  # a fact, and the territories that its phrase names


def _false(text: str, report: Sequence[Placed]) -> bool:
    """True if ``text`` states plain facts, of all of which the report speaks, and it contradicts one."""
    facts = [(fact, _territories(text)) for fact in _facts(text)]
    if any(fact.polarity not in PLAIN for fact, _ in facts):
        return False
    verdicts = [_verdict(one, report) for one in facts]
    return "silent" not in verdicts and "false" in verdicts


def _verdict(fact: Placed, report: Sequence[Placed]) -> str:
    """Return "true", "false" or "silent": what the report has on this fact."""
    about = [other for other in report if _kind(other[0]) == _kind(fact[0])]
    if not about or any(other.polarity not in PLAIN for other, _ in about):
        return "silent"
    return "true" if any(_agree(fact, other) for other in about) else "false"


def _kind(fact: Fact) -> str:
    return "walls" if fact.concept in WALLS else fact.concept


def _agree(one: Placed, other: Placed) -> bool:
    """True if both facts can hold of one heart. A grade, or a wall, that one of them does not name can be the
    other's."""
    (a, walls), (b, others) = one, other
    if (a.polarity == "present") != (b.polarity == "present"):
        return {a.polarity, b.polarity} == {"present", "not_significant"} and _grades_meet(a, b)
    if a.polarity != "present":
        return True
    elsewhere = bool(walls and others) and not walls & others
    return not elsewhere and _grades_meet(a, b) and (a.concept == b.concept or "rwma" in (a.concept, b.concept))


def _grades_meet(a: Fact, b: Fact) -> bool:
    if a.severity is None or b.severity is None:
        return True
    return a.severity[0] <= b.severity[1] and b.severity[0] <= a.severity[1]
