"""What an excluded finding is said to come with is not asked for: AFを伴うMSを除く, excluding MS with AF."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.report.facts.query.ambiguous import Ambiguous
from echosearch.report.facts.reader.mention import Mention

__all__ = ["without_excluded_with"]

_WITH = re.compile(
    r"(?:[をのに]?(?:伴(?:う|った|っている)|合併(?:した|する|している|例)?|有する|持つ|もつ|ある|認める)|による|に続発(?:する|した)|に起因(?:する|した)"
    r"|がある|のある)の?|\s*\b(?:with|due to|secondary to)\s+(?:an? )?",
    re.IGNORECASE,
)


def without_excluded_with(text: str, mentions: Sequence[Mention]) -> tuple[list[Mention], list[Ambiguous]]:
    """Return the findings of a uniform text without what only tells which others are excluded, and the doubts."""
    kept, doubts = list[Mention](), list[Ambiguous]()
    ordered = sorted(mentions, key=lambda one: one.start_at)
    for place, one in enumerate(ordered):
        after = ordered[place + 1] if place + 1 < len(ordered) else None
        before = kept[-1] if kept else None
        if after is not None and after.excluded and _tells(text, one, after):
            own = text[after.start_at : after.end_at]
            said = text[one.start_at : after.end_at]
            doubts.append(_doubt(said, own, after))
        elif (
            before is not None
            and before.excluded
            and text[before.end_at : one.start_at].isascii()
            and _tells(text, before, one)
        ):
            doubts.append(_doubt(text[before.start_at : one.end_at], text[before.start_at : before.end_at], before))
        else:
            kept.append(one)
    return kept, doubts


def _tells(text: str, first: Mention, second: Mention) -> bool:
    """Return whether words join two findings, the one to tell which of the other are meant."""
    return _WITH.fullmatch(text, first.end_at, second.start_at) is not None


def _doubt(said: str, own: str, excluded: Mention) -> Ambiguous:
    return Ambiguous(said, excluded.finding.concept, f"every {own} excluded", f"{own} of this kind alone excluded")
