"""What an English denial is said of that stands ahead: no MR, LA enlarged; no AS, AR or MR."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Mention

__all__ = ["denied_together", "is_told_of"]

_NO = re.compile(r"\b(?:no|not|without|absence)\b", re.IGNORECASE)
_TOLD_OF = re.compile(
    r" (?:(?:is|are|was|were) )?(?:(?:mildly|moderately|severely|markedly) )?"
    r"(?:dilated|enlarged|reduced|impaired|depressed|thickened|elevated|hypertrophied)\Z",
    re.IGNORECASE,
)


def is_told_of(text: str, start: int, end: int) -> bool:
    """Return whether a finding's words are a statement of their own, which no denial before a comma reaches."""
    return _TOLD_OF.search(text, start, end) is not None


def denied_together(text: str, before: Mention | None, start: int) -> bool:
    """Return whether one denial stands before a finding and the one before it: no AS, AR or MR is none of them."""
    denied = before is not None and before.cues[-1:] == ["negative"]
    return before is not None and denied and _NO.search(text, before.end, start) is None
