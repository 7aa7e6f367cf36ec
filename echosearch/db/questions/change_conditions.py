"""Changes between a study (alias ``s``) and an earlier one of its patient (alias ``e``), as SQL conditions on ``s``.

    worse    the report's least grade of today is higher than the greatest of then by the amount
    falls    every value of today, of report and structured reports, is lower than every one of then by the amount
    new      stated today, not stated by the last earlier report that speaks of it, and an earlier report exists
    gone     denied today, stated by the last earlier report that speaks of it

What a report inherits from the one before (「前回と著変なし」) is never a change. The earlier study is any one within
the months that are given, else the last that speaks of the concept. Studies in order have a visit number (visits.py).
"""

from __future__ import annotations

from echosearch.report.facts import ChangeCondition

__all__ = ["VALUES", "change_compared", "change_stated"]

VALUES = (
    "select study_key, concept, value, value_hi from core.fact where polarity = 'present'"
    " union all select study_key, concept, value, null from core.sr_value where trusted"
)
_EARLIER = "e.patient_key = s.patient_key and e.visit between 1 and s.visit - 1 and not e.conflict"
_MONTHS = "(s.month / 100 * 12 + s.month % 100) - (e.month / 100 * 12 + e.month % 100)"
_SPEAKS = "polarity in ('present', 'absent', 'not_significant')"
_BETWEEN = (
    "select from core.study b where b.patient_key = s.patient_key and b.visit between e.visit + 1 and s.visit - 1"
)
_LEAST = 1e-9  # any difference


def change_stated(change: ChangeCondition, concepts: str) -> str:
    """Write in SQL that the change is there; ``concepts`` is the placeholder (text[]) of all that state it."""
    match change.kind:
        case "falls" | "rises":
            return _value_changes(change, concepts)
        case "worse" | "better":
            return _grade_changes(change, concepts)
        case "new":
            return (
                f"({_own(concepts, 'present')} and exists (select from core.study e join core.fact_reading using"
                f" (study_key) where {_EARLIER} and {_within(change)})"
                f" and not {_was_present(concepts, 'true')})"
            )
        case "gone":
            return (
                f"({_own(concepts, 'absent')} and not {_own(concepts, 'present')}"
                f" and {_was_present(concepts, _within(change))})"
            )


def change_compared(change: ChangeCondition, concepts: str) -> str:
    """Write in SQL that today and an earlier study both speak of the concept: a change not stated is denied."""
    if change.kind in ("new", "gone"):
        return f"({_own(concepts, 'present')} or {_own(concepts, 'absent')})"
    speaking = f"({VALUES})" if change.kind in ("falls", "rises") else f"(select * from core.fact where {_SPEAKS})"
    return (
        f"exists (select from {speaking} f, core.study e, {speaking} g where f.study_key = s.study_key"
        f" and f.concept = any({concepts}) and {_EARLIER} and {_within(change)} and g.study_key = e.study_key"
        f" and g.concept = any({concepts}))"
    )


def _own(concepts: str, polarity: str) -> str:
    """Today's report says it itself."""
    return (
        f"exists (select from core.fact f where f.study_key = s.study_key and f.concept = any({concepts})"
        f" and f.polarity = '{polarity}' and f.inherited_from is null)"
    )


def _within(change: ChangeCondition) -> str:
    return "true" if change.within_months is None else f"{_MONTHS} <= {change.within_months:d}"


def _last(concepts: str, speaking: str) -> str:
    """No study between the two speaks of the concept."""
    return (
        f"not exists ({_BETWEEN} and exists (select from {speaking} v where v.study_key = b.study_key"
        f" and v.concept = any({concepts})))"
    )


def _was_present(concepts: str, within: str) -> str:
    """The last earlier report that speaks of it states it."""
    speaking = f"(select study_key, concept from core.fact where {_SPEAKS})"
    return (
        f"exists (select from core.study e join core.fact g on g.study_key = e.study_key where {_EARLIER} and {within}"
        f" and g.concept = any({concepts}) and g.polarity = 'present' and {_last(concepts, speaking)})"
    )


def _grade_changes(change: ChangeCondition, concepts: str) -> str:
    amount = f"{change.amount or 1:g}"
    now = f"f.study_key = s.study_key and f.concept = any({concepts}) and f.inherited_from is null"
    then = f"g.study_key = e.study_key and g.concept = any({concepts})"
    if change.kind == "worse":
        now += " and f.polarity = 'present' and f.severity_lo is not null"
        apart = f"g.{_SPEAKS} and f.severity_lo - coalesce(g.severity_hi, 4) >= {amount}"
        other = f"h.study_key = e.study_key and coalesce(h.severity_hi, 4) > f.severity_lo - {amount}"
    else:
        now += f" and f.{_SPEAKS} and f.severity_hi is not null"
        apart = f"g.polarity = 'present' and g.severity_lo - f.severity_hi >= {amount}"
        other = f"h.study_key = s.study_key and coalesce(h.severity_hi, 4) > g.severity_lo - {amount}"
    when = _within(change)
    if change.within_months is None:
        when = _last(concepts, f"(select study_key, concept from core.fact where {_SPEAKS})")
    return (
        f"exists (select from core.fact f, core.study e, core.fact g where {now} and {_EARLIER} and {then} and {apart}"
        f" and {when} and not exists (select from core.fact h where {other} and h.concept = any({concepts})"
        f" and h.polarity = 'present'))"
    )


def _value_changes(change: ChangeCondition, concepts: str) -> str:
    amount = f"{_LEAST if change.amount is None else change.amount!r}"

    def drop(now: str, then: str) -> str:
        if change.kind == "falls":
            return f"{then}.value - coalesce({now}.value_hi, {now}.value)"
        return f"{now}.value - coalesce({then}.value_hi, {then}.value)"

    when = _within(change) if change.within_months is not None else _last(concepts, f"({VALUES})")
    return (
        f"exists (select from ({VALUES}) f, core.study e, ({VALUES}) g where f.study_key = s.study_key"
        f" and f.concept = any({concepts}) and {_EARLIER} and g.study_key = e.study_key and g.concept = any({concepts})"
        f" and {drop('f', 'g')} >= {amount} and {when}"
        f" and not exists (select from ({VALUES}) p, ({VALUES}) q where p.study_key = s.study_key"
        f" and p.concept = any({concepts}) and q.study_key = e.study_key and q.concept = any({concepts})"
        f" and {drop('p', 'q')} < {amount}))"
    )
