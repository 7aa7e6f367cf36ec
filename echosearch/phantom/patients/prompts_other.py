"""Prompts in the second family of report wording: how an encoder is asked for findings in words that it never read.

No shipped encoder was trained on these words. The forms are those of ``wording_other.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["other_ef_prompts", "other_prompts"]

_ASKED = ("polite", "plain")  # styles whose statements name their valve or chamber without a heading
_WALLS = ("LAD", "RCA", "LCX")


@cache
def _forms() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("wording_other.toml").read_text(encoding="utf-8"))


def other_prompts(finding: str) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return (present, absent) prompts of a finding, named as in truth.csv, in this family of wording.

    ``present`` has a tuple for each place that the finding can have, grades mild to severe together; ``absent`` is
    empty if no report states the finding's absence.
    """
    forms = _forms()
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


def other_ef_prompts(value: int) -> tuple[str, ...]:
    """Return statements of an EF in percent, in this family of wording."""
    return _stopped(form.format(v=value) for style in _ASKED for form in _forms()["ejection"][style])


def _stopped(statements: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{statement}。" for statement in dict.fromkeys(statements))
