"""Measurements that could not be made: EF計測不能, IVC描出できず."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Value
from echosearch.report.facts.reader.numbers.site import sited
from echosearch.report.facts.reader.state import FORMING, State
from echosearch.report.facts.text.tokens import Token

__all__ = ["CAUSE", "STRICT", "unassessed"]

STRICT = ("structure", "region", "finding")  # words that name a structure first, and a length only beside a number
CAUSE = re.compile("(?:調律|頻脈|徐脈| ?rhythm)?(?:の(?:ため|為)|に(?:つき|より|よる))")
_OF_A_STRUCTURE = re.compile("計測|測定|未計測|未測定|算出|描出|.*(?:measured|obtained)$", re.IGNORECASE)
_NOT_MEASURED = re.compile(
    "計測|測定|算出|推定|未計測|未測定|.*(?:estimated|measured|measurable|obtained|obtainable|available)"
)
_BUT = re.compile(
    r"(?:で(?:は)?ある|で(?:は)?あった|だ|です|でした)?(?:が|ものの|けれども?)[、は]?"
    r"|\s*\((?:見た目|視覚|目測|visual)|,? but\b|,? although\b",
    re.IGNORECASE,
)


def unassessed(state: State, found: list[Token], index: int) -> bool:
    """Add a fact without a value where 計測不能 follows a name."""
    if not state.names or state.names[-1].kind == "measure_vetoed" or state.numbered:
        return False
    token = found[index]
    words = state.text[token.start : token.end]
    named = [n for n in state.names if n.kind not in STRICT or _OF_A_STRUCTURE.match(words)]
    inside = state.mentions[-1] if state.mentions else None
    named = [
        n
        for n in named
        if n.measure != "effusion_depth" and not (inside is not None and inside.start <= n.start < inside.end)
    ]
    last = state.last_open
    if not named or (last and last.start > named[-1].start and not CAUSE.match(state.text, last.end)):
        return False
    counted = state.qualities[-1][1].value in ("systolic", "size") if state.qualities else True
    if named[-1].kind == "quality" and not counted and not _NOT_MEASURED.match(words):
        return False
    for one in named:
        measure = sited(state, one.measure or "")
        if measure is not None:
            state.values.append(Value(measure, one.start, token.end, None))
            state.measure = measure
    state.names = []
    if not _seen_to_be(state, found, index):
        state.settle()
    return True


def _seen_to_be(state: State, found: list[Token], index: int) -> bool:
    """Whether it is said all the same how what could not be measured is: EFの計測は困難だが保たれている."""
    if not state.qualities or not _BUT.match(state.text, found[index].end):
        return False
    for token in found[index + 1 :]:
        if token.kind in ("normal", "abnormal"):
            return True
        if token.kind in FORMING:
            return token.kind == "attribute" and token.value == "dilation"
        if token.measure is not None or token.kind in ("number", "measure"):
            return False
    return False
