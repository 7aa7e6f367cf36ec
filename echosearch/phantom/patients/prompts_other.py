"""Prompts in families of wording that are held out: how an encoder is asked for findings in words that it never read.

    other      the second family of reports, wording_other.toml
    referral   referral letters and summaries, wording_referral.toml

No shipped encoder was trained on their forms.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

__all__ = ["HELD_OUT", "Family", "family_forms", "other_ef_prompts", "other_prompts"]

Family = Literal["other", "referral"]
HELD_OUT: tuple[Family, ...] = get_args(Family)

_ASKED = ("polite", "plain")  # styles whose statements name their valve or chamber without a heading
_WALLS = ("LAD", "RCA", "LCX")


@cache
def family_forms(family: Family) -> dict[str, Any]:
    """Return the forms of a family, as its file has them."""
    return tomllib.loads(files(__package__).joinpath(f"wording_{family}.toml").read_text(encoding="utf-8"))


def other_prompts(finding: str, family: Family = "other") -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return (present, absent) prompts of a finding, named as in truth.csv, in a held-out family of wording.

    ``present`` has a tuple for each place that the finding can have, grades mild to severe together; ``absent`` is
    empty if no report states the finding's absence.
    """
    forms = family_forms(family)
    if finding == "wall_motion":
        said = [form for style in _ASKED for grade in forms["walls"][style][1:] for form in grade]
        there = tuple(_stopped(form.format(x=x) for form in said for x in forms["walls"][wall]) for wall in _WALLS)
        return there, _stopped(form for style in _ASKED for form in forms["no_walls"][style])
    if finding == "pacemaker":
        return (_stopped(form for style in _ASKED for form in forms["pacemaker"][style]),), ()
    if finding == "prosthetic_valve":
        said = [form for style in _ASKED for form in forms["prosthesis"][style]]
        valves = (("僧帽弁", "MVR"), ("大動脈弁", "AVR"))
        return tuple(_stopped(form.format(p=p, s=s) for form in said) for p, s in valves), ()
    part = forms["parts"][finding]
    words = forms["words"].get(part["kind"], forms["words"]["size"])
    present = [
        form.format(p=p, a=part["a"], w=words["w"][grade][0], ly=words["ly"][grade][0])
        for style in _ASKED
        for form in forms["present"][part["kind"]][style]
        for p in part["p"]
        for grade in (1, 2, 3)
    ]
    absent = [
        form.format(p=p, a=part["a"])
        for style in _ASKED
        for form in forms["absent"][part["kind"]][style]
        for p in part["p"]
    ]
    return (_stopped(present),), _stopped(absent)


def other_ef_prompts(value: int, family: Family = "other") -> tuple[str, ...]:
    """Return statements of an EF in percent, in a held-out family of wording."""
    return _stopped(form.format(v=value) for style in _ASKED for form in family_forms(family)["ejection"][style])


def _stopped(statements: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{statement}。" for statement in dict.fromkeys(statements))
