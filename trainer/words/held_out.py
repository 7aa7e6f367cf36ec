"""Every statement that a held-out family of wording can make, so that training draws none of them."""

from __future__ import annotations

import itertools
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from echosearch.phantom.patients.prompts_other import HELD_OUT, Family, family_forms
from echosearch.report.text import phrases

__all__ = ["held_out_statements", "plain"]

_SIGNS = re.compile(r"[\s。、,.]+")


def plain(text: str) -> str:
    """Return ``text`` as it is compared: one width, small letters, no blanks and no 「。」."""
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text)).lower()


@cache
def held_out_statements() -> frozenset[str]:
    """Return all statements of the held-out families, plain; of a form with a value, each of the value's."""
    said = [one for family in HELD_OUT for one in _statements(family)]
    return frozenset(plain(one) for one in (*said, *(phrase for whole in said for phrase in phrases(whole))))


def _statements(family: Family) -> Iterator[str]:
    forms = family_forms(family)
    words = forms["words"]
    for finding in forms["parts"].values():
        kind = finding["kind"]
        places = {**finding, **words.get(kind, words["size"])}
        sections = [forms.get(name, {}).get(kind, {}) for name in ("present", "absent", "bare")]
        sections += [forms.get(name, {}) for name in ("uncertain", "not_significant", "changed")]
        yield from _all_filled(sections, places)
    yield from _walls(forms["walls"])
    yield from _all_filled([forms["prosthesis"]], {"p": ["僧帽弁", "大動脈弁"], "s": ["MVR", "AVR"]})
    yield from _all_filled([forms.get(name, {}) for name in ("no_walls", "pacemaker", "remarks", "same_as_before")], {})
    values = [str(value) for value in range(10, 100)]
    points = [f"{value / 10:.1f}" for value in range(10, 100)]
    measured = {**dict.fromkeys(("v", "d", "l"), values), "dc": points}
    yield from _all_filled([forms["ejection"], forms.get("measured", {})], measured)
    limits = {**words["size"], "v": ""}
    yield from _all_filled([forms.get(name, {}) for name in ("diffuse", "reduced", "preserved")], limits)
    lists = ["・".join(some) for some in itertools.permutations(("MR", "TR", "AR"), 2)] + ["MR・TR・AR", "MR/TR/AR"]
    together = [forms.get(name, {}) for name in ("together", "neither")]
    yield from _all_filled(together, {**words["leak"], "l": [*lists, *(one.replace("・", "/") for one in lists)]})


def _walls(forms: Mapping[str, Any]) -> Iterator[str]:
    """Yield the statements about walls; a style's forms are in lists by grade, a territory's places in one list."""
    places = {"x": [place for territory in ("LAD", "RCA", "LCX") for place in forms[territory]]}
    styles = [said for name, said in forms.items() if name not in ("LAD", "RCA", "LCX")]
    for grade in itertools.chain(*styles):
        yield from _all_filled([{"": grade}], places)


def _all_filled(sections: Iterable[Mapping[str, Sequence[str]]], places: Mapping[str, Any]) -> Iterator[str]:
    for section in sections:
        for form in itertools.chain(*section.values()):
            yield from _filled(form, places)


def _filled(form: str, places: Mapping[str, Any]) -> Iterator[str]:
    """Yield the form with each word of each of its places; a place's words may be in lists by grade."""
    names = sorted({name for _, name, _, _ in string.Formatter().parse(form) if name})
    options = [_words(places[name]) for name in names]
    for chosen in itertools.product(*options):
        yield form.format(**dict(zip(names, chosen, strict=True)))


def _words(given: Any) -> list[str]:
    if isinstance(given, str):
        return [given]
    return [word for one in given for word in ([one] if isinstance(one, str) else one)]
