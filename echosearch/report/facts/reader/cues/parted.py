"""Where a denial that stands ahead ends: no MR, PH(+) is a PH; no echo-free space, MR mild is a mild MR."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["part_from_denial", "says_it_is_there"]

_BEHIND_A_COMMA = re.compile(r"[,、]\s*(?:but |however,? )?\Z")
# a predicate of its own; seen, noted and present may end a list: no thrombus, mass seen
_OF_ITS_OWN = re.compile(r"\s*(?:あり|有り?|(?:を|が)?(?:認め|みとめ|みられ|見られ)|(?:is|are|was|were) )")


def part_from_denial(state: State) -> None:
    """Close a denial before the finding named last, which a predicate of its own follows behind a comma."""
    last = state.last_open
    if last is None or not state.denied or last.cues != ["negative"]:
        return
    if _BEHIND_A_COMMA.search(state.text, max(0, last.start - 12), last.start):
        state.close()
        state.group = [last]
        last.cues.clear()
        last.link = "none"


def says_it_is_there(state: State, token: Token) -> bool:
    """Return whether a positive cue is a predicate of the finding right before it: (+), あり, is present."""
    sign = token.rule in ("grade.positive", "grade.sign")
    return sign or _OF_ITS_OWN.match(state.text, token.start) is not None
