"""Whose size a word behind a number tells: LAD 48mmと拡大; aortic root 39 mm, not dilated."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["of_measured"]

_AS_MUCH = re.compile(
    r"(?:[とで( ]|[、,]\s*)"
    r"(?:(?:and |which |that |it )*(?:is |was |are )?(?:not |no |mildly |moderately |severely |markedly )?"
    r"|(?:ごく軽度|軽度|中等度|高度|著明|やや|局所的?|限局性?|全周性?)?[なにの]?)",
    re.IGNORECASE,
)
_MEASURED = {
    "lad": "la",
    "lavi": "la",
    "lvdd": "lv",
    "aod": "aorta",
    "asc_ao": "aorta",
    "ivc": "ivc",
    "ivs": "septum",
    "pw": "wall",
    "mv_mpg": "mv",
    "av_mpg": "av",
}


def of_measured(state: State, part: str, token: Token) -> tuple[str, ...]:
    """Return the structure whose measurement stands right before: LAD 48mmと拡大."""
    last = state.values[-1] if state.values else None
    if last is None or not _AS_MUCH.fullmatch(state.text, last.end, token.start):
        return ()
    if len(state.values) > 1 and state.values[-2].measure == last.measure and state.values[-2].historical:
        return ()  # 55→60mmと拡大 tells of a change
    name = _MEASURED.get(last.measure)
    return (name,) if name is not None and (name, part) in state.lexicon.compounds else ()
