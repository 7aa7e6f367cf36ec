"""A grade that is excluded of one branch of an "or" alone: MR(軽度を除く)またはTR keeps a mild MR beside a TR."""

from __future__ import annotations

from collections.abc import Sequence

from echosearch.report.facts.reader.mention import Mention, Value

__all__ = ["within_branches"]


def within_branches(mentions: Sequence[Mention], values: Sequence[Value]) -> list[Mention]:
    """Return the findings of a query, those whose grade is excluded in a branch with the grades that are left."""
    if not (any(one.either for one in mentions) or any(one.either for one in values)):
        return [*mentions]
    kept = list[Mention]()
    for one in mentions:
        asked = _asked(one, mentions) if one.excluded else None
        if asked is None or one.severity is None:
            kept.append(one)
        else:
            low, high = one.severity
            asked.grades = tuple(grade for grade in ((1, low - 1), (high + 1, 4)) if grade[0] <= grade[1])
    return kept


def _asked(excluded: Mention, mentions: Sequence[Mention]) -> Mention | None:
    """Return the finding that is asked for, a grade of which is excluded."""
    own = (excluded.finding.concept, excluded.end_at)
    return next((one for one in mentions if not one.excluded and (one.finding.concept, one.end_at) == own), None)
